"""The ledger of one folder in memory, made by replaying its rows. Pure.

Only what every plan needs is unpacked at once (UIDs of both sides, flags); sizes, dates and digests
follow when they are asked for. 100,000 mails take some 3 MB beside their rows.
"""

from __future__ import annotations

from array import array
from dataclasses import dataclass, field
from itertools import accumulate, compress
from operator import lt
from typing import TYPE_CHECKING, NamedTuple

from switchover.errors import Corrupt
from switchover.move.segment import (
    LedgerMail,
    Row,
    RowKind,
    Segment,
    Skip,
    read_reflagged,
    read_skipped,
    unpack_uids,
)
from switchover.move.uid_columns import UidPairs, UidPlaces, place_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from switchover.move.flags import FlagSet

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
    segments: tuple[bytes, ...] = ()
    """The mails of all stored rows as they are packed."""
    origin: Sequence[int] = ()
    """Where each mail stands among all mails of ``segments``, one after the other."""
    vanished_origin: dict[int, tuple[int, FlagSet]] = field(default_factory=dict)

    def position(self, source_uid: int) -> int | None:
        """Return where a source UID stands in the sequences, or None when it is not there."""
        return place_of(source_uid, self.source_uids)

    def target_uid(self, source_uid: int) -> int | None:
        """Return the UID of a mail's copy, or None when the ledger has none."""
        at = self.position(source_uid)
        return None if at is None else self.target_uids[at]

    def by_source_uid(self) -> UidPairs:
        """Return the target UID of every mail that the source still has."""
        return UidPairs(self.source_uids, self.target_uids)

    def known(self, source_uids: Iterable[int] | None = None) -> list[KnownMail]:
        """Return every mail that the source still has, or those of some UIDs, with all that is kept of it."""
        if source_uids is None:
            return self._pick(self.origin, self.flags, self.target_uids)
        found = [at for uid in source_uids if (at := self.position(uid)) is not None]
        return self._pick(
            [self.origin[at] for at in found],
            [self.flags[at] for at in found],
            [self.target_uids[at] for at in found],
        )

    def known_vanished(self) -> list[KnownMail]:
        """Return the mails that the source has no more and the target still has."""
        places = [self.vanished_origin[uid] for uid in self.vanished]
        return self._pick(
            [at for at, _ in places], [flags for _, flags in places], list(self.vanished.values())
        )

    def knows(self, source_uid: int) -> bool:
        """Return whether it is known what became of a mail: a copy on the target, or a reason why not."""
        return (
            source_uid in self.skipped
            or source_uid in self.vanished
            or self.position(source_uid) is not None
        )

    def _pick(
        self, origin: Sequence[int], flags: Sequence[FlagSet], target_uids: Sequence[int]
    ) -> list[KnownMail]:
        """Return mails by their places among those of all segments, of which one at a time is unpacked."""
        found: dict[int, LedgerMail] = {}
        wanted = sorted(origin)
        begin = at = 0
        for packed in self.segments:
            segment = Segment(packed)
            end = begin + segment.count
            if at < len(wanted) and wanted[at] < end:
                mails = segment.mails()
                while at < len(wanted) and wanted[at] < end:
                    found[wanted[at]] = mails[wanted[at] - begin]
                    at += 1
            begin = end
        columns = zip(origin, flags, target_uids, strict=True)
        return [KnownMail(found[at]._replace(flags=own), uid) for at, own, uid in columns]


def replay(rows: Sequence[Row]) -> FolderLedger:
    """Return what the rows of one folder say, given in the order in which they were written."""
    return Replay(rows).ledger()


_FORGOTTEN, _THERE, _GONE = range(3)
_IS_THERE = bytes((0, 1, 0)) + bytes(253)
_IS_GONE = bytes((0, 0, 1)) + bytes(253)


class Replay:
    """Rows taken one after the other. A mail's place counts through the mails of all stored rows.

    ``state`` has a byte for each place: a mail that was stored anew has its old place no more.
    """

    def __init__(self, rows: Sequence[Row]) -> None:
        """Take the rows of a folder in their order."""
        self.places = UidPlaces()
        self.state = bytearray()
        self.flags: list[FlagSet] = []
        self.target_uids = array("q")
        self.skipped: dict[int, Skip] = {}
        self.segments: dict[int, bytes] = {}
        """Packed mails by the index of their row."""
        self.counts: list[int] = []
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
        for at in self.places.add(uids):
            self.state[at] = _FORGOTTEN
        if self.skipped:
            for uid in uids:
                self.skipped.pop(uid, None)
        self.state += bytes((_THERE,)) * len(uids)
        self.target_uids.extend(targets)
        self.flags.extend(segment.flags)
        self.segments[index] = row.packed
        self.counts.append(len(uids))

    def _reflag(self, changes: dict[int, FlagSet]) -> None:
        for uid, flags in changes.items():
            at = self.places.find(uid)
            if at is not None and self.state[at]:
                self.state[at] = _THERE
                self.flags[at] = flags

    def _vanish(self, uids: Iterable[int]) -> None:
        for uid in uids:
            at = self.places.find(uid)
            if at is not None and self.state[at]:
                self.state[at] = _GONE
            self.skipped.pop(uid, None)

    def _remove(self, uids: Iterable[int]) -> None:
        for uid in uids:
            at = self.places.find(uid)
            if at is not None:
                self.state[at] = _FORGOTTEN
            self.skipped.pop(uid, None)

    @property
    def mails(self) -> int:
        """Number of mails with a copy on the target."""
        return len(self.state) - self.state.count(_FORGOTTEN)

    @property
    def gone(self) -> dict[int, int]:
        """The places of mails that only the target has, by source UID, ascending."""
        found = compress(range(len(self.state)), self.state.translate(_IS_GONE))
        uids = self.places.uids
        return dict(sorted((uids[at], at) for at in found))

    def in_order(self) -> array[int]:
        """Return the places of all mails, gone ones too, in the order of source UIDs."""
        return self.places.in_order(self.state)

    def starts(self) -> list[int]:
        """Return the place of the first mail of each stored row."""
        return list(accumulate(self.counts, initial=0))[:-1]

    def ledger(self) -> FolderLedger:
        """Return the state in the order of source UIDs."""
        gone = self.gone
        origin: Sequence[int] = range(len(self.flags))
        source_uids, target_uids, flags = self.places.uids, self.target_uids, self.flags
        is_whole = self.state.count(_THERE) == len(flags)
        if not is_whole or not all(map(lt, source_uids, source_uids[1:])):
            origin = self.places.in_order(self.state.translate(_IS_THERE))
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
