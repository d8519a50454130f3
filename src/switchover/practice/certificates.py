"""Makes the farm's certificates: a practice authority, one certificate per server, a wrong one.

Every file is PEM and readable by its owner only. The authority's key never touches the disk.
"""

from __future__ import annotations

import ipaddress
import os
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from switchover import clock

if TYPE_CHECKING:
    from pathlib import Path

    from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes

_LIFETIME = timedelta(days=397)
_LONGEST_COMMON_NAME = 64  # RFC 5280 appendix A.1, ub-common-name
WRONG_NAME = "somebody-else.contoso.example"

PrivateKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey


class KeyType(StrEnum):
    """Algorithm of a server key. ECDSA P-256 handshakes cost the server a fraction of RSA-2048."""

    ECDSA = "ecdsa"
    RSA = "rsa"


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificateFiles:
    """Where a certificate stands: ``bundle`` is key and certificate in one file, for HAProxy."""

    bundle: Path
    certificate: Path
    key: Path


class PracticeAuthority:
    """A certificate authority that lives as long as the farm."""

    def __init__(self, directory: Path) -> None:
        """Make the authority and write its certificate to ``ca.pem`` in ``directory``."""
        self._directory = directory
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = _name("switchover practice authority")
        self._certificate = self._make()
        self.path = directory / "ca.pem"
        write_private(self.path, _pem(self._certificate))

    def issue(
        self, name: str, hosts: tuple[str, ...], key_type: KeyType = KeyType.ECDSA
    ) -> CertificateFiles:
        """Write ``NAME.pem`` (bundle), ``NAME.crt`` and ``NAME.key``; return where they stand.

        Args:
            name: stem of the file names.
            hosts: host names and IP addresses the certificate is good for, at least one.
            key_type: algorithm of the server key.
        """
        key = _new_key(key_type)
        builder = _builder(hosts, key.public_key(), issuer=self._name).add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()),
            critical=False,
        )
        return _write(self._directory, name, key, builder.sign(self._key, hashes.SHA256()))

    def _make(self) -> x509.Certificate:
        usage = _usage(digital_signature=False, signs_certificates=True)
        return (
            _dated(self._name, self._name, self._key.public_key())
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(usage, critical=True)
            .sign(self._key, hashes.SHA256())
        )


def issue_wrong(directory: Path, name: str, key_type: KeyType = KeyType.ECDSA) -> CertificateFiles:
    """Write a self-signed certificate for another host name; return where it stands."""
    key = _new_key(key_type)
    builder = _builder((WRONG_NAME,), key.public_key(), issuer=_name(WRONG_NAME))
    return _write(directory, name, key, builder.sign(key, hashes.SHA256()))


def write_private(path: Path, content: bytes) -> None:
    """Replace the file in one step; it is never readable by anybody but its owner."""
    fresh = path.with_name(f".{path.name}.{clock.new_id()}")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
    fresh.replace(path)


def _new_key(key_type: KeyType) -> PrivateKey:
    if key_type is KeyType.RSA:
        return rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return ec.generate_private_key(ec.SECP256R1())


def _name(common_name: str) -> x509.Name:
    text = common_name[:_LONGEST_COMMON_NAME]
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _builder(
    hosts: tuple[str, ...], key: CertificatePublicKeyTypes, *, issuer: x509.Name
) -> x509.CertificateBuilder:
    names = x509.SubjectAlternativeName([_general_name(host) for host in hosts])
    usage = _usage(digital_signature=True, signs_certificates=False)
    return (
        _dated(_name(hosts[0]), issuer, key)
        .add_extension(names, critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
    )


def _dated(
    subject: x509.Name, issuer: x509.Name, key: CertificatePublicKeyTypes
) -> x509.CertificateBuilder:
    now = clock.now()
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + _LIFETIME)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
    )


def _usage(*, digital_signature: bool, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=digital_signature,
        content_commitment=False,
        key_encipherment=digital_signature,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        encipher_only=False,
        decipher_only=False,
    )


def _general_name(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def _write(
    directory: Path, name: str, key: PrivateKey, certificate: x509.Certificate
) -> CertificateFiles:
    key_pem = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    files = CertificateFiles(
        bundle=directory / f"{name}.pem",
        certificate=directory / f"{name}.crt",
        key=directory / f"{name}.key",
    )
    write_private(files.bundle, key_pem + _pem(certificate))
    write_private(files.certificate, _pem(certificate))
    write_private(files.key, key_pem)
    return files
