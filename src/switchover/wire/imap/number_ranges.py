"""The numbers that a server lists, in its order, in 16 bytes per range.

A SEARCH answer or a COPYUID set can name millions of UIDs. As Python numbers they would take 40 bytes
each; neighbours joined to ranges are nothing, and even scattered ones stay small.
"""

from __future__ import annotations

import re
from array import array
from dataclasses import dataclass
from itertools import chain, islice
from operator import le, sub
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_SPACED = re.compile(rb"[0-9 \t]*")
_SET = re.compile(rb"[0-9:,]+")


@dataclass(frozen=True, slots=True, eq=True)
class NumberRanges:
    """Ranges in the order in which they were listed; ``firsts`` and ``lasts`` are equally long.

    The order matters: COPYUID pairs its two sets by position (RFC 9051, section 7.1). A range is
    always ascending, because 4:2 means 2:4 (section 9, seq-range).
    """

    firsts: array[int]
    lasts: array[int]

    @classmethod
    def from_numbers(cls, numbers: Sequence[int]) -> NumberRanges:
        """Return ``numbers`` in their order, each run of neighbours (n, n + 1, ...) as one range.

        Raises OverflowError for a number beyond 64 bits.
        """
        if not numbers:
            return cls(array("Q"), array("Q"))
        steps = map(sub, islice(numbers, 1, None), numbers)
        cuts = [place for place, step in enumerate(steps, 1) if step != 1]
        lasts = chain((numbers[place - 1] for place in cuts), numbers[-1:])
        return cls(array("Q", [numbers[0], *map(numbers.__getitem__, cuts)]), array("Q", lasts))

    @classmethod
    def parse_set(cls, text: bytes) -> NumberRanges | None:
        """Return what a sequence set (``17:19,22``) lists; None for anything else, ``*`` included."""
        if not _SET.fullmatch(text):
            return None
        try:
            if b":" not in text:
                return cls.from_numbers(list(map(int, text.split(b","))))
            return cls._from_pairs([part.partition(b":") for part in text.split(b",")])
        except (ValueError, OverflowError):
            return None

    @classmethod
    def parse_list(cls, text: bytes) -> NumberRanges | None:
        """Return the numbers in ``text``, which blanks part, however many; None for anything else."""
        if not _SPACED.fullmatch(text):
            return None
        try:
            return cls.from_numbers(list(map(int, text.split())))
        except (ValueError, OverflowError):
            return None

    @classmethod
    def _from_pairs(cls, pairs: list[tuple[bytes, bytes, bytes]]) -> NumberRanges:
        firsts = array("Q", (int(first) for first, _, _ in pairs))
        lasts = array("Q", (int(last if colon else first) for first, colon, last in pairs))
        if all(map(le, firsts, lasts)):
            return cls(firsts, lasts)
        return cls(array("Q", map(min, firsts, lasts)), array("Q", map(max, firsts, lasts)))

    def __iter__(self) -> Iterator[tuple[int, int]]:
        """Yield (first, last) of each range, in order."""
        return zip(self.firsts, self.lasts, strict=True)

    @property
    def count(self) -> int:
        """How many numbers there are in all ranges together."""
        return sum(self.lasts) - sum(self.firsts) + len(self.firsts)

    def numbers(self) -> Iterator[int]:
        """Yield every single number in order; a hostile ``1:4294967295`` has very many."""
        return chain.from_iterable(range(first, last + 1) for first, last in self)

    def encode(self) -> bytes:
        """Return the sequence set; nothing at all is ``b""``, which no command takes."""
        return b",".join(
            b"%d" % first if first == last else b"%d:%d" % (first, last) for first, last in self
        )
