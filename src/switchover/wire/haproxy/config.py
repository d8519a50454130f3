"""Frozen types for the subset of HAProxy's configuration that we emit.

Times are seconds here and milliseconds in the file. Names of maps, certificates and pages are file
names relative to the configuration's own folder (``default-path config``), so one folder holds a
whole configuration and can be checked, kept and swapped as one.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True, kw_only=True)
class Global:
    """The ``global`` and ``defaults`` sections: one per configuration."""

    description: str
    admin_socket: str
    log_socket: str
    state_file: str
    max_connections: int
    threads: int | None = None
    hard_stop_seconds: float = 12 * 3600.0
    max_reloads: int = 20
    spread_checks_percent: int = 5
    max_spread_seconds: float | None = None
    tls_minimum: str = "TLSv1.2"
    user: str | None = None
    group: str | None = None
    connect_seconds: float = 5.0
    event_socket: str | None = None
    peers_socket: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Bind:
    """One listening address; ``certificates`` makes it decrypt."""

    address: str
    port: int | None = None
    certificates: tuple[str, ...] = ()
    alpn: tuple[str, ...] = ()
    minimum_tls: str | None = None
    accept_proxy: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckStep:
    """One line of a health conversation, after ``http-check`` or ``tcp-check``."""

    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class HealthCheck:
    """The conversation of a backend: ``option`` is httpchk, tcp-check or smtpchk's argument line."""

    option: str
    steps: tuple[CheckStep, ...] = ()
    timeout_seconds: float = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerLine:
    """One ``server`` line. What a running engine can change comes first: address, port, weight."""

    name: str
    address: str
    port: int | None
    weight: int = 100
    disabled: bool = False
    backup: bool = False
    max_connections: int | None = None
    options: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Backend:
    """A ``backend`` section. ``lines`` are further keywords, one each, already in file syntax."""

    name: str
    mode: str
    balance: str
    servers: tuple[ServerLine, ...]
    check: HealthCheck | None = None
    server_options: tuple[str, ...] = ()
    server_timeout_seconds: float = 60.0
    lines: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Frontend:
    """A ``frontend`` section; ``routes`` come last, in order."""

    name: str
    mode: str
    binds: tuple[Bind, ...]
    client_timeout_seconds: float
    max_connections: int | None = None
    lines: tuple[str, ...] = ()
    routes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineConfig:
    """A whole configuration.

    ``maps`` and ``lists`` hold the entries of each pattern file in order (map values, or "" for a
    list); ``files`` holds other files byte by byte (certificates, pages). ``secret_files`` names
    those that hold keys.
    """

    global_: Global
    frontends: tuple[Frontend, ...] = ()
    backends: tuple[Backend, ...] = ()
    maps: Mapping[str, tuple[tuple[str, str], ...]] = field(default_factory=dict)
    lists: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    files: Mapping[str, bytes] = field(default_factory=dict)
    certificates: frozenset[str] = frozenset()
