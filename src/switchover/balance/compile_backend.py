"""The server side of a virtual service: one backend per pool, its check and its server lines."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import TYPE_CHECKING

from switchover.balance.checks import asked_name, check_uses_tls, health_check
from switchover.balance.compile_frontend import has_sorry_frontend, sorry_endpoint
from switchover.balance.overrides import AdminState
from switchover.balance.virtual_service import ALL_WORKLOADS, HealthTiming
from switchover.model.platform_file.spec import Layout, PersistenceKind, Scheduler, TlsMode
from switchover.model.platform_file.spec_health import OnDown
from switchover.model.workload import Transport
from switchover.wire.haproxy.config import Backend, ServerLine
from switchover.wire.haproxy.render import milliseconds, quoted

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from switchover.balance.compile import EngineFacts
    from switchover.balance.overrides import Override, Overrides
    from switchover.balance.virtual_service import (
        CarriedWorkload,
        Pool,
        RealServer,
        VirtualService,
    )

_BALANCE = {
    Scheduler.ROUND_ROBIN: "roundrobin",
    Scheduler.WEIGHTED: "roundrobin",
    Scheduler.LEAST_CONNECTIONS: "leastconn",
    Scheduler.SOURCE_HASH: "source",
    Scheduler.FIRST_AVAILABLE: "first",
}
EQUAL_WEIGHT = 100


def backends_of(
    service: VirtualService, facts: EngineFacts, agent_seconds: float
) -> Iterator[Backend]:
    """Yield one backend for each pool of the service, as the platform file alone has it."""
    for pool in service.pools():
        judged = judged_workloads(service, pool)
        yield Backend(
            name=pool.backend,
            mode="http" if _is_http_mode(service) else "tcp",
            balance=_BALANCE[service.scheduler],
            check=health_check(service, judged),
            server_options=tuple(_server_options(service, judged, facts, agent_seconds)),
            server_timeout_seconds=max(item.server_timeout_seconds for item in pool.workloads),
            lines=tuple(_lines(service)),
            servers=tuple(_servers(service, pool, judged[0], facts)),
        )


def overridden(backends: Iterable[Backend], overrides: Overrides) -> Iterator[Backend]:
    """Yield each backend with the weights and maintenance of ``overrides``; others stay the same."""
    wanted: dict[str, dict[str, Override]] = {}
    for target, override in overrides.by_target.items():
        wanted.setdefault(f"{target.service}.{target.pool}", {})[target.server] = override
    for backend in backends:
        own = wanted.get(backend.name)
        yield (
            backend
            if own is None
            else replace(
                backend,
                servers=tuple(_overridden(line, own.get(line.name)) for line in backend.servers),
            )
        )


def _overridden(line: ServerLine, override: Override | None) -> ServerLine:
    if override is None:
        return line
    return replace(
        line,
        weight=line.weight if override.weight is None else override.weight,
        disabled=override.state is AdminState.MAINTENANCE,
    )


def judged_workloads(service: VirtualService, pool: Pool) -> tuple[CarriedWorkload, ...]:
    """Return the workloads whose health speaks for a server in the pool."""
    if service.layout is Layout.L4 and service.health_workload != ALL_WORKLOADS:
        return tuple(item for item in pool.workloads if item.name == service.health_workload)
    return pool.workloads


def joint_timing(judged: tuple[CarriedWorkload, ...]) -> HealthTiming:
    """Return the timing of a verdict over several workloads: asked as often as the most urgent one."""
    timings = [item.timing for item in judged]
    return HealthTiming(
        interval=min(timing.interval for timing in timings),
        timeout=max(timing.timeout for timing in timings),
        fall=min(timing.fall for timing in timings),
        rise=max(timing.rise for timing in timings),
        fast_interval=min(timing.fast_interval for timing in timings),
    )


def _is_http_mode(service: VirtualService) -> bool:
    return service.is_http and service.layout is Layout.L7


def server_port(service: VirtualService, item: CarriedWorkload, real: RealServer) -> int:
    """Return the port traffic goes to: the clear one when TLS ends at the balancer."""
    workload = item.workload
    offload = service.tls_mode is TlsMode.OFFLOAD and workload.clear_port is not None
    return real.server.port_of(workload.clear_port if offload else workload.port)  # type: ignore[arg-type] # not None when offload


def _lines(service: VirtualService) -> Iterator[str]:
    if _is_http_mode(service):
        # A Windows sign-in belongs to the connection: the engine keeps a connection that answered
        # 401 NTLM or Negotiate for the client that opened it; never close or share it (C4).
        yield "http-reuse safe"
        # For upgraded connections (web sockets). In TCP mode this would replace the timeouts of client
        # and server, so it must not stand in the defaults.
        yield "timeout tunnel 1h"
        yield f"errorfile 503 pages/{service.name}.sorry.http" if _has_page(service) else ""
    else:
        yield "option srvtcpka"
        yield "timeout server-fin 30s"
    if service.scheduler is Scheduler.SOURCE_HASH:
        yield "hash-type consistent"
    persistence = service.persistence
    if persistence.kind is PersistenceKind.SOURCE:
        yield (
            f"stick-table type ipv6 size {persistence.size} "
            f"expire {milliseconds(persistence.expire)} peers kept"
        )
        yield "stick on src"
    if persistence.kind is PersistenceKind.COOKIE:
        yield (
            "cookie SWITCHOVER insert indirect nocache httponly secure attr SameSite=Lax "
            f"maxidle {milliseconds(persistence.expire)}"
        )


def _has_page(service: VirtualService) -> bool:
    return service.sorry is None or service.sorry.page is not None


def _server_options(
    service: VirtualService,
    judged: tuple[CarriedWorkload, ...],
    facts: EngineFacts,
    agent_seconds: float,
) -> Iterator[str]:
    timing = joint_timing(judged)
    yield "check"
    yield f"inter {milliseconds(timing.interval)}"
    yield f"fastinter {milliseconds(timing.fast_interval)}"
    yield f"fall {timing.fall} rise {timing.rise}"
    if service.observe:
        layer = "layer7" if _is_http_mode(service) else "layer4"
        yield f"observe {layer} error-limit 10 on-error fastinter"
    if service.on_down is OnDown.CLOSE:
        yield "on-marked-down shutdown-sessions"
    if facts.agent_port is not None and facts.agent_address is not None:
        yield f"agent-check agent-addr {facts.agent_address} agent-port {facts.agent_port}"
        yield f"agent-inter {milliseconds(agent_seconds)}"
    yield from _tls_options(service, judged, facts)


def _tls_options(
    service: VirtualService, judged: tuple[CarriedWorkload, ...], facts: EngineFacts
) -> Iterator[str]:
    carries_tls = service.tls_mode is TlsMode.RE_ENCRYPT and any(
        item.workload.transport is Transport.TLS for item in judged
    )
    checks_tls = any(check_uses_tls(service, item) for item in judged)
    if not carries_tls and not checks_tls:
        return
    # The name is the one clients ask for: servers choose their certificate by it, and with layout l4
    # the check then sees just what clients see.
    host = asked_name(service, judged[0])
    if carries_tls:
        yield "ssl"
        yield f"sni str({host})" if host else ""
    yield "check-ssl" if checks_tls else "no-check-ssl"
    if host and checks_tls:
        yield f"check-sni {host}"
    yield from _verification(service, host, facts, carries_tls=carries_tls)


def _verification(
    service: VirtualService, host: str | None, facts: EngineFacts, *, carries_tls: bool
) -> Iterator[str]:
    # Pass-through: the client verifies end to end, so without a CA the check only proves an answer.
    if not service.tls.verify or (not carries_tls and service.tls.server_ca is None):
        yield "verify none"
        return
    authority = f"certs/{service.tls.server_ca}" if service.tls.server_ca else facts.system_ca
    yield f"verify required ca-file {quoted(authority)}"
    if host and service.layout is not Layout.L4:
        yield f"verifyhost {host}"


def _servers(
    service: VirtualService,
    pool: Pool,
    judged: CarriedWorkload,
    facts: EngineFacts,
) -> Iterator[ServerLine]:
    carried = pool.workloads[0]
    for real in service.servers:
        weight = real.weight if service.scheduler is not Scheduler.ROUND_ROBIN else EQUAL_WEIGHT
        yield ServerLine(
            name=real.name,
            address=real.server.address,
            port=server_port(service, carried, real),
            weight=weight,
            backup=real.backup,
            max_connections=real.max_connections,
            options=tuple(_own_options(service, pool, carried, judged, real, facts)),
        )
    sorry = service.sorry
    if sorry and sorry.address:
        yield ServerLine(
            name="sorry",
            address=sorry.address,
            port=sorry.port or service.port,
            backup=True,
            options=("no-check", "no-agent-check", "no-ssl", "non-stick"),
        )
    elif has_sorry_frontend(service):
        yield ServerLine(
            name="sorry",
            address=sorry_endpoint(service, facts),
            port=None,
            backup=True,
            options=("no-check", "no-agent-check", "non-stick"),
        )


def _own_options(
    service: VirtualService,
    pool: Pool,
    carried: CarriedWorkload,
    judged: CarriedWorkload,
    real: RealServer,
    facts: EngineFacts,
) -> Iterator[str]:
    check = judged.workload.check
    if real.backup:
        yield "non-stick"  # or clients would stay on it when the others are back
    if real.server.takes_proxy_protocol(carried.name, carried.workload.protocol):
        yield "send-proxy-v2"
        if check.port is None:
            yield "check-send-proxy"
    if check.port is not None:
        yield f"port {real.server.port_of(check.port)}"
    if service.persistence.kind is PersistenceKind.COOKIE:
        yield f"cookie {_cookie_value(service, real)}"
    if facts.agent_port is not None:
        yield f'agent-send "{pool.backend}/{real.name}\\n"'


def _cookie_value(service: VirtualService, real: RealServer) -> str:
    """A server's name tells outsiders about the inside; its digest does not."""
    return hashlib.sha256(f"{service.name}/{real.name}".encode()).hexdigest()[:12]
