"""A service during an outage, as the what-if page shows it: a cell for each workload and layout. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from switchover.balance.prediction import Outcome, percent
from switchover.balance.what_if_view import describe_taken_out

if TYPE_CHECKING:
    from switchover.balance.prediction import WorkloadPrediction
    from switchover.balance.single_failures import SingleFailure
    from switchover.balance.what_if import Glimpse, LayoutReport, ServiceReport

LEVELS = {
    Outcome.WORKS: "ok",
    Outcome.REDUCED: "warning",
    Outcome.FAILS_SOMETIMES: "bad",
    Outcome.FAILS: "bad",
    Outcome.SORRY_PAGE: "bad",
    Outcome.SORRY_SERVER: "bad",
    Outcome.CLOSED: "bad",
}
_FELT = {"bad": "users notice", "warning": "less capacity", "ok": "nobody notices"}
_WORDS = {Outcome.REDUCED: "less capacity"}
"""Where the outcome's own words are too long for a cell."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One workload in one layout; ``lost`` counts servers that were taken out although it is well there."""

    level: str
    word: str
    share: str
    lost: int
    sentence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LayoutColumn:
    """A layout: whether it is in the file, whether it is the one to choose, what it keeps and costs."""

    label: str
    is_current: bool
    is_best: bool
    capacity: str
    lost: str
    cost: str
    sentences: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkloadLine:
    """A workload: its cells in the order of the columns, and what happens to it as the file stands.

    ``answering`` are the servers that serve it, ``taken_out`` sentences about those that do not.
    """

    workload: str
    title: str
    cells: tuple[Cell, ...]
    answering: tuple[str, ...]
    standby: tuple[str, ...]
    taken_out: tuple[str, ...]
    level: str
    sentence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ToldService:
    """A service during the outage; ``level`` is that of its worst workload as the file stands."""

    name: str
    title: str
    level: str
    word: str
    columns: tuple[LayoutColumn, ...]
    lines: tuple[WorkloadLine, ...]
    recommendation: str
    is_change: bool
    left_out: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Brief:
    """A service during the outage in a line."""

    name: str
    title: str
    level: str
    word: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Alone:
    """What the loss of one server alone would do, in a few words."""

    level: str
    word: str
    sentence: str


def tell_alone(failure: SingleFailure) -> Alone:
    """Return a single failure in words."""
    where = "; ".join(f"{service}: {', '.join(names)}" for service, names in failure.felt)
    if failure.outcome is Outcome.WORKS:
        return Alone(level="ok", word="nobody notices", sentence="")
    if failure.outcome is Outcome.REDUCED:
        word = f"{percent(failure.share)} of the capacity left"
        return Alone(level="warning", word=word, sentence=where)
    return Alone(level="bad", word=failure.outcome.value, sentence=where)


def tell_briefly(glimpse: Glimpse) -> Brief:
    """Return a service in a line."""
    level = LEVELS[glimpse.outcome]
    service = glimpse.service
    return Brief(name=service.name, title=service.title, level=level, word=_FELT[level])


def tell(report: ServiceReport) -> ToldService:
    """Return a service's report in words, the layout in use before the others."""
    report = replace(
        report, layouts=tuple(sorted(report.layouts, key=lambda item: not item.variant.is_current))
    )
    lines = tuple(_line(report, position) for position in range(len(report.current.workloads)))
    levels = {line.level for line in lines}
    level = next((one for one in ("bad", "warning") if one in levels), "ok")
    return ToldService(
        name=report.service.name,
        title=report.service.title,
        level=level,
        word=_FELT[level],
        columns=tuple(_column(report, layout) for layout in report.layouts),
        lines=lines,
        recommendation=report.recommendation.sentence,
        is_change=report.recommendation.is_change,
        left_out=tuple(f"No {item.layout}: {item.reason}." for item in report.left_out),
    )


def _column(report: ServiceReport, layout: LayoutReport) -> LayoutColumn:
    label, score = layout.variant.label, layout.score
    return LayoutColumn(
        label=label,
        is_current=layout.variant.is_current,
        is_best=label == report.recommendation.label,
        capacity=percent(score.capacity),
        lost=percent(score.lost_needlessly) if score.lost_healthy or score.lost_needlessly else "",
        cost=layout.cost.short,
        sentences=layout.cost.sentences,
    )


def _line(report: ServiceReport, position: int) -> WorkloadLine:
    row = report.current.workloads[position]
    return WorkloadLine(
        workload=row.workload,
        title=row.title,
        cells=tuple(_cell(layout.workloads[position]) for layout in report.layouts),
        answering=tuple(name for name in row.remaining if name in row.answering),
        standby=row.standby,
        taken_out=tuple(
            [
                f"{name}: broken, and gets requests"
                for name in row.remaining
                if name not in row.answering
            ]
            + [describe_taken_out(item, row.workload) for item in row.taken_out]
        ),
        level=LEVELS[row.outcome],
        sentence=row.sentence,
    )


def _cell(row: WorkloadPrediction) -> Cell:
    return Cell(
        level=LEVELS[row.outcome],
        word=_WORDS.get(row.outcome, row.outcome.value),
        share=percent(row.share),
        lost=len(row.lost_healthy),
        sentence=row.sentence,
    )
