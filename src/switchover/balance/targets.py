"""A server named by an operator to the pools it is in."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING

from switchover.balance.overrides import Target
from switchover.errors import NotFound

if TYPE_CHECKING:
    from collections.abc import Iterable

    from switchover.balance.virtual_service import Balance


def expand_target(
    balance: Balance, server: str, *, service: str | None, workload: str | None
) -> tuple[Target, ...]:
    """Return every pool of ``server``, narrowed to one service or workload where given.

    In layout l4 a workload names the one pool that carries it, because there the verdict, and so the
    drain, is one for all. Raises NotFound with the nearest known name.
    """
    if server not in balance.servers:
        raise NotFound(unknown_name("server", server, balance.servers))
    if service is not None and balance.find_service(service) is None:
        raise NotFound(unknown_name("service", service, [item.name for item in balance.services]))
    targets = tuple(
        Target(service=item.name, pool=pool.label, server=server)
        for item in balance.services
        if service in {None, item.name} and item.find_server(server)
        for pool in item.pools()
        if workload in {None, pool.label, *(carried.name for carried in pool.workloads)}
    )
    if not targets:
        where = f"the service {service!r}" if service else "any service"
        what = f" with the workload {workload!r}" if workload else ""
        raise NotFound(f"the server {server!r} is not in {where}{what}")
    return targets


def unknown_name(kind: str, name: str, known: Iterable[str]) -> str:
    """Return the sentence about a name that nothing has, with the nearest one that something has."""
    names = list(known)
    close = difflib.get_close_matches(name, names, n=1, cutoff=0.5)
    hint = f"did you mean {close[0]!r}?" if close else f"known: {', '.join(names) or 'none'}"
    return f"there is no {kind} {name!r} ({hint})"
