"""A service that is still being written: what is wrong with it, and how it would fare in each layout. Pure.

A draft is compared as it is. One with faults is compared by what it does say (workloads, servers, weights):
somebody who has not chosen a certificate yet wants to know already what a layout would give.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from switchover.balance.overrides import Overrides
from switchover.balance.resolve import listening_places
from switchover.balance.resolve_service import ServiceResolver
from switchover.balance.what_if import report_service
from switchover.errors import InvalidInput, Problem
from switchover.model.platform_file.read import read_plain

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from switchover.balance.virtual_service import Balance, VirtualService
    from switchover.balance.what_if import ServiceReport

SKETCH = "draft"
ANY_ADDRESS = "192.0.2.1"
"""Stands where a draft has no address yet; nothing is opened by it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """``service`` is None where there is too little to compare; ``problems`` have paths below it."""

    name: str
    service: VirtualService | None
    problems: tuple[Problem, ...]

    @property
    def suppositions(self) -> tuple[str, ...]:
        """What may be supposed down: each server, and each workload on the first of them."""
        if self.service is None:
            return ()
        servers = [real.name for real in self.service.servers]
        workloads = [item.name for item in self.service.workloads]
        single = [f"{servers[0]}/{name}" for name in workloads] if len(workloads) > 1 else []
        return (*single, *servers)


def read_draft(
    balance: Balance, name: str, value: Mapping[str, Any], *, old_name: str | None = None
) -> Draft:
    """Return the draft of a service; ``old_name`` is the one of the service it takes the place of."""
    try:
        service = _resolve(balance, name, value)
    except InvalidInput as error:
        return Draft(name=name, service=_sketch(balance, value), problems=error.problems)
    others = [item for item in balance.services if item.name not in {name, old_name}]
    return Draft(name=name, service=service, problems=tuple(_taken(service, others)))


def suppose(draft: Draft, down: str) -> ServiceReport | None:
    """Return how the draft fares in every layout while ``down`` (``cas1``, ``cas1/owa``) is gone."""
    service = draft.service
    if service is None:
        return None
    server, _, workload = down.partition("/")
    broken = frozenset(
        (real.name, item.name)
        for real in service.servers
        for item in service.workloads
        if real.name == server and workload in {"", item.name}
    )
    return report_service(service, broken, Overrides())


def _resolve(balance: Balance, name: str, value: Mapping[str, Any]) -> VirtualService:
    file = read_plain({"platform": balance.platform, "servers": {}, "services": {name: value}})
    resolver = ServiceResolver(file, name, balance.servers, balance.templates)
    service = resolver.resolve()
    if service is None:
        faults = tuple(resolver.problems)
        raise InvalidInput(str(faults[0]) if faults else "nothing is carried", faults)
    return service


def _sketch(balance: Balance, value: Mapping[str, Any]) -> VirtualService | None:
    """Return the service that a faulty draft hints at, in the layout that asks for least."""
    named = value.get("names")
    workloads = value.get("workloads") or (list(named) if isinstance(named, dict) else [])
    servers = value.get("servers")
    if not isinstance(workloads, list) or not isinstance(servers, list) or not workloads:
        return None
    sketch = {
        "address": ANY_ADDRESS,
        "port": 443,
        "layout": "l4",
        "workloads": workloads,
        "servers": [_sketched_server(item) for item in servers],
        "health": {"workload": str(workloads[0]).rpartition("/")[2]},
    }
    try:
        return _resolve(balance, SKETCH, sketch)
    except InvalidInput:
        return None


def _sketched_server(item: Any) -> Any:
    """Return a server with its weight, unless that is what is wrong."""
    if not isinstance(item, dict):
        return item
    weight = item.get("weight")
    is_weight = isinstance(weight, int) and not isinstance(weight, bool) and 0 <= weight <= 256
    return {"name": item.get("name"), "weight": weight if is_weight else None}


def _taken(service: VirtualService, others: list[VirtualService]) -> Iterator[Problem]:
    users = {
        (address, port): other.name
        for other in others
        for address, port, _ in listening_places(other)
    }
    for address, port, key in listening_places(service):
        if user := users.get((address, port)):
            yield Problem(
                message=f"{address} port {port} is already used by the service {user!r}",
                path=f"services.{service.name}.{key}",
                hint="give one of them another address or port",
            )
