"""Ledger rows of one folder made fewer, saying the same. Pure."""

from __future__ import annotations

from array import array
from typing import TYPE_CHECKING, NamedTuple

from switchover.move.ledger import Replay
from switchover.move.segment import (
    DIGEST_BYTES,
    FULL_MAILS,
    ROW_BYTES,
    Row,
    RowKind,
    Segment,
    mails_in,
    pack_columns,
    pack_uids,
    skipped,
    vanished,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_OVERHEAD_BYTES_A_MAIL = 6
"""What rows around the mails may cost before they are folded; 48 bytes a mail are promised in all."""
_FEWEST_TO_FOLD = 4
_MOST_UNFOLDED = 64
"""Loose rows of a folder at which folding pays even in a huge one: replaying them costs more."""


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
    loose = [index for index, row in enumerate(rows) if not _stays(row)]
    if len(loose) <= _FEWEST_TO_FOLD and not is_forced:
        return None
    state = Replay(rows)
    most = min(
        _MOST_UNFOLDED, max(_FEWEST_TO_FOLD, state.mails * _OVERHEAD_BYTES_A_MAIL // ROW_BYTES)
    )
    if len(loose) <= most and not is_forced:
        return None
    kept = _untouched(state)
    replaced = tuple(sorted({*loose, *(state.segments.keys() - kept)}))
    folded = _folded(state, kept)
    return Fold(replaced, folded) if len(folded) < len(replaced) else None


def _stays(row: Row) -> bool:
    if row.kind is RowKind.STORED:
        return _is_full(mails_in(row.packed))
    return row.kind is RowKind.INTENDED


def _is_full(mails: int) -> bool:
    # Half is enough: two halves would otherwise be joined and cut again for ever.
    return mails >= FULL_MAILS // 2


def _untouched(state: Replay) -> frozenset[int]:
    """Return the indexes of full rows of which every mail still holds as it was stored."""
    kept = set()
    for (index, packed), start, count in zip(
        state.segments.items(), state.starts(), state.counts, strict=True
    ):
        end = start + count
        is_whole = _is_full(count) and 0 not in state.state[start:end]
        if is_whole and state.flags[start:end] == Segment(packed).flags:
            kept.add(index)
    return frozenset(kept)


def _folded(state: Replay, kept: frozenset[int]) -> tuple[Row, ...]:
    rows = _stored_rows(state, kept)
    if state.skipped:
        rows.append(skipped(state.skipped))
    gone = state.gone
    if gone:
        # Last, because it speaks of mails in kept rows too and must stand behind them.
        rows.append(vanished(gone))
    return tuple(rows)


def _stored_rows(state: Replay, kept: frozenset[int]) -> list[Row]:
    """Return everything that stands in no kept row, in full rows and the order of source UIDs."""
    columns = _Columns(state, kept)
    # Mails with and without digests apart: a segment has all or none.
    parts = [array("q"), array("q")]
    for at in state.in_order():
        kind = columns.kinds[at]
        if kind:
            parts[kind - 1].append(at)
    return [
        columns.row(part[at : at + FULL_MAILS])
        for part in parts
        for at in range(0, len(part), FULL_MAILS)
    ]


class _Columns:
    """The columns of all rows that are written anew, from which new rows are picked by place.

    ``kinds`` tells for each place whether it has a digest (1), has none (2) or stays where it is (0).
    """

    def __init__(self, state: Replay, kept: frozenset[int]) -> None:
        self.state = state
        self.kinds = bytearray()
        self.sizes, self.seconds, self.zones = array("q"), array("q"), array("q")
        self.digests = bytearray()
        for (index, packed), count in zip(state.segments.items(), state.counts, strict=True):
            self._add(None if index in kept else Segment(packed), count)

    def _add(self, segment: Segment | None, count: int) -> None:
        """Take the columns of a row; one that stays only takes up room."""
        nothing = array("q", bytes(8 * count))
        self.sizes += nothing if segment is None else segment.sizes
        self.seconds += nothing if segment is None else segment.seconds
        self.zones += nothing if segment is None else segment.zones
        digests = b"" if segment is None else segment.digests
        self.digests += digests or bytes(DIGEST_BYTES * count)
        kind = 0 if segment is None else 1 if digests else 2
        self.kinds += bytes((kind,)) * count

    def row(self, places: Sequence[int]) -> Row:
        """Return the stored row of the mails at these places, which all have digests or none."""
        has_digests = self.kinds[places[0]] == 1
        packed = pack_columns(
            _picked(self.state.places.uids, places),
            _picked(self.sizes, places),
            _picked(self.seconds, places),
            _picked(self.zones, places),
            list(map(self.state.flags.__getitem__, places)),
            b"".join(self._digests(places)) if has_digests else b"",
        )
        targets = pack_uids(_picked(self.state.target_uids, places))
        return Row(RowKind.STORED, packed, targets)

    def _digests(self, places: Iterable[int]) -> Iterable[bytearray]:
        return (self.digests[at * DIGEST_BYTES : (at + 1) * DIGEST_BYTES] for at in places)


def _picked(column: array[int], places: Sequence[int]) -> array[int]:
    return array("q", map(column.__getitem__, places))
