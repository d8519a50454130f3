"""The keys of the platform file that speak of workloads: templates, checks and health.

``spec`` holds the rest; both mirror the YAML one to one.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from switchover.model.platform_file.scalars import (
    BodyText,
    Duration,
    HeaderName,
    HostName,
    Method,
    Name,
    PathPrefix,
    Port,
    Sentence,
    Status,
    Title,
    UrlPath,
    WorkloadName,
)
from switchover.model.workload import CheckKind, ExtendedProtection, Protocol, Transport


class HealthProfile(StrEnum):
    """Named sets of health timing."""

    DEFAULT = "default"
    FAST = "fast"


class OnDown(StrEnum):
    """What happens to open connections of a server that fails its checks."""

    KEEP = "keep"
    CLOSE = "close"


class Section(BaseModel):
    """A mapping with known keys only."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def as_list(value: object) -> object:
    """Return a list: one value where a list is expected is a list of one."""
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
        BeforeValidator(as_list),
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
