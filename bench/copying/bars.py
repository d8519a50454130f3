"""What a run found out: figures, and bars with whether they hold."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from figures import table


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """A figure with the bar it must reach (``at_least``) or must not exceed."""

    claim: str
    value: float
    bar: float
    at_least: bool = False
    unit: str = ""

    @property
    def holds(self) -> bool:
        return self.value >= self.bar if self.at_least else self.value <= self.bar

    def figures(self) -> dict[str, Any]:
        return {
            "claim": self.claim, "value": round(self.value, 3), "bar": self.bar,
            "at_least": self.at_least, "holds": self.holds,
        }  # fmt: skip


@dataclass(slots=True, kw_only=True)
class Outcome:
    """Of one mode, or of all of them. ``failures`` are sentences: what must not happen at all."""

    figures: dict[str, Any] = field(default_factory=dict)
    bars: list[Bar] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)

    def add(self, other: Outcome) -> None:
        self.figures.update(other.figures)
        self.bars += other.bars
        self.failures += other.failures

    def show_bars(self, *, are_judged: bool) -> None:
        """Print every bar, and what failed; a quick run judges nothing."""
        if self.bars:
            rows = [
                (
                    one.claim, f"{one.value:.2f}{one.unit}",
                    f"{'>=' if one.at_least else '<='} {one.bar:g}{one.unit}",
                    _verdict(one) if are_judged else "quick: not judged",
                )
                for one in self.bars
            ]  # fmt: skip
            table("Bars", ("claim", "seen", "bar", ""), rows)
        for failure in self.failures:
            print(f"  FAILED: {failure}")


def _verdict(bar: Bar) -> str:
    return "holds" if bar.holds else "MISSED"
