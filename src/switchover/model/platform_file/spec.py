"""The keys of the platform file, section by section.

These classes mirror the YAML one to one; descriptions become the JSON Schema (``switchover schema``)
and the reference page. They say what may be written, not what it means: ``balance.resolve`` joins
services, servers and templates into what the balancer works with.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Discriminator, Field, Tag

from switchover.model.platform_file.scalars import (
    Address,
    BodyText,
    Count,
    Duration,
    FileName,
    HeaderName,
    HostName,
    Method,
    Name,
    Network,
    PathPrefix,
    Port,
    PortKey,
    Product,
    Sentence,
    ServerAddress,
    Status,
    Title,
    TlsVersion,
    UrlPath,
    Weight,
    WorkloadName,
)
from switchover.model.workload import CheckKind, ExtendedProtection, Protocol, Transport


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


class HealthProfile(StrEnum):
    """Named sets of health timing."""

    DEFAULT = "default"
    FAST = "fast"


class OnDown(StrEnum):
    """What happens to open connections of a server that fails its checks."""

    KEEP = "keep"
    CLOSE = "close"


class LogDepth(StrEnum):
    """Which connections and requests the engine reports."""

    ERRORS = "errors"
    ALL = "all"


class Section(BaseModel):
    """A mapping with known keys only."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def _as_list(value: object) -> object:
    """One value where a list is expected is a list of one."""
    return value if isinstance(value, list | dict) or value is None else [value]


class CheckSpec(Section):
    """How a workload's health is asked for, where it differs from the template."""

    kind: Annotated[CheckKind | None, Field(description="The conversation to hold.")] = None
    method: Annotated[Method | None, Field(description="HTTP method.")] = None
    path: Annotated[UrlPath | None, Field(description="URL path to ask for.")] = None
    host: Annotated[HostName | None, Field(description="Host header and TLS server name.")] = None
    port: Annotated[Port | None, Field(description="Port to check, where not the workload's.")] = (
        None
    )
    tls: Annotated[bool | None, Field(description="Whether the checked port speaks TLS.")] = None
    expect_status: Annotated[
        list[Status] | None,
        BeforeValidator(_as_list),
        Field(description="HTTP status codes or ranges that mean healthy.", min_length=1),
    ] = None
    expect_header: Annotated[
        HeaderName | None, Field(description="Response header that must be present.")
    ] = None
    expect_text: Annotated[
        BodyText | None, Field(description="Text that the body must contain.")
    ] = None


class TimingSpec(Section):
    """How often health is asked for and how quickly a verdict changes."""

    interval: Annotated[
        Duration | None, Field(description="Time between two checks of a healthy server (2s).")
    ] = None
    timeout: Annotated[
        Duration | None, Field(description="An answer that takes longer is a failure (2s).")
    ] = None
    fall: Annotated[
        int | None,
        Field(ge=1, le=100, strict=True, description="Failures in a row that take it out (2)."),
    ] = None
    rise: Annotated[
        int | None,
        Field(ge=1, le=100, strict=True, description="Successes in a row that bring it back (2)."),
    ] = None
    fast_interval: Annotated[
        Duration | None,
        Field(description="Time between two checks while the verdict is in doubt (500ms)."),
    ] = None


class WorkloadHealthSpec(TimingSpec, CheckSpec):
    """Check and timing of one workload."""


class HealthSpec(TimingSpec):
    """Health of a virtual service; ``workloads`` refines single ones."""

    profile: Annotated[
        HealthProfile | None,
        Field(description="Named timing: default (2s, fall 2) or fast (0.8s, fall 2)."),
    ] = None
    workload: Annotated[
        WorkloadName | None,
        Field(
            description="Layout l4: the workload whose health speaks for the server, or `all`.",
            examples=["owa", "all"],
        ),
    ] = None
    observe: Annotated[
        bool | None,
        Field(description="Let failing live traffic hurry the next check (true)."),
    ] = None
    on_down: Annotated[
        OnDown | None,
        Field(description="Open connections of a failed server: keep them or close them."),
    ] = None
    workloads: Annotated[
        dict[WorkloadName, WorkloadHealthSpec],
        Field(description="Check and timing per workload."),
    ] = {}


class WorkloadSpec(Section):
    """One workload of a template."""

    title: Annotated[Title, Field(description="Name for people.")]
    protocol: Annotated[Protocol, Field(description="Protocol on the port.")]
    port: Annotated[Port, Field(description="Port on the real server.")]
    transport: Annotated[Transport, Field(description="clear, tls or starttls.")]
    clear_port: Annotated[Port | None, Field(description="Same workload without TLS.")] = None
    paths: Annotated[list[PathPrefix], Field(description="URL path prefixes (HTTP).")] = []
    check: Annotated[CheckSpec | None, Field(description="Health conversation.")] = None
    server_timeout: Annotated[
        Duration, Field(description="Longest silence of the server that is normal.")
    ] = 60.0
    needs: Annotated[
        Duration | None, Field(description="Silence that clients rely on; lint compares timeouts.")
    ] = None
    needs_reason: Annotated[Sentence, Field(description="Why clients rely on it.")] = ""
    extended_protection: Annotated[
        ExtendedProtection, Field(description="Windows Extended Protection on the front end.")
    ] = ExtendedProtection.OFF
    windows_authentication: Annotated[
        bool, Field(description="Signs in with NTLM or Negotiate, bound to the connection.")
    ] = False
    restricted: Annotated[
        bool,
        Field(
            description="Limited to `allow_restricted` where the service gives such a list; lint tells where not."
        ),
    ] = False
    without_it: Annotated[
        Sentence, Field(description='Ends the sentence "A user ..." when it is gone.')
    ] = "can not use it"


class TemplateSpec(Section):
    """Workloads of a server product."""

    title: Annotated[Title, Field(description="Name for people.")]
    workloads: Annotated[
        dict[Name, WorkloadSpec], Field(min_length=1, description="Workloads by name.")
    ]


class ServerSpec(Section):
    """A real server."""

    address: Annotated[ServerAddress, Field(description="IP address of the real server.")]
    site: Annotated[Name | None, Field(description="Where it stands.")] = None
    runs: Annotated[
        list[Name],
        BeforeValidator(_as_list),
        Field(description="Templates of what it runs.", min_length=1, examples=[["exchange"]]),
    ]
    proxy_protocol: Annotated[
        list[WorkloadName],
        BeforeValidator(_as_list),
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
        BeforeValidator(_as_list),
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
        BeforeValidator(_as_list),
        Field(description="What this service carries (l4-names: the keys of names)."),
    ] = []
    servers: Annotated[
        list[Annotated[ServiceServerSpec, BeforeValidator(_as_server)]],
        BeforeValidator(_as_list),
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
        list[Network], BeforeValidator(_as_list), Field(description="Only these sources.")
    ] = []
    deny: Annotated[
        list[Network], BeforeValidator(_as_list), Field(description="Not these sources.")
    ] = []
    allow_restricted: Annotated[
        list[Network],
        BeforeValidator(_as_list),
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
