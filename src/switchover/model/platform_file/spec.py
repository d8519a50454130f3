"""The keys of the platform file, section by section.

These classes mirror the YAML one to one; descriptions become the JSON Schema (``switchover schema``)
and the reference page. They say what may be written, not what it means: ``balance.resolve`` joins
services, servers and templates into what the balancer works with.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any

from pydantic import BeforeValidator, Discriminator, Field, Tag

from switchover.model.platform_file.scalars import (
    Address,
    Count,
    Duration,
    FileName,
    HostName,
    Name,
    Network,
    Port,
    PortKey,
    Product,
    ServerAddress,
    Title,
    TlsVersion,
    UrlPath,
    Weight,
    WorkloadName,
)
from switchover.model.platform_file.spec_health import (
    HealthSpec,
    Section,
    TemplateSpec,
    as_list,
)


class Layout(StrEnum):
    """How a virtual service treats what passes through it."""

    L4 = "l4"
    L4_NAMES = "l4-names"
    L7 = "l7"


class Scheduler(StrEnum):
    """Which server a new connection (or request) gets."""

    ROUND_ROBIN = "round-robin"
    WEIGHTED = "weighted"
    LEAST_CONNECTIONS = "least-connections"
    SOURCE_HASH = "source-hash"
    FIRST_AVAILABLE = "first-available"


class PersistenceKind(StrEnum):
    """What ties a client to the server it was given first."""

    NONE = "none"
    SOURCE = "source"
    COOKIE = "cookie"


class TlsMode(StrEnum):
    """Where TLS ends."""

    PASS_THROUGH = "pass-through"  # noqa: S105 - a mode, not a password
    RE_ENCRYPT = "re-encrypt"
    OFFLOAD = "offload"


class LogDepth(StrEnum):
    """Which connections and requests the engine reports."""

    ERRORS = "errors"
    ALL = "all"


class ServerSpec(Section):
    """A real server."""

    address: Annotated[ServerAddress, Field(description="IP address of the real server.")]
    site: Annotated[Name | None, Field(description="Where it stands.")] = None
    runs: Annotated[
        list[Name],
        BeforeValidator(as_list),
        Field(description="Templates of what it runs.", min_length=1, examples=[["exchange"]]),
    ]
    proxy_protocol: Annotated[
        list[WorkloadName],
        BeforeValidator(as_list),
        Field(description="Workloads or protocols whose ports take the PROXY protocol (v2)."),
    ] = []
    ports: Annotated[
        dict[PortKey, Port],
        Field(description="Real port where it differs from the template, by template port."),
    ] = {}
    product: Annotated[
        Product | None, Field(description="Exact version, for rules that depend on it.")
    ] = None
    certificate: Annotated[
        FileName | None,
        Field(description="The certificate (public part) this server presents; lint compares it."),
    ] = None
    weight: Annotated[Weight, Field(description="Share of load, relative to the others.")] = 100

    def files(self) -> list[str]:
        """Return the files it names."""
        return [self.certificate] if self.certificate else []


class ServiceServerSpec(Section):
    """A real server in one virtual service."""

    name: Annotated[Name, Field(description="Name of the real server.")]
    weight: Annotated[Weight | None, Field(description="Share of load here.")] = None
    max_connections: Annotated[
        Count | None, Field(description="More connections than this wait in the queue.")
    ] = None
    backup: Annotated[bool, Field(description="Used only while no other server is healthy.")] = (
        False
    )


def _as_server(value: object) -> object:
    return {"name": value} if isinstance(value, str | int | float) else value


class WorkloadNameSpec(Section):
    """The host name of one workload in layout ``l4-names``."""

    name: Annotated[HostName, Field(description="Host name clients use for this workload.")]
    address: Annotated[
        Address | None, Field(description="Own address; without it the name (SNI) decides.")
    ] = None


def _as_workload_name(value: object) -> object:
    return {"name": value} if isinstance(value, str | int | float) else value


class TlsSpec(Section):
    """Where TLS ends and which certificates take part."""

    mode: Annotated[TlsMode | None, Field(description="pass-through, re-encrypt, offload.")] = None
    certificate: Annotated[
        list[FileName],
        BeforeValidator(as_list),
        Field(description="PEM file(s) with certificate, chain and key, shown to clients."),
    ] = []
    server_ca: Annotated[
        FileName | None,
        Field(description="PEM file with the authority that signed the servers' certificates."),
    ] = None
    verify: Annotated[
        bool, Field(description="Verify the servers' certificates; false is a visible exception.")
    ] = True
    server_name: Annotated[
        HostName | None, Field(description="Name asked for and verified at the servers.")
    ] = None
    minimum: Annotated[TlsVersion, Field(description="Oldest TLS version for clients.")] = "1.2"


class SorrySpec(Section):
    """What clients get when no server is left."""

    page: Annotated[FileName | None, Field(description="HTML file answered with status 503.")] = (
        None
    )
    address: Annotated[ServerAddress | None, Field(description="A server that apologises.")] = None
    port: Annotated[Port | None, Field(description="Its port (the service's, by default).")] = None
    certificate: Annotated[
        FileName | None,
        Field(description="Layouts that do not decrypt: certificate for the sorry page."),
    ] = None


class PersistenceSpec(Section):
    """Ties a client to its first server."""

    kind: Annotated[PersistenceKind, Field(description="none, source or cookie.")]
    expire: Annotated[Duration, Field(description="How long the tie holds without use.")] = 1800.0
    size: Annotated[Count, Field(description="How many clients are remembered.")] = 100_000


def _as_persistence(value: object) -> object:
    return {"kind": value} if isinstance(value, str) else value


class LimitsSpec(Section):
    """Bounds on what clients may open."""

    connections: Annotated[Count | None, Field(description="Open connections at once.")] = None
    connections_per_source: Annotated[
        Count | None, Field(description="Open connections at once per client address.")
    ] = None
    rate_per_source: Annotated[
        Count | None, Field(description="New connections per client address in 10 seconds.")
    ] = None


class ServiceSpec(Section):
    """A virtual service."""

    title: Annotated[Title | None, Field(description="Name for people.")] = None
    address: Annotated[Address, Field(description="Address that clients connect to.")]
    port: Annotated[Port, Field(description="Port that clients connect to.")]
    layout: Annotated[
        Layout,
        Field(
            description="l4: one name, not decrypted; l4-names: a name per workload, not decrypted; "
            "l7: decrypted, routed by path."
        ),
    ]
    names: Annotated[
        Annotated[list[HostName], Tag("list")]
        | Annotated[
            dict[WorkloadName, Annotated[WorkloadNameSpec, BeforeValidator(_as_workload_name)]],
            Tag("mapping"),
        ],
        Discriminator(lambda value: "mapping" if isinstance(value, dict) else "list"),
        Field(
            description="Host names clients use: a list, or one per workload (l4-names).",
        ),
    ] = []
    workloads: Annotated[
        list[WorkloadName],
        BeforeValidator(as_list),
        Field(description="What this service carries (l4-names: the keys of names)."),
    ] = []
    servers: Annotated[
        list[Annotated[ServiceServerSpec, BeforeValidator(_as_server)]],
        BeforeValidator(as_list),
        Field(min_length=1, description="Real servers: a name, or a mapping with its weight."),
    ]
    scheduler: Annotated[Scheduler, Field(description="Which server a client gets.")] = (
        Scheduler.LEAST_CONNECTIONS
    )
    persistence: Annotated[
        PersistenceSpec,
        BeforeValidator(_as_persistence),
        Field(description="none, source, cookie (where decrypted), or a mapping."),
    ] = PersistenceSpec(kind=PersistenceKind.NONE)
    tls: Annotated[TlsSpec, Field(description="Where TLS ends.")] = TlsSpec()
    redirect_from: Annotated[
        Port | None, Field(description="Port whose HTTP requests are sent to https.")
    ] = None
    home_path: Annotated[
        UrlPath | None, Field(description="Where / leads in l7 (/owa/ when owa is carried).")
    ] = None
    sorry: Annotated[SorrySpec | None, Field(description="When no server is left.")] = None
    limits: Annotated[LimitsSpec, Field(description="Bounds on connections.")] = LimitsSpec()
    allow: Annotated[
        list[Network], BeforeValidator(as_list), Field(description="Only these sources.")
    ] = []
    deny: Annotated[
        list[Network], BeforeValidator(as_list), Field(description="Not these sources.")
    ] = []
    allow_restricted: Annotated[
        list[Network],
        BeforeValidator(as_list),
        Field(description="Sources that may use restricted workloads (ecp, powershell)."),
    ] = []
    timeouts: Annotated[
        dict[WorkloadName, Duration],
        Field(description="Server timeout per workload, where it differs from the template."),
    ] = {}
    accept_proxy: Annotated[
        bool, Field(description="Clients come through a balancer that sends the PROXY protocol.")
    ] = False
    http2: Annotated[
        bool | None,
        Field(description="Offer HTTP/2 to clients; by default only without Windows sign-in."),
    ] = None
    health: Annotated[HealthSpec, Field(description="Health checks.")] = HealthSpec()
    log: Annotated[LogDepth, Field(description="What the engine reports: errors or all.")] = (
        LogDepth.ERRORS
    )

    def files(self) -> list[str]:
        """Return the files it names."""
        sorry = (self.sorry.page, self.sorry.certificate) if self.sorry else ()
        named = (*self.tls.certificate, self.tls.server_ca, *sorry)
        return [name for name in named if name]


class EngineSpec(Section):
    """The engine (HAProxy) as a whole."""

    max_connections: Annotated[
        Count | None, Field(description="Open connections at once; default from the fd limit.")
    ] = None
    threads: Annotated[
        int | None, Field(ge=1, le=64, strict=True, description="Threads (one per processor).")
    ] = None
    old_workers: Annotated[
        int, Field(ge=1, le=200, strict=True, description="Old processes kept after reloads.")
    ] = 20
    old_worker_lifetime: Annotated[
        Duration, Field(description="Connections of an old process end after this.")
    ] = 12 * 3600.0
    connect_timeout: Annotated[Duration, Field(description="To reach a server.")] = 5.0
    agent_interval: Annotated[
        Duration, Field(description="How often the agent port is asked for advice.")
    ] = 5.0


class InternalNameSpec(Section):
    """A host name that belongs to a service without being served by name (lint resolves it)."""

    name: Annotated[HostName, Field(description="Host name that clients use.")]
    service: Annotated[Name, Field(description="Virtual service it must lead to.")]


class PlatformSpec(Section):
    """The whole platform file."""

    platform: Annotated[Name, Field(description="Name of the platform.")]
    engine: Annotated[EngineSpec, Field(description="Settings of the engine.")] = EngineSpec()
    templates: Annotated[
        dict[Name, TemplateSpec], Field(description="Own templates beside the shipped ones.")
    ] = {}
    servers: Annotated[dict[Name, ServerSpec], Field(description="Real servers.")]
    services: Annotated[dict[Name, ServiceSpec], Field(description="Virtual services.")] = {}
    internal_names: Annotated[
        list[InternalNameSpec],
        Field(description="Other names that must lead to a service (Outlook Anywhere inside)."),
    ] = []


def json_schema() -> dict[str, Any]:
    """Return the JSON Schema (draft 2020-12) of the platform file."""
    schema = PlatformSpec.model_json_schema()
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "switchover platform file",
        **{key: value for key, value in schema.items() if key != "title"},
    }
