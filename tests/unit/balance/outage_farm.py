"""Small virtual services for the tests of outages, built without a platform file."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from switchover.balance.virtual_service import (
    CarriedWorkload,
    HealthTiming,
    RealServer,
    VirtualService,
)
from switchover.model.platform_file.spec import (
    Layout,
    PersistenceKind,
    PersistenceSpec,
    Scheduler,
    TlsMode,
    TlsSpec,
)
from switchover.model.server import Server
from switchover.model.workload import Check, CheckKind, Protocol, Transport, Workload


def workload_of(name: str, **changes: Any) -> CarriedWorkload:
    """An HTTPS workload ``name`` under the path ``/name``."""
    values: dict[str, Any] = {
        "name": name,
        "template": "exchange",
        "title": name.upper(),
        "protocol": Protocol.HTTP,
        "port": 443,
        "transport": Transport.TLS,
        "check": Check(kind=CheckKind.HTTP),
        "paths": (f"/{name}",),
        "without_it": f"can not use {name}",
    }
    return CarriedWorkload(
        workload=Workload(**{**values, **changes}),
        timing=HealthTiming(),
        server_timeout_seconds=60.0,
    )


def mail_workload_of(name: str, port: int, transport: Transport) -> CarriedWorkload:
    return workload_of(
        name,
        port=port,
        transport=transport,
        protocol=Protocol.IMAP,
        check=Check(kind=CheckKind.IMAP),
        paths=(),
    )


def real_of(
    name: str, weight: int = 100, *, backup: bool = False, max_connections: int | None = None
) -> RealServer:
    return RealServer(
        server=Server(name=name, address="192.0.2.1", runs=("exchange",)),
        weight=weight,
        backup=backup,
        max_connections=max_connections,
    )


def service_of(
    layout: Layout = Layout.L7,
    *,
    workloads: Iterable[str | CarriedWorkload] = ("owa", "ecp"),
    servers: Mapping[str, int] | Iterable[RealServer] = ("cas1", "cas2"),
    **changes: Any,
) -> VirtualService:
    """A service ``mail``; servers are names, names with weights, or real servers."""
    if isinstance(servers, Mapping):
        reals = tuple(real_of(name, weight) for name, weight in servers.items())
    else:
        reals = tuple(real_of(item) if isinstance(item, str) else item for item in servers)
    values: dict[str, Any] = {
        "name": "mail",
        "title": "Mail",
        "address": "203.0.113.10",
        "port": 443,
        "layout": layout,
        "names": ("mail.contoso.example",),
        "workloads": tuple(
            workload_of(item) if isinstance(item, str) else item for item in workloads
        ),
        "servers": reals,
        "scheduler": Scheduler.LEAST_CONNECTIONS,
        "persistence": PersistenceSpec(kind=PersistenceKind.NONE),
        "tls": TlsSpec(),
        "tls_mode": TlsMode.RE_ENCRYPT if layout is Layout.L7 else TlsMode.PASS_THROUGH,
    }
    return VirtualService(**{**values, **changes})
