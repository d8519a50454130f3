"""What a server of the running engine is told otherwise than the wish. Pure.

Asked of thousands of servers in each cycle: nothing is built for one that is in order.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from switchover.balance.drift import ENGINE_STATE, Drift, DriftKind
from switchover.balance.overrides import AdminState, Target
from switchover.wire.haproxy.change import (
    EnableChecks,
    SetAddress,
    SetAgentAddress,
    SetCheckPort,
    SetServerLimit,
    SetState,
    SetTls,
    SetWeight,
)
from switchover.wire.haproxy.state import Endpoints

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from switchover.balance.compile import Compiled
    from switchover.balance.drift import ObservedEngine, ObservedServer
    from switchover.wire.haproxy.config import ServerLine

SORRY = "sorry"


def server_drifts(
    compiled: Compiled, seen: ObservedEngine, advised: Collection[Target]
) -> Iterator[Drift]:
    """Yield every difference of the servers that ``compiled`` has."""
    held = {
        (f"{target.service}.{target.pool}", target.server): state
        for target, state in compiled.states.items()
        if state is not AdminState.READY
    }
    for backend in compiled.config.backends:
        shared = _shared_endpoints(backend.server_options)
        for line in backend.servers:
            key = (backend.name, line.name)
            observed = seen.servers.get(key)
            state = held.get(key, AdminState.READY)
            endpoints = _own_endpoints(shared, line)
            if not _is_as_wanted(observed, line, state, endpoints):
                yield from _server_drift(backend.name, line, observed, state, endpoints, advised)
            if seen.server_limits is not None and observed is not None:
                yield from _limit_drift(backend.name, line, seen.server_limits.get(key, 0))


def _shared_endpoints(options: tuple[str, ...]) -> Endpoints:
    """Return what the ``default-server`` line of a backend says of its servers' endpoints."""
    agent = next((words for words in map(str.split, options) if words[:1] == ["agent-check"]), None)
    return Endpoints(
        uses_tls="ssl" in options,
        agent_address=agent[2] if agent else "",
        agent_port=int(agent[4]) if agent else 0,
    )


def _own_endpoints(shared: Endpoints, line: ServerLine) -> Endpoints:
    """Return ``shared`` with what the server's own line says; nearly always it says nothing."""
    for option in line.options:
        if option == "no-ssl":
            shared = shared._replace(uses_tls=False)
        elif option.startswith("port "):
            shared = shared._replace(check_port=int(option[5:]))
    return shared


def _is_as_wanted(
    observed: ObservedServer | None, line: ServerLine, state: AdminState, endpoints: Endpoints
) -> bool:
    """True for nearly every server of every cycle, so it is asked before anything is built."""
    return (
        observed is not None
        and observed.state is state
        and observed.weight == line.weight
        and (line.port is None or (observed.port, observed.address) == (line.port, line.address))
        and not observed.stopped_checks
        and observed.endpoints in {None, endpoints}
    )


def _server_drift(
    backend: str,
    line: ServerLine,
    observed: ObservedServer | None,
    state: AdminState,
    endpoints: Endpoints,
    advised: Collection[Target],
) -> Iterator[Drift]:
    target = _target(backend, line)
    if observed is None:
        yield Drift(
            kind=DriftKind.MISSING,
            subject=str(target),
            wanted="present",
            found="not in the engine",
            target=_named(target),
        )
        return
    yield from _order_drift(target, line, observed, state, advised)
    if line.port is not None and (observed.address, observed.port) != (line.address, line.port):
        yield Drift(
            kind=DriftKind.ADDRESS,
            subject=str(target),
            wanted=f"{line.address} port {line.port}",
            found=f"{observed.address} port {observed.port}",
            target=_named(target),
            repair=SetAddress(
                backend=backend, server=line.name, address=line.address, port=line.port
            ),
        )
    for check in observed.stopped_checks:
        yield Drift(
            kind=DriftKind.CHECK,
            subject=f"{target} ({check})",
            wanted="enabled",
            found="disabled",
            target=_named(target),
            repair=EnableChecks(backend=backend, server=line.name, check=check),
        )
    if observed.endpoints is not None:
        yield from _endpoint_drift(target, endpoints, observed.endpoints)


def _order_drift(
    target: Target,
    line: ServerLine,
    observed: ObservedServer,
    state: AdminState,
    advised: Collection[Target],
) -> Iterator[Drift]:
    """Yield what an operator could have ordered: state and weight."""
    backend = _backend(target)
    if observed.state is not state:
        yield Drift(
            kind=DriftKind.STATE,
            subject=str(target),
            wanted=state,
            found=observed.state,
            target=_named(target),
            repair=SetState(backend=backend, server=line.name, state=ENGINE_STATE[state]),
        )
    if observed.weight != line.weight and target not in advised:
        yield Drift(
            kind=DriftKind.WEIGHT,
            subject=str(target),
            wanted=str(line.weight),
            found=str(observed.weight),
            target=_named(target),
            repair=SetWeight(backend=backend, server=line.name, weight=line.weight),
        )


def _endpoint_drift(target: Target, wanted: Endpoints, found: Endpoints) -> Iterator[Drift]:
    backend, server, named = _backend(target), target.server, _named(target)
    if found.uses_tls != wanted.uses_tls:
        yield Drift(
            kind=DriftKind.TLS,
            subject=str(target),
            wanted="on" if wanted.uses_tls else "off",
            found="on" if found.uses_tls else "off",
            target=named,
            repair=SetTls(backend=backend, server=server, on=wanted.uses_tls),
        )
    checked = (found.check_address, found.check_port)
    if checked != (wanted.check_address, wanted.check_port):
        yield Drift(
            kind=DriftKind.TARGET,
            subject=f"{target} (health)",
            wanted=_place(wanted.check_address, wanted.check_port),
            found=_place(*checked),
            target=named,
            repair=SetCheckPort(backend=backend, server=server, port=wanted.check_port),
        )
    address, port = wanted.agent_address, wanted.agent_port
    if (found.agent_address, found.agent_port) != (address, port):
        yield Drift(
            kind=DriftKind.TARGET,
            subject=f"{target} (agent)",
            wanted=_place(address, port),
            found=_place(found.agent_address, found.agent_port),
            target=named,
            repair=(
                SetAgentAddress(backend=backend, server=server, address=address, port=port)
                if port
                else None
            ),
        )


def _limit_drift(backend: str, line: ServerLine, found: int) -> Iterator[Drift]:
    wanted = line.max_connections or 0
    if found != wanted:
        target = _target(backend, line)
        yield Drift(
            kind=DriftKind.LIMIT,
            subject=str(target),
            wanted=_limit(wanted),
            found=_limit(found),
            target=_named(target),
            repair=SetServerLimit(backend=backend, server=line.name, connections=wanted),
        )


def _target(backend: str, line: ServerLine) -> Target:
    service, _, pool = backend.partition(".")
    return Target(service=service, pool=pool, server=line.name)


def _backend(target: Target) -> str:
    return f"{target.service}.{target.pool}"


def _named(target: Target) -> Target | None:
    """The sorry server is ours; nobody can order anything of it."""
    return None if target.server == SORRY else target


def _place(address: str, port: int) -> str:
    return f"{address or 'its own address'} port {port or 'of its traffic'}"


def _limit(connections: int) -> str:
    return f"{connections} connections" if connections else "without"
