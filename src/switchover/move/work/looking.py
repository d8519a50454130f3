"""A source folder as it is now: what changed since its last complete run, or all of it.

QRESYNC (RFC 7162 section 3.2.5) tells new flags and vanished mails in the answer to EXAMINE; with CONDSTORE
alone a FETCH of what changed and a SEARCH of what is there say the same; else every mail is listed with its
flags. Each way is one flight of commands. Sizes and dates are asked of mails alone that are new.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from switchover.errors import Corrupt
from switchover.move.fingerprint import Fingerprint
from switchover.move.ledger import NO_UID
from switchover.move.sync_plan import Delta, Listing
from switchover.move.uid_columns import absent, ascending
from switchover.move.work.mail_columns import (
    ALL_FIELDS,
    DETAIL_FIELDS,
    FLAG_FIELDS,
    FlagGatherer,
    MailGatherer,
    Mails,
)
from switchover.move.work.mailbox import gather, most_mails, open_folder, opened, too_many
from switchover.wire.imap import commands, message_commands
from switchover.wire.imap.conversation import Answered
from switchover.wire.imap.message_commands import SearchResult
from switchover.wire.imap.responses import ESearch, Fetch, Search, Vanished

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from switchover.move.flags import FlagSet
    from switchover.move.ledger import FolderLedger
    from switchover.move.work.inventory import Folder
    from switchover.move.work.ledger_store import FolderRows
    from switchover.move.work.mailbox import Opened
    from switchover.wire.imap.command import Command
    from switchover.wire.imap.conversation import Request
    from switchover.wire.imap.shell import Connection

_ALL_UIDS = b"1:*"  # named, because iCloud invents UIDs where nothing is
_MAILS_AT_A_TIME = 4096


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What a folder shows; ``mails`` are those whose sizes and dates came: the new ones at least.

    ``fingerprint`` is that of a whole listing where nothing else will tell that nothing changed.
    """

    opened: Opened
    seen: Listing | Delta
    mails: Mails
    fingerprint: bytes = b""
    unlisted: tuple[int, ...] = ()
    """Mails of which the server lists no flags."""
    untold: int = 0
    """Mails that the server counts and does not even name."""

    @property
    def is_short(self) -> bool:
        """Whether a listing has fewer mails than the folder; some may be gone meanwhile."""
        return isinstance(self.seen, Listing) and len(self.seen.uids) < self.opened.messages

    def adds_up(self, ledger: FolderLedger) -> bool:
        """Return whether what is known and what changed make as many mails as the folder has.

        If not, the server told less than all, or the ledger has doubts that no change will tell of.
        """
        delta, there = self.seen, self.opened
        if isinstance(delta, Listing):
            return True
        if delta.present is None:
            gone = len(set(delta.vanished))
        else:
            present = ascending(delta.present)
            gone = len(absent(ledger.source_uids, present))
            gone += len(absent(ascending(ledger.skipped), present))
        new = sum(
            uid < there.uid_next and ledger.position(uid) is None and uid not in ledger.skipped
            for uid in delta.changed
        )
        return len(ledger.source_uids) + len(ledger.skipped) - gone + new == there.messages


async def look(
    connection: Connection, folder: Folder, rows: FolderRows, *, is_whole: bool = False
) -> Look:
    """Open a folder to read and return what it shows; ``is_whole`` demands every mail."""
    known = rows.folder
    capabilities = connection.conversation.capabilities
    if not is_whole and known.source_mod_seq and {"QRESYNC", "CONDSTORE"} & capabilities:
        found = await _look_since(connection, folder, rows)
        return found or await _look_at_all(connection, folder, rows)
    return await _look_at_all(connection, folder, rows)


async def _look_since(connection: Connection, folder: Folder, rows: FolderRows) -> Look | None:
    """Return what changed, or None where the server's account of it does not add up."""
    known = rows.folder
    floor = max(known.source_uid_next, _floor(rows.ledger))
    gathered = MailGatherer()
    if "QRESYNC" in connection.conversation.capabilities and not connection.conversation.is_idle:
        await connection.run(commands.NOOP)  # then it has said whether it enabled that
    if "QRESYNC" in connection.conversation.enabled:
        resync = commands.Resync(
            uid_validity=known.source_uid_validity, mod_seq=known.source_mod_seq
        )
        batch = [commands.examine(folder.raw, resync=resync)]
    else:
        batch = [
            commands.examine(folder.raw, condstore=True),
            *_changes_since(connection, known.source_mod_seq),
        ]
    batch.append(message_commands.uid_fetch(b"%d:*" % max(1, floor), ALL_FIELDS))
    requests = await gather(connection, batch, gathered.take, most=_most(folder, len(batch)))
    there = opened(requests[0])
    if there.uid_validity != known.source_uid_validity or not there.mod_seq:
        return None
    present = _present(requests, there) if len(batch) > 2 else None
    vanished = _vanished(requests, rows.ledger)
    uids, flags = gathered.columns()
    delta = Delta(
        uid_validity=there.uid_validity,
        changed=dict(zip(uids, flags, strict=True)),
        vanished=vanished,
        present=present,
    )
    return Look(opened=there, seen=delta, mails=gathered.details(uids, flags))


def _changes_since(connection: Connection, mod_seq: int) -> list[Command]:
    results = [SearchResult.ALL] if "ESEARCH" in connection.conversation.capabilities else []
    return [
        message_commands.uid_fetch(_ALL_UIDS, FLAG_FIELDS, changed_since=mod_seq),
        message_commands.uid_search(message_commands.uid_key(_ALL_UIDS), results=results),
    ]


def _present(requests: Sequence[Request], there: Opened) -> array[int]:
    """Return every UID that is there; nothing where a server names more than the folder can have."""
    for request in requests:
        for event in request.responses:
            if isinstance(event, ESearch | Search) and event.numbers is not None:
                # Mails may come between EXAMINE and SEARCH, but not without end.
                is_possible = event.numbers.count <= 2 * there.messages + 10_000
                return ascending(event.numbers.numbers()) if is_possible else array("q")
    return array("q")


def _vanished(requests: Sequence[Request], ledger: FolderLedger) -> list[int]:
    """Return those of our UIDs that are in the ranges told, which may be of any size."""
    told = [
        one
        for request in requests
        for event in request.responses
        if isinstance(event, Vanished)
        for one in event.uids
    ]
    found: list[int] = []
    for ours in (ledger.source_uids, ascending(ledger.skipped)) if told else ():
        last = 0
        for first, end in sorted(told):
            if end > last:
                found += ours[bisect_left(ours, max(first, last + 1)) : bisect_right(ours, end)]
                last = end
    return found


async def _look_at_all(connection: Connection, folder: Folder, rows: FolderRows) -> Look:
    floor = _floor(rows.ledger)
    gathered = MailGatherer()
    batch = [message_commands.uid_fetch(_ALL_UIDS, ALL_FIELDS)]
    if floor > 1:
        batch = [
            message_commands.uid_fetch(_ALL_UIDS, FLAG_FIELDS),
            message_commands.uid_fetch(b"%d:*" % floor, DETAIL_FIELDS),
        ]
    there = await _examine(connection, folder, batch, gathered)
    return _listed(there, gathered, floor)


def _listed(there: Opened, gathered: MailGatherer, floor: int = 0) -> Look:
    """Return the look at a folder that was listed, with sizes and dates from the UID ``floor`` on."""
    uids, flags = gathered.columns()
    begin = bisect_left(uids, floor)
    mails = gathered.details(uids[begin:], flags[begin:]) if begin else gathered.mails()
    return Look(
        opened=there,
        seen=Listing(uid_validity=there.uid_validity, uids=uids, flags=flags),
        mails=mails,
        fingerprint=b"" if there.mod_seq else _fingerprint(there.uid_validity, uids, flags),
    )


async def look_at_many(connection: Connection, folders: Sequence[Folder]) -> dict[bytes, Look]:
    """Open and list folders in one flight of commands, and return what they show by their raw names.

    STATUS has told of all of them. One that is refused, or says something odd, is missing. Raises
    ConnectionLost, and Corrupt where a folder has far more mails than STATUS says.
    """
    condstore = "CONDSTORE" in connection.conversation.capabilities
    openings: dict[Request, tuple[Folder, MailGatherer]] = {}
    listings: dict[bytes, Request] = {}
    for folder in folders:
        opening = commands.examine(folder.raw, condstore=condstore)
        openings[await connection.send(opening)] = (folder, MailGatherer())
        if folder.status is not None and folder.status.messages:
            listing = message_commands.uid_fetch(_ALL_UIDS, ALL_FIELDS)
            listings[folder.raw] = await connection.send(listing)
    await _take_listings(connection, openings, len(openings) + len(listings))
    found: dict[bytes, Look] = {}
    for opening_request, (folder, gathered) in openings.items():
        listed = listings.get(folder.raw)
        with suppress(Corrupt):
            if opening_request.is_ok and (listed is None or listed.is_ok):
                there = opened(opening_request)
                seen = _listed(there, gathered)
                # What is odd is looked at closer, and that needs the connection for itself.
                if not seen.is_short and 0 not in seen.mails.seconds:
                    found[folder.raw] = seen
    return found


async def _take_listings(
    connection: Connection, openings: Mapping[Request, tuple[Folder, MailGatherer]], left: int
) -> None:
    """Take answers until all are there: what FETCH tells belongs to the folder opened last."""
    gathered, room, most = MailGatherer(), 0, 0
    while left:
        event = await connection.next_event()
        if isinstance(event, Fetch):
            room -= len(event.items)
            if room < 0:
                raise too_many(connection, most)
            gathered.take(event.items)
        elif isinstance(event, Answered):
            left -= 1
            if event.request in openings:
                folder, gathered = openings[event.request]
                most = room = _most(folder, 1) or 0


async def _examine(
    connection: Connection, folder: Folder, batch: Sequence[Command], gathered: FlagGatherer
) -> Opened:
    """Open a folder and list its mails; an empty one is not listed, because some refuse that."""
    if folder.status is not None and folder.status.messages:
        condstore = "CONDSTORE" in connection.conversation.capabilities
        opening = commands.examine(folder.raw, condstore=condstore)
        most = _most(folder, len(batch))
        return opened((await gather(connection, [opening, *batch], gathered.take, most=most))[0])
    there = await open_folder(connection, folder.raw, to_write=False)
    if there.messages:
        await gather(connection, batch, gathered.take)
    return there


def _most(folder: Folder, listings: int) -> int | None:
    """Return how many mails so many listings may tell of."""
    messages = folder.status.messages if folder.status is not None else None
    return None if messages is None else listings * most_mails(messages)


async def list_flags(connection: Connection, there: Opened) -> Listing:
    """Return the mails of the selected folder with their flags."""
    gathered = FlagGatherer()
    if there.messages:
        listing = message_commands.uid_fetch(_ALL_UIDS, FLAG_FIELDS)
        await gather(connection, [listing], gathered.take, most=most_mails(there.messages))
    uids, flags = gathered.columns()
    return Listing(uid_validity=there.uid_validity, uids=uids, flags=flags)


async def with_details(connection: Connection, mails: Mails, uids: Iterable[int]) -> Mails:
    """Return the mails with those of ``uids`` among them; asks the selected folder for what is missing.

    One that is gone meanwhile is in neither.
    """
    missing = absent(ascending(uids), mails.uids)
    if not missing:
        return mails
    gathered = MailGatherer()
    chunks = message_commands.in_chunks(
        lambda text: message_commands.uid_fetch(text, ALL_FIELDS),
        missing,
        line_octets=connection.conversation.profile.line_octets,
    )
    await gather(connection, [one.command for one in chunks], gathered.take)
    return joined(mails, gathered.mails())


def joined(one: Mails, other: Mails) -> Mails:
    """Return the mails of both, of which none is in both."""
    if not one.uids or not other.uids:
        return one if one.uids else other
    order = sorted(range(len(one.uids) + len(other.uids)), key=(one.uids + other.uids).__getitem__)

    def pick(column: Collection[int]) -> array[int]:
        every = list(column)
        return array("q", map(every.__getitem__, order))

    flags = one.flags + other.flags
    return Mails(
        uids=pick(one.uids + other.uids),
        flags=[flags[at] for at in order],
        sizes=pick(one.sizes + other.sizes),
        seconds=pick(one.seconds + other.seconds),
        zones=pick(one.zones + other.zones),
    )


def _floor(ledger: FolderLedger) -> int:
    """Return the UID from which on nothing is known."""
    last = ledger.source_uids[-1] if ledger.source_uids else 0
    gone = [uid for uid in ledger.vanished if uid < NO_UID]
    return max(last, *ledger.skipped, *gone, 0, 0) + 1


def _fingerprint(uid_validity: int, uids: Sequence[int], flags: Sequence[FlagSet]) -> bytes:
    made = Fingerprint(uid_validity)
    for at in range(0, len(uids), _MAILS_AT_A_TIME):
        end = at + _MAILS_AT_A_TIME
        made.add(zip(uids[at:end], flags[at:end], strict=True))
    return made.digest()
