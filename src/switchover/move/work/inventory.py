"""What one side has: its folders with their states, asked in one flight of commands."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from switchover import clock
from switchover.move.standing import State
from switchover.wire.imap import commands
from switchover.wire.imap.commands import Selection
from switchover.wire.imap.mailbox_name import NameEncoding, decode
from switchover.wire.imap.responses import ListEntry, MailboxStatus, Namespace

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from switchover.wire.imap.command import Command
    from switchover.wire.imap.conversation import Request
    from switchover.wire.imap.shell import Connection

IDENTITY = {"name": "switchover"}


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
    """Everything that LIST tells: folders, names that are only subscribed, the personal prefix.

    ``round_trip_seconds`` is how long the first answer took.
    """

    folders: tuple[Folder, ...]
    prefix: str = ""
    separator: str | None = "/"
    round_trip_seconds: float = 0.0


async def take_inventory(connection: Connection) -> Inventory:
    """Return all folders of a side that just signed in, in one round trip where the server allows.

    ID, ENABLE, NAMESPACE and LIST with STATUS go out together.
    """
    return await _ask(connection, _preparations(connection.conversation.capabilities))


async def list_folders(connection: Connection) -> Inventory:
    """Return all folders of a side that is prepared, in as few round trips as the server allows."""
    return await _ask(connection, [])


async def prepare(connection: Connection, *, waits: bool = True) -> None:
    """Say who we are and enable what is of use; without ``waits`` the answers come with later ones."""
    preparations = _preparations(connection.conversation.capabilities)
    if waits:
        await connection.run_all(preparations)
    else:
        for command in preparations:
            await connection.send(command)


async def _ask(connection: Connection, batch: list[Command]) -> Inventory:
    """Return the inventory, asked behind ``batch`` without waiting for it.

    What a server announces and does not take (LIST-EXTENDED of Strato, SPECIAL-USE of Proton) is
    asked again in the old way.
    """
    usable = connection.conversation.capabilities
    listing = list(commands.inventory(usable))
    is_extended = len(listing) == 1
    if is_extended:  # names that are only subscribed (RFC 5258 section 3.1)
        listing.append(commands.list_mailboxes(selections=[Selection.SUBSCRIBED]))
    begun = clock.monotonic()
    if "NAMESPACE" in usable:
        batch.append(commands.NAMESPACE)
    sent = [await connection.send(one) for one in (*batch, *listing)]
    await connection.wait(sent[0])
    seconds = clock.monotonic() - begun
    for request in sent:
        await connection.wait(request)
    asked = sent[len(batch) :]
    if not asked[0].is_ok and is_extended:
        asked = await connection.run_all(commands.inventory(()))
    connection.require(asked[0])
    found = [event for request in (*sent[: len(batch)], *asked) for event in request.responses]
    inventory = _read(found, seconds)
    return replace(inventory, folders=await _with_statuses(connection, inventory.folders))


def _preparations(usable: Collection[str]) -> list[Command]:
    batch = [commands.identify(IDENTITY)] if "ID" in usable else []
    known = [one for one in ("QRESYNC", "CONDSTORE") if one in usable]
    # QRESYNC implies ENABLE (RFC 7162 section 3.2.3), CONDSTORE does not.
    if known and ("ENABLE" in usable or known[0] == "QRESYNC"):
        batch.append(commands.enable(known[:1]))
    return batch


def _read(found: Sequence[object], seconds: float) -> Inventory:
    entries = [event for event in found if isinstance(event, ListEntry)]
    statuses = {event.name: event for event in found if isinstance(event, MailboxStatus)}
    subscribed = {event.name for event in entries if _is_subscribed(event)} - _mere_parents(entries)
    # What is listed twice, once among subscriptions, says more of itself the first time.
    listed = {event.name: event for event in reversed(entries) if event.command == "LIST"}
    listed = dict(reversed(listed.items()))
    bare = {event.name: event for event in entries if event.name not in listed}
    prefix, separator = _personal(found)
    if separator is None and listed:
        separator = _text(next(iter(listed.values())).delimiter)
    folders = tuple(
        _folder(event, statuses.get(event.name), is_subscribed=event.name in subscribed)
        for event in (*listed.values(), *bare.values())
    )
    return Inventory(
        folders=folders, prefix=prefix, separator=separator, round_trip_seconds=seconds
    )


async def _with_statuses(connection: Connection, folders: tuple[Folder, ...]) -> tuple[Folder, ...]:
    """Ask the status of each folder, all in one go, where LIST did not tell it."""
    wanted = [folder for folder in folders if folder.is_selectable and folder.status is None]
    if not wanted:
        return folders
    told = await ask_statuses(connection, [folder.raw for folder in wanted])
    return tuple(
        replace(folder, status=told[folder.raw])
        if folder.status is None and folder.raw in told
        else folder
        for folder in folders
    )


async def ask_statuses(
    connection: Connection, names: Sequence[bytes]
) -> dict[bytes, MailboxStatus]:
    """Return what STATUS tells of these folders, asked together; a folder that is gone is left out."""
    items = commands.status_items(connection.conversation.capabilities)
    requests = await connection.run_all([commands.status(raw, items) for raw in names])
    told = {event.name: event for request in requests for event in _statuses(request)}
    found = {}
    for raw, request in zip(names, requests, strict=True):
        # Some servers write the name in another way than LIST did.
        event = told.get(raw) or next(iter(_statuses(request)), None)
        if event is not None and request.is_ok:
            found[raw] = event
    return found


def state_of(status: MailboxStatus | None) -> State | None:
    """Return what STATUS told, None where something is missing."""
    if status is None or status.uid_validity is None or status.uid_next is None:
        return None
    if status.messages is None:
        return None
    return State(
        uid_validity=status.uid_validity,
        uid_next=status.uid_next,
        messages=status.messages,
        mod_seq=status.highest_modseq or 0,
    )


def _statuses(request: Request) -> list[MailboxStatus]:
    return [event for event in request.responses if isinstance(event, MailboxStatus)]


def _mere_parents(entries: Sequence[ListEntry]) -> set[bytes]:
    r"""Return names that LSUB gives as \Noselect because something below them is subscribed.

    RFC 3501 section 6.3.9 has that for ``%``; Courier does it for ``*`` too.
    """
    lines = [one for one in entries if one.command == "LSUB"]
    real = [one.name for one in lines if b"\\noselect" not in map(bytes.lower, one.attributes)]
    return {
        one.name
        for one in lines
        if one.name not in real
        and one.delimiter
        and any(name.startswith(one.name + one.delimiter) for name in real)
    }


def _is_subscribed(entry: ListEntry) -> bool:
    return entry.command == "LSUB" or any(
        one.lower() == b"\\subscribed" for one in entry.attributes
    )


def _personal(found: Sequence[object]) -> tuple[str, str | None]:
    for event in found:
        if isinstance(event, Namespace) and event.personal:
            own = event.personal[0]
            return decode(own.prefix, NameEncoding.MODIFIED_UTF7), _text(own.delimiter)
    return "", None


def _text(delimiter: bytes | None) -> str | None:
    return delimiter.decode("ascii", "replace") if delimiter else None


_USES = {
    use.lower().encode(): use
    for use in (
        "\\All", "\\Archive", "\\Drafts", "\\Flagged", "\\Important", "\\Junk", "\\Sent", "\\Trash",
    )
}  # fmt: skip
_NO_MAILBOX = frozenset({b"\\noselect", b"\\nonexistent"})


def _folder(entry: ListEntry, status: MailboxStatus | None, *, is_subscribed: bool) -> Folder:
    attributes = {attribute.lower() for attribute in entry.attributes}
    return Folder(
        raw=entry.name,
        name=decode(entry.name, NameEncoding.MODIFIED_UTF7),
        separator=_text(entry.delimiter),
        is_selectable=entry.command == "LIST" and not attributes & _NO_MAILBOX,
        is_subscribed=is_subscribed,
        special_use=frozenset(_USES[one] for one in attributes & _USES.keys()),
        status=status,
    )
