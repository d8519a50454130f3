"""Workloads: what users use, one by one (webmail, ActiveSync, EWS, IMAP, SMTP ...).

A workload, not a server, is the unit that can fail, be checked, and leave a virtual service.
Templates (data files in ``balance/templates``) hold the workloads of each server product.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum


class Protocol(StrEnum):
    """What is spoken on the workload's port, inside TLS where there is TLS."""

    HTTP = "http"
    IMAP = "imap"
    POP3 = "pop3"
    SMTP = "smtp"
    SUBMISSION = "submission"
    SIEVE = "sieve"
    LMTP = "lmtp"
    TCP = "tcp"


class Transport(StrEnum):
    """How the server's port is protected."""

    CLEAR = "clear"
    TLS = "tls"
    STARTTLS = "starttls"


class ExtendedProtection(StrEnum):
    """Windows Extended Protection of a workload (channel binding to the server's certificate)."""

    OFF = "off"
    ALLOW = "allow"
    REQUIRED = "required"


class CheckKind(StrEnum):
    """The conversation that proves a workload answers."""

    HTTP = "http"
    IMAP = "imap"
    POP3 = "pop3"
    SMTP = "smtp"
    SUBMISSION = "submission"
    SIEVE = "sieve"
    LMTP = "lmtp"
    TCP = "tcp"


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One health conversation.

    ``path``, ``method``, ``host``, ``expect_status``, ``expect_header`` and ``expect_text`` count
    for HTTP only. ``expect_status`` holds codes or ranges ("200", "200-399"). ``port`` and ``tls``
    are None where the check uses the workload's own.
    """

    kind: CheckKind
    method: str = "GET"
    path: str = "/"
    host: str | None = None
    expect_status: tuple[str, ...] = ("200",)
    expect_header: str | None = None
    expect_text: str | None = None
    port: int | None = None
    tls: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Workload:
    """One workload of a server product, as its template describes it.

    ``port`` is where the server offers it; ``clear_port`` where it offers the same without TLS
    (for offload), None when it does not. ``paths`` are URL path prefixes without trailing slash,
    empty for anything but HTTP. ``server_timeout_seconds`` is the longest silence of the server
    that is normal for this workload. ``needs_seconds`` is the silence below which clients break,
    with ``needs_reason`` as the sentence for lint. ``without_it`` completes "A user ...".
    """

    name: str
    template: str
    title: str
    protocol: Protocol
    port: int
    transport: Transport
    check: Check
    clear_port: int | None = None
    paths: tuple[str, ...] = ()
    server_timeout_seconds: float = 60.0
    needs_seconds: float = 0.0
    needs_reason: str = ""
    extended_protection: ExtendedProtection = ExtendedProtection.OFF
    windows_authentication: bool = False
    restricted: bool = False
    without_it: str = "can not use it"


@dataclass(frozen=True, slots=True, kw_only=True)
class Template:
    """The workloads of one server product; ``name`` is what ``servers.NAME.runs`` lists."""

    name: str
    title: str
    workloads: tuple[Workload, ...] = field(default=())

    def find(self, name: str) -> Workload | None:
        """Return the workload of that name, None when the product has none."""
        return next((workload for workload in self.workloads if workload.name == name), None)
