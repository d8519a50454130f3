"""What does not serve at present, workload by workload, as the engine told it last. Pure."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from switchover.balance.outage import OutageItem, item_text
from switchover.balance.status_words import TAKES_TRAFFIC, Condition, condition_of
from switchover.wire.haproxy.statistics import RowKind

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from switchover.balance.outage import BrokenWorkload
    from switchover.balance.roster import Place
    from switchover.balance.snapshot import Snapshot
    from switchover.balance.virtual_service import Balance

_AILING = frozenset({Condition.DOWN, Condition.RISING})


def not_serving(snapshot: Snapshot) -> dict[BrokenWorkload, Condition]:
    """Return the workloads of servers that take no new clients anywhere: down, draining or in maintenance.

    A pool of several workloads has one verdict for all of them; it counts for a workload only where no pool
    judges that one alone.
    """
    suspects = {
        row.name
        for row in snapshot.rows.values()
        if row.kind is RowKind.SERVER and condition_of(row.status) not in TAKES_TRAFFIC
    }
    found: dict[BrokenWorkload, Condition] = {}
    for server in suspects:
        for name, conditions in _told(snapshot, snapshot.roster.by_server.get(server, ())).items():
            if TAKES_TRAFFIC.isdisjoint(conditions):
                found[name] = _together(conditions)
    return found


def _told(snapshot: Snapshot, places: Iterable[Place]) -> Mapping[BrokenWorkload, list[Condition]]:
    alone: defaultdict[BrokenWorkload, list[Condition]] = defaultdict(list)
    shared: defaultdict[BrokenWorkload, list[Condition]] = defaultdict(list)
    for place in places:
        row = snapshot.rows.get(place.key)
        condition = condition_of(row.status) if row else Condition.ABSENT
        if condition is Condition.ABSENT:
            continue
        into = alone if len(place.pool.workloads) == 1 else shared
        for item in place.pool.workloads:
            into[place.server, item.workload.template, item.name].append(condition)
    return {**shared, **alone}


def _together(conditions: Iterable[Condition]) -> Condition:
    """Return the word for a workload that serves nowhere: what is broken before what was ordered."""
    met = set(conditions)
    if met & _AILING:
        return Condition.DOWN
    return Condition.DRAIN if Condition.DRAIN in met else Condition.MAINTENANCE


def outages_now(
    balance: Balance, found: Mapping[BrokenWorkload, Condition]
) -> tuple[OutageItem, ...]:
    """Return what is down (not what was taken out) as items of an outage, a server that is down whole as one."""
    down: defaultdict[str, set[BrokenWorkload]] = defaultdict(set)
    for name, condition in found.items():
        if condition is Condition.DOWN and name[0] in balance.servers:
            down[name[0]].add(name)
    items: list[OutageItem] = []
    for server in sorted(down):
        broken = down[server]
        if broken == _carried(balance, server):
            items.append(OutageItem(text=server, broken=frozenset(broken)))
            continue
        items += [
            OutageItem(text=item_text(balance, *name), broken=frozenset({name}))
            for name in sorted(broken)
        ]
    return tuple(items)


def _carried(balance: Balance, server: str) -> set[BrokenWorkload]:
    return {
        (server, item.workload.template, item.name)
        for service in balance.services
        if service.find_server(server)
        for item in service.workloads
    }
