"""What users would feel if a server were taken out or weighed otherwise now. Pure.

Unlike what-if this starts from how things are: servers that health checks have taken out are down, and
what operators have taken out before stays out. Told is only what would be different.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from switchover.balance.prediction import Outcome, WorkloadPrediction, predict
from switchover.balance.targets import expand_target
from switchover.balance.unserved import left_empty

if TYPE_CHECKING:
    from switchover.balance.overrides import AdminState, Overrides, Target
    from switchover.balance.snapshot import Snapshot
    from switchover.balance.virtual_service import VirtualService

_FELT = frozenset({Outcome.WORKS, Outcome.REDUCED})
"""Outcomes with which every user still gets an answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What somebody thinks of doing; without a state it is about the weight (None: the file's)."""

    server: str
    service: str | None = None
    workload: str | None = None
    state: AdminState | None = None
    weight: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Felt:
    """What users of one workload would notice: before and after, as sentences and shares of capacity."""

    service: str
    workload: str
    before: WorkloadPrediction
    after: WorkloadPrediction

    @property
    def is_worse(self) -> bool:
        """True when users would miss something that they have now."""
        return self.before.outcome in _FELT and self.after.outcome not in _FELT


@dataclass(frozen=True, slots=True, kw_only=True)
class FeltAlike:
    """Workloads of one service whose users would notice the same; ``item`` is one of them."""

    workloads: tuple[str, ...]
    item: Felt


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """What a change would do. ``warnings`` are sentences about workloads that nobody would serve.

    ``connections`` are open now where the change applies; they stay until they end.
    """

    targets: tuple[Target, ...]
    felt: tuple[Felt, ...]
    warnings: tuple[str, ...]
    connections: int

    @property
    def needs_care(self) -> bool:
        """True when users would be left with nothing."""
        return bool(self.warnings) or any(item.is_worse for item in self.felt)

    def alike(self) -> tuple[FeltAlike, ...]:
        """Return what is felt, the worst first, with those who feel the same told once."""
        found: dict[tuple[object, ...], list[Felt]] = {}
        for item in self.felt:
            after = item.after
            key = (item.service, after.sentence, after.outcome, item.before.share, after.share)
            found.setdefault((*key, item.is_worse), []).append(item)
        alike = [
            FeltAlike(workloads=tuple(item.workload for item in items), item=items[0])
            for items in found.values()
        ]
        return tuple(sorted(alike, key=lambda one: not one.item.is_worse))


def preview_change(snapshot: Snapshot, change: Change) -> Preview:
    """Return what the change would do; raises NotFound for names that the platform file does not know."""
    balance = snapshot.balance
    if balance is None:
        return Preview(targets=(), felt=(), warnings=(), connections=0)
    targets = expand_target(
        balance, change.server, service=change.service, workload=change.workload
    )
    after = snapshot.overrides.changed(
        targets,
        state=change.state,
        weight=change.weight,
        reset_weight=change.state is None and change.weight is None,
    )
    touched = dict.fromkeys(target.service for target in targets)
    felt = [
        item
        for service in balance.services
        if service.name in touched
        for item in _felt(snapshot, service, after)
    ]
    return Preview(
        targets=targets,
        felt=tuple(felt),
        warnings=tuple(_last_ones(felt) or left_empty(balance, after, targets)),
        connections=sum(_connections(snapshot, target) for target in targets),
    )


def _felt(snapshot: Snapshot, service: VirtualService, after: Overrides) -> list[Felt]:
    down = _down_now(snapshot, service)
    old = predict(service, down, snapshot.overrides)
    new = predict(service, down, after)
    return [
        Felt(service=service.name, workload=name, before=old[name], after=new[name])
        for name in new
        if (old[name].sentence, old[name].remaining) != (new[name].sentence, new[name].remaining)
        or old[name].share != new[name].share
    ]


def _down_now(snapshot: Snapshot, service: VirtualService) -> list[tuple[str, str]]:
    """Return the pairs of server and workload that health checks have taken out."""
    return [
        (cell.view.server, item.name)
        for pool, cells in snapshot.pool_cells(service.name)
        for cell in cells
        if not cell.serves and not cell.is_ordered_out
        for item in pool.workloads
    ]


def _last_ones(felt: list[Felt]) -> list[str]:
    """Return a sentence for each service with workloads that lose their last answering server."""
    lost: dict[str, list[str]] = {}
    for item in felt:
        if item.is_worse:
            lost.setdefault(item.service, []).append(item.workload)
    return [
        f"this is the last server that answers for {', '.join(names)} of service {service}"
        for service, names in lost.items()
    ]


def _connections(snapshot: Snapshot, target: Target) -> int:
    row = snapshot.rows.get((f"{target.service}.{target.pool}", target.server))
    return row.sessions_now if row else 0
