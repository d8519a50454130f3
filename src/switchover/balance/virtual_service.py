"""Virtual services as the balancer works with them: every name resolved, every default filled in.

``resolve`` makes these from the platform file; ``compile`` turns them into engine configuration;
``what_if`` and ``lint`` read them. All frozen, none does I/O.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from switchover.model.platform_file.spec import (
    Layout,
    LimitsSpec,
    LogDepth,
    PersistenceSpec,
    Scheduler,
    SorrySpec,
    TlsMode,
    TlsSpec,
)
from switchover.model.platform_file.spec_health import HealthProfile, OnDown
from switchover.model.workload import Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping

    from switchover.model.platform_file.spec import EngineSpec
    from switchover.model.server import Server
    from switchover.model.workload import Template, Workload

ALL_WORKLOADS = "all"
"""The health workload that means: every workload of the server must answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HealthTiming:
    """How often health is asked for (seconds) and how many answers change a verdict."""

    interval: float = 2.0
    timeout: float = 2.0
    fall: int = 2
    rise: int = 2
    fast_interval: float = 0.5


PROFILES: dict[HealthProfile, HealthTiming] = {
    HealthProfile.DEFAULT: HealthTiming(),
    # A wrong answer is noticed within interval + fast_interval, silence within
    # interval + 2 x timeout + fast_interval: 1.0 s and 2.4 s.
    HealthProfile.FAST: HealthTiming(interval=0.8, timeout=0.7, fast_interval=0.2),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class RealServer:
    """A server in a virtual service."""

    server: Server
    weight: int
    max_connections: int | None = None
    backup: bool = False

    @property
    def name(self) -> str:
        """The server's name in the platform file."""
        return self.server.name


@dataclass(frozen=True, slots=True, kw_only=True)
class CarriedWorkload:
    """A workload in a virtual service, with its check, timing and timeout there.

    ``host`` is the name clients use for it where it has one of its own (l4-names), ``address`` its
    own listening address where it has one.
    """

    workload: Workload
    timing: HealthTiming
    server_timeout_seconds: float
    host: str | None = None
    address: str | None = None

    @property
    def name(self) -> str:
        """The workload's name in its template."""
        return self.workload.name


@dataclass(frozen=True, slots=True, kw_only=True)
class VirtualService:
    """A virtual service, resolved. ``health_workload`` counts in layout l4 only."""

    name: str
    title: str
    address: str
    port: int
    layout: Layout
    names: tuple[str, ...]
    workloads: tuple[CarriedWorkload, ...]
    servers: tuple[RealServer, ...]
    scheduler: Scheduler
    persistence: PersistenceSpec
    tls: TlsSpec
    tls_mode: TlsMode
    health_workload: str = ALL_WORKLOADS
    redirect_from: int | None = None
    home_path: str | None = None
    sorry: SorrySpec | None = None
    limits: LimitsSpec = field(default_factory=LimitsSpec)
    allow: tuple[str, ...] = ()
    deny: tuple[str, ...] = ()
    allow_restricted: tuple[str, ...] = ()
    accept_proxy: bool = False
    http2: bool = False
    observe: bool = True
    on_down: OnDown = OnDown.KEEP
    log: LogDepth = LogDepth.ERRORS

    @property
    def is_http(self) -> bool:
        """True when the service carries HTTP workloads (a service never mixes HTTP and mail)."""
        return self.workloads[0].workload.protocol is Protocol.HTTP

    @property
    def is_decrypted(self) -> bool:
        """True when TLS of the clients ends at the balancer."""
        return self.tls_mode is not TlsMode.PASS_THROUGH

    @property
    def sees_requests(self) -> bool:
        """True when the engine sees requests; else it counts connections, whatever is in them."""
        return self.is_http and self.is_decrypted

    @property
    def listening_addresses(self) -> tuple[str, ...]:
        """Every address clients connect to: the service's, unless each workload has its own."""
        own = [item.address for item in self.workloads if item.address]
        shared = [self.address] if len(own) < len(self.workloads) else []
        return tuple(dict.fromkeys([*shared, *own]))

    def find_workload(self, name: str) -> CarriedWorkload | None:
        """Return the carried workload of that name, None when the service does not carry it."""
        return next((item for item in self.workloads if item.name == name), None)

    def find_server(self, name: str) -> RealServer | None:
        """Return the real server of that name, None when the service does not use it."""
        return next((item for item in self.servers if item.name == name), None)

    def pools(self) -> tuple[Pool, ...]:
        """Return what is balanced and judged on its own: one pool per workload, or one in l4."""
        if self.layout is Layout.L4:
            label = self.workloads[0].name if len(self.workloads) == 1 else ALL_WORKLOADS
            return (Pool(service=self.name, label=label, workloads=self.workloads),)
        return tuple(
            Pool(service=self.name, label=item.name, workloads=(item,)) for item in self.workloads
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Pool:
    """The unit with one health verdict per server; the engine's backend ``SERVICE.LABEL``."""

    service: str
    label: str
    workloads: tuple[CarriedWorkload, ...]

    @property
    def backend(self) -> str:
        """The name of the engine's backend."""
        return f"{self.service}.{self.label}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Balance:
    """Everything the balancer is told by one platform file."""

    platform: str
    engine: EngineSpec
    servers: Mapping[str, Server]
    templates: Mapping[str, Template]
    services: tuple[VirtualService, ...]
    internal_names: tuple[tuple[str, str], ...] = ()

    def find_service(self, name: str) -> VirtualService | None:
        """Return the service of that name, None when there is none."""
        return next((service for service in self.services if service.name == name), None)
