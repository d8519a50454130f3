"""The listening side of a virtual service: binds, access, routing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from switchover.model.platform_file.spec import Layout, LogDepth
from switchover.wire.haproxy.config import Bind, Frontend
from switchover.wire.haproxy.log import (
    CAPTURE_HTTP_HOST,
    CAPTURE_TLS_NAME,
    ERROR_LOG_FORMAT,
    HOST_VARIABLE,
    HTTP_LOG_FORMAT,
    TCP_LOG_FORMAT,
    WORKLOAD_VARIABLE,
)
from switchover.wire.haproxy.render import log_format_text, quoted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from switchover.balance.compile import EngineFacts
    from switchover.balance.virtual_service import CarriedWorkload, VirtualService

CLIENT_HELLO_SECONDS = 5
PATH_VARIABLE = "txn.sw_path"


def frontends_of(service: VirtualService, facts: EngineFacts) -> Iterator[Frontend]:
    """Yield the frontends of a service: its own, one per own address, redirector, sorry page."""
    if service.layout is Layout.L7 and service.is_http:
        yield _l7(service)
    elif service.layout is Layout.L4_NAMES:
        yield from _l4_names(service)
    else:
        yield _stream(service, service.name, service.address, service.pools()[0].backend)
    if service.redirect_from:
        yield _redirector(service)
    if has_sorry_frontend(service):
        yield _sorry_page(service, facts)


def has_sorry_frontend(service: VirtualService) -> bool:
    """True when a page must be shown by a layout that does not decrypt: it gets its own TLS end."""
    return bool(service.sorry and service.sorry.page and service.layout is not Layout.L7)


def sorry_endpoint(service: VirtualService, facts: EngineFacts) -> str:
    """Return the abstract socket on which the sorry page of a service is served."""
    return f"abns@switchover-{facts.token}-{service.name}"


def client_timeout(workloads: tuple[CarriedWorkload, ...]) -> float:
    """Return the client timeout: never below the longest server timeout behind the frontend."""
    return max(60.0, *(item.server_timeout_seconds for item in workloads))


def _bind(service: VirtualService, address: str, *, http: bool) -> Bind:
    alpn = ("h2", "http/1.1") if service.http2 else ("http/1.1",)
    return Bind(
        address=address,
        port=service.port,
        certificates=tuple(f"certs/{name}" for name in service.tls.certificate),
        alpn=alpn if http and service.tls.certificate else (),
        minimum_tls=f"TLSv{service.tls.minimum}" if service.tls.certificate else None,
        accept_proxy=service.accept_proxy,
    )


def _access(service: VirtualService) -> list[str]:
    # Behind another balancer the real client is known only after its PROXY header (session level).
    level = "session" if service.accept_proxy else "connection"
    lines: list[str] = []
    if service.deny:
        lines.append(f"tcp-request {level} reject if {{ src -f lists/{service.name}.deny }}")
    if service.allow:
        lines.append(f"tcp-request {level} reject unless {{ src -f lists/{service.name}.allow }}")
    limits = service.limits
    if limits.connections_per_source or limits.rate_per_source:
        lines.append("stick-table type ipv6 size 100k expire 60s store conn_cur,conn_rate(10s)")
        lines.append(f"tcp-request {level} track-sc0 src")
    if limits.connections_per_source:
        lines.append(
            f"tcp-request {level} reject if {{ sc0_conn_cur gt {limits.connections_per_source} }}"
        )
    if limits.rate_per_source:
        lines.append(
            f"tcp-request {level} reject if {{ sc0_conn_rate gt {limits.rate_per_source} }}"
        )
    return lines


def _logging(service: VirtualService, log_format: str) -> list[str]:
    lines = [f"log-format {quoted(log_format)}", f"error-log-format {quoted(ERROR_LOG_FORMAT)}"]
    if service.log is LogDepth.ALL:
        lines.append("no option dontlog-normal")
    return lines


def _l7(service: VirtualService) -> Frontend:
    name = service.name
    return Frontend(
        name=name,
        mode="http",
        binds=(_bind(service, service.address, http=True),),
        client_timeout_seconds=client_timeout(service.workloads),
        max_connections=service.limits.connections,
        lines=(
            *_logging(service, HTTP_LOG_FORMAT),
            # Without it an idle keep-alive client meets a closed connection at each reload.
            "option idle-close-on-response",
            # Half the cost of setting the header by a rule; what the client claims is deleted first.
            "option forwardfor",
            CAPTURE_HTTP_HOST,
            *_access(service),
            "http-request del-header X-Forwarded-For",
            "http-request set-header X-Forwarded-Proto https",
            *_routing(service),
        ),
        routes=(f"use_backend {name}.%[var({WORKLOAD_VARIABLE})]",),
    )


def _routing(service: VirtualService) -> list[str]:
    """Find the workload of a request as the servers would: decoded, single slashes, any case.

    Nearly all paths are plain: they are led by their prefix, in two rules. Escapes, backslashes, doubled
    slashes and segments that begin with a dot take the long way. What servers read in more than one way
    could reach a workload that its prefix does not show: paths that climb, and paths whose escapes can
    not be decoded (IIS also understands %u0065).
    """
    path = f"var({PATH_VARIABLE})"
    found = f"map_beg(maps/{service.name}.paths)"
    home = _home(service)
    owns_root = any("/" in item.workload.paths for item in service.workloads)
    return [
        *(home if owns_root else ()),
        f"http-request set-var({WORKLOAD_VARIABLE}) path,lower,concat(/),{found}",
        *_restriction(service),
        f"http-request allow if {{ var({WORKLOAD_VARIABLE}) -m found }} !{{ path -m sub % \\\\ // /. }}",
        *(() if owns_root else home),
        f"http-request set-var({PATH_VARIABLE}) path,url_dec,lower,concat(/)",
        f"http-request deny deny_status 400 unless {{ {path} -m found }}",
        f"http-request set-var({PATH_VARIABLE}) {path},regsub('[/\\\\\\\\]+',/,g) if {{ {path} -m sub // \\\\ }}",
        f"http-request deny deny_status 400 if {{ {path} -m sub /../ /./ }}",
        f"http-request unset-var({WORKLOAD_VARIABLE})",
        f"http-request set-var({WORKLOAD_VARIABLE}) {path},{found}",
        *_restriction(service),
        f"http-request return status 404 unless {{ var({WORKLOAD_VARIABLE}) -m found }}",
    ]


def _home(service: VirtualService) -> tuple[str, ...]:
    if not service.home_path:
        return ()
    home = quoted(log_format_text(service.home_path))
    return (f"http-request redirect location {home} code 302 if {{ path / }}",)


def _restriction(service: VirtualService) -> tuple[str, ...]:
    restricted = [item.name for item in service.workloads if item.workload.restricted]
    if not restricted or not service.allow_restricted:
        return ()
    return (
        f"http-request deny deny_status 403 if {{ var({WORKLOAD_VARIABLE}) -m str {' '.join(restricted)} }} "
        f"!{{ src -f lists/{service.name}.restricted }}",
    )


def _stream(service: VirtualService, name: str, address: str, backend: str) -> Frontend:
    return Frontend(
        name=name,
        mode="tcp",
        binds=(_bind(service, address, http=False),),
        client_timeout_seconds=client_timeout(service.workloads),
        max_connections=service.limits.connections,
        lines=(*_stream_lines(service), *_access(service)),
        routes=(f"default_backend {backend}",),
    )


def _stream_lines(service: VirtualService) -> list[str]:
    return [
        *_logging(service, TCP_LOG_FORMAT),
        "option clitcpka",
        "timeout client-fin 30s",
    ]


def _l4_names(service: VirtualService) -> Iterator[Frontend]:
    by_name = tuple(item for item in service.workloads if item.address is None)
    if by_name:
        found = f"req.ssl_sni,lower,map(maps/{service.name}.names)"
        yield Frontend(
            name=service.name,
            mode="tcp",
            binds=(_bind(service, service.address, http=False),),
            client_timeout_seconds=client_timeout(by_name),
            max_connections=service.limits.connections,
            lines=(
                *_stream_lines(service),
                *_access(service),
                f"tcp-request inspect-delay {CLIENT_HELLO_SECONDS}s",
                f"tcp-request content set-var({WORKLOAD_VARIABLE}) {found} if {{ req.ssl_hello_type 1 }}",
                CAPTURE_TLS_NAME,
                f"tcp-request content accept if {{ var({WORKLOAD_VARIABLE}) -m found }}",
                "tcp-request content reject if { req.ssl_hello_type 1 }",
                "tcp-request content reject if { req.len gt 0 } !{ req.ssl_hello_type 1 }",
                "tcp-request content reject if WAIT_END",
            ),
            routes=(f"use_backend {service.name}.%[var({WORKLOAD_VARIABLE})]",),
        )
    for item in service.workloads:
        if item.address is not None:
            backend = f"{service.name}.{item.name}"
            # Not the backend's name: stick tables of both would collide, and a session that ended in the
            # frontend could not be told from one that reached the backend.
            yield _stream(service, f"{backend}.own", item.address, backend)


def _redirector(service: VirtualService) -> Frontend:
    port = "" if service.port == 443 else f":{service.port}"
    host = f"var({HOST_VARIABLE})"
    lines = [
        *_logging(service, HTTP_LOG_FORMAT),
        CAPTURE_HTTP_HOST,
        *_access(service),
        f"http-request set-var({HOST_VARIABLE}) req.hdr(host),host_only,lower",
    ]
    if service.names:
        # Only names of this service are kept: a forged Host must not lead anywhere else.
        known = f"{{ {host} -m str -f lists/{service.name}.hosts }}"
        lines += [
            # 302, not 301: browsers keep a 301 for good, so a service could never be moved back, and
            # Outlook's Autodiscover follows 302.
            f"http-request redirect location https://%[{host}]{port}%[pathq] code 302 if {known}",
            f"http-request redirect location https://{service.names[0]}{port}%[pathq] code 302",
        ]
    else:
        lines.append(f"http-request redirect location https://%[{host}]{port}%[pathq] code 302")
    return Frontend(
        name=f"{service.name}.redirect",
        mode="http",
        binds=tuple(
            Bind(address=address, port=service.redirect_from, accept_proxy=service.accept_proxy)
            for address in service.listening_addresses
        ),
        client_timeout_seconds=15.0,
        lines=tuple(lines),
    )


def _sorry_page(service: VirtualService, facts: EngineFacts) -> Frontend:
    sorry = service.sorry
    certificate = sorry.certificate if sorry else None
    return Frontend(
        name=f"{service.name}.sorry",
        mode="http",
        binds=(
            Bind(
                address=sorry_endpoint(service, facts),
                certificates=(f"certs/{certificate}",) if certificate else (),
                alpn=("http/1.1",),
            ),
        ),
        client_timeout_seconds=15.0,
        lines=(
            *_logging(service, HTTP_LOG_FORMAT),
            # On a kept connection a browser would see the page long after the servers are back.
            "option httpclose",
            f"errorfile 503 pages/{service.name}.sorry.http",
            "http-request deny deny_status 503",
        ),
    )
