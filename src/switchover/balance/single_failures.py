"""Which single server would hurt: each one gone alone, with the layouts as they are. Pure."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from switchover.balance.outage import broken_in
from switchover.balance.prediction import Outcome, predict_wished, wishes_of

if TYPE_CHECKING:
    from collections.abc import Collection

    from switchover.balance.outage import BrokenWorkload
    from switchover.balance.overrides import Overrides
    from switchover.balance.virtual_service import Balance

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
        mine = [real.name for real in service.servers if real.name in servers]
        wishes = wishes_of(service, overrides) if mine else {}
        present = broken_in(service, already) if mine else frozenset()
        for name in mine:
            down = [*present, *((name, item.name) for item in service.workloads)]
            for row in predict_wished(service, down, wishes).values():
                met[name].append((row.outcome, row.share, service.name, row.workload))
    return {name: _worst(name, rows) for name, rows in met.items()}


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
