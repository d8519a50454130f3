"""What an outage would do to every virtual service, in each layout, and which layout to choose.

Pure: works on the platform file alone. ``outage`` reads what is assumed down, ``layout_variant`` puts a
service into the other layouts, ``prediction`` knows the engine's rules; here they meet and are weighed.
``what_if_view`` shows the result.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from switchover.balance.layout_variant import (
    LayoutCost,
    LayoutVariant,
    LeftOut,
    cost_of,
    left_out_of,
    variants_of,
)
from switchover.balance.outage import Outage, broken_in
from switchover.balance.overrides import Override, Overrides, Target
from switchover.balance.prediction import (
    Outcome,
    WorkloadPrediction,
    percent,
    predict_wished,
    wishes_of,
)
from switchover.balance.single_failures import MILDEST_FIRST
from switchover.model.platform_file.spec import Layout

if TYPE_CHECKING:
    from collections.abc import Mapping

    from switchover.balance.virtual_service import Balance, VirtualService

_EASE = (Layout.L7, Layout.L4_NAMES, Layout.L4)
"""Which layout to prefer among equals that are not the current one: l7 keeps one name for users,
l4-names asks every client to learn new ones; l4 last, because it is equal only by luck."""
_PARTLY = frozenset({Outcome.REDUCED, Outcome.FAILS_SOMETIMES})
_GONE = frozenset(Outcome) - _PARTLY - {Outcome.WORKS}


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """How a layout fares, in numbers of workloads.

    ``works`` have all their capacity, ``partly`` less of it or some failing requests, ``fails`` are
    gone. ``failing`` counts those (in part or whole) whose requests reach a broken workload.
    ``capacity`` is the mean share over all workloads, ``lost_needlessly`` how much of it would still
    be there if every workload had its own verdict, both from 0 to 1; ``lost_healthy`` counts the
    healthy (server, workload) pairs that were taken out.
    """

    works: int
    partly: int
    fails: int
    failing: int
    capacity: float
    lost_healthy: int
    lost_needlessly: float


@dataclass(frozen=True, slots=True, kw_only=True)
class LayoutReport:
    """One layout of one service during the outage."""

    variant: LayoutVariant
    workloads: tuple[WorkloadPrediction, ...]
    score: Score
    cost: LayoutCost


@dataclass(frozen=True, slots=True, kw_only=True)
class Recommendation:
    """The layout to choose for this outage, with its reason."""

    label: str
    is_change: bool
    sentence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceReport:
    """One virtual service during the outage, in every layout that makes sense for it."""

    service: VirtualService
    is_affected: bool
    layouts: tuple[LayoutReport, ...]
    left_out: tuple[LeftOut, ...]
    recommendation: Recommendation

    @property
    def current(self) -> LayoutReport:
        """The report of the layout that stands in the platform file."""
        return next(report for report in self.layouts if report.variant.is_current)


@dataclass(frozen=True, slots=True, kw_only=True)
class Glimpse:
    """One virtual service during the outage as it is, by what its worst workload meets."""

    service: VirtualService
    outcome: Outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class WhatIf:
    """The whole answer; ``without_effect`` are the outage's items that no service carries."""

    platform: str
    outage: Outage
    services: tuple[ServiceReport, ...]
    without_effect: tuple[str, ...]


def what_if(balance: Balance, outage: Outage, overrides: Overrides | None = None) -> WhatIf:
    """Return what ``outage`` does to every service of ``balance``, on top of ``overrides``."""
    broken = outage.broken
    by_service = _by_service(overrides or Overrides())
    return WhatIf(
        platform=balance.platform,
        outage=outage,
        services=tuple(
            report_service(
                service, broken_in(service, broken), by_service.get(service.name, Overrides())
            )
            for service in balance.services
        ),
        without_effect=outage.without_effect(balance),
    )


def glimpse_service(
    service: VirtualService, down: frozenset[tuple[str, str]], overrides: Overrides
) -> Glimpse:
    """Return one service as it is, without the other layouts: a quarter of the work of a report."""
    rows = predict_wished(service, down, wishes_of(service, overrides)).values()
    return Glimpse(
        service=service, outcome=max((row.outcome for row in rows), key=MILDEST_FIRST.index)
    )


def report_service(
    service: VirtualService, down: frozenset[tuple[str, str]], overrides: Overrides
) -> ServiceReport:
    """Return one service's report; ``down`` holds (server, workload) pairs."""
    wishes = wishes_of(service, overrides)
    predicted = [
        (variant, predict_wished(variant.service, down, wishes)) for variant in variants_of(service)
    ]
    # With one verdict for each workload; l4-names makes sense wherever that differs from l4.
    alone = next(
        (rows for variant, rows in predicted if variant.layout is not Layout.L4), predicted[0][1]
    )
    layouts = [
        LayoutReport(
            variant=variant,
            workloads=tuple(rows.values()),
            score=_score(rows, alone),
            cost=cost_of(variant.service),
        )
        for variant, rows in predicted
    ]
    is_affected = bool(down or wishes) or any(item.score.fails for item in layouts)
    return ServiceReport(
        service=service,
        is_affected=is_affected,
        layouts=tuple(layouts),
        left_out=left_out_of(service),
        recommendation=_recommend(layouts, is_affected=is_affected),
    )


def _by_service(overrides: Overrides) -> dict[str, Overrides]:
    """Sort once, so that many services times many drains stays cheap."""
    mine: defaultdict[str, dict[Target, Override]] = defaultdict(dict)
    for target, override in overrides.by_target.items():
        mine[target.service][target] = override
    return {name: Overrides(by_target=by_target) for name, by_target in mine.items()}


def _score(
    rows: Mapping[str, WorkloadPrediction], alone: Mapping[str, WorkloadPrediction]
) -> Score:
    outcomes = Counter(row.outcome for row in rows.values())
    works = outcomes[Outcome.WORKS]
    partly = sum(outcomes[outcome] for outcome in _PARTLY)
    lost = [max(0.0, alone[name].share - row.share) for name, row in rows.items()]
    return Score(
        works=works,
        partly=partly,
        fails=len(rows) - works - partly,
        failing=outcomes[Outcome.FAILS] + outcomes[Outcome.FAILS_SOMETIMES],
        capacity=sum(row.share for row in rows.values()) / len(rows),
        lost_healthy=sum(len(row.lost_healthy) for row in rows.values()),
        lost_needlessly=sum(lost) / len(rows),
    )


def _rank(report: LayoutReport) -> tuple[float, ...]:
    """Smaller is better for users; equal ranks mean that users see no difference that counts."""
    score = report.score
    return (score.fails, score.failing, -round(score.capacity, 9))


def _recommend(layouts: list[LayoutReport], *, is_affected: bool) -> Recommendation:
    current = next(item for item in layouts if item.variant.is_current)
    best_rank = min(_rank(item) for item in layouts)
    best = [item for item in layouts if _rank(item) == best_rank]
    best.sort(key=lambda item: (not item.variant.is_current, _EASE.index(item.variant.layout)))
    chosen = best[0]
    label = chosen.variant.label
    if not is_affected:
        sentence = f"Nothing of this service is down, so every layout works; {label} is in use."
    elif len(best) == len(layouts):
        sentence = f"Keep {label}: for this outage no other layout does better or worse."
    elif chosen is current:
        worst = max(layouts, key=_rank)
        sentence = f"Keep {label}: {_difference(chosen, worst)}."
    else:
        sentence = f"Choose {label}: {_difference(chosen, current)}.{_without_decrypting(chosen)}"
    return Recommendation(
        label=label,
        is_change=chosen is not current,
        sentence=sentence + _without_apology(chosen),
    )


def _difference(better: LayoutReport, other: LayoutReport) -> str:
    """Return why users fare worse with ``other``, by the first difference that ranks them."""
    good, bad, label = better.score, other.score, other.variant.label
    if bad.fails > good.fails:
        return f"with {label}, users of {_gone(other, better)} would be left with nothing"
    if bad.failing > good.failing:
        return f"with {label}, users of {_failing(other)} would go on meeting a broken server"
    return (
        f"with {label}, {_leaving(bad.lost_healthy)}{percent(bad.capacity)} of the "
        f"capacity would remain instead of {percent(good.capacity)}"
    )


def _leaving(count: int) -> str:
    """A workload counts once for each server that it is taken off."""
    if count == 0:
        return ""
    what = "1 healthy workload" if count == 1 else f"{count} healthy workloads"
    return f"{what} would leave with the broken ones, and "


def _gone(other: LayoutReport, better: LayoutReport) -> str:
    still = {row.workload for row in better.workloads if row.outcome not in _GONE}
    return ", ".join(
        row.workload for row in other.workloads if row.outcome in _GONE and row.workload in still
    )


def _failing(other: LayoutReport) -> str:
    return ", ".join(row.workload for row in other.workloads if row.failing)


def _without_decrypting(chosen: LayoutReport) -> str:
    """Whoever gains from l7 has several workloads, and would gain the same from l4-names."""
    if chosen.variant.layout is not Layout.L7:
        return ""
    return " l4-names does the same without decrypting, for a name for each workload."


def _without_apology(chosen: LayoutReport) -> str:
    """Mail programs make nothing of an apology, people with a browser do."""
    closed = any(row.outcome is Outcome.CLOSED for row in chosen.workloads)
    if not closed or not chosen.variant.service.is_http:
        return ""
    return " A sorry page or server would tell users why their connections are closed."
