"""One side of a copy: a server with an account, its folders and what they hold."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from switchover.errors import Corrupt
from switchover.move.work.inventory import Folder, Inventory, list_folders, prepare
from switchover.move.work.mail_columns import ALL_FIELDS, MailGatherer, Mails
from switchover.move.work.sign_in import sign_in
from switchover.wire.imap import commands, message_commands
from switchover.wire.imap.conversation import Answered
from switchover.wire.imap.response_codes import CodeName, NumberCode, PermanentFlags
from switchover.wire.imap.responses import Exists, Fetch, Status

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from switchover.wire.imap.command import Command
    from switchover.wire.imap.conversation import Request
    from switchover.wire.imap.fetch import FetchItem
    from switchover.wire.imap.sasl import Credentials
    from switchover.wire.imap.shell import Connection, Target

__all__ = [
    "Account",
    "Folder",
    "Inventory",
    "Mails",
    "Opened",
    "gather",
    "list_folders",
    "list_mails",
    "most_mails",
    "open_commands",
    "open_folder",
    "open_mailbox",
    "opened",
    "read_openings",
    "sign_in",
    "too_many",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """A server, and how to sign in there; ``credentials`` is asked anew for each connection.

    ``user`` is whose mailbox it is, who may not be who signs in. ``side`` is what its options begin with in sentences, empty where there are none; ``renews`` is
    whether asking again may give another secret. ``notices`` tells what an archive could not keep so far.
    """

    target: Target
    credentials: Callable[[], Awaitable[Credentials]]
    user: str = ""
    side: str = ""
    renews: bool = False
    trace: Callable[[str, str], None] | None = None
    notices: Callable[[], list[str]] = list


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """A selected folder."""

    uid_validity: int
    uid_next: int
    messages: int
    mod_seq: int
    permanent_flags: tuple[bytes, ...] | None
    is_read_only: bool = False


async def open_mailbox(account: Account, *, waits: bool = True) -> Connection:
    """Return a connection that is signed in and has told what it can do.

    Without ``waits`` it has not told yet who it is, nor that it enabled what was asked: that comes first.
    """
    connection = await sign_in(account)
    try:
        await prepare(connection, waits=waits)
    except BaseException:
        await connection.close(politely=False)
        raise
    return connection


async def open_folder(connection: Connection, raw: bytes, *, to_write: bool) -> Opened:
    """Select a folder, or only look into it, and return what it says of itself."""
    condstore = "CONDSTORE" in connection.conversation.capabilities
    build = commands.select if to_write else commands.examine
    request = await connection.run(build(raw, condstore=condstore))
    return opened(request)


def open_commands(connection: Connection, raws: Sequence[bytes]) -> list[Command]:
    """Return what opens these folders to write, one after the other."""
    condstore = "CONDSTORE" in connection.conversation.capabilities
    return [commands.select(raw, condstore=condstore) for raw in raws]


def read_openings(raws: Sequence[bytes], requests: Sequence[Request]) -> dict[bytes, Opened]:
    """Return what folders said of themselves, without those that could not be opened."""
    found: dict[bytes, Opened] = {}
    for raw, request in zip(raws, requests, strict=True):
        if request.is_ok:
            with suppress(Corrupt):
                found[raw] = opened(request)
    return found


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
    code = request.answer.code if request.answer else None
    return Opened(
        is_read_only=code is not None and code.name == CodeName.READ_ONLY,
        uid_validity=numbers["UIDVALIDITY"],
        uid_next=numbers.get("UIDNEXT", 0),
        messages=messages,
        mod_seq=numbers.get("HIGHESTMODSEQ", 0),
        permanent_flags=permanent,
    )


async def list_mails(connection: Connection, there: Opened, uids: bytes = b"1:*") -> Mails:
    """Return the mails of the selected folder, which showed itself as ``there``; raises as ``gather``."""
    gathered = MailGatherer()
    if there.messages:  # some servers refuse to list an empty folder
        listing = message_commands.uid_fetch(uids, ALL_FIELDS)
        await gather(connection, [listing], gathered.take, most=most_mails(there.messages))
    return gathered.every()


def most_mails(messages: int) -> int:
    """Return how many mails a listing may tell of: more may come meanwhile, but not without end."""
    return 2 * messages + 10_000


async def gather(
    connection: Connection,
    batch: Sequence[Command],
    take: Callable[[Sequence[FetchItem]], None],
    *,
    most: int | None = None,
) -> list[Request]:
    """Send commands together, give what FETCH tells to ``take`` and return the answered requests.

    Servers may answer one command with the items of two: only a UID says what an item belongs to.
    Raises as ``require`` when one of them was refused, and Corrupt where more than ``most`` items come.
    """
    told = 0
    requests = [await connection.send(command) for command in batch]
    left = len(requests)
    while left:
        event = await connection.next_event()
        if isinstance(event, Fetch):
            told += len(event.items)
            if most is not None and told > most:
                raise too_many(connection, most)
            take(event.items)
        elif isinstance(event, Answered) and event.request in requests:
            left -= 1
    return [connection.require(request) for request in requests]


def too_many(connection: Connection, most: int) -> Corrupt:
    """Return the error for a folder that is listed with more than ``most`` mails."""
    return Corrupt(
        f"{connection.target.host} lists more than {most:,} mails in a folder of which it says that it "
        "has far less"
    )
