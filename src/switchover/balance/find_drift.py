"""Every difference between the running engine and the wish. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from switchover.balance.certificate import fingerprints
from switchover.balance.drift import Drift, DriftKind
from switchover.balance.server_drift import server_drifts
from switchover.wire.haproxy.change import (
    EnableFrontend,
    LiftRateLimit,
    ReplaceCertificate,
    ReplaceList,
    ReplaceMap,
    SetEngineLimit,
    SetFrontendLimit,
)

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from switchover.balance.compile import Compiled
    from switchover.balance.drift import ObservedEngine
    from switchover.balance.overrides import Target
    from switchover.wire.haproxy.config import Frontend
    from switchover.wire.haproxy.listings import FrontendState
    from switchover.wire.haproxy.state import EngineInfo

ENGINE = "the engine"


def find_drift(
    compiled: Compiled, seen: ObservedEngine, *, advised: Collection[Target] = ()
) -> tuple[Drift, ...]:
    """Return every difference at run time.

    The weights of ``advised`` targets are not judged: our own agent lowers them.
    """
    return (
        *server_drifts(compiled, seen, advised),
        *_surplus(compiled, seen),
        *_engine_drifts(seen.info),
        *_frontend_drifts(compiled, seen),
        *_map_drift(compiled, seen.maps),
        *_list_drift(compiled, seen.lists),
        *_certificate_drift(compiled, seen),
        *_authority_drift(compiled, seen),
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


def _engine_drifts(info: EngineInfo | None) -> Iterator[Drift]:
    if info is None:
        return
    if info.max_connections != info.configured_connections:
        yield Drift(
            kind=DriftKind.LIMIT,
            subject=ENGINE,
            wanted=f"{info.configured_connections} connections",
            found=f"{info.max_connections} connections",
            repair=SetEngineLimit(connections=info.configured_connections),
        )
    for name, limit in info.rate_limits.items():
        if limit:  # our files never have one
            yield Drift(
                kind=DriftKind.LIMIT,
                subject=ENGINE,
                wanted="without",
                found=f"{limit} {name} per second",
                repair=LiftRateLimit(kind=name),
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


def _certificate_drift(compiled: Compiled, seen: ObservedEngine) -> Iterator[Drift]:
    for name, leaf in seen.certificates.items():
        content = compiled.config.files.get(name)
        wanted = fingerprints(content) if content is not None else ()
        if content is None or not wanted:
            continue
        difference = _certificate_difference(wanted, leaf, name, seen)
        if difference is not None:
            yield Drift(
                kind=DriftKind.CERTIFICATE,
                subject=name,
                wanted=difference[0],
                found=difference[1],
                repair=ReplaceCertificate(name=name, content=content),
            )


def _certificate_difference(
    wanted: tuple[str, ...], leaf: str, name: str, seen: ObservedEngine
) -> tuple[str, str] | None:
    """Return what should be shown and what is, None where they are the same."""
    if leaf != wanted[0]:
        return f"SHA-1 {wanted[0][:12]}", f"SHA-1 {leaf[:12]}"
    chain = seen.chains.get(name)
    if chain is None:
        return None
    if len(chain) != len(wanted) - 1:
        return f"followed by {len(wanted) - 1} others", f"followed by {len(chain)} others"
    first = seen.first_chains.get(name, chain)
    if chain != first:
        return f"followed by {', '.join(first)}", f"followed by {', '.join(chain)}"
    return None


def _authority_drift(compiled: Compiled, seen: ObservedEngine) -> Iterator[Drift]:
    for name, found in seen.authorities.items():
        content = compiled.config.files.get(name)
        wanted = (
            seen.first_authorities.get(name)
            if content is None
            else frozenset(fingerprints(content))
        )
        if wanted and found != wanted:
            yield Drift(
                kind=DriftKind.AUTHORITY,
                subject=name,
                wanted=f"{len(wanted)} certificates",
                found=f"{len(found)} certificates that differ",
            )
