"""What takes no clients: pools without a server, closed services, pools that a change leaves empty. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from switchover.balance.overrides import AdminState
from switchover.balance.status_words import TAKES_TRAFFIC, condition_of
from switchover.wire.haproxy.statistics import RowKind

if TYPE_CHECKING:
    from collections.abc import Iterable

    from switchover.balance.overrides import Overrides, Target
    from switchover.balance.virtual_service import Balance, RealServer, VirtualService
    from switchover.wire.haproxy.statistics import Row

_CLOSED = {"PAUSED": "paused", "STOP": "shut down"}
_BESIDE = frozenset({"redirect", "sorry"})
"""Frontends that stand beside a service's own: it takes connections without them."""


def empty_pools(rows: Iterable[Row]) -> list[str]:
    """Return a sentence for each service with pools that no server serves, as the engine sees it."""
    served: dict[str, bool] = {}
    for row in rows:
        if row.kind is RowKind.SERVER and "." in row.proxy and row.name != "sorry":
            takes = condition_of(row.status) in TAKES_TRAFFIC and row.weight > 0
            served[row.proxy] = served.get(row.proxy, False) or takes
    return _sentences(proxy for proxy, is_served in served.items() if not is_served)


def closed_frontends(rows: Iterable[Row]) -> dict[str, str]:
    """Return how each frontend that takes no connections was closed, by its name."""
    return {
        row.proxy: _CLOSED[row.status]
        for row in rows
        if row.kind is RowKind.FRONTEND and row.status in _CLOSED
    }


def closed_sentences(rows: Iterable[Row]) -> list[str]:
    """Return a sentence for each frontend that takes no connections."""
    return [
        f"service {name.partition('.')[0]} takes no connections at its frontend {name}: it is {how}; "
        "see: switchover drift show"
        for name, how in closed_frontends(rows).items()
    ]


def is_closed(service: VirtualService, closed: Iterable[str]) -> bool:
    """True when a frontend to which clients of the service connect is among those closed."""
    for frontend in closed:
        name, _, part = frontend.partition(".")
        if name == service.name and part not in _BESIDE:
            return True
    return False


def left_empty(balance: Balance, overrides: Overrides, targets: Iterable[Target]) -> list[str]:
    """Return a sentence for each service with pools of ``targets`` whose every server was taken out.

    By what was ordered: drained, in maintenance or of weight 0. What health checks say is not asked.
    """
    pools = dict.fromkeys((target.service, target.pool) for target in targets)
    empty = [
        f"{service.name}.{pool.label}"
        for service in balance.services
        for pool in service.pools()
        if (service.name, pool.label) in pools
        and not any(
            _is_ordered(overrides, service.name, pool.label, real) for real in service.servers
        )
    ]
    return _sentences(empty)


def _is_ordered(overrides: Overrides, service: str, pool: str, real: RealServer) -> bool:
    override = overrides.get(service, pool, real.name)
    weight = real.weight if override.weight is None else override.weight
    return override.state is AdminState.READY and weight > 0


def _sentences(backends: Iterable[str]) -> list[str]:
    empty: dict[str, list[str]] = {}
    for backend in backends:
        service, _, pool = backend.partition(".")
        empty.setdefault(service, []).append(pool)
    return [
        f"no server is left for {', '.join(pools)} of service {service}"
        for service, pools in empty.items()
    ]
