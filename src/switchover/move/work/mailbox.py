"""One side of a copy: a server with an account, its folders and what they hold."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from switchover import clock
from switchover.errors import Corrupt
from switchover.move.flags import FlagReader
from switchover.wire.imap import commands, message_commands
from switchover.wire.imap.conversation import Answered
from switchover.wire.imap.internal_date import InternalDate
from switchover.wire.imap.mailbox_name import NameEncoding, decode
from switchover.wire.imap.response_codes import NumberCode, PermanentFlags
from switchover.wire.imap.responses import (
    Exists,
    Fetch,
    ListEntry,
    MailboxStatus,
    Namespace,
    Status,
)
from switchover.wire.imap.shell import open_connection

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from switchover.move.flags import FlagSet
    from switchover.wire.imap.conversation import Request
    from switchover.wire.imap.fetch import FetchItem
    from switchover.wire.imap.sasl import Credentials
    from switchover.wire.imap.shell import Connection, Target

IDENTITY = {"name": "switchover"}
_UNDATED = InternalDate(0, 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """A server, and how to sign in there; ``credentials`` is asked anew for each connection.

    ``notices`` tells what an archive could not keep so far, a sentence each.
    """

    target: Target
    credentials: Callable[[], Credentials]
    trace: Callable[[str, str], None] | None = None
    notices: Callable[[], list[str]] = list


@dataclass(frozen=True, slots=True, kw_only=True)
class Folder:
    """A folder as LIST shows it: ``raw`` is its name on the wire, ``name`` the same decoded."""

    raw: bytes
    name: str
    separator: str | None
    is_selectable: bool = True
    is_subscribed: bool = False
    special_use: frozenset[str] = frozenset()
    status: MailboxStatus | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Inventory:
    """Everything that LIST tells: folders, names that are only subscribed, the personal prefix."""

    folders: tuple[Folder, ...]
    prefix: str = ""
    separator: str | None = "/"


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """A selected folder."""

    uid_validity: int
    uid_next: int
    messages: int
    mod_seq: int
    permanent_flags: tuple[bytes, ...] | None


@dataclass(slots=True, kw_only=True)
class Mails:
    """The mails of a folder as parallel columns, UIDs ascending."""

    uids: list[int] = field(default_factory=list)
    flags: list[FlagSet] = field(default_factory=list)
    sizes: list[int] = field(default_factory=list)
    dates: list[InternalDate] = field(default_factory=list)


async def open_mailbox(account: Account) -> Connection:
    """Return a connection that is signed in and has told what it can do."""
    connection = await open_connection(account.target, trace=account.trace)
    try:
        await connection.sign_in(account.credentials(), nonce=clock.new_secret())
        usable = connection.conversation.capabilities
        batch = [commands.identify(IDENTITY)] if "ID" in usable else []
        if "QRESYNC" in usable:
            batch.append(commands.enable(["QRESYNC"]))
        elif "CONDSTORE" in usable and "ENABLE" in usable:
            batch.append(commands.enable(["CONDSTORE"]))
        await connection.run_all(batch)
    except BaseException:
        await connection.close(politely=False)
        raise
    return connection


async def list_folders(connection: Connection) -> Inventory:
    """Return all folders in as few round trips as the server allows."""
    usable = connection.conversation.capabilities
    batch = list(commands.inventory(usable))
    if "NAMESPACE" in usable:
        batch.append(commands.NAMESPACE)
    requests = await connection.run_all(batch)
    found = [event for request in requests for event in request.responses]
    connection.require(requests[0])
    entries = [event for event in found if isinstance(event, ListEntry)]
    statuses = {event.name: event for event in found if isinstance(event, MailboxStatus)}
    subscribed = {event.name for event in entries if _is_subscribed(event)}
    prefix, separator = _personal(found)
    listed = {event.name: event for event in reversed(entries) if event.command == "LIST"}
    if separator is None and listed:
        first = next(iter(listed.values())).delimiter
        separator = first.decode("ascii", "replace") if first else None
    bare = {event.name: event for event in entries if event.name not in listed}
    folders = tuple(
        _folder(event, statuses.get(event.name), is_subscribed=event.name in subscribed)
        for event in (*reversed(listed.values()), *bare.values())
    )
    folders = await _with_statuses(connection, folders)
    return Inventory(folders=folders, prefix=prefix, separator=separator)


async def _with_statuses(connection: Connection, folders: tuple[Folder, ...]) -> tuple[Folder, ...]:
    """Ask the status of each folder, all in one go, where LIST did not tell it."""
    wanted = [folder for folder in folders if folder.is_selectable and folder.status is None]
    if not wanted:
        return folders
    items = commands.status_items(connection.conversation.capabilities)
    requests = await connection.run_all([commands.status(one.raw, items) for one in wanted])
    told = {
        event.name: event
        for request in requests
        for event in request.responses
        if isinstance(event, MailboxStatus)
    }
    return tuple(
        _replaced(folder, told[folder.raw])
        if folder.status is None and folder.raw in told
        else folder
        for folder in folders
    )


def _replaced(folder: Folder, status: MailboxStatus) -> Folder:
    return Folder(
        raw=folder.raw, name=folder.name, separator=folder.separator,
        is_selectable=folder.is_selectable, is_subscribed=folder.is_subscribed,
        special_use=folder.special_use, status=status,
    )  # fmt: skip


def _is_subscribed(entry: ListEntry) -> bool:
    return entry.command == "LSUB" or b"\\subscribed" in {a.lower() for a in entry.attributes}


def _personal(found: Sequence[object]) -> tuple[str, str | None]:
    for event in found:
        if isinstance(event, Namespace) and event.personal:
            own = event.personal[0]
            separator = own.delimiter.decode("ascii", "replace") if own.delimiter else None
            return decode(own.prefix, NameEncoding.MODIFIED_UTF7), separator
    return "", None


_USES = {
    use.lower().encode(): use
    for use in (
        "\\All", "\\Archive", "\\Drafts", "\\Flagged", "\\Important", "\\Junk", "\\Sent", "\\Trash",
    )
}  # fmt: skip


def _folder(entry: ListEntry, status: MailboxStatus | None, *, is_subscribed: bool) -> Folder:
    attributes = {attribute.lower() for attribute in entry.attributes}
    return Folder(
        raw=entry.name,
        name=decode(entry.name, NameEncoding.MODIFIED_UTF7),
        separator=entry.delimiter.decode("ascii", "replace") if entry.delimiter else None,
        is_selectable=entry.command == "LIST"
        and not attributes & {b"\\noselect", b"\\nonexistent"},
        is_subscribed=is_subscribed,
        special_use=frozenset(_USES[one] for one in attributes & _USES.keys()),
        status=status,
    )


async def open_folder(connection: Connection, raw: bytes, *, to_write: bool) -> Opened:
    """Select a folder, or only look into it, and return what it says of itself."""
    condstore = "CONDSTORE" in connection.conversation.capabilities
    build = commands.select if to_write else commands.examine
    request = await connection.run(build(raw, condstore=condstore))
    return opened(request)


def opened(request: Request) -> Opened:
    """Return what the answers to a SELECT say; raises Corrupt without a UIDVALIDITY."""
    numbers: dict[str, int] = {}
    messages = 0
    permanent: tuple[bytes, ...] | None = None
    for event in request.responses:
        if isinstance(event, Exists):
            messages = event.count
        elif isinstance(event, Status) and isinstance(event.code, NumberCode):
            numbers[event.code.name] = event.code.value
        elif isinstance(event, Status) and isinstance(event.code, PermanentFlags):
            permanent = event.code.flags
    if not numbers.get("UIDVALIDITY"):
        raise Corrupt("the server gives a folder no UIDVALIDITY, so its mails have no identity")
    return Opened(
        uid_validity=numbers["UIDVALIDITY"],
        uid_next=numbers.get("UIDNEXT", 0),
        messages=messages,
        mod_seq=numbers.get("HIGHESTMODSEQ", 0),
        permanent_flags=permanent,
    )


async def list_mails(connection: Connection, uids: bytes = b"1:*") -> Mails:
    """Return the mails of the selected folder."""
    fields = (
        message_commands.FetchField.UID,
        message_commands.FetchField.FLAGS,
        message_commands.FetchField.INTERNAL_DATE,
        message_commands.FetchField.SIZE,
    )
    request = await connection.send(message_commands.uid_fetch(uids, fields))
    items: list[FetchItem] = []
    while request.answer is None:
        event = await connection.next_event()
        if isinstance(event, Fetch):
            items += event.items
        elif isinstance(event, Answered) and event.request is request:
            break
    connection.require(request)
    reader = FlagReader()
    rows = sorted(
        {
            item.uid: item for item in items if item.uid is not None and item.flags is not None
        }.items()
    )
    return Mails(
        uids=[uid for uid, _ in rows],
        flags=[reader[item.flags or ()] for _, item in rows],
        sizes=[item.size or 0 for _, item in rows],
        dates=[item.internal_date or _UNDATED for _, item in rows],
    )
