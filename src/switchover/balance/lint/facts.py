"""What lint is told beside the file: facts of this machine, and facts asked for with ``--live``.

Read by ``balance/probes``; here are only their types and the list of what to ask.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from switchover.balance.checks import check_host
from switchover.balance.compile_backend import server_port
from switchover.model.platform_file.spec import Layout, TlsMode
from switchover.model.workload import Protocol, Transport

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from switchover.balance.certificate import CertificateFacts
    from switchover.balance.virtual_service import (
        Balance,
        CarriedWorkload,
        RealServer,
        VirtualService,
    )

EndpointKey = tuple[str, int, str]
"""Server name, port, and the host name asked for ("" for none)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MachineFacts:
    """The machine that the engine runs on.

    ``addresses`` are those it answers on, in ``str(ip_address)`` form; ``binds_any_address`` is
    ``net.ipv4.ip_nonlocal_bind`` (usual with VRRP). ``descriptor_limit`` is the hard limit on open
    files. ``engine`` and ``tls_library`` are the engine's own words; ``newer_engines`` describes those
    that are ahead of it, one sentence part each.
    """

    addresses: frozenset[str] = frozenset()
    binds_any_address: bool = False
    descriptor_limit: int | None = None
    threads: int = 1
    engine: str = ""
    tls_library: str = ""
    newer_engines: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Endpoint:
    """A server's TLS port to ask for its certificate.

    ``send_proxy`` where the port expects a PROXY protocol header first; ``http`` where it may offer
    HTTP/2.
    """

    server: str
    address: str
    port: int
    host: str
    send_proxy: bool = False
    http: bool = False

    @property
    def key(self) -> EndpointKey:
        """What answers are found by."""
        return (self.server, self.port, self.host)


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveTargets:
    """Everything that ``--live`` asks for."""

    names: tuple[str, ...] = ()
    endpoints: tuple[Endpoint, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class NameAnswer:
    """The addresses a name has here, or why they are not known.

    ``is_absent`` is True when the name service said there is none, False when it did not answer.
    """

    addresses: tuple[str, ...] = ()
    error: str = ""
    is_absent: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointAnswer:
    """The certificate a server presents and the protocol it chose (ALPN), or why not."""

    certificate: CertificateFacts | None = None
    alpn: str | None = None
    error: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveFacts:
    """The answers; what was not asked is absent."""

    names: Mapping[str, NameAnswer] = field(default_factory=dict)
    endpoints: Mapping[EndpointKey, EndpointAnswer] = field(default_factory=dict)


def live_targets(balance: Balance) -> LiveTargets:
    """Return the names to resolve and the servers to ask, each once."""
    names = [name for service in balance.services for name in service.names]
    names.extend(name for name, _ in balance.internal_names)
    endpoints = {
        endpoint.key: endpoint for service in balance.services for endpoint in _endpoints(service)
    }
    return LiveTargets(
        names=tuple(dict.fromkeys(names)),
        endpoints=tuple(endpoints[key] for key in sorted(endpoints)),
    )


def hosts_asked(service: VirtualService, item: CarriedWorkload) -> tuple[str, ...]:
    """Return the host names that servers are asked for by TLS; ("",) where none is."""
    if service.layout is Layout.L7:
        host = service.tls.server_name or check_host(service, item)
        return (host or "",)
    if item.host:
        return (item.host,)
    return service.names or ("",)


def speaks_tls_to_servers(service: VirtualService, item: CarriedWorkload) -> bool:
    """True when the server's port shows a certificate from the first byte."""
    return item.workload.transport is Transport.TLS and service.tls_mode is not TlsMode.OFFLOAD


def _endpoints(service: VirtualService) -> Iterator[Endpoint]:
    for item in service.workloads:
        if not speaks_tls_to_servers(service, item):
            continue
        for real in service.servers:
            for host in hosts_asked(service, item):
                yield _endpoint(service, item, real, host)


def _endpoint(
    service: VirtualService, item: CarriedWorkload, real: RealServer, host: str
) -> Endpoint:
    workload = item.workload
    return Endpoint(
        server=real.name,
        address=real.server.address,
        port=server_port(service, item, real),
        host=host,
        send_proxy=real.server.takes_proxy_protocol(workload.name, workload.protocol),
        http=workload.protocol is Protocol.HTTP,
    )
