"""Public verbs of the audit log: record, list, verify, accept; and refused attempts, within bounds."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from switchover import clock
from switchover.directory.access.role import Door
from switchover.directory.audit import queries
from switchover.directory.audit.chain import ACCEPT, link_body, new_link
from switchover.directory.audit.entry import Entry, Outcome
from switchover.directory.audit.flood import Flood, source_of
from switchover.directory.audit.inspection import Fault, Head, Inspection
from switchover.errors import Conflict, Corrupt, InvalidInput, NotFound, Unavailable
from switchover.store.notary import Note

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from switchover.directory.access.role import Actor
    from switchover.directory.audit.chain import Link
    from switchover.directory.audit.queries import Rights, Tip
    from switchover.store.notary import Notary
    from switchover.store.pool import Connection, Database

logger = logging.getLogger(__name__)

PAGE_LINKS = 500
LATE_LINKS = 10_000
"""Read at once behind a head that lags; what is left is for the next look."""
READ_SECONDS = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What a look at the whole log found; ``accepted`` are faults that an administrator has accepted."""

    inspection: Inspection
    faults: tuple[Fault, ...]
    accepted: tuple[Fault, ...]
    head: Head | None
    head_trouble: str
    rights: Rights

    @property
    def remarks(self) -> tuple[str, ...]:
        """What this verdict does not prove, for people."""
        return tuple(_remarks(self))


async def record(connection: Connection, entry: Entry) -> Link:
    """Add an entry within the transaction of what it tells of; call it last before the commit.

    From here to the end of the transaction nobody else can add one, so nothing slow may follow. Where it
    fails the transaction must fail too: without the entry there is no change.
    """
    return await _add(connection, entry, is_new_beginning=False)


async def _add(connection: Connection, entry: Entry, *, is_new_beginning: bool) -> Link:
    notary = connection.notary
    head, trouble = _find_head(notary)
    tip = await queries.lock_tip(connection, at=head.number if head else 0)
    link = new_link(entry, number=tip.number + 1, at=clock.now(), previous=tip.hash)
    if notary is not None:
        link = replace(link, seal=notary.seal(link.hash))
    await queries.insert_link(connection, link)
    fits = notary is None or is_new_beginning or _fits(tip, head, trouble)
    if not fits:
        logger.error("audit=%d state=broken reason=%s", link.number, _advice(tip, head, trouble))
    elif notary is not None and head is None:
        # Before the commit, so that even after a crash right behind it the log has had a head.
        notary.note_head(Note(number=tip.number, digest=tip.hash))
    connection.call_after_commit(
        lambda: _tell(notary if fits else None, link, is_new_beginning=is_new_beginning)
    )
    return link


def _fits(tip: Tip, head: Note | None, trouble: str) -> bool:
    """True when what the database holds goes on from where the log ended, as far as we noted that.

    If it does not, the head stays as it is: it is the evidence, until an administrator accepts that.
    """
    if head is None:
        return not trouble and tip.number == 0
    return tip.hash_at == head.digest


def _advice(tip: Tip, head: Note | None, trouble: str) -> str:
    where = (
        f"its head outside the database stands at {head.number}" if head else "its head is missing"
    )
    return f"the audit log ends at {tip.number} and {trouble or where}; look at: switchover audit verify"


def _find_head(notary: Notary | None) -> tuple[Note | None, str]:
    if notary is None:
        return None, ""
    try:
        return notary.find_head(), ""
    except Corrupt as error:
        return None, str(error)


def _tell(notary: Notary | None, link: Link, *, is_new_beginning: bool) -> None:
    """Note the new head outside the database, and in the log of the process, which others may collect."""
    if notary is not None:
        note = Note(number=link.number, digest=link.hash)
        notary.note_head(note, is_new_beginning=is_new_beginning)
    logger.info(
        "audit=%d action=%s outcome=%s actor=%r subject=%r hash=%s",
        *(link.number, link.action, link.outcome, link.actor, link.subject, link.hash),
    )


async def record_alone(database: Database, entry: Entry) -> Link:
    """Add an entry in a transaction of its own: for what happened outside the database, before it does."""
    async with database.transaction() as connection:
        return await record(connection, entry)


async def list_entries(
    database: Database, *, filters: Mapping[str, object], limit: int, oldest_first: bool = False
) -> list[dict[str, Any]]:
    """Return entries, newest first; ``filters`` as ``queries.list_links`` takes them."""
    async with database.transaction() as connection:
        found = await queries.list_links(
            connection, filters=filters, limit=limit, oldest_first=oldest_first
        )
    return [link_body(link) for link in found]


async def get_entry(database: Database, number: int) -> dict[str, Any]:
    """Return one entry; raises NotFound."""
    async with database.transaction() as connection:
        found = await queries.find_link(connection, number)
    if found is None:
        raise NotFound(f"there is no audit entry {number}; see: switchover audit list")
    return link_body(found)


async def verify(
    database: Database,
    *,
    noted: Head | None = None,
    tell: Callable[[int], None] = lambda _: None,
) -> Verdict:
    """Read the whole log and say what is wrong with it; ``noted`` is an end that somebody wrote down.

    The head is read first: entries may come while we read, none may go. ``tell`` hears now and then how many
    were read.
    """
    notary = database.notary
    note, trouble = _find_head(notary)
    head = Head(number=note.number, hash=note.digest) if note else None
    inspection = Inspection(
        heads=tuple(one for one in (head, noted) if one is not None),
        needs_head=notary is not None and head is None,
        is_head_damaged=bool(trouble),
        is_ours=notary.is_ours if notary else None,
    )
    async with database.snapshot(statement_seconds=READ_SECONDS) as connection:
        rights = await queries.find_rights(connection)
        while page := await queries.list_from(connection, after=inspection.last, limit=PAGE_LINKS):
            await asyncio.to_thread(_take, inspection, page)
            tell(inspection.count)
    faults = inspection.finish()
    accepted = tuple(fault for fault in inspection.faults if inspection.is_accepted(fault))
    return Verdict(
        inspection=inspection, faults=faults, accepted=accepted, head=head, head_trouble=trouble,
        rights=rights,
    )  # fmt: skip


def _take(inspection: Inspection, page: list[Link]) -> None:
    for link in page:
        inspection.take(link)


def _remarks(verdict: Verdict) -> list[str]:
    found = []
    inspection, rights, head = verdict.inspection, verdict.rights, verdict.head
    if verdict.head_trouble:
        found.append(verdict.head_trouble)
    if head is not None and inspection.last > head.number:
        found.append(
            f"the head outside the database stands at {head.number}: a process ended before it could note "
            "what came after, or others write to this database too"
        )
    if _exposure(rights):
        found.append(_exposure(rights))
    else:
        found.append(
            f"the application works as {rights.role}, which may read and add entries and nothing else"
        )
    found.append(
        "who may write to the database and to the data directory, root for one, can make a whole new log "
        "that verifies: keep the last hash, exports or the process's log where they can not write"
    )
    return found


async def find_exposure(database: Database) -> str:
    """Return why only a trigger keeps the application from changing entries, "" when its role does too."""
    async with database.transaction() as connection:
        return _exposure(await queries.find_rights(connection))


def _exposure(rights: Rights) -> str:
    if not (rights.may_change or rights.is_owner):
        return ""
    return (
        f"the application works as {rights.role}, which owns the table: a trigger and missing rights "
        "keep it from changing entries, and the owner could remove both. An administrator of the "
        f"database can end that: create role {rights.role}_app; grant {rights.role}_app to {rights.role}; "
        "then start switchover again"
    )


async def accept(
    database: Database, *, actor: Actor, reason: str, tell: Callable[[int], None] = lambda _: None
) -> Verdict:
    """Say that what is wrong now has an innocent reason: an entry, and a head that begins anew behind it.

    The faults stay visible as accepted ones. Raises Conflict when there is nothing to accept. ``tell`` is
    that of ``verify``, which runs before and after.
    """
    verdict = await verify(database, tell=tell)
    if not verdict.faults:
        raise Conflict("the audit log is in order; there is nothing to accept")
    if not reason.strip():
        raise InvalidInput("say why the log is as it is: nobody can tell later (--reason)")
    entry = Entry.by(
        actor,
        ACCEPT,
        f"{len(verdict.faults)} faults",
        before={
            "faults": [fault.sentence for fault in verdict.faults[:20]],
            "head": None
            if verdict.head is None
            else {"number": verdict.head.number, "hash": verdict.head.hash},
        },
        after={"end": verdict.inspection.last},
        reason=reason,
    )
    async with database.transaction() as connection:
        await _add(connection, entry, is_new_beginning=True)
    return await verify(database, tell=tell)


async def count_entries(database: Database) -> int:
    """Return about how many entries there are: the number of the last one."""
    async with database.transaction() as connection:
        newest = await queries.list_links(connection, filters={}, limit=1)
    return newest[0].number if newest else 0


async def catch_up(database: Database) -> str:
    """Bring the head to the end of the log after a crash right behind a commit.

    Return what does not fit, "" when all is well; then the head stays where it is.
    """
    notary = database.notary
    note, trouble = _find_head(notary)
    async with database.transaction() as connection:
        tip = await queries.lock_tip(connection, at=note.number if note else 0)
        if notary is None or (not trouble and _is_at_end(tip, note)):
            return ""
        start = note.number if note else 0
        late = await queries.list_from(connection, after=start, limit=LATE_LINKS)
    if note is None or not _fits(tip, note, trouble):
        return _advice(tip, note, trouble)
    inspection = Inspection(is_ours=notary.is_ours, last=note.number, previous=note.digest)
    _take(inspection, late)
    if inspection.finish():
        return _advice(tip, note, inspection.faults[0].sentence)
    notary.note_head(Note(number=inspection.last, digest=inspection.previous))
    return ""


def _is_at_end(tip: Tip, note: Note | None) -> bool:
    if note is None:
        return tip.number == 0
    return (tip.number, tip.hash) == (note.number, note.digest)


class Refusals:
    """Writes refused and failed attempts down, each of the first and then how many more there were."""

    def __init__(self, database: Database) -> None:
        """Start with nothing counted."""
        self._database = database
        self._flood = Flood()

    async def note(self, entry: Entry, *, is_known: bool) -> None:
        """Record an attempt, or count it when there were many; never raises for a database that is away.

        ``is_known`` when the actor proved who they are; else their address is what counts.
        """
        source = source_of(entry.actor if is_known else "", entry.address)
        if not self._flood.admit(source, clock.now()):
            return
        try:
            await record_alone(self._database, entry)
        except Unavailable:
            self._flood.count(source)

    async def flush(self) -> None:
        """Record how many attempts went beyond the share of their source, once a span is over."""
        for excess in self._flood.settle(clock.now()):
            entry = _summary(excess.source.name, excess.count, excess.since)
            try:
                await record_alone(self._database, entry)
            except Unavailable:
                self._flood.keep(excess)


def _summary(name: str, count: int, since: datetime) -> Entry:
    return Entry(
        actor="switchover",
        origin=Door.SYSTEM,
        action="access.refused-more",
        subject=name,
        outcome=Outcome.REFUSED,
        after={"count": count, "since": since.isoformat()},
        reason="more attempts than are recorded one by one",
    )
