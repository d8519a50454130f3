"""Web workloads: HTTP/2, long silences, who may reach what, ties to a server."""

from __future__ import annotations

from typing import TYPE_CHECKING

from switchover.balance.compile_frontend import client_timeout
from switchover.balance.lint.facts import hosts_asked
from switchover.balance.lint.finding import Hit, Severity, rule
from switchover.balance.lint.seen import at, faces_others, listed, runs_exchange, verb
from switchover.model.platform_file.spec import Layout, PersistenceKind, Scheduler

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from switchover.balance.lint.seen import Seen
    from switchover.balance.virtual_service import CarriedWorkload, VirtualService

HTTP2 = "h2"


@rule(
    code="timeout-too-short",
    title="A silence that is normal for a workload is cut off",
    severity=Severity.WARNING,
    why="Long polls and IDLE are silent on purpose. A connection that is cut in between makes phones "
    "poll again at once (battery, load), Outlook show Disconnected, and mail programs miss new mail.",
    what_to_do="Remove the timeout of this workload, or raise it above what clients need.",
    source="MS-ASCMD 2.2.3.88; RFC 2177; MS-OXCMAPIHTTP 2.2.3.3.5",
)
def timeout_too_short(seen: Seen) -> Iterator[Hit]:
    """The silence that either side allows, against what the workload's clients rely on."""
    for service in seen.balance.services:
        for pool in service.pools():
            allowed = _allowed_silence(service, pool.workloads)
            for item in pool.workloads:
                needed = item.workload.needs_seconds
                if allowed < needed:
                    yield Hit(
                        message=f"{item.name} is cut after {allowed:g} s of silence, needed are "
                        f"{needed:g} s: {item.workload.needs_reason or 'as its template says'}",
                        path=at(service, "timeouts", item.name),
                        service=service.name,
                        workload=item.name,
                    )


def _allowed_silence(service: VirtualService, together: Iterable[CarriedWorkload]) -> float:
    """A pool has one server timeout (the longest of its workloads), a frontend one for clients."""
    server = max(item.server_timeout_seconds for item in together)
    return min(server, client_timeout(service.workloads))


@rule(
    code="http2-windows-authentication",
    title="HTTP/2 is offered to clients that sign in with NTLM or Negotiate",
    severity=Severity.ERROR,
    why="A Windows sign-in belongs to the connection. HTTP/2 carries many requests of a client at once "
    "and the engine spreads them over several connections to the server, so requests arrive without "
    "their identity: 19 of 40 parallel requests in our measurement.",
    what_to_do="Remove http2: true. Without the key, HTTP/2 is offered only where no workload uses "
    "Windows sign-in.",
    source="RFC 4559 section 6; measured with HAProxy 2.8.25",
)
def http2_windows(seen: Seen) -> Iterator[Hit]:
    """Decrypting web services with ``http2: true`` and connection-bound sign-in."""
    for service in seen.decrypting():
        bound = [item.name for item in service.workloads if item.workload.windows_authentication]
        if service.http2 and service.is_http and bound:
            yield Hit(
                message=f"{listed(bound)} {verb(bound, 'signs', 'sign')} in over the connection, "
                "http2 is on",
                path=at(service, "http2"),
                service=service.name,
            )


@rule(
    code="http2-coalescing",
    title="Browsers may send one workload's requests to another workload's servers",
    severity=Severity.WARNING,
    also=(Severity.INFO,),
    why="When a certificate covers two names that lead to one address, an HTTP/2 client may reuse the "
    "connection it has. The engine saw the first name only, so requests for ews travel over the "
    "connection made for owa, into owa's servers and past the health of ews.",
    what_to_do="Give each name its own address (names: {owa: {name: ..., address: ...}}), or its own "
    "certificate on the servers, or switch HTTP/2 off in IIS (EnableHttp2Tls = 0).",
    source="RFC 9113 section 9.1.1",
)
def http2_coalescing(seen: Seen) -> Iterator[Hit]:
    """Services that tell workloads apart by name on one address."""
    for service in seen.http_services():
        sharing = [item for item in service.workloads if item.host and not item.address]
        if service.layout is not Layout.L4_NAMES or len(sharing) < 2:
            continue
        together, is_known = _covered_together(seen, service, sharing)
        if together:
            yield Hit(
                message=f"one certificate covers {listed(together)} on {service.address}",
                path=at(service, "names"),
                service=service.name,
            )
        elif not is_known:
            hosts = [item.host or "" for item in sharing]
            yield Hit(
                message=f"{listed(hosts)} share {service.address}; whether one certificate covers "
                "several of them is not known here",
                path=at(service, "names"),
                service=service.name,
                severity=Severity.INFO,
                what_to_do="Run switchover check --live, or name the servers' certificates.",
            )


def _covered_together(
    seen: Seen, service: VirtualService, sharing: list[CarriedWorkload]
) -> tuple[list[str], bool]:
    """Return the most names one certificate joins (none below two), and whether all are known."""
    best: list[str] = []
    is_known = True
    for item in sharing:
        host = hosts_asked(service, item)[0]
        for real in service.servers:
            facts = seen.presented(service, item, real, host)
            is_known = is_known and facts is not None
            answer = seen.answer(service, item, real, host)
            if not facts or (answer and answer.certificate and answer.alpn != HTTP2):
                continue
            covered = [other.host for other in sharing if other.host and facts.covers(other.host)]
            best = max(best, covered, key=len)
    return (best if len(best) > 1 else []), is_known


@rule(
    code="restricted-workload-open",
    title="A workload for administrators is open to everybody who reaches the service",
    severity=Severity.WARNING,
    also=(Severity.INFO,),
    why="The admin center and remote PowerShell were the way in of the large attacks on Exchange "
    "(ProxyLogon, ProxyNotShell). Few need them from outside: restricting ecp also takes the users' own "
    "options away there.",
    what_to_do="Say who may use it: allow_restricted: [192.0.2.0/24], or do not carry it.",
)
def restricted_open(seen: Seen) -> Iterator[Hit]:
    """Restricted workloads without ``allow_restricted`` or ``allow``."""
    for service in seen.http_services():
        names = [item.name for item in service.workloads if item.workload.restricted]
        if not names or service.allow or not faces_others(service):
            continue
        if service.layout is Layout.L7 and not service.allow_restricted:
            yield Hit(
                message=f"{listed(names)} {verb(names, 'is', 'are')} open to every source",
                path=at(service, "workloads"),
                service=service.name,
            )
        elif service.layout is not Layout.L7:
            ignored = "; allow_restricted has no effect" if service.allow_restricted else ""
            yield Hit(
                message=f"layout {service.layout} sees no paths, so {listed(names)} can not be "
                f"restricted apart from the rest{ignored}",
                path=at(service, "allow_restricted" if ignored else "workloads"),
                service=service.name,
                severity=Severity.WARNING if ignored else Severity.INFO,
                what_to_do="Use layout l7, restrict it in IIS (IP Address and Domain Restrictions), or "
                "bound the whole service with allow.",
            )


@rule(
    code="accept-proxy-forgeable",
    title="Whoever reaches the port may claim any client address",
    severity=Severity.INFO,
    also=(Severity.WARNING,),
    why="With accept_proxy the engine believes the address in the PROXY header. Access lists and limits "
    "by source then judge what the sender wrote.",
    what_to_do="Let a packet filter admit only the balancer in front to this port.",
    source="The PROXY protocol, versions 1 and 2, section 2",
)
def accept_proxy_forgeable(seen: Seen) -> Iterator[Hit]:
    """Services that take a PROXY header from anybody."""
    for service in seen.balance.services:
        if not service.accept_proxy or not faces_others(service):
            continue
        limits = service.limits
        lists = {
            "allow": service.allow,
            "deny": service.deny,
            "allow_restricted": service.allow_restricted,
            "limits": limits.connections_per_source or limits.rate_per_source,
        }
        used = [key for key, value in lists.items() if value]
        rely = f"; {listed(used)} {verb(used, 'relies', 'rely')} on it" if used else ""
        yield Hit(
            message=f"the client's address is taken from the PROXY header of any sender{rely}",
            path=at(service, "accept_proxy"),
            service=service.name,
            severity=Severity.WARNING if used else Severity.INFO,
        )


@rule(
    code="session-needs-persistence",
    title="A web session lives on one server only",
    severity=Severity.INFO,
    why="Roundcube keeps PHP sessions in the database or redis, or in files of one server, as it is set. "
    "With files, users are signed out whenever another server answers.",
    what_to_do="Set session_storage to db or redis on all servers with one des_key; else use "
    "persistence: cookie (layout l7) or source.",
)
def session_needs_persistence(seen: Seen) -> Iterator[Hit]:
    """Roundcube on several servers without any tie."""
    for service in seen.http_services():
        tied = (
            service.persistence.kind is not PersistenceKind.NONE
            or service.scheduler is Scheduler.SOURCE_HASH
        )
        names = [item.name for item in service.workloads if item.workload.template == "roundcube"]
        if names and not tied and len(service.servers) > 1:
            yield Hit(
                message=f"{len(service.servers)} servers share {listed(names)} without persistence",
                path=at(service, "persistence"),
                service=service.name,
                workload=names[0],
            )


@rule(
    code="persistence-not-needed",
    title="Exchange 2013 and newer need no persistence",
    severity=Severity.INFO,
    why="Since Exchange 2013 any front end serves any request. A tie keeps load uneven after a failure "
    "and brings all users behind one address translation to one server.",
    what_to_do="Remove persistence.",
    source="Microsoft: Load balancing in Exchange Server",
)
def persistence_not_needed(seen: Seen) -> Iterator[Hit]:
    """Services that carry Exchange only and tie clients."""
    for service in seen.http_services():
        kind = service.persistence.kind
        if kind is not PersistenceKind.NONE and all(map(runs_exchange, service.workloads)):
            yield Hit(
                message=f"persistence {kind} ties clients to a server without need",
                path=at(service, "persistence"),
                service=service.name,
            )


@rule(
    code="sorry-missing",
    title="When no server is left, users see a connection error",
    severity=Severity.INFO,
    why="Layouts that do not decrypt have nothing to say by themselves: the connection just closes, and "
    "users suspect their own network.",
    what_to_do="Add sorry: {page: sorry.html, certificate: mail.pem}, or the address of a sorry server.",
)
def sorry_missing(seen: Seen) -> Iterator[Hit]:
    """Web services that pass TLS through and have no sorry server (l7 has a page of its own)."""
    for service in seen.http_services():
        if service.layout is not Layout.L7 and service.sorry is None:
            yield Hit(
                message="no sorry page or sorry server",
                path=at(service, "sorry"),
                service=service.name,
            )


RULES = (
    timeout_too_short,
    http2_windows,
    http2_coalescing,
    restricted_open,
    accept_proxy_forgeable,
    session_needs_persistence,
    persistence_not_needed,
    sorry_missing,
)
