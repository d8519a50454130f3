"""The layouts beside a service's form: what each gives and costs, and how it fares in an outage."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from switchover.balance.prediction import percent
from switchover.balance.service_draft import suppose
from switchover.model.platform_file.spec import Layout
from switchover.model.wording import counted

if TYPE_CHECKING:
    from switchover.balance.service_draft import Draft
    from switchover.balance.what_if import LayoutReport, Score

LAYOUTS: tuple[tuple[Layout, str, str], ...] = (
    (
        Layout.L7,
        "Decrypt and route by path",
        "One name for everything, and each workload leaves on its own when it breaks. "
        "The balancer holds the certificate and its key.",
    ),
    (
        Layout.L4_NAMES,
        "A name for each workload, not decrypted",
        "Each workload leaves on its own, and TLS stays between client and server. "
        "Every workload needs a host name of its own.",
    ),
    (
        Layout.L4,
        "One name, not decrypted",
        "The simplest: TLS passes untouched. There is one verdict for each server, so workloads "
        "leave together. Right for a service with one workload.",
    ),
)
"""Each layout with its title and what it means, for somebody who sees it for the first time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LayoutView:
    """One layout in the comparison; ``level`` is the state's, ``word`` and ``sentences`` say what users feel."""

    label: str
    layout: str
    is_chosen: bool
    is_advised: bool
    level: str
    word: str
    sentences: tuple[str, ...]
    costs: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """The whole comparison; ``views`` is empty while there is too little to compare."""

    down: str
    suppositions: tuple[str, ...]
    views: tuple[LayoutView, ...] = ()
    left_out: tuple[tuple[str, str], ...] = ()
    advice: str = ""


def compare(draft: Draft, *, layout: str, down: str, is_whole: bool) -> Comparison:
    """Return how the draft would fare in each layout while ``down`` is gone.

    Anything that can not be supposed is replaced by the first that can. ``layout`` is the chosen one: of a
    draft with faults (``is_whole`` False) the service itself may be in another, so nothing is advised.
    """
    suppositions = draft.suppositions
    chosen = down if down in suppositions else (suppositions[0] if suppositions else "")
    report = suppose(draft, chosen) if chosen else None
    if report is None:
        return Comparison(down=chosen, suppositions=suppositions)
    advised = report.recommendation.label if is_whole else ""
    views = [_view(item, layout=layout, advised=advised) for item in report.layouts]
    return Comparison(
        down=chosen,
        suppositions=suppositions,
        views=tuple(sorted(views, key=lambda view: not view.is_chosen)),
        left_out=tuple((item.layout.value, item.reason) for item in report.left_out),
        advice=report.recommendation.sentence if is_whole else "",
    )


def _view(report: LayoutReport, *, layout: str, advised: str) -> LayoutView:
    level, word = _felt(report.score)
    return LayoutView(
        label=report.variant.label,
        layout=report.variant.layout.value,
        is_chosen=report.variant.layout.value == layout,
        is_advised=report.variant.label == advised,
        level=level,
        word=word,
        sentences=tuple(_sentences(report)),
        costs=report.cost.sentences,
    )


def _felt(score: Score) -> tuple[str, str]:
    if score.fails:
        return "bad", f"{counted(score.fails, 'workload')} gone"
    if score.failing:
        return "bad", f"{counted(score.failing, 'workload')} failing for some"
    if score.capacity < 1:
        return "warning", f"{percent(score.capacity)} of the capacity"
    return "ok", "users notice nothing"


def _sentences(report: LayoutReport) -> list[str]:
    """Return what users of which workloads meet, those that fare alike together."""
    alike: dict[str, list[str]] = {}
    for row in report.workloads:
        alike.setdefault(row.sentence, []).append(row.workload)
    told = [f"{', '.join(names)}: {sentence}" for sentence, names in alike.items()]
    if lost := report.score.lost_healthy:
        told.append(f"{counted(lost, 'healthy workload')} would leave with the broken one.")
    return told
