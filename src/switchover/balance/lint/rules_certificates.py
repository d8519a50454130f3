"""Certificates: dates, authorities, chains, strength."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from switchover.balance.lint.finding import Hit, Severity, rule
from switchover.balance.lint.seen import at, listed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from switchover.balance.certificate import CertificateFacts
    from switchover.balance.lint.seen import Seen
    from switchover.model.platform_file.tree import Path

RENEW_WITHIN = timedelta(days=30)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Known:
    """A certificate and the key that a finding about it points at."""

    what: str
    facts: CertificateFacts
    path: Path
    service: str | None = None
    server: str | None = None

    def hit(self, message: str, what_to_do: str | None = None) -> Hit:
        return Hit(
            message=f"{self.what} {message}",
            path=self.path,
            service=self.service,
            server=self.server,
            what_to_do=what_to_do,
        )


def _known(seen: Seen) -> Iterator[_Known]:
    """Yield every certificate once: those of files first, then what servers presented live."""
    told: set[str] = set()
    for known in (*_shown(seen), *_recorded(seen), *_live(seen)):
        if known.facts.sha256 not in told:
            told.add(known.facts.sha256)
            yield known


def _shown(seen: Seen) -> Iterator[_Known]:
    for service in seen.balance.services:
        sorry = service.sorry.certificate if service.sorry else None
        keys = [(name, at(service, "tls", "certificate")) for name in service.tls.certificate]
        keys += [(sorry, at(service, "sorry", "certificate"))] if sorry else []
        for name, path in keys:
            file = seen.assets.shown.get(name)
            if file:
                yield _Known(what=name, facts=file.leaf, path=path, service=service.name)


def _recorded(seen: Seen) -> Iterator[_Known]:
    for server in seen.balance.servers.values():
        facts = seen.recorded(server)
        if facts:
            yield _Known(
                what=f"{server.certificate} (of {server.name})",
                facts=facts,
                path=("servers", server.name, "certificate"),
                server=server.name,
            )


def _live(seen: Seen) -> Iterator[_Known]:
    answers = seen.live.endpoints if seen.live else {}
    for (server, port, host), answer in sorted(answers.items()):
        if answer.certificate:
            asked = f" for {host}" if host else ""
            yield _Known(
                what=f"the certificate that {server} presents on port {port}{asked}",
                facts=answer.certificate,
                path=("servers", server),
                server=server,
            )


def _day(facts: CertificateFacts) -> str:
    return f"{facts.not_after:%Y-%m-%d}"


@rule(
    code="certificate-expired",
    title="A certificate is not valid today",
    severity=Severity.ERROR,
    why="Clients refuse it or warn their users; phones stop synchronising without a word. Behind a "
    "re-encrypting service an expired server certificate fails every health check.",
    what_to_do="Renew it and apply the platform file again; the engine takes a new certificate without "
    "a reload.",
)
def expired(seen: Seen) -> Iterator[Hit]:
    """Certificates beyond their end, or before their beginning."""
    for known in _known(seen):
        facts = known.facts
        if facts.not_after <= seen.now:
            yield known.hit(
                f"expired on {_day(facts)}, {(seen.now - facts.not_after).days} days ago"
            )
        elif facts.not_before > seen.now:
            yield known.hit(
                f"is valid only from {facts.not_before:%Y-%m-%d %H:%M} UTC on",
                "Wait, keep the one before, or correct this machine's clock.",
            )


@rule(
    code="certificate-expires-soon",
    title=f"A certificate ends within {RENEW_WITHIN.days} days",
    severity=Severity.WARNING,
    why="An expired certificate takes every client of its services down at one moment.",
    what_to_do="Renew it now, on the balancer and on the servers together where Extended Protection "
    "binds them.",
)
def expires_soon(seen: Seen) -> Iterator[Hit]:
    """Certificates and authorities near their end."""
    for known in _known(seen):
        left = known.facts.not_after - seen.now
        if timedelta() < left < RENEW_WITHIN:
            yield known.hit(f"ends on {_day(known.facts)}, in {left.days} days")


@rule(
    code="authority-expired",
    title="No authority in a file is valid any more",
    severity=Severity.ERROR,
    also=(Severity.WARNING,),
    why="The engine verifies the servers with this file. When its last authority ends, every health "
    "check of a re-encrypting service fails at once.",
    what_to_do="Put the new authority's certificate into the file; old and new may stand together.",
)
def authority_expired(seen: Seen) -> Iterator[Hit]:
    """Files of authorities whose last certificate has ended or ends soon."""
    for service in seen.balance.services:
        name = service.tls.server_ca
        facts = seen.assets.authorities.get(name or "")
        if not facts:
            continue
        last = max(facts, key=lambda item: item.not_after)
        if last.not_after - seen.now < RENEW_WITHIN:
            over = last.not_after <= seen.now
            yield Hit(
                message=f"the last authority in {name} {'ended' if over else 'ends'} on {_day(last)}",
                path=at(service, "tls", "server_ca"),
                service=service.name,
                severity=Severity.ERROR if over else Severity.WARNING,
            )


@rule(
    code="certificate-chain",
    title="The file lacks the chain that clients need",
    severity=Severity.WARNING,
    why="Clients know root authorities only. Without the intermediate certificate, phones and other "
    "servers refuse although desktop browsers, which fetch it themselves, look fine.",
    what_to_do="Append the intermediate certificates in order, the server's own first. Ignore this where "
    "the issuer is itself a root that all clients trust.",
    source="RFC 8446 section 4.4.2",
)
def chain_incomplete(seen: Seen) -> Iterator[Hit]:
    """Files shown to clients whose chain is missing or in disorder."""
    roots = {
        item.subject
        for facts in seen.assets.authorities.values()
        for item in facts
        if item.is_self_signed
    }
    told: set[str] = set()
    for service in seen.decrypting():
        for name, file in seen.shown(service).items():
            if name in told:
                continue
            leaf = file.leaf
            lone = not file.chain and leaf.names_issuer_url and leaf.issuer not in roots
            if lone and not leaf.is_self_signed:
                message = f"{name} holds no intermediate certificate ({leaf.issuer})"
            elif not file.is_linked:
                message = f"in {name} the certificates do not sign one another in order"
            else:
                continue
            told.add(name)
            yield Hit(message=message, path=at(service, "tls", "certificate"), service=service.name)


@rule(
    code="certificate-weak",
    title="A certificate is weaker than clients accept",
    severity=Severity.WARNING,
    why="Current clients refuse RSA below 2048 bits, curves below 256 bits, DSA, and signatures made "
    "with SHA-1 or MD5; engines of newer distributions refuse to load them.",
    what_to_do="Renew it with RSA 2048 or ECDSA P-256 and a SHA-256 signature. ECDSA costs the balancer "
    "a fraction of RSA.",
    source="CA/Browser Forum Baseline Requirements 6.1.5",
)
def weak(seen: Seen) -> Iterator[Hit]:
    """Short keys, old signatures, and certificates made for something else than servers."""
    for known in _known(seen):
        reasons = list(_weaknesses(known.facts))
        if reasons:
            yield known.hit(f"has {listed(reasons)}")


def _weaknesses(facts: CertificateFacts) -> Iterator[str]:
    if facts.key_type == "RSA" and facts.key_bits < 2048:
        yield f"an RSA key of {facts.key_bits} bits"
    if facts.key_type == "ECDSA" and facts.key_bits < 256:
        yield f"an elliptic curve of {facts.key_bits} bits"
    if facts.key_type in {"DSA", "unknown"}:
        yield f"a key of type {facts.key_type}"
    if facts.signature_hash in {"sha1", "md5"} and not facts.is_self_signed:
        yield f"a signature made with {facts.signature_hash.upper()}"
    if not facts.is_for_servers:
        yield "an extended key usage that leaves servers out"


RULES = (expired, expires_soon, authority_expired, chain_incomplete, weak)
