"""The ledger of one folder in memory, made by replaying its rows, and the folding of rows. Pure.

Only what every plan needs is unpacked at once (UIDs of both sides, flags); sizes, dates and digests
follow when they are asked for. 100,000 mails take some 5 MB.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from dataclasses import dataclass, field
from itertools import chain, count, repeat
from operator import itemgetter, lt
from typing import TYPE_CHECKING, NamedTuple

from switchover.errors import Corrupt
from switchover.move.segment import (
    FULL_MAILS,
    ROW_BYTES,
    LedgerMail,
    Row,
    RowKind,
    Segment,
    Skip,
    digests_of,
    pack_columns,
    pack_uids,
    read_reflagged,
    read_skipped,
    skipped,
    unpack_uids,
    vanished,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from switchover.move.flags import FlagSet

_OVERHEAD_BYTES_A_MAIL = 6
"""What rows around the mails may cost before they are folded; 48 bytes a mail are promised in all."""
_FEWEST_TO_FOLD = 4
_MOST_UNFOLDED = 64
"""Loose rows of a folder at which folding pays even in a huge one: replaying them costs more."""


NO_UID = 1 << 40
"""Above every UID (32 bits): names of mails that only the target has, since the source gave new UIDs."""


class KnownMail(NamedTuple):
    """A mail of the ledger with its place on the target."""

    mail: LedgerMail
    target_uid: int


@dataclass(slots=True, kw_only=True)
class FolderLedger:
    """What is known of one folder. The first three are parallel; source UIDs ascend.

    ``vanished`` maps source UIDs that are gone to the target UIDs of the copies that stay;
    ``skipped`` those that are not copied to the reason; ``open_rows`` are indexes of rows whose
    batch is in doubt.
    """

    source_uids: array[int] = field(default_factory=lambda: array("q"))
    target_uids: array[int] = field(default_factory=lambda: array("q"))
    flags: list[FlagSet] = field(default_factory=list)
    vanished: dict[int, int] = field(default_factory=dict)
    skipped: dict[int, Skip] = field(default_factory=dict)
    open_rows: tuple[int, ...] = ()
    segments: tuple[Segment, ...] = ()
    origin: Sequence[int] = ()
    """Where each mail stands among all mails of ``segments``, one after the other."""
    vanished_origin: dict[int, tuple[int, FlagSet]] = field(default_factory=dict)

    def position(self, source_uid: int) -> int | None:
        """Return where a source UID stands in the sequences, or None when it is not there."""
        at = bisect_left(self.source_uids, source_uid)
        found = at < len(self.source_uids) and self.source_uids[at] == source_uid
        return at if found else None

    def target_uid(self, source_uid: int) -> int | None:
        """Return the UID of a mail's copy, or None when the ledger has none."""
        at = self.position(source_uid)
        return None if at is None else self.target_uids[at]

    def by_source_uid(self) -> dict[int, int]:
        """Return the target UID of every mail that the source still has."""
        return dict(zip(self.source_uids, self.target_uids, strict=True))

    def known(self) -> list[KnownMail]:
        """Return every mail that the source still has, with all that is kept of it."""
        return self._pick(self.origin, self.flags, self.target_uids)

    def known_vanished(self) -> list[KnownMail]:
        """Return the mails that the source has no more and the target still has."""
        places = [self.vanished_origin[uid] for uid in self.vanished]
        return self._pick(
            [at for at, _ in places], [flags for _, flags in places], self.vanished.values()
        )

    def knows(self, source_uid: int) -> bool:
        """Return whether it is known what became of a mail: a copy on the target, or a reason why not."""
        return (
            source_uid in self.skipped
            or source_uid in self.vanished
            or self.position(source_uid) is not None
        )

    def digests(self) -> list[bytes]:
        """Return the digests, parallel to the UIDs; b"" where the body was not read."""
        every = _every_digest(self.segments)
        return [every[at] for at in self.origin]

    def _pick(
        self, origin: Iterable[int], flags: Iterable[FlagSet], target_uids: Iterable[int]
    ) -> list[KnownMail]:
        every = list(chain.from_iterable(segment.mails() for segment in self.segments))
        return [
            KnownMail(every[at]._replace(flags=entry), target)
            for at, entry, target in zip(origin, flags, target_uids, strict=True)
        ]


def replay(rows: Sequence[Row]) -> FolderLedger:
    """Return what the rows of one folder say, given in the order in which they were written."""
    return _Replay(rows).ledger()


class _Replay:
    """Rows taken one after the other. A mail's place counts through the mails of all stored rows."""

    def __init__(self, rows: Sequence[Row]) -> None:
        self.place: dict[int, int] = {}
        self.gone: dict[int, int] = {}
        self.flags: list[FlagSet] = []
        self.source_uids = array("q")
        self.target_uids = array("q")
        self.skipped: dict[int, Skip] = {}
        self.segments: dict[int, Segment] = {}
        self.open_rows: list[int] = []
        for index, row in enumerate(rows):
            self._take(index, row)

    def _take(self, index: int, row: Row) -> None:
        match row.kind:
            case RowKind.INTENDED:
                self.open_rows.append(index)
            case RowKind.STORED:
                self._store(index, row)
            case RowKind.SKIPPED:
                skips = read_skipped(row)
                self._remove(skips)
                self.skipped.update(skips)
            case RowKind.REFLAGGED:
                self._reflag(read_reflagged(row))
            case RowKind.VANISHED:
                self._vanish(unpack_uids(row.packed))
            case RowKind.REMOVED:
                self._remove(unpack_uids(row.packed))

    def _store(self, index: int, row: Row) -> None:
        segment = Segment(row.packed)
        uids, targets = segment.source_uids, unpack_uids(row.target_uids)
        if len(uids) != len(targets):
            raise Corrupt("a stored ledger row has another number of target UIDs than mails")
        if self.gone or self.skipped:
            self._remove(uids)
        self.place.update(zip(uids, count(len(self.flags))))
        self.source_uids.extend(uids)
        self.target_uids.extend(targets)
        self.flags.extend(segment.flags)
        self.segments[index] = segment

    def _reflag(self, changes: dict[int, FlagSet]) -> None:
        for uid, flags in changes.items():
            if uid in self.gone:
                self.place[uid] = self.gone.pop(uid)
            at = self.place.get(uid)
            if at is not None:
                self.flags[at] = flags

    def _vanish(self, uids: Iterable[int]) -> None:
        for uid in uids:
            at = self.place.pop(uid, None)
            if at is not None:
                self.gone[uid] = at
            self.skipped.pop(uid, None)

    def _remove(self, uids: Iterable[int]) -> None:
        for uid in uids:
            self.place.pop(uid, None)
            self.gone.pop(uid, None)
            self.skipped.pop(uid, None)

    def ledger(self) -> FolderLedger:
        """Return the state in the order of source UIDs."""
        gone = dict(sorted(self.gone.items()))
        origin: Sequence[int] = range(len(self.flags))
        source_uids, target_uids, flags = self.source_uids, self.target_uids, self.flags
        if len(self.place) != len(flags) or not all(map(lt, source_uids, source_uids[1:])):
            origin = array("q", map(itemgetter(1), sorted(self.place.items())))
            source_uids = array("q", map(source_uids.__getitem__, origin))
            target_uids = array("q", map(target_uids.__getitem__, origin))
            flags = list(map(flags.__getitem__, origin))
        return FolderLedger(
            source_uids=source_uids,
            target_uids=target_uids,
            flags=flags,
            vanished={uid: self.target_uids[at] for uid, at in gone.items()},
            skipped=self.skipped,
            open_rows=tuple(self.open_rows),
            segments=tuple(self.segments.values()),
            origin=origin,
            vanished_origin={uid: (at, self.flags[at]) for uid, at in gone.items()},
        )

    def untouched(self) -> frozenset[int]:
        """Return the indexes of full rows of which every mail still holds as it was stored."""
        owned = bytearray(len(self.flags))
        for at in chain(self.place.values(), self.gone.values()):
            owned[at] = 1
        kept, start = set(), 0
        for index, segment in self.segments.items():
            end = start + segment.count
            is_whole = _is_full(segment) and all(owned[start:end])
            if is_whole and self.flags[start:end] == segment.flags:
                kept.add(index)
            start = end
        return frozenset(kept)


class Fold(NamedTuple):
    """Rows to put in place of others, in one transaction.

    ``rows`` take the *last* places among ``replaced`` (indexes into the rows that were folded), in
    their order: there they stand behind all that they tell of and before all that was written
    meanwhile.
    """

    replaced: tuple[int, ...]
    rows: tuple[Row, ...]


def fold(rows: Sequence[Row], *, is_forced: bool = False) -> Fold | None:
    """Return fewer rows that say the same, or None when it does not pay.

    Full segments of which nothing changed stay as they are, intended rows too. It pays when small
    rows cost more than some 6 bytes a mail, or when there are many; ``is_forced`` folds whatever
    there is to fold.
    """
    state = _Replay(rows)
    small = [
        index
        for index, row in enumerate(rows)
        if row.kind is not RowKind.INTENDED
        and not (index in state.segments and _is_full(state.segments[index]))
    ]
    mails = len(state.place) + len(state.gone)
    most = min(_MOST_UNFOLDED, max(_FEWEST_TO_FOLD, mails * _OVERHEAD_BYTES_A_MAIL // ROW_BYTES))
    if len(small) <= most and not is_forced:
        return None
    kept = state.untouched()
    replaced = tuple(sorted({*small, *(state.segments.keys() - kept)}))
    folded = _folded(state, kept)
    return Fold(replaced, folded) if len(folded) < len(replaced) else None


def _is_full(segment: Segment) -> bool:
    # Half is enough: two halves would otherwise be joined and cut again for ever.
    return segment.count >= FULL_MAILS // 2


def _folded(state: _Replay, kept: frozenset[int]) -> tuple[Row, ...]:
    rows = _stored_rows(state, kept)
    if state.skipped:
        rows.append(skipped(state.skipped))
    if state.gone:
        # Last, because it speaks of mails in kept rows too and must stand behind them.
        rows.append(vanished(state.gone))
    return tuple(rows)


def _stored_rows(state: _Replay, kept: frozenset[int]) -> list[Row]:
    """Return everything that stands in no kept row, in full rows and the order of source UIDs."""
    is_kept = bytearray(
        chain.from_iterable(
            repeat(index in kept, segment.count) for index, segment in state.segments.items()
        )
    )
    both = chain(state.place.items(), state.gone.items())
    places = [place for _, place in sorted(both) if not is_kept[place]]
    columns = _Columns(state)
    # Mails with and without digests apart: a segment has all or none.
    parts = [
        [p for p in places if columns.digests[p]],
        [p for p in places if not columns.digests[p]],
    ]
    return [
        columns.row(part[at : at + FULL_MAILS])
        for part in parts
        for at in range(0, len(part), FULL_MAILS)
    ]


class _Columns:
    """The columns of all stored rows, each joined, from which new rows are picked by place."""

    def __init__(self, state: _Replay) -> None:
        segments = tuple(state.segments.values())
        self.targets = state.target_uids
        self.uids = state.source_uids
        self.sizes = array("q", chain.from_iterable(one.sizes for one in segments))
        self.seconds = array("q", chain.from_iterable(one.seconds for one in segments))
        self.zones = array("q", chain.from_iterable(one.zones for one in segments))
        self.flags = state.flags
        self.digests = _every_digest(segments)

    def row(self, places: Sequence[int]) -> Row:
        """Return the stored row of the mails at these places."""
        packed = pack_columns(
            _picked(self.uids, places),
            _picked(self.sizes, places),
            _picked(self.seconds, places),
            _picked(self.zones, places),
            list(map(self.flags.__getitem__, places)),
            b"".join(map(self.digests.__getitem__, places)),
        )
        targets = pack_uids(_picked(self.targets, places))
        return Row(RowKind.STORED, packed, targets)


def _picked(column: array[int], places: Sequence[int]) -> array[int]:
    return array("q", map(column.__getitem__, places))


def _every_digest(segments: Iterable[Segment]) -> list[bytes]:
    return list(chain.from_iterable(digests_of(one.digests, one.count) for one in segments))
