"""Which server is in which pool of which service, worked out once for each platform file. Pure."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

    from switchover.balance.between_looks import Key
    from switchover.balance.virtual_service import Balance, Pool, VirtualService


class Place(NamedTuple):
    """A server in a pool, with the key of its row."""

    service: VirtualService
    pool: Pool
    server: str
    key: Key


@dataclass(frozen=True, slots=True, kw_only=True)
class Roster:
    """Who is where, in the order of the platform file: worked out once for each of its revisions."""

    by_service: Mapping[str, tuple[tuple[Pool, tuple[Place, ...]], ...]] = field(
        default_factory=dict
    )
    by_server: Mapping[str, tuple[Place, ...]] = field(default_factory=dict)
    seen_inside: frozenset[str] = frozenset()
    """The services whose requests the engine sees."""


def make_roster(balance: Balance) -> Roster:
    """Return who is where."""
    by_service = {}
    by_server: defaultdict[str, list[Place]] = defaultdict(list)
    for service in balance.services:
        pools = []
        for pool in service.pools():
            places = tuple(
                Place(service, pool, real.name, (pool.backend, real.name))
                for real in service.servers
            )
            pools.append((pool, places))
            for place in places:
                by_server[place.server].append(place)
        by_service[service.name] = tuple(pools)
    return Roster(
        by_service=by_service,
        by_server={name: tuple(places) for name, places in by_server.items()},
        seen_inside=frozenset(
            service.name for service in balance.services if service.sees_requests
        ),
    )
