"""What two sides of a folder do not have in common, as multisets. Pure.

A folder of 200,000 mails is compared a part at a time: what a mail contributes to a root is worked out again
where it is needed, and never held for all.
"""

from __future__ import annotations

from array import array
from collections import Counter
from itertools import compress
from typing import TYPE_CHECKING

from switchover.move.proof_root import entries_at
from switchover.move.uid_columns import found_in

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from switchover.move.flags import PermanentFlags
    from switchover.move.proof_root import ProofMail

_AT_A_TIME = 8192


def left_over(
    source: Sequence[ProofMail],
    target: Sequence[ProofMail],
    pairs: Mapping[int, int],
    permanent: PermanentFlags | None,
) -> tuple[dict[int, ProofMail], dict[int, ProofMail]]:
    """Return the mails of both sides, by UID, that are left when equal ones are taken off, one for one.

    ``pairs``, target UIDs by source UID, are taken off first, then any that are equal.
    """
    there, here = _Side(source, permanent), _Side(target, permanent)
    _take_pairs(there, here, pairs)
    _take_equals(there, here)
    return there.left(), here.left()


class _Side:
    """The mails of one side; ``is_open`` tells for each place whether its mail is still there."""

    def __init__(self, mails: Sequence[ProofMail], permanent: PermanentFlags | None) -> None:
        self.mails = mails
        self.permanent = permanent
        self.uids = array("q", (mail.uid for mail in mails))
        self.is_open = bytearray(b"\1") * len(mails)

    def open_places(self) -> array[int]:
        return array("q", compress(range(len(self.is_open)), self.is_open))

    def marks(self, places: Sequence[int]) -> Iterator[bytes]:
        return entries_at(self.mails, places, self.permanent)

    def parts(self, number: int) -> list[array[int]]:
        """Return the open places in so many parts; equal mails are in one part."""
        parts = [array("q") for _ in range(number)]
        places = self.open_places()
        for at, mark in zip(places, self.marks(places), strict=True):
            parts[hash(mark) % number].append(at)
        return parts

    def take(self, places: Sequence[int], room: dict[bytes, int]) -> None:
        """Take mails off as long as there is room for their like."""
        for at, mark in zip(places, self.marks(places), strict=True):
            if room.get(mark):
                room[mark] -= 1
                self.is_open[at] = 0

    def left(self) -> dict[int, ProofMail]:
        return {self.uids[at]: self.mails[at] for at in self.open_places()}


def _take_pairs(there: _Side, here: _Side, pairs: Mapping[int, int]) -> None:
    if not pairs:
        return
    order = array("q", sorted(range(len(here.uids)), key=here.uids.__getitem__))
    ascending = array("q", map(here.uids.__getitem__, order))
    for begin in range(0, len(there.uids), _AT_A_TIME):
        part = there.uids[begin : begin + _AT_A_TIME]
        partners = [pairs.get(uid, 0) for uid in part]
        both = [(begin + at, order[place]) for at, place in found_in(ascending, partners)]
        marks = zip(
            there.marks([at for at, _ in both]), here.marks([at for _, at in both]), strict=True
        )
        for (at, place), (mark, other) in zip(both, marks, strict=True):
            if mark == other and here.is_open[place]:
                there.is_open[at] = here.is_open[place] = 0


def _take_equals(there: _Side, here: _Side) -> None:
    number = 1 + there.is_open.count(1) // _AT_A_TIME
    for ours, theirs in zip(there.parts(number), here.parts(number), strict=True):
        common = Counter(there.marks(ours)) & Counter(here.marks(theirs))
        there.take(ours, dict(common))
        here.take(theirs, dict(common))
