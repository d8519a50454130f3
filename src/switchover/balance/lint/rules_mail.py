"""Mail protocols: passwords in the clear, and the client's address."""

from __future__ import annotations

from typing import TYPE_CHECKING

from switchover.balance.lint.finding import Hit, Severity, rule
from switchover.balance.lint.product import parse_cyrus
from switchover.balance.lint.seen import at, faces_others, is_loopback, listed, runs_exchange, verb
from switchover.model.platform_file.spec import TlsMode
from switchover.model.workload import Protocol, Transport

if TYPE_CHECKING:
    from collections.abc import Iterator

    from switchover.balance.lint.seen import Seen
    from switchover.balance.virtual_service import CarriedWorkload, RealServer, VirtualService

_LOGIN = frozenset({Protocol.IMAP, Protocol.POP3, Protocol.SIEVE, Protocol.SUBMISSION})
_DELIVERY = frozenset({Protocol.SMTP, Protocol.SUBMISSION, Protocol.LMTP})
_STORES = frozenset({"dovecot", "cyrus"})
CYRUS_WITH_PROXY = (3, 12)


@rule(
    code="plain-text-login",
    title="Clients may sign in without TLS",
    severity=Severity.WARNING,
    also=(Severity.INFO,),
    why="The port begins in the clear. Whether a password may cross it before STARTTLS is for the server "
    "to refuse; the engine passes the bytes on and can not enforce it.",
    what_to_do="Offer the TLS ports (993, 995, 465) and let the servers refuse sign-in without TLS: "
    "Dovecot auth_allow_cleartext = no (2.3: disable_plaintext_auth = yes), Cyrus allowplaintext: no, "
    "Postfix smtpd_tls_auth_only = yes, Exchange Set-ImapSettings -LoginType SecureLogin.",
    source="RFC 8314 sections 3 and 4",
)
def plain_text_login(seen: Seen) -> Iterator[Hit]:
    """Ports with sign-in that do not begin with TLS."""
    for service in seen.balance.services:
        if not faces_others(service):
            continue
        for transport in (Transport.CLEAR, Transport.STARTTLS):
            names = [
                item.name
                for item in service.workloads
                if item.workload.protocol in _LOGIN and item.workload.transport is transport
            ]
            if names:
                yield _in_the_clear(service, names, transport)


def _in_the_clear(service: VirtualService, names: list[str], transport: Transport) -> Hit:
    clear = transport is Transport.CLEAR
    offer = "without TLS at all" if clear else "in the clear until the client asks for STARTTLS"
    return Hit(
        message=f"{listed(names)} on port {service.port} {verb(names, 'is', 'are')} {offer}",
        path=at(service, "workloads"),
        service=service.name,
        workload=names[0] if len(names) == 1 else None,
        severity=Severity.WARNING if clear else Severity.INFO,
    )


@rule(
    code="plain-text-to-servers",
    title="Passwords and mail cross the network between balancer and servers in the clear",
    severity=Severity.WARNING,
    why="With offload the client's TLS ends here and the rest of the way has none: Basic sign-ins of "
    "phones, cookies and messages can be read and changed there.",
    what_to_do="Use tls: {mode: re-encrypt}; keep offload for servers on this machine or on a network "
    "that is protected otherwise.",
)
def plain_text_to_servers(seen: Seen) -> Iterator[Hit]:
    """Offloading services with servers beyond this machine."""
    for service in seen.decrypting():
        far = [item.name for item in service.servers if not is_loopback(item.server.address)]
        if service.tls_mode is TlsMode.OFFLOAD and far:
            yield Hit(
                message=f"{listed(far)} {verb(far, 'is', 'are')} spoken to without TLS",
                path=at(service, "tls", "mode"),
                service=service.name,
            )


@rule(
    code="proxy-protocol-not-spoken",
    title="A server is sent the PROXY protocol that it does not understand",
    severity=Severity.ERROR,
    why="The PROXY header comes before everything else. A server that does not expect it takes it for a "
    "broken greeting or request and closes: all checks fail. Exchange has no support for it at all, "
    "Cyrus since 3.12.",
    what_to_do="Remove the workload or protocol from proxy_protocol of this server.",
    source="The PROXY protocol, section 2; Cyrus IMAP 3.12 release notes",
)
def proxy_not_spoken(seen: Seen) -> Iterator[Hit]:
    """Exchange, and Cyrus of a version known to be older, with ``proxy_protocol``."""
    told: set[tuple[str, str]] = set()
    for service in seen.balance.services:
        for item in service.workloads:
            for real in service.servers:
                product = _without_proxy(item, real)
                if product and _takes(item, real) and (real.name, item.name) not in told:
                    told.add((real.name, item.name))
                    yield Hit(
                        message=f"{real.name} would get a PROXY header for {item.name}; "
                        f"{product} does not understand it",
                        path=("servers", real.name, "proxy_protocol"),
                        service=service.name,
                        workload=item.name,
                        server=real.name,
                    )


def _takes(item: CarriedWorkload, real: RealServer) -> bool:
    return real.server.takes_proxy_protocol(item.name, item.workload.protocol)


def _without_proxy(item: CarriedWorkload, real: RealServer) -> str | None:
    """Return the product when it can not take the PROXY protocol, None when it may."""
    if runs_exchange(item):
        return "Exchange"
    if item.workload.template == "cyrus":
        version = parse_cyrus(real.server.product)
        if version and version < CYRUS_WITH_PROXY:
            return f"Cyrus {version[0]}.{version[1]}"
    return None


@rule(
    code="smtp-client-address",
    title="Mail arrives from the balancer's address",
    severity=Severity.WARNING,
    also=(Severity.INFO,),
    why="Without the PROXY protocol the server sees the balancer as the sender of everything. A relay "
    "rule that trusts the internal network then trusts the whole Internet: an open relay. SPF, block "
    "lists, grey lists and rate limits judge the balancer instead of the sender.",
    what_to_do="Let the server take the PROXY protocol on a port of its own (Postfix: "
    "postscreen_upstream_proxy_protocol or smtpd_upstream_proxy_protocol = haproxy) and list it under "
    "proxy_protocol; never trust the balancer's address in relay rules.",
    source="Postfix: postconf(5); practical365.com, Issues with load balancing SMTP traffic",
)
def smtp_client_address(seen: Seen) -> Iterator[Hit]:
    """SMTP, submission and LMTP to servers that are not told the client's address."""
    for service in seen.balance.services:
        for item in service.workloads:
            protocol = item.workload.protocol
            blind = [real.name for real in service.servers if not _takes(item, real)]
            if protocol in _DELIVERY and blind and faces_others(service):
                yield _sender_lost(service, item, blind)


def _sender_lost(service: VirtualService, item: CarriedWorkload, blind: list[str]) -> Hit:
    protocol = item.workload.protocol
    risky = protocol is Protocol.SMTP and not service.allow
    what = "submitted" if protocol is Protocol.SUBMISSION else "delivered"
    advice = None
    if runs_exchange(item):
        advice = (
            "Exchange can not take the PROXY protocol. Bound this service with allow, keep receive "
            "connectors for relay away from the balancer's address, and bring mail from outside by MX "
            "records or an edge server instead."
        )
    return Hit(
        message=f"{listed(blind)} {verb(blind, 'sees', 'see')} the balancer's address as the client of "
        f"all mail {what} by {item.name}",
        path=at(service, "servers"),
        service=service.name,
        workload=item.name,
        severity=Severity.WARNING if risky else Severity.INFO,
        what_to_do=advice,
    )


@rule(
    code="client-address-hidden",
    title="The mail store sees all users at one address",
    severity=Severity.INFO,
    why="Dovecot counts connections for each user and address (mail_max_userip_connections, 10), delays "
    "sign-ins by address after failures, and logs addresses; Cyrus and fail2ban do alike. Behind the "
    "balancer everybody has the same one, so a guessing attacker slows down all users.",
    what_to_do="Dovecot: inet_listener { haproxy = yes } on a port of its own, the balancer in "
    "haproxy_trusted_networks, and proxy_protocol: [imap] at the server. Cyrus: from 3.12, flag -H.",
    source="Dovecot documentation: HAProxy; Cyrus IMAP 3.12 release notes",
)
def client_address_hidden(seen: Seen) -> Iterator[Hit]:
    """IMAP, POP3 and ManageSieve to stores that could be told the client's address."""
    for service in seen.balance.services:
        for item in service.workloads:
            store = item.workload.template in _STORES
            login = item.workload.protocol in _LOGIN - _DELIVERY
            blind = [
                real.name
                for real in service.servers
                if not _takes(item, real) and not _without_proxy(item, real)
            ]
            if store and login and blind and faces_others(service):
                yield Hit(
                    message=f"{listed(blind)} {verb(blind, 'sees', 'see')} the balancer's address as "
                    f"the client of {item.name}",
                    path=at(service, "servers"),
                    service=service.name,
                    workload=item.name,
                )


RULES = (
    proxy_not_spoken,
    smtp_client_address,
    plain_text_login,
    plain_text_to_servers,
    client_address_hidden,
)
