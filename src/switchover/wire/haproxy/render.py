"""Engine configuration types to the files HAProxy reads.

The order of lines within a section is the order HAProxy evaluates them in; it never depends on a
dictionary, so equal configurations render to equal bytes.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from switchover.errors import Corrupt
from switchover.wire.haproxy.log import event_ring, log_target

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from switchover.wire.haproxy.config import (
        Backend,
        Bind,
        EngineConfig,
        Frontend,
        Global,
        ServerLine,
    )

MAIN_FILE = "haproxy.cfg"


def render_files(config: EngineConfig) -> dict[str, bytes]:
    """Return every file of the configuration by its name, the main one as ``haproxy.cfg``."""
    files = {MAIN_FILE: render_main(config).encode()}
    for name, entries in config.maps.items():
        files[name] = "".join(f"{key} {value}\n" for key, value in entries).encode()
    for name, patterns in config.lists.items():
        files[name] = "".join(f"{pattern}\n" for pattern in patterns).encode()
    files.update(config.files)
    return files


def digest_files(files: Mapping[str, bytes]) -> str:
    """Return a SHA-256 over all names and contents: equal folders, equal digest."""
    whole = hashlib.sha256()
    for name in sorted(files):
        whole.update(hashlib.sha256(name.encode()).digest())
        whole.update(hashlib.sha256(files[name]).digest())
    return whole.hexdigest()


def render_main(config: EngineConfig) -> str:
    """Return the main file; raises Corrupt if a value could start a line of its own."""
    lines: list[str] = []
    for section in _sections(config):
        lines.extend((*section, ""))
    for line in lines:
        if "\n" in line or "\r" in line or "\0" in line:
            raise Corrupt(f"a configuration value holds a line break: {line[:80]!r}")
    return "\n".join(lines)


def milliseconds(seconds: float) -> str:
    """Return a time as HAProxy writes it, in whole milliseconds (at least one)."""
    return f"{max(1, round(seconds * 1000))}ms"


def quoted(text: str) -> str:
    """Return ``text`` as one strongly quoted word (manual 2.2); no quote can end it early."""
    if "'" not in text:
        return f"'{text}'"
    return "'" + text.replace("'", "'\\''") + "'"


def log_format_text(text: str) -> str:
    """Return ``text`` so that a log-format string (manual 8.2.6) says just that."""
    return text.replace("%", "%%")


def _sections(config: EngineConfig) -> Iterator[list[str]]:
    yield _global(config.global_)
    yield _defaults(config.global_)
    if config.global_.event_socket:
        yield list(event_ring(quoted(config.global_.event_socket)))
    if config.global_.peers_socket:
        yield ["peers kept", f"    peer local {quoted(config.global_.peers_socket)}"]
    for frontend in config.frontends:
        yield _frontend(frontend)
    for backend in config.backends:
        yield _backend(backend)


def _global(settings: Global) -> list[str]:
    lines = [
        "# Written by switchover. Changes made here by hand are reported as drift.",
        "global",
        f"    description {quoted(settings.description)}",
        "    default-path config",
        f"    stats socket {quoted(settings.admin_socket)} mode 600 level admin expose-fd listeners",
        "    stats timeout 10m",
        f"    server-state-file {quoted(settings.state_file)}",
        *(
            f"    {line}"
            for line in log_target(
                quoted(settings.log_socket), events_ring=settings.event_socket is not None
            )
        ),
        f"    maxconn {settings.max_connections}",
        f"    hard-stop-after {milliseconds(settings.hard_stop_seconds)}",
        f"    mworker-max-reloads {settings.max_reloads}",
        f"    spread-checks {settings.spread_checks_percent}",
        f"    ssl-default-bind-options ssl-min-ver {settings.tls_minimum}",
        f"    ssl-default-server-options ssl-min-ver {settings.tls_minimum}",
        "    ssl-default-bind-ciphers ECDHE+AESGCM:ECDHE+CHACHA20",
        "    tune.ssl.default-dh-param 2048",
    ]
    if settings.max_spread_seconds is not None:
        lines.append(f"    max-spread-checks {milliseconds(settings.max_spread_seconds)}")
    if settings.threads:
        lines.append(f"    nbthread {settings.threads}")
    if settings.user:
        lines.append(f"    user {settings.user}")
    if settings.group:
        lines.append(f"    group {settings.group}")
    if settings.peers_socket:
        lines.append("    localpeer local")
    return lines


def _defaults(settings: Global) -> list[str]:
    return [
        "defaults",
        "    log global",
        "    load-server-state-from-file global",
        "    option dontlog-normal",
        "    option log-health-checks",
        "    option redispatch 1",
        "    retries 3",
        f"    timeout connect {milliseconds(settings.connect_seconds)}",
        "    timeout queue 30s",
        "    timeout http-request 15s",
        "    timeout http-keep-alive 60s",
        "    timeout client 60s",
        "    timeout server 60s",
    ]


def _bind(bind: Bind) -> str:
    words = ["    bind", _endpoint(bind.address, bind.port)]
    if bind.accept_proxy:
        words.append("accept-proxy")
    if bind.certificates:
        words.append("ssl")
        words.extend(f"crt {quoted(name)}" for name in bind.certificates)
        if bind.alpn:
            words.append(f"alpn {','.join(bind.alpn)}")
        if bind.minimum_tls:
            words.append(f"ssl-min-ver {bind.minimum_tls}")
    return " ".join(words)


def _endpoint(address: str, port: int | None) -> str:
    if port is None:
        return address
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


def _frontend(frontend: Frontend) -> list[str]:
    lines = [f"frontend {frontend.name}", f"    mode {frontend.mode}"]
    lines.extend(_bind(bind) for bind in frontend.binds)
    lines.append(f"    timeout client {milliseconds(frontend.client_timeout_seconds)}")
    if frontend.max_connections:
        lines.append(f"    maxconn {frontend.max_connections}")
    lines.extend(f"    {line}" for line in (*frontend.lines, *frontend.routes))
    return lines


def _backend(backend: Backend) -> list[str]:
    lines = [
        f"backend {backend.name}",
        f"    mode {backend.mode}",
        f"    balance {backend.balance}",
        f"    timeout server {milliseconds(backend.server_timeout_seconds)}",
    ]
    lines.extend(f"    {line}" for line in backend.lines if line)
    if backend.check:
        keyword = "http-check" if backend.check.option.startswith("httpchk") else "tcp-check"
        lines.append(f"    timeout check {milliseconds(backend.check.timeout_seconds)}")
        lines.append(f"    option {backend.check.option}")
        lines.extend(f"    {keyword} {step.text}" for step in backend.check.steps)
    if backend.server_options:
        lines.append(f"    default-server {' '.join(filter(None, backend.server_options))}")
    lines.extend(_server(server) for server in backend.servers)
    return lines


def _server(server: ServerLine) -> str:
    words = [
        "    server",
        server.name,
        _endpoint(server.address, server.port),
        f"weight {server.weight}",
    ]
    if server.max_connections:
        words.append(f"maxconn {server.max_connections}")
    if server.backup:
        words.append("backup")
    words.extend(server.options)
    if server.disabled:
        words.append("disabled")
    return " ".join(words)
