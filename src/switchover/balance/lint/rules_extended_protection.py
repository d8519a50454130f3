"""Windows Extended Protection: a sign-in is bound to the certificate the client saw."""

from __future__ import annotations

from typing import TYPE_CHECKING

from switchover.balance.lint.finding import Hit, Severity, rule
from switchover.balance.lint.product import Protection, parse_exchange
from switchover.balance.lint.seen import at, listed, protection_at, runs_exchange, verb
from switchover.model.platform_file.spec import TlsMode
from switchover.model.workload import ExtendedProtection

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from switchover.balance.certificate import CertificateFacts
    from switchover.balance.lint.seen import Seen
    from switchover.balance.virtual_service import CarriedWorkload, RealServer, VirtualService

_SOURCE = (
    "Microsoft: Configure Windows Extended Protection in Exchange Server; RFC 5929 section 4 "
    "(tls-server-end-point)"
)
_SEVERITY = {
    Protection.ON: Severity.ERROR,
    Protection.UNKNOWN: Severity.WARNING,
    Protection.OFF_BY_DEFAULT: Severity.INFO,
}
_LOWER = {Severity.ERROR: Severity.WARNING}


def _bound(service: VirtualService) -> tuple[CarriedWorkload, ...]:
    """The workloads whose sign-in is checked against the certificate."""
    return tuple(
        item
        for item in service.workloads
        if item.workload.extended_protection is not ExtendedProtection.OFF
    )


def _required(items: Iterable[CarriedWorkload]) -> list[str]:
    return [
        item.name
        for item in items
        if item.workload.extended_protection is ExtendedProtection.REQUIRED
    ]


def _severity(servers: Iterable[RealServer], items: tuple[CarriedWorkload, ...]) -> Severity:
    """The worst over the servers; one step less where protection is only allowed, not required."""
    known = [_SEVERITY[protection_at(real.server, item)] for real in servers for item in items]
    worst = min(known, key=lambda severity: severity.rank)
    return worst if _required(items) else _LOWER.get(worst, Severity.INFO)


def _which(items: tuple[CarriedWorkload, ...]) -> str:
    required = _required(items)
    allowed = [item.name for item in items if item.name not in required]
    parts = []
    if required:
        parts.append(f"{listed(required)} {verb(required, 'requires', 'require')} it")
    if allowed:
        parts.append(
            f"{listed(allowed)} {verb(allowed, 'checks', 'check')} it where clients send it"
        )
    return "; ".join(parts)


@rule(
    code="extended-protection-certificate",
    title="The balancer and a server show different certificates while Extended Protection binds them",
    severity=Severity.ERROR,
    also=(Severity.WARNING, Severity.INFO),
    why="With Extended Protection the client signs in over the certificate it saw (the balancer's), and "
    "the server compares that with its own. Two certificates for one name are two different bindings, "
    "so NTLM and Kerberos sign-ins are refused: Outlook asks for the password again and again.",
    what_to_do="Put one certificate, with the same key, on the balancer and in IIS of every server "
    "(Enable-ExchangeCertificate -Services IIS), or let the service pass TLS through (layout l4 or "
    "l4-names).",
    source=_SOURCE,
)
def certificate_differs(seen: Seen) -> Iterator[Hit]:
    """Re-encrypting services: compare what clients see with what servers present."""
    for service in _re_encrypting(seen):
        items = _bound(service)
        shown = _visible(seen, service)
        differing: dict[str, tuple[CertificateFacts, list[RealServer]]] = {}
        for real, facts in seen.presented_to(service, items):
            if facts and any(leaf.sha256 != facts.sha256 for leaf in shown.values()):
                differing.setdefault(facts.sha256, (facts, []))[1].append(real)
        for facts, servers in differing.values():
            yield _differs(service, items, shown, facts, servers)


def _visible(seen: Seen, service: VirtualService) -> dict[str, CertificateFacts]:
    """The certificates that some client of the service gets: those that hold one of its names."""
    leaves = {name: file.leaf for name, file in seen.shown(service).items()}
    fitting = {
        name: leaf
        for name, leaf in leaves.items()
        if any(leaf.covers(host) for host in service.names)
    }
    return fitting or leaves


def _re_encrypting(seen: Seen) -> Iterator[VirtualService]:
    return (
        service
        for service in seen.decrypting()
        if service.tls_mode is TlsMode.RE_ENCRYPT and _bound(service)
    )


def _differs(
    service: VirtualService,
    items: tuple[CarriedWorkload, ...],
    shown: dict[str, CertificateFacts],
    facts: CertificateFacts,
    servers: list[RealServer],
) -> Hit:
    names = [real.name for real in servers]
    other = [
        f"{name} ({leaf.short}, {leaf.key_type})"
        for name, leaf in shown.items()
        if leaf.sha256 != facts.sha256
    ]
    return Hit(
        message=f"clients see {listed(other)} but {listed(names)} {verb(names, 'presents', 'present')} "
        f"{facts.short} ({facts.key_type}, issued by {facts.issuer or 'nobody'}): {_which(items)}",
        path=at(service, "tls", "certificate"),
        service=service.name,
        server=names[0] if len(names) == 1 else None,
        severity=_severity(servers, items),
    )


@rule(
    code="extended-protection-unverified",
    title="Whether balancer and servers show the same certificate could not be seen",
    severity=Severity.INFO,
    why="Extended Protection works through a re-encrypting balancer only with the same certificate on "
    "both sides. Nobody has told what these servers present, so it was not compared.",
    what_to_do="Run switchover check --live, or save the certificate (without key) beside the platform "
    "file and name it: servers.NAME.certificate.",
    source=_SOURCE,
)
def certificate_unknown(seen: Seen) -> Iterator[Hit]:
    """Re-encrypting services with servers whose certificate nobody knows."""
    for service in _re_encrypting(seen):
        unknown = [
            real.name
            for real, facts in seen.presented_to(service, _bound(service))
            if facts is None
        ]
        if unknown:
            yield Hit(
                message=f"the certificate of {listed(unknown)} is not known here and was not compared "
                f"with {listed(service.tls.certificate)}",
                path=at(service, "servers"),
                service=service.name,
            )


@rule(
    code="extended-protection-offload",
    title="TLS ends at the balancer although Extended Protection needs it at the server",
    severity=Severity.ERROR,
    also=(Severity.WARNING, Severity.INFO),
    why="Extended Protection is on from Exchange 2019 CU14 and in Subscription Edition. A server that "
    "is spoken to without TLS has no channel to bind to, so it refuses NTLM and Kerberos sign-ins; "
    "Microsoft does not support TLS offloading with it.",
    what_to_do="Use tls: {mode: re-encrypt} with the servers' own certificate on the balancer, and "
    "switch SSLOffloading of Outlook Anywhere off.",
    source=_SOURCE,
)
def offloaded(seen: Seen) -> Iterator[Hit]:
    """Offloading services that carry workloads with Extended Protection."""
    for service in seen.decrypting():
        items = _bound(service)
        if service.tls_mode is not TlsMode.OFFLOAD or not items:
            continue
        severity = _severity(service.servers, items)
        servers = [real.name for real in service.servers if _severity([real], items) is severity]
        yield Hit(
            message=f"TLS ends at the balancer; {_state(service, items, servers)}: {_which(items)}",
            path=at(service, "tls", "mode"),
            service=service.name,
            severity=severity,
        )


def _state(service: VirtualService, items: tuple[CarriedWorkload, ...], servers: list[str]) -> str:
    known = {
        protection_at(real.server, item)
        for real in service.servers
        if real.name in servers
        for item in items
    }
    if Protection.ON in known:
        return f"{listed(servers)} {verb(servers, 'has', 'have')} Extended Protection on"
    if Protection.UNKNOWN in known:
        return f"if {listed(servers)} {verb(servers, 'runs', 'run')} Exchange 2019 CU14 or newer, sign-ins fail"
    return f"this holds only while Extended Protection stays off on {listed(servers)}"


@rule(
    code="exchange-product-unknown",
    title="The exact Exchange version is not given",
    severity=Severity.INFO,
    why="Whether Extended Protection is on depends on the version: off by default up to Exchange 2019 "
    "CU13, on from CU14 and in Subscription Edition. Without it, findings about it stay guesses.",
    what_to_do="Write it at the server: product: exchange-2019-cu14 (or exchange-2016-cu23, "
    "exchange-se, exchange-15.2.1544.4).",
    source=_SOURCE,
)
def product_unknown(seen: Seen) -> Iterator[Hit]:
    """Exchange servers behind decrypting services without a version that can be read."""
    servers = {
        real.name: real.server
        for service in seen.decrypting()
        if any(runs_exchange(item) for item in _bound(service))
        for real in service.servers
        if parse_exchange(real.server.product) is None
    }
    silent = [name for name, server in servers.items() if server.product is None]
    if silent:
        yield Hit(
            message=f"{listed(silent)} {verb(silent, 'runs', 'run')} Exchange of an unknown version",
            path=("servers", silent[0]),
            server=silent[0] if len(silent) == 1 else None,
        )
    for name, server in servers.items():
        if server.product is not None:
            yield Hit(
                message=f"the product {server.product!r} is not an Exchange version that can be read",
                path=("servers", name, "product"),
                server=name,
            )


RULES = (certificate_differs, offloaded, certificate_unknown, product_unknown)
