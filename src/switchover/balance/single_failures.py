"""Which single server would hurt: each one gone alone, with the layouts as they are. Pure."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from switchover.balance.outage import broken_in
from switchover.balance.prediction import Outcome, file_weight, predict_wished, wishes_of
from switchover.model.platform_file.spec import Scheduler

if TYPE_CHECKING:
    from collections.abc import Collection

    from switchover.balance.outage import BrokenWorkload
    from switchover.balance.overrides import Overrides
    from switchover.balance.prediction import Wishes
    from switchover.balance.virtual_service import Balance, RealServer, VirtualService

MILDEST_FIRST = (
    Outcome.WORKS,
    Outcome.REDUCED,
    Outcome.FAILS_SOMETIMES,
    Outcome.SORRY_SERVER,
    Outcome.SORRY_PAGE,
    Outcome.CLOSED,
    Outcome.FAILS,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class SingleFailure:
    """What the loss of one server does: the worst that users of any workload meet, and where.

    ``share`` is the least capacity that a workload with that outcome keeps, from 0 to 1; ``felt`` are the
    services with the workloads that meet both.
    """

    server: str
    outcome: Outcome
    felt: tuple[tuple[str, tuple[str, ...]], ...]
    share: float


def single_failures(
    balance: Balance,
    overrides: Overrides,
    servers: Collection[str],
    already: frozenset[BrokenWorkload] = frozenset(),
) -> dict[str, SingleFailure]:
    """Return for each of ``servers`` that a service uses what its loss alone would do.

    ``already`` is down anyway.
    """
    met: defaultdict[str, list[tuple[Outcome, float, str, str]]] = defaultdict(list)
    for service in balance.services:
        mine = [real for real in service.servers if real.name in servers]
        wishes = wishes_of(service, overrides) if mine else {}
        present = broken_in(service, already) if mine else frozenset()
        known: dict[object, list[tuple[Outcome, float, str, str]]] = {}
        for real in mine:
            kind = _kind_of(service, real, wishes, present)
            if kind not in known:
                down = [*present, *((real.name, item.name) for item in service.workloads)]
                rows = predict_wished(service, down, wishes).values()
                known[kind] = [(row.outcome, row.share, service.name, row.workload) for row in rows]
            met[real.name] += known[kind]
    return {name: _worst(name, rows) for name, rows in met.items()}


def _kind_of(
    service: VirtualService, real: RealServer, wishes: Wishes, present: frozenset[tuple[str, str]]
) -> object:
    """Return what is the same for servers whose loss does the same: hundreds of one kind are looked at once."""
    if real.backup or service.scheduler is Scheduler.FIRST_AVAILABLE:
        return real.name  # the place in the line counts too
    names = [item.name for item in service.workloads]
    asked = tuple((wishes.get((name, real.name)), (real.name, name) in present) for name in names)
    return file_weight(service, real), asked


def _worst(server: str, rows: list[tuple[Outcome, float, str, str]]) -> SingleFailure:
    outcome = max((row[0] for row in rows), key=MILDEST_FIRST.index)
    share = min(row[1] for row in rows if row[0] is outcome)
    felt: defaultdict[str, list[str]] = defaultdict(list)
    for met, kept, service, workload in rows:
        if (met, kept) == (outcome, share):
            felt[service].append(workload)
    return SingleFailure(
        server=server,
        outcome=outcome,
        felt=tuple((service, tuple(names)) for service, names in felt.items()),
        share=share,
    )
