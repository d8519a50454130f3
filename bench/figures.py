"""Figures: percentiles, ratios of pairs, tables for people, one JSON object for machines."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any


def percentile(values: Sequence[float], share: float) -> float:
    """Return the value that ``share`` of all values do not exceed (nearest rank)."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, max(0, round(share * len(ordered) + 0.5) - 1))]


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """Median, smallest and largest of some measurements."""

    median: float
    low: float
    high: float
    count: int

    def text(self, form: str = ".3f") -> str:
        return f"{self.median:{form}} ({self.low:{form}} .. {self.high:{form}})"


def spread(values: Sequence[float]) -> Spread:
    """Return median and range; the median of pairs is what bars are compared with."""
    return Spread(
        median=statistics.median(values), low=min(values), high=max(values), count=len(values)
    )


def table(title: str, head: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """Print a table; numbers stand right, text left."""
    cells = [list(map(str, head)), *(list(map(str, row)) for row in rows)]
    widths = [max(len(row[column]) for row in cells) for column in range(len(head))]
    print(f"\n{title}")
    for number, row in enumerate(cells):
        print(
            "  "
            + "  ".join(
                _aligned(c, w, n) for n, (c, w) in enumerate(zip(row, widths, strict=True))
            ).rstrip()
        )
        if number == 0:
            print("  " + "  ".join("-" * width for width in widths))


def _aligned(cell: str, width: int, column: int) -> str:
    return cell.ljust(width) if column == 0 else cell.rjust(width)


def verdict(value: float, bar: float) -> str:
    """Return whether a value holds its bar."""
    return "holds" if value <= bar else "MISSED"
