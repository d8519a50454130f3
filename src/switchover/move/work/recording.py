"""What became of the mails of a folder, on its way into the ledger: thousands of them to a row.

Intents are durable before the first byte of their mails goes out (research D.3). One intent covers the
batches of a group, and the next group's is written while this one streams, so nothing waits for the
database. What the target acknowledged is gathered, because one large row costs less than many small ones:
until it is written the intent stands for it.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from switchover import clock
from switchover.move.kept_dates import mend_dates, zones_of_mended
from switchover.move.segment import FULL_MAILS, Row, RowKind, Skip, pack_columns, pack_uids, skipped
from switchover.move.uid_columns import places
from switchover.move.work.outbox import Batch, head
from switchover.wire.imap.quirks import GENERIC

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable, Mapping, Sequence

    from switchover.move.sync_action import Append
    from switchover.move.work.ledger_store import FolderRows, LedgerStore
    from switchover.move.work.mailbox import Mails
    from switchover.move.work.outbox import Sent
    from switchover.wire.imap.quirks import Profile
    from switchover.wire.imap.shell import Connection

GROUP_BATCHES = 16
"""Batches under one intent."""
_GROUPS_BEGUN = 2
GATHER_SECONDS = 1.0
"""How long what was acknowledged may stay unwritten: it is looked for again after a crash."""


@dataclass(slots=True, kw_only=True)
class Recorder:
    """Writes intents and outcomes of one folder; ``flush`` when nothing more comes."""

    store: LedgerStore
    rows: FolderRows
    floor: int
    target: Profile = GENERIC
    refused: dict[int, Skip] = field(default_factory=dict)
    former_dates: Mapping[int, int] = field(default_factory=dict)
    """Dates of the source that the target would refuse, by source UID (UTC seconds)."""
    redated: dict[int, int] = field(default_factory=dict)
    """Those of them whose mail went over with another."""
    undated: Mapping[int, int] = field(default_factory=dict)
    """Dates given to mails of which the source names none, by source UID (UTC seconds)."""
    newly_dated: dict[int, int] = field(default_factory=dict)
    """Those of them whose mail went over."""
    unknown: dict[int, bytes] = field(default_factory=dict)
    """Digests of what the target stored without saying where (no UIDPLUS), by source UID."""
    copied: int = 0
    copied_bytes: int = 0
    unread: int = 0
    highest: int = 0
    """The last UID that the target named."""
    _open: dict[int, set[int]] = field(default_factory=dict)
    """Batches that are not over, each by its first UID, by the number of their intent."""
    _doubtful: set[int] = field(default_factory=set)
    """Intents of which the target did not say where all mails are."""
    _over: list[int] = field(default_factory=list)
    _stored: list[tuple[Sent, int]] = field(default_factory=list)
    _skips: dict[int, Skip] = field(default_factory=dict)
    _since: float = 0.0

    async def intended(self, appends: list[Append], mails: Mails) -> AsyncIterator[Batch]:
        """Yield batches for the pump, each when its intent is durable; ``appends`` is emptied on the way."""
        begun: deque[tuple[list[Append], int, int]] = deque()
        while appends or begun:
            # The next group's intent is written while this one streams.
            while appends and len(begun) < _GROUPS_BEGUN:
                group = appends[:GROUP_BATCHES]
                del appends[:GROUP_BATCHES]
                begun.append((group, *self._intend(group, mails)))
            group, number, mark = begun.popleft()
            await self.store.durable(mark)
            for action in group:
                there = places(action.source_uids, mails.uids)
                heads = {
                    mails.uids[at]: head(mails.flags[at], mails.dates[at], self.target)
                    for at in there
                }
                yield Batch(uids=action.source_uids, number=number, heads=heads)

    def _intend(self, group: Sequence[Append], mails: Mails) -> tuple[int, int]:
        # What was listed and went before its details came will not be read either.
        wanted = [at for action in group for at in places(action.source_uids, mails.uids)]
        packed = pack_columns(
            [mails.uids[at] for at in wanted],
            [mails.sizes[at] for at in wanted],
            [mails.seconds[at] for at in wanted],
            [mails.zones[at] for at in wanted],
            [mails.flags[at] for at in wanted],
            b"",
        )
        row = Row(RowKind.INTENDED, packed, floor=self.floor)
        number = self.store.write(self.rows, row)
        self._open[number] = {action.source_uids[0] for action in group}
        return number, self.store.given

    def take(self, batch: Batch) -> None:
        """Take what became of a batch; a mail of which nothing is said was gone before it was read."""
        waiting = self._open[batch.number]
        if batch.uids[0] not in waiting:
            return  # told twice
        waiting.discard(batch.uids[0])
        if not self._stored:
            self._since = clock.monotonic()
        self._stored += [(batch.sent[uid], place) for uid, place in batch.stored.items()]
        self._skips |= batch.refused
        if self.former_dates or self.undated:
            went = (*batch.stored, *batch.unknown)
            former, given = self.former_dates, self.undated
            self.redated |= {uid: former[uid] for uid in went if uid in former}
            self.newly_dated |= {uid: given[uid] for uid in went if uid in given}
        known = len(batch.stored) + len(batch.refused) + len(batch.unknown)
        self.unread += len(batch.uids) - known
        self.highest = max((self.highest, *batch.stored.values()))
        if batch.unknown:
            self.unknown |= {uid: batch.sent[uid].digest for uid in batch.unknown}
            self._doubtful.add(batch.number)
        if not waiting and batch.number not in self._doubtful:
            self._over.append(batch.number)
        is_late = clock.monotonic() - self._since > GATHER_SECONDS
        if is_late or len(self._stored) >= FULL_MAILS:
            self._write()

    def forget(self, uids: Iterable[int]) -> None:
        """Take back that mails were refused: they are new again at the next run."""
        for uid in uids:
            self._skips.pop(uid, None)

    def flush(self) -> None:
        """Have everything taken written, and the intents deleted that it settles."""
        if self._skips:
            self.store.write(self.rows, skipped(self._skips))
            self.refused |= self._skips
        self._write()
        self._skips = {}

    def _write(self) -> None:
        """Write what is stored; what is refused waits for the end, for it may be the folder's fault."""
        if self._stored:
            self.copied += len(self._stored)
            self.copied_bytes += sum(one.size for one, _ in self._stored)
            self.store.write(self.rows, stored_row(self._stored))
        self.store.finish(self.rows, self._over)
        self._stored, self._over = [], []


async def with_dates(
    source: Connection, appends: Sequence[Append], mails: Mails, target: Profile
) -> tuple[Mails, dict[int, int], dict[int, int]]:
    """Return mails with dates that the target takes, and what was changed for that.

    That are former dates by UID of those it would refuse, and dates given to those that had none.
    """
    undated: dict[int, int] = {}
    if 0 in mails.seconds:
        from switchover.move.work.undated import dated  # noqa: PLC0415 - rare

        wanted = {uid for one in appends for uid in one.source_uids}
        mails, undated = await dated(source, mails, wanted)
    seconds, former = mend_dates(mails.uids, mails.seconds, target)
    if former:
        zones = zones_of_mended(mails.uids, mails.zones, former)
        mails = replace(mails, seconds=seconds, zones=zones)
    former = {uid: one for uid, one in former.items() if uid not in undated}
    return mails, former, undated


def stored_row(mails: Sequence[tuple[Sent, int]]) -> Row:
    """Return the row of mails that are on the target, each with its UID there."""
    # By source UID alone: there is one of each.
    ordered = sorted(mails, key=lambda one: one[0].uid)
    sent = [mail for mail, _ in ordered]
    packed = pack_columns(
        [one.uid for one in sent],
        [one.size for one in sent],
        [one.date.epoch_seconds for one in sent],
        [one.date.zone_minutes for one in sent],
        [one.flags for one in sent],
        b"".join(one.digest for one in sent),
    )
    return Row(RowKind.STORED, packed, pack_uids([uid for _, uid in ordered]))
