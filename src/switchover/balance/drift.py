"""What runs compared with what should run. Pure; ``work.cycle`` brings the observations.

Drift is a difference that nobody ordered through switchover: a configuration file edited by hand, a
server drained or weighted over the engine's own socket. It is found within one cycle and reported; an
operator puts it right (``drift repair``) or makes it the wish (``drift accept``).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from switchover.balance.overrides import AdminState, Target
from switchover.wire.haproxy.change import (
    ReplaceList,
    ReplaceMap,
    RuntimeChange,
    SetAddress,
    SetState,
    SetWeight,
)

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from switchover.balance.compile import Compiled
    from switchover.wire.haproxy.config import ServerLine

ENGINE_STATE = {
    AdminState.READY: "ready",
    AdminState.DRAIN: "drain",
    AdminState.MAINTENANCE: "maint",
}


class DriftKind(StrEnum):
    """What differs."""

    FILE = "file"
    STATE = "state"
    WEIGHT = "weight"
    ADDRESS = "address"
    MAP = "map"
    LIST = "list"
    MISSING = "missing"


@dataclass(frozen=True, slots=True, kw_only=True)
class ObservedServer:
    """A server as the running engine describes it."""

    backend: str
    name: str
    address: str
    port: int
    weight: int
    state: AdminState


@dataclass(frozen=True, slots=True, kw_only=True)
class Drift:
    """One difference.

    ``subject`` names it for people. ``repair`` puts it right at run time; None where only writing the
    files anew does.
    """

    kind: DriftKind
    subject: str
    wanted: str
    found: str
    target: Target | None = None
    repair: RuntimeChange | None = None

    @property
    def sentence(self) -> str:
        """What an operator reads."""
        return f"{self.subject}: {self.kind} is {self.found}, should be {self.wanted}"


def find_drift(
    compiled: Compiled,
    servers: Mapping[tuple[str, str], ObservedServer],
    maps: Mapping[str, tuple[tuple[str, str], ...]],
    *,
    lists: Mapping[str, tuple[str, ...]] | None = None,
    advised: Collection[Target] = (),
) -> tuple[Drift, ...]:
    """Return every difference at run time.

    ``servers`` is keyed by backend and server name, ``maps`` and ``lists`` by file name as rendered;
    one that is not there was not looked at. The weights of ``advised`` targets are not judged: our own
    agent lowers them.
    """
    held = {
        (f"{target.service}.{target.pool}", target.server): state
        for target, state in compiled.states.items()
        if state is not AdminState.READY
    }
    found: list[Drift] = []
    for backend in compiled.config.backends:
        for line in backend.servers:
            key = (backend.name, line.name)
            observed = servers.get(key)
            if line.name == "sorry" or _is_as_wanted(observed, line, held.get(key)):
                continue
            service, _, pool = backend.name.partition(".")
            target = Target(service=service, pool=pool, server=line.name)
            found.extend(_server_drift(target, line, observed, compiled, advised))
    found.extend(_map_drift(compiled, maps))
    found.extend(_list_drift(compiled, lists or {}))
    return tuple(found)


def _is_as_wanted(
    observed: ObservedServer | None, line: ServerLine, held: AdminState | None
) -> bool:
    """True for nearly every server of every cycle, so it is asked before anything is built."""
    return (
        observed is not None
        and observed.state is (held or AdminState.READY)
        and observed.weight == line.weight
        and observed.port == (line.port or 0)
        and observed.address == line.address
    )


def _server_drift(
    target: Target,
    line: ServerLine,
    observed: ObservedServer | None,
    compiled: Compiled,
    advised: Collection[Target],
) -> Iterator[Drift]:
    backend = f"{target.service}.{target.pool}"
    if observed is None:
        yield Drift(
            kind=DriftKind.MISSING,
            subject=str(target),
            wanted="present",
            found="not in the engine",
            target=target,
        )
        return
    state = compiled.states[target]
    if observed.state is not state:
        yield Drift(
            kind=DriftKind.STATE,
            subject=str(target),
            wanted=state,
            found=observed.state,
            target=target,
            repair=SetState(backend=backend, server=line.name, state=ENGINE_STATE[state]),
        )
    if observed.weight != line.weight and target not in advised:
        yield Drift(
            kind=DriftKind.WEIGHT,
            subject=str(target),
            wanted=str(line.weight),
            found=str(observed.weight),
            target=target,
            repair=SetWeight(backend=backend, server=line.name, weight=line.weight),
        )
    if line.port is not None and (observed.address, observed.port) != (line.address, line.port):
        yield Drift(
            kind=DriftKind.ADDRESS,
            subject=str(target),
            wanted=f"{line.address} port {line.port}",
            found=f"{observed.address} port {observed.port}",
            target=target,
            repair=SetAddress(
                backend=backend, server=line.name, address=line.address, port=line.port
            ),
        )


def _map_drift(
    compiled: Compiled, maps: Mapping[str, tuple[tuple[str, str], ...]]
) -> Iterator[Drift]:
    for name, entries in maps.items():
        wanted = compiled.config.maps.get(name)
        if wanted is not None and sorted(entries) != sorted(wanted):
            yield Drift(
                kind=DriftKind.MAP,
                subject=name,
                wanted=f"{len(wanted)} entries",
                found=f"{len(entries)} entries that differ",
                repair=ReplaceMap(name=name, entries=wanted),
            )


def _list_drift(compiled: Compiled, lists: Mapping[str, tuple[str, ...]]) -> Iterator[Drift]:
    for name, patterns in lists.items():
        wanted = compiled.config.lists.get(name)
        if wanted is not None and sorted(patterns) != sorted(wanted):
            yield Drift(
                kind=DriftKind.LIST,
                subject=name,
                wanted=f"{len(wanted)} entries",
                found=f"{len(patterns)} entries that differ",
                repair=ReplaceList(name=name, patterns=wanted),
            )
