"""A what-if answer as plain data for ``-o json`` and as tables of plain text for any renderer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from switchover.balance.prediction import Cause, TakenOut, percent

if TYPE_CHECKING:
    from collections.abc import Iterator

    from switchover.balance.prediction import WorkloadPrediction
    from switchover.balance.what_if import LayoutReport, ServiceReport, WhatIf

_LAYOUT_COLUMNS = (
    "layout",
    "works",
    "partly",
    "fails",
    "errors",
    "capacity",
    "lost needlessly",
    "costs",
)
_BY_VERDICT = frozenset({Cause.OWN_VERDICT, Cause.SHARED_VERDICT})
_CAUSES = {
    Cause.OWN_VERDICT: "broken",
    Cause.SHARED_VERDICT: "broken",
    Cause.MAINTENANCE: "in maintenance",
    Cause.DRAIN: "drained",
    Cause.NO_WEIGHT: "weight 0",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """Plain text in rows and columns; ``notes`` are sentences to print below."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    notes: tuple[str, ...] = ()


def to_json(answer: WhatIf) -> dict[str, Any]:
    """Return the whole answer as plain mappings, lists, text and numbers."""
    return {
        "platform": answer.platform,
        "down": [item.text for item in answer.outage.items],
        "without_effect": list(answer.without_effect),
        "services": [_service_json(report) for report in answer.services],
    }


def tables(answer: WhatIf, *, costs: bool = False) -> tuple[Table, ...]:
    """Return two tables for each affected service (workloads, layouts), and one of all others.

    ``costs`` adds what each layout costs, in full sentences, to the notes of the layouts.
    """
    result: list[Table] = []
    for report in answer.services:
        if report.is_affected:
            result += [workload_table(report), layout_table(report, costs=costs)]
    calm = _calm_table(answer)
    return (*result, calm) if calm.rows or calm.notes else tuple(result)


def workload_table(report: ServiceReport) -> Table:
    """Return what happens to each workload in each layout; what fares alike shares a row.

    The layout in use is marked with a star.
    """
    return Table(
        title=f"{report.service.name}: workloads",
        columns=(
            "layout",
            "workload",
            "servers",
            "out of rotation",
            "capacity",
            "what a user sees",
        ),
        rows=tuple(_workload_rows(report)),
        notes=("* the layout in the platform file",),
    )


def layout_table(report: ServiceReport, *, costs: bool = False) -> Table:
    """Return how the layouts compare, what each costs, and the recommendation as a note."""
    cost_notes = [
        f"{layout.variant.label}: {' '.join(layout.cost.sentences)}" for layout in report.layouts
    ]
    return Table(
        title=f"{report.service.name}: which layout",
        columns=_LAYOUT_COLUMNS,
        rows=tuple(_layout_row(layout) for layout in report.layouts),
        notes=(
            report.recommendation.sentence,
            *(f"No {item.layout}: {item.reason}." for item in report.left_out),
            *(cost_notes if costs else ()),
        ),
    )


def _calm_table(answer: WhatIf) -> Table:
    rows = tuple(
        (
            report.service.name,
            report.current.variant.label,
            ", ".join(item.name for item in report.service.workloads),
            f"{percent(report.current.score.capacity)}",
        )
        for report in answer.services
        if not report.is_affected
    )
    notes = tuple(f"{text} is in no virtual service." for text in answer.without_effect)
    if not answer.outage.items:
        notes = ("Nothing was assumed to be down.",)
    return Table(
        title="not affected",
        columns=("service", "layout", "workloads", "capacity"),
        rows=rows,
        notes=notes,
    )


def _label(report: LayoutReport) -> str:
    return report.variant.label + (" *" if report.variant.is_current else "")


def _workload_rows(report: ServiceReport) -> Iterator[tuple[str, ...]]:
    alike: dict[tuple[tuple[str, ...], ...], list[str]] = {}
    for layout in report.layouts:
        alike.setdefault(tuple(_rows_of(layout)), []).append(_label(layout))
    for rows, labels in alike.items():
        for row in rows:
            yield (", ".join(labels), *row)


def _rows_of(report: LayoutReport) -> Iterator[tuple[str, ...]]:
    alike: dict[tuple[str, ...], list[str]] = {}
    for row in report.workloads:
        cells: tuple[str, ...] = (_servers(row), _out(row), percent(row.share), row.sentence)
        alike.setdefault(cells, []).append(row.workload)
    for cells, workloads in alike.items():
        yield (", ".join(workloads), *cells)


def _servers(row: WorkloadPrediction) -> str:
    names = [name if name in row.answering else f"{name} (broken)" for name in row.remaining] + [
        f"{name} (waits)" for name in row.standby
    ]
    return ", ".join(names) or "none"


def _out(row: WorkloadPrediction) -> str:
    return "; ".join(describe_taken_out(item, row.workload) for item in row.taken_out) or "none"


def describe_taken_out(item: TakenOut, workload: str) -> str:
    """Return ``cas1: shares the verdict on owa`` and the like."""
    others = ", ".join(item.because)
    if item.cause is Cause.SHARED_VERDICT and item.is_needless:
        return f"{item.server}: shares the verdict on {others}"
    what = _CAUSES[item.cause]
    if item.cause in _BY_VERDICT or workload in item.because:
        return f"{item.server}: {what}"
    return f"{item.server}: {what} for {others}"


def _layout_row(report: LayoutReport) -> tuple[str, ...]:
    score = report.score
    lost = f"{score.lost_healthy} healthy, {percent(score.lost_needlessly)}"
    return (
        _label(report),
        str(score.works),
        str(score.partly),
        str(score.fails),
        str(score.failing),
        percent(score.capacity),
        lost if score.lost_healthy or score.lost_needlessly else "nothing",
        report.cost.short,
    )


def _service_json(report: ServiceReport) -> dict[str, Any]:
    choice = report.recommendation
    return {
        "name": report.service.name,
        "title": report.service.title,
        "layout": report.service.layout.value,
        "is_affected": report.is_affected,
        "recommendation": {
            "layout": choice.label,
            "is_change": choice.is_change,
            "sentence": choice.sentence,
        },
        "layouts": [_layout_json(layout) for layout in report.layouts],
        "left_out": [
            {"layout": item.layout.value, "reason": item.reason} for item in report.left_out
        ],
    }


def _layout_json(report: LayoutReport) -> dict[str, Any]:
    variant, score, cost = report.variant, report.score, report.cost
    return {
        "label": variant.label,
        "layout": variant.layout.value,
        "health_workload": variant.service.health_workload if variant.layout == "l4" else None,
        "is_current": variant.is_current,
        "score": {
            "works": score.works,
            "partly": score.partly,
            "fails": score.fails,
            "failing": score.failing,
            "capacity": round(score.capacity, 4),
            "lost_healthy": score.lost_healthy,
            "lost_needlessly": round(score.lost_needlessly, 4),
        },
        "cost": {
            "decrypts": cost.decrypts,
            "names": cost.names,
            "sentences": list(cost.sentences),
        },
        "workloads": [_workload_json(row) for row in report.workloads],
    }


def _workload_json(row: WorkloadPrediction) -> dict[str, Any]:
    return {
        "workload": row.workload,
        "title": row.title,
        "remaining": list(row.remaining),
        "answering": [name for name in row.remaining if name in row.answering],
        "standby": list(row.standby),
        "taken_out": [
            {
                "server": item.server,
                "cause": item.cause.value,
                "because": list(item.because),
                "is_needless": item.is_needless,
                "sentence": describe_taken_out(item, row.workload),
            }
            for item in row.taken_out
        ],
        "lost_healthy": list(row.lost_healthy),
        "share": round(row.share, 4),
        "failing": round(row.failing, 4),
        "outcome": row.outcome.value,
        "sentence": row.sentence,
    }
