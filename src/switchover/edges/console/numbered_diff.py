"""A unified difference as lines with their numbers, for a page. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from switchover.model.wording import plain

if TYPE_CHECKING:
    from collections.abc import Iterator

MOST_LINES = 2_000
"""More would make a page that no browser scrolls well; the text itself can be fetched whole."""
_HUNK = re.compile(r"@@ -(\d{1,9})(?:,\d{1,9})? \+(\d{1,9})(?:,\d{1,9})? @@")


class Mark(StrEnum):
    """What became of a line."""

    ADDED = "added"
    REMOVED = "removed"
    SAME = "same"
    GAP = "gap"


@dataclass(frozen=True, slots=True, kw_only=True)
class DiffLine:
    """One line; ``before`` and ``after`` are its numbers in the two texts, None where it is not there."""

    mark: Mark
    text: str
    before: int | None = None
    after: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """The lines to show, how many were added and removed in all, and how many are not shown."""

    lines: tuple[DiffLine, ...]
    added: int
    removed: int
    hidden: int


def read_diff(diff: str, *, most: int = MOST_LINES) -> Difference:
    """Return the lines of a unified difference; "" has none."""
    lines = list(_lines(diff))
    marks = [line.mark for line in lines]
    return Difference(
        lines=tuple(lines[:most]),
        added=marks.count(Mark.ADDED),
        removed=marks.count(Mark.REMOVED),
        hidden=max(0, len(lines) - most),
    )


def _lines(diff: str) -> Iterator[DiffLine]:
    before = after = 0
    # The first two lines only name the two sides.
    for line in diff.split("\n")[2:]:
        # What reorders a line would let a change look like another one.
        sign, text = line[:1], plain(line[1:], keep="\t")
        if hunk := _HUNK.match(line):
            before, after = int(hunk[1]), int(hunk[2])
            yield DiffLine(mark=Mark.GAP, text=f"from line {after}")
        elif sign == "+":
            yield DiffLine(mark=Mark.ADDED, text=text, after=after)
            after += 1
        elif sign == "-":
            yield DiffLine(mark=Mark.REMOVED, text=text, before=before)
            before += 1
        else:
            yield DiffLine(mark=Mark.SAME, text=text, before=before, after=after)
            before, after = before + 1, after + 1
