"""Names in certificates, and whether the engine would accept what servers present."""

from __future__ import annotations

from typing import TYPE_CHECKING

from switchover.balance.certificate import name_matches
from switchover.balance.lint.facts import hosts_asked, speaks_tls_to_servers
from switchover.balance.lint.finding import Hit, Severity, rule
from switchover.balance.lint.seen import at, is_loopback, listed, verb
from switchover.model.platform_file.spec import Layout, TlsMode

if TYPE_CHECKING:
    from collections.abc import Iterator

    from switchover.balance.certificate import CertificateFacts
    from switchover.balance.lint.seen import Seen
    from switchover.balance.virtual_service import VirtualService


@rule(
    code="certificate-does-not-cover-names",
    title="Clients ask for a name that the certificate does not hold",
    severity=Severity.ERROR,
    why="Browsers warn, Outlook asks the user at every start, phones refuse. A star covers exactly one "
    "label: *.contoso.example is good for mail.contoso.example, not for contoso.example.",
    what_to_do="Get a certificate with all names of the service, or list a second one for the others.",
    source="RFC 9525 section 6.3",
)
def names_not_covered(seen: Seen) -> Iterator[Hit]:
    """Decrypting services by their own certificates, the others by what their servers present."""
    for service in seen.balance.services:
        if service.layout is Layout.L7:
            yield from _not_shown(seen, service)
        else:
            yield from _not_presented(seen, service)


def _not_shown(seen: Seen, service: VirtualService) -> Iterator[Hit]:
    leaves = [file.leaf for file in seen.shown(service).values()]
    missing = [
        name for name in service.names if leaves and not any(leaf.covers(name) for leaf in leaves)
    ]
    if missing:
        held = [name for leaf in leaves for name in leaf.names]
        yield Hit(
            message=f"{listed(service.tls.certificate)} does not hold {listed(missing)} "
            f"(it holds {listed(held) or 'no name at all'})",
            path=at(service, "tls", "certificate"),
            service=service.name,
        )


def _not_presented(seen: Seen, service: VirtualService) -> Iterator[Hit]:
    """One hit for each set of names and servers; nothing is decrypted, so clients see these."""
    missing: dict[tuple[str, str], list[str]] = {}
    for item in service.workloads:
        if not speaks_tls_to_servers(service, item):
            continue
        for real in service.servers:
            for host in filter(None, hosts_asked(service, item)):
                facts = seen.presented(service, item, real, host)
                if facts and not facts.covers(host):
                    held = listed(facts.names) or "no name at all"
                    servers = missing.setdefault((host, held), [])
                    servers.append(real.name)
    for (host, held), names in missing.items():
        yield Hit(
            message=f"clients ask for {host}; the certificate of {listed(names)} holds {held}",
            path=at(service, "names"),
            service=service.name,
            server=names[0] if len(set(names)) == 1 else None,
            what_to_do="Get a certificate with this name for these servers: this layout shows clients "
            "the servers' own.",
        )


@rule(
    code="server-certificate-name",
    title="A server would fail verification: its certificate lacks the name it is asked for",
    severity=Severity.ERROR,
    why="The engine verifies the name when it re-encrypts. A server whose certificate does not hold it "
    "fails its health checks and gets no traffic.",
    what_to_do="Add the name to the server's certificate, or say which name to verify: "
    "tls: {server_name: cas.contoso.example}.",
    source="HAProxy manual 5.2, verifyhost",
)
def server_name_not_covered(seen: Seen) -> Iterator[Hit]:
    """Services that verify their servers, against the certificates known of them."""
    for service in _verifying(seen):
        told: set[tuple[str, str]] = set()
        for item in service.workloads:
            host = hosts_asked(service, item)[0]
            for real in service.servers:
                facts = seen.presented(service, item, real, host)
                if host and facts and (real.name, host) not in told and not _passes(facts, host):
                    told.add((real.name, host))
                    yield Hit(
                        message=f"{real.name} is verified as {host}, its certificate holds "
                        f"{listed(facts.names) or 'no name at all'}",
                        path=at(service, "tls", "server_name"),
                        service=service.name,
                        server=real.name,
                    )


def _passes(facts: CertificateFacts, host: str) -> bool:
    return facts.covers(host) or name_matches(facts.common_name, host)


def _verifying(seen: Seen) -> Iterator[VirtualService]:
    return (
        service
        for service in seen.decrypting()
        if service.tls_mode is TlsMode.RE_ENCRYPT and service.tls.verify
    )


@rule(
    code="server-certificate-untrusted",
    title="A server presents a self-signed certificate that nobody was told to trust",
    severity=Severity.ERROR,
    why="Exchange installs itself with a self-signed certificate. The engine verifies servers when it "
    "re-encrypts, so such a server fails its health checks and gets no traffic.",
    what_to_do="Bind the real certificate in IIS, or put the self-signed one into the file named by "
    "tls.server_ca.",
)
def server_untrusted(seen: Seen) -> Iterator[Hit]:
    """Self-signed server certificates that are not among the authorities."""
    for service in _verifying(seen):
        if service.tls.server_ca and service.tls.server_ca not in seen.assets.authorities:
            continue
        authorities = seen.assets.authorities.get(service.tls.server_ca or "", ())
        trusted = {item.sha256 for item in authorities}
        for real, facts in seen.presented_to(service, service.workloads):
            if facts and facts.is_self_signed and facts.sha256 not in trusted:
                yield Hit(
                    message=f"{real.name} presents a self-signed certificate ({facts.subject}) that is "
                    f"not in {service.tls.server_ca or 'the authorities of this machine'}",
                    path=at(
                        service, "tls", "server_ca" if service.tls.server_ca else "certificate"
                    ),
                    service=service.name,
                    server=real.name,
                )


@rule(
    code="recorded-certificate-differs",
    title="A server presents another certificate than the file says",
    severity=Severity.WARNING,
    why="What is compared offline is the recorded certificate; after a renewal it says what was.",
    what_to_do="Save the certificate the server presents now beside the platform file.",
    needs_live=True,
)
def recorded_differs(seen: Seen) -> Iterator[Hit]:
    """Live answers against ``servers.NAME.certificate``."""
    told: set[str] = set()
    answers = seen.live.endpoints if seen.live else {}
    for (name, port, _), answer in sorted(answers.items()):
        server = seen.balance.servers.get(name)
        recorded = seen.recorded(server) if server else None
        fresh = answer.certificate
        if server and recorded and fresh and fresh.sha256 != recorded.sha256 and name not in told:
            told.add(name)
            yield Hit(
                message=f"{name} presents {fresh.short} on port {port}, {server.certificate} holds "
                f"{recorded.short}",
                path=("servers", name, "certificate"),
                server=name,
            )


@rule(
    code="verify-off",
    title="Servers are not verified",
    severity=Severity.WARNING,
    why="Without verification the engine hands passwords to whatever answers on the server's address; "
    "encryption alone does not show who is there.",
    what_to_do="Remove verify: false and name the authority: tls: {server_ca: ca.pem}. A self-signed "
    "certificate may stand in that file itself.",
)
def verify_off(seen: Seen) -> Iterator[Hit]:
    """Re-encrypting services with ``verify: false`` to servers beyond this machine."""
    for service in seen.decrypting():
        far = [item.name for item in service.servers if not is_loopback(item.server.address)]
        if service.tls_mode is TlsMode.RE_ENCRYPT and not service.tls.verify and far:
            yield Hit(
                message=f"the certificates of {listed(far)} {verb(far, 'is', 'are')} not verified",
                path=at(service, "tls", "verify"),
                service=service.name,
            )


RULES = (
    names_not_covered,
    server_name_not_covered,
    server_untrusted,
    recorded_differs,
    verify_off,
)
