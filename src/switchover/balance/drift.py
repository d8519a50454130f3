"""What runs compared with what should run. Pure; ``work.cycle`` brings the observations.

Drift is a difference that nobody ordered through switchover: a configuration file edited by hand; over
the engine's own socket a server drained, weighted, added or no longer checked, a frontend paused,
another certificate shown. It is found within one cycle and reported; an operator puts it right
(``drift repair``) or makes it the wish (``drift accept``).

What the engine does not tell is not seen: the limit of a single server, a trusted authority replaced.
"""

from __future__ import annotations

import hashlib
import re
import ssl
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from switchover.balance.overrides import AdminState, Target
from switchover.wire.haproxy.change import (
    EnableChecks,
    EnableFrontend,
    ReplaceCertificate,
    ReplaceList,
    ReplaceMap,
    RuntimeChange,
    SetAddress,
    SetFrontendLimit,
    SetState,
    SetWeight,
)

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from switchover.balance.compile import Compiled
    from switchover.wire.haproxy.config import Frontend, ServerLine
    from switchover.wire.haproxy.listings import FrontendState

SORRY = "sorry"
_CERTIFICATE = re.compile(r"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----", re.DOTALL)

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
    SURPLUS = "surplus"
    CHECK = "check"
    FRONTEND = "frontend"
    LIMIT = "limit"
    CERTIFICATE = "certificate"


@dataclass(frozen=True, slots=True, kw_only=True)
class ObservedServer:
    """A server as the running engine describes it.

    ``stopped_checks`` names what it has and does not do: ``health``, ``agent``.
    """

    backend: str
    name: str
    address: str
    port: int
    weight: int
    state: AdminState
    stopped_checks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ObservedEngine:
    """What the running engine says of itself.

    ``servers`` is keyed by backend and server name, ``frontends`` by name; ``maps``, ``lists`` and
    ``certificates`` (to SHA-1 fingerprints, lower-case hex: the engine tells no other) by file name as
    rendered. A map, list or certificate that is not there was not looked at, and no frontends at all
    means that nobody looked.
    """

    servers: Mapping[tuple[str, str], ObservedServer]
    frontends: Mapping[str, FrontendState] = field(default_factory=dict)
    maps: Mapping[str, tuple[tuple[str, str], ...]] = field(default_factory=dict)
    lists: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    certificates: Mapping[str, str] = field(default_factory=dict)


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
    compiled: Compiled, seen: ObservedEngine, *, advised: Collection[Target] = ()
) -> tuple[Drift, ...]:
    """Return every difference at run time.

    The weights of ``advised`` targets are not judged: our own agent lowers them.
    """
    return (
        *_server_drifts(compiled, seen, advised),
        *_surplus(compiled, seen),
        *_frontend_drifts(compiled, seen),
        *_map_drift(compiled, seen.maps),
        *_list_drift(compiled, seen.lists),
        *_certificate_drift(compiled, seen.certificates),
    )


def _server_drifts(
    compiled: Compiled, seen: ObservedEngine, advised: Collection[Target]
) -> Iterator[Drift]:
    held = {
        (f"{target.service}.{target.pool}", target.server): state
        for target, state in compiled.states.items()
        if state is not AdminState.READY
    }
    for backend in compiled.config.backends:
        for line in backend.servers:
            key = (backend.name, line.name)
            observed = seen.servers.get(key)
            state = held.get(key, AdminState.READY)
            if not _is_as_wanted(observed, line, state):
                yield from _server_drift(backend.name, line, observed, state, advised)


def _is_as_wanted(observed: ObservedServer | None, line: ServerLine, state: AdminState) -> bool:
    """True for nearly every server of every cycle, so it is asked before anything is built."""
    return (
        observed is not None
        and observed.state is state
        and observed.weight == line.weight
        and (line.port is None or (observed.port, observed.address) == (line.port, line.address))
        and not observed.stopped_checks
    )


def _server_drift(
    backend: str,
    line: ServerLine,
    observed: ObservedServer | None,
    state: AdminState,
    advised: Collection[Target],
) -> Iterator[Drift]:
    service, _, pool = backend.partition(".")
    target = Target(service=service, pool=pool, server=line.name)
    # The sorry server is ours; nobody can order anything of it.
    named = None if line.name == SORRY else target
    if observed is None:
        yield Drift(
            kind=DriftKind.MISSING,
            subject=str(target),
            wanted="present",
            found="not in the engine",
            target=named,
        )
        return
    if observed.state is not state:
        yield Drift(
            kind=DriftKind.STATE,
            subject=str(target),
            wanted=state,
            found=observed.state,
            target=named,
            repair=SetState(backend=backend, server=line.name, state=ENGINE_STATE[state]),
        )
    if observed.weight != line.weight and target not in advised:
        yield Drift(
            kind=DriftKind.WEIGHT,
            subject=str(target),
            wanted=str(line.weight),
            found=str(observed.weight),
            target=named,
            repair=SetWeight(backend=backend, server=line.name, weight=line.weight),
        )
    if line.port is not None and (observed.address, observed.port) != (line.address, line.port):
        yield Drift(
            kind=DriftKind.ADDRESS,
            subject=str(target),
            wanted=f"{line.address} port {line.port}",
            found=f"{observed.address} port {observed.port}",
            target=named,
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
            target=named,
            repair=EnableChecks(backend=backend, server=line.name, check=check),
        )


def _surplus(compiled: Compiled, seen: ObservedEngine) -> Iterator[Drift]:
    wanted = {
        (backend.name, line.name)
        for backend in compiled.config.backends
        for line in backend.servers
    }
    if len(seen.servers) <= len(wanted) and wanted.issuperset(seen.servers):
        return
    for backend, server in sorted(seen.servers.keys() - wanted):
        yield Drift(
            kind=DriftKind.SURPLUS,
            subject=f"{backend}/{server}",
            wanted="absent",
            found="in the engine",
        )


def _frontend_drifts(compiled: Compiled, seen: ObservedEngine) -> Iterator[Drift]:
    if not seen.frontends:
        return
    # Where the file says nothing, a frontend may take as many as the whole engine.
    default = compiled.config.global_.max_connections
    for frontend in compiled.config.frontends:
        limit = frontend.max_connections or default
        yield from _frontend_drift(frontend, limit, seen.frontends.get(frontend.name))


def _frontend_drift(
    frontend: Frontend, limit: int, observed: FrontendState | None
) -> Iterator[Drift]:
    if observed is None or observed.status in {"PAUSED", "STOP"}:
        is_paused = observed is not None and observed.status == "PAUSED"
        yield Drift(
            kind=DriftKind.FRONTEND,
            subject=frontend.name,
            wanted="open",
            found="paused" if is_paused else "shut down",
            repair=EnableFrontend(name=frontend.name) if is_paused else None,
        )
    if observed is not None and observed.limit != limit:
        yield Drift(
            kind=DriftKind.LIMIT,
            subject=frontend.name,
            wanted=f"{limit} connections",
            found=f"{observed.limit} connections",
            repair=SetFrontendLimit(name=frontend.name, connections=limit),
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


def _certificate_drift(compiled: Compiled, fingerprints: Mapping[str, str]) -> Iterator[Drift]:
    for name, found in fingerprints.items():
        content = compiled.config.files.get(name)
        wanted = fingerprint(content) if content is not None else None
        if content is not None and wanted is not None and wanted != found:
            yield Drift(
                kind=DriftKind.CERTIFICATE,
                subject=name,
                wanted=f"SHA-1 {wanted[:12]}",
                found=f"SHA-1 {found[:12]}",
                repair=ReplaceCertificate(name=name, content=content),
            )


def fingerprint(pem: bytes) -> str | None:
    """Return the SHA-1 fingerprint (lower-case hex) of the first certificate, None without one.

    Compares what is loaded with what was loaded, and is no proof of anything else.
    """
    block = _CERTIFICATE.search(pem.decode("ascii", "replace"))
    if block is None:
        return None
    try:
        der = ssl.PEM_cert_to_DER_cert(block[0])
    except ValueError:
        return None
    return hashlib.sha1(der, usedforsecurity=False).hexdigest() if der else None
