"""Virtual services to engine configuration. Pure: the same input always gives the same bytes.

Names: the frontend of a service bears the service's name, the backend of a pool ``SERVICE.WORKLOAD``
(``SERVICE.all`` where one verdict covers several workloads), so that statistics, logs and operators
speak of the same things.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from switchover.balance.compile_backend import backends_of, overridden
from switchover.balance.compile_frontend import frontends_of
from switchover.balance.descriptors import connections_that_fit
from switchover.balance.overrides import AdminState, Overrides, Target
from switchover.model.platform_file.spec import PersistenceKind
from switchover.wire.haproxy.config import EngineConfig, Global

if TYPE_CHECKING:
    from collections.abc import Mapping

    from switchover.balance.virtual_service import Balance, VirtualService
    from switchover.wire.haproxy.config import Backend, Frontend

AGENT_POLLS_PER_SECOND = 100
"""Ceiling for questions to the agent port: with many servers each is asked less often, so that the
control plane's share of a processor stays flat (1,000 servers x 5 workloads: every 50 s)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineFacts:
    """What the configuration must know of the machine and of this process.

    Sockets are in HAProxy's syntax (``unix@/run/...``). ``max_connections`` is the most that is taken
    where the platform file does not say; less where the checks leave less of ``open_files``, the hard
    limit. ``threads`` counts those that the engine starts by itself. ``token`` makes abstract socket
    names unique for this data directory.
    """

    admin_socket: str
    log_socket: str
    state_file: str
    peers_socket: str
    max_connections: int
    agent_address: str | None
    agent_port: int | None
    system_ca: str
    event_socket: str | None = None
    user: str | None = None
    group: str | None = None
    open_files: int | None = None
    threads: int = 1
    token: str = "0"  # noqa: S105 - part of a socket name


@dataclass(frozen=True, slots=True, kw_only=True)
class Compiled:
    """Engine configuration plus what it should look like at run time.

    ``states`` holds the wanted administrative state of every target; drain exists at run time only.
    ``services`` is what each service gave, for the next compilation.
    """

    config: EngineConfig
    states: Mapping[Target, AdminState] = field(default_factory=dict)
    services: Mapping[str, CompiledService] = field(default_factory=dict, compare=False, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class CompiledService:
    """What one service gives as long as nobody overrides anything, and what it was made from."""

    service: VirtualService
    facts: EngineFacts
    agent_seconds: float
    frontends: tuple[Frontend, ...]
    backends: tuple[Backend, ...]
    states: Mapping[Target, AdminState]


def compile_engine(
    balance: Balance,
    overrides: Overrides,
    files: Mapping[str, bytes],
    facts: EngineFacts,
    *,
    last: Compiled | None = None,
) -> Compiled:
    """Return the configuration for ``balance``.

    ``files`` maps the file names used in the platform file to their contents; the caller has made
    sure that each exists and fits its purpose (``assets.check_assets``). ``last`` is an earlier result:
    services that are the same as there are taken from it, which only saves time.
    """
    seconds = agent_seconds(balance)
    known = last.services if last else {}
    services = {
        service.name: _service(service, facts, seconds, known.get(service.name))
        for service in balance.services
    }
    backends = (backend for given in services.values() for backend in given.backends)
    states: dict[Target, AdminState] = {}
    for given in services.values():
        states.update(given.states)
    states.update(
        (target, one.state) for target, one in overrides.by_target.items() if target in states
    )
    maps: dict[str, tuple[tuple[str, str], ...]] = {}
    lists: dict[str, tuple[str, ...]] = {}
    for service in balance.services:
        maps.update(_maps(service))
        lists.update(_lists(service))
    return Compiled(
        config=EngineConfig(
            global_=_global(balance, facts),
            frontends=tuple(
                frontend for given in services.values() for frontend in given.frontends
            ),
            backends=tuple(overridden(backends, overrides)),
            maps=maps,
            lists=lists,
            files=_engine_files(balance, files),
            certificates=frozenset(
                f"certs/{name}" for service in balance.services for name in _shown(service)
            ),
        ),
        states=states,
        services=services,
    )


def _service(
    service: VirtualService, facts: EngineFacts, seconds: float, last: CompiledService | None
) -> CompiledService:
    if last and (last.service, last.facts, last.agent_seconds) == (service, facts, seconds):
        return last
    return CompiledService(
        service=service,
        facts=facts,
        agent_seconds=seconds,
        frontends=tuple(frontends_of(service, facts)),
        backends=tuple(backends_of(service, facts, seconds)),
        states={
            Target(service=service.name, pool=pool.label, server=real.name): AdminState.READY
            for pool in service.pools()
            for real in service.servers
        },
    )


def agent_seconds(balance: Balance) -> float:
    """Return how often each server is asked for advice, bounded by AGENT_POLLS_PER_SECOND."""
    lines = sum(len(service.pools()) * len(service.servers) for service in balance.services)
    return max(balance.engine.agent_interval, lines / AGENT_POLLS_PER_SECOND)


def _global(balance: Balance, facts: EngineFacts) -> Global:
    engine = balance.engine
    needs_peers = any(
        service.persistence.kind is PersistenceKind.SOURCE for service in balance.services
    )
    return Global(
        description=f"switchover {balance.platform}",
        admin_socket=facts.admin_socket,
        log_socket=facts.log_socket,
        state_file=facts.state_file,
        max_connections=engine.max_connections or _max_connections(balance, facts),
        threads=engine.threads,
        hard_stop_seconds=engine.old_worker_lifetime,
        max_reloads=engine.old_workers,
        user=facts.user,
        group=facts.group,
        connect_seconds=engine.connect_timeout,
        event_socket=facts.event_socket,
        peers_socket=facts.peers_socket if needs_peers else None,
        max_spread_seconds=_max_spread_seconds(balance),
    )


def _max_spread_seconds(balance: Balance) -> float | None:
    """Return over how long a new worker may spread its first checks, None where it knows by itself.

    It takes the smallest interval, but leaves those below a second out (SRV_CHK_INTER_THRES in
    HAProxy's check.h): with fast checks and an agent asked every 5 s, the first check of a server
    came up to 5 s after each reload.
    """
    smallest = min(
        (item.timing.interval for service in balance.services for item in service.workloads),
        default=1.0,
    )
    return smallest if smallest < 1.0 else None


def _max_connections(balance: Balance, facts: EngineFacts) -> int:
    """A thousand servers need ten thousand open files for checks alone; the engine counts them all.

    In steps of 100, so that the number seldom changes with a server.
    """
    if facts.open_files is None:
        return facts.max_connections
    threads = balance.engine.threads or facts.threads
    room = connections_that_fit(balance, open_files=facts.open_files, threads=threads)
    return max(100, min(facts.max_connections, room // 100 * 100))


def _maps(service: VirtualService) -> dict[str, tuple[tuple[str, str], ...]]:
    if not service.is_http and service.layout != "l4-names":
        return {}
    if service.layout == "l7":
        # Requests are matched with a slash behind the path, so /owa and /owa/x match, /owax does not.
        entries = [
            (f"{path.rstrip('/')}/", item.name)
            for item in service.workloads
            for path in item.workload.paths
        ]
        return {f"maps/{service.name}.paths": tuple(sorted(entries))}
    if service.layout == "l4-names":
        entries = [
            (item.host, item.name) for item in service.workloads if item.host and not item.address
        ]
        return {f"maps/{service.name}.names": tuple(sorted(entries))}
    return {}


def _lists(service: VirtualService) -> dict[str, tuple[str, ...]]:
    wanted = {
        "allow": service.allow,
        "deny": service.deny,
        "restricted": service.allow_restricted,
        "hosts": service.names if service.redirect_from else (),
    }
    return {f"lists/{service.name}.{key}": tuple(value) for key, value in wanted.items() if value}


def _engine_files(balance: Balance, files: Mapping[str, bytes]) -> dict[str, bytes]:
    result: dict[str, bytes] = {}
    for service in balance.services:
        for name in (*_shown(service), service.tls.server_ca):
            if name:
                result[f"certs/{name}"] = files[name]
        if service.sorry and service.sorry.page:
            result[f"pages/{service.name}.sorry.http"] = sorry_response(files[service.sorry.page])
        elif service.is_http and service.layout == "l7" and not service.sorry:
            result[f"pages/{service.name}.sorry.http"] = sorry_response(_own_page(service))
    return result


def _shown(service: VirtualService) -> tuple[str, ...]:
    sorry = (service.sorry.certificate,) if service.sorry and service.sorry.certificate else ()
    return (*service.tls.certificate, *sorry)


def sorry_response(page: bytes) -> bytes:
    """Return a raw HTTP answer with status 503 that carries ``page`` (manual: errorfile)."""
    head = (
        "HTTP/1.1 503 Service Unavailable\r\n"
        "Content-Type: text/html; charset=utf-8\r\n"
        "Cache-Control: no-store\r\n"
        "Retry-After: 30\r\n"
        f"Content-Length: {len(page)}\r\n"
        "\r\n"
    )
    return head.encode() + page


def _own_page(service: VirtualService) -> bytes:
    title = service.title.replace("&", "&amp;").replace("<", "&lt;")
    return (
        "<!doctype html><html lang=en><meta charset=utf-8>"
        "<meta name=viewport content='width=device-width'>"
        f"<title>{title}: back soon</title>"
        "<style>body{font:1.1em/1.6 system-ui,sans-serif;max-width:34em;margin:15vh auto;padding:0 1em;"
        "color:#1c2733;background:#f7f9fb}@media(prefers-color-scheme:dark){body{color:#e6edf3;"
        "background:#10161d}}</style>"
        f"<h1>{title} is not available</h1>"
        "<p>No server can answer right now. Your mail is safe and the administrators have been told. "
        "Please try again in a few minutes.</p></html>\n"
    ).encode()
