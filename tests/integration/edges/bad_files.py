"""Platform files that must be refused, each with a word that its error must hold."""

from __future__ import annotations

import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import yaml
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from switchover import clock

TAKEN_PORT = 10555


@dataclass(frozen=True, kw_only=True)
class BadFile:
    """``spoil`` makes the bad text of a good one; ``files`` come beside it."""

    spoil: Callable[[dict[str, Any]], str]
    says: tuple[str, ...]
    files: Mapping[str, bytes] = field(default_factory=dict)


def changed(service: str = "web", **keys: Any) -> Callable[[dict[str, Any]], str]:
    def spoil(content: dict[str, Any]) -> str:
        content["services"][service] |= keys
        return yaml.safe_dump(content, sort_keys=False)

    return spoil


def shown(name: str) -> Callable[[dict[str, Any]], str]:
    return changed(tls={"certificate": name, "server_ca": "ca.pem"})


def _twice(content: dict[str, Any]) -> str:
    text = yaml.safe_dump(content, sort_keys=False)
    again = yaml.safe_dump({"web": content["services"]["web"]}, sort_keys=False)
    return text + "".join(f"  {line}\n" for line in again.splitlines())


def _engine(**keys: Any) -> Callable[[dict[str, Any]], str]:
    def spoil(content: dict[str, Any]) -> str:
        return yaml.safe_dump({**content, "engine": keys}, sort_keys=False)

    return spoil


def _bomb(_: dict[str, Any]) -> str:
    lines = ["a: &a [x, x, x, x, x, x, x, x, x]"]
    for known, fresh in zip("abcdefgh", "bcdefghi", strict=True):
        lines.append(f"{fresh}: &{fresh} [{', '.join([f'*{known}'] * 9)}]")
    return "\n".join(lines) + "\n"


def key_pair(*, password: bytes | None = None, key: bool = True) -> bytes:
    """Return a certificate and, with ``key``, its key as PEM, the key under ``password``."""
    made = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "mail.contoso.example")])
    now = clock.now()
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(made.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=30))
        .add_extension(
            x509.SubjectAlternativeName([x509.DNSName("mail.contoso.example")]), critical=False
        )
        .sign(made, hashes.SHA256())
    )
    locked: serialization.KeySerializationEncryption = (
        serialization.BestAvailableEncryption(password)
        if password
        else serialization.NoEncryption()
    )
    private = made.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, locked
    )
    return certificate.public_bytes(serialization.Encoding.PEM) + (private if key else b"")


def _strangers() -> bytes:
    """A certificate with somebody else's key."""
    _, _, other_key = key_pair().partition(b"-----BEGIN PRIVATE KEY-----")
    return key_pair(key=False) + b"-----BEGIN PRIVATE KEY-----" + other_key


BAD_FILES: dict[str, BadFile] = {
    "unknown-key": BadFile(spoil=changed(layuot="l7"), says=("layuot", "did you mean 'layout'")),
    "wrong-value": BadFile(spoil=changed(port=70000), says=("services.web.port", "65535")),
    "not-yaml": BadFile(spoil=lambda _: "services:\n\t- web\n", says=("indent with spaces",)),
    "empty": BadFile(spoil=lambda _: "", says=("'platform' is missing",)),
    "bomb": BadFile(spoil=_bomb, says=("is it a bomb?",)),
    "two-services-of-one-name": BadFile(spoil=_twice, says=("web", "a second time")),
    "two-services-on-one-port": BadFile(
        spoil=changed("names", port=10443), says=("names", "10443", "web")
    ),
    "server-without-the-workload": BadFile(
        spoil=changed(workloads=["owa", "webmail"]), says=("cas1", "'webmail'")
    ),
    "no-such-server": BadFile(
        spoil=changed(servers=["cas1", "cas9"]), says=("'cas9'", "did you mean")
    ),
    "missing-certificate": BadFile(spoil=shown("other.pem"), says=("'other.pem'", "missing")),
    "certificate-with-password": BadFile(
        spoil=shown("other.pem"), says=("other.pem", "password"),
        files={"other.pem": key_pair(password=b"secret-of-the-key")},
    ),
    "certificate-of-another-key": BadFile(
        spoil=shown("other.pem"), says=("other.pem", "key"), files={"other.pem": _strangers()}
    ),
    "certificate-without-key": BadFile(
        spoil=shown("other.pem"), says=("other.pem", "key"),
        files={"other.pem": key_pair(key=False)},
    ),
    "no-certificate-at-all": BadFile(
        spoil=shown("other.pem"), says=("other.pem", "no certificate"),
        files={"other.pem": b"hello"},
    ),
    "address-not-here": BadFile(
        spoil=changed(address="192.0.2.55"), says=("192.0.2.55 is not an address of this machine",)
    ),
    "port-taken": BadFile(
        spoil=changed(port=TAKEN_PORT), says=(f"port {TAKEN_PORT} is used by",)
    ),
    "engine-refuses": BadFile(
        spoil=_engine(max_connections=1_000_000), says=("engine", "FD limit")
    ),
}  # fmt: skip


def take_port(address: str) -> socket.socket:
    """Listen as another program would."""
    taken = socket.socket()
    taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    taken.bind((address, TAKEN_PORT))
    taken.listen()
    return taken
