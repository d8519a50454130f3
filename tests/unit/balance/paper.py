"""Certificates for tests: made on the spot, valid around a fixed day."""

from __future__ import annotations

import ipaddress
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, rsa
from cryptography.x509.oid import AuthorityInformationAccessOID, ExtendedKeyUsageOID, NameOID

TODAY = datetime(2026, 6, 1, 12, 0, tzinfo=UTC)
Key = (
    ec.EllipticCurvePrivateKey
    | rsa.RSAPrivateKey
    | dsa.DSAPrivateKey
    | ed25519.Ed25519PrivateKey
    | ed448.Ed448PrivateKey
)
_NO_HASH = (ed25519.Ed25519PrivateKey, ed448.Ed448PrivateKey)


class Paper:
    """A certificate with its key; signs itself unless ``by`` another one."""

    def __init__(
        self,
        *names: str,
        key: Key | None = None,
        by: Paper | None = None,
        days: tuple[int, int] = (-10, 300),
        common_name: str = "contoso",
        is_authority: bool = False,
        usage: x509.ObjectIdentifier = ExtendedKeyUsageOID.SERVER_AUTH,
        issuer_url: str = "",
    ) -> None:
        self.key: Key = key or ec.generate_private_key(ec.SECP256R1())
        subject = _name(common_name)
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(by.certificate.subject if by else subject)
            .public_key(self.key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(TODAY + timedelta(days=days[0]))
            .not_valid_after(TODAY + timedelta(days=days[1]))
            .add_extension(x509.BasicConstraints(ca=is_authority, path_length=None), critical=True)
            .add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
        )
        if names:
            builder = builder.add_extension(
                x509.SubjectAlternativeName([_general(name) for name in names]), critical=False
            )
        if issuer_url:
            where = x509.UniformResourceIdentifier(issuer_url)
            access = x509.AccessDescription(AuthorityInformationAccessOID.CA_ISSUERS, where)
            builder = builder.add_extension(
                x509.AuthorityInformationAccess([access]), critical=False
            )
        signer = by.key if by else self.key
        algorithm = None if isinstance(signer, _NO_HASH) else hashes.SHA256()
        self.certificate = builder.sign(signer, algorithm)

    @property
    def pem(self) -> bytes:
        """The certificate alone."""
        return self.certificate.public_bytes(serialization.Encoding.PEM)

    @property
    def der(self) -> bytes:
        """The certificate alone, binary."""
        return self.certificate.public_bytes(serialization.Encoding.DER)

    def key_pem(self, password: str = "", *, traditional: bool = False) -> bytes:
        """The private key, locked where a password is given."""
        return self.key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.TraditionalOpenSSL
            if traditional
            else serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(password.encode())
            if password
            else serialization.NoEncryption(),
        )

    @property
    def bundle(self) -> bytes:
        """Key and certificate in one file."""
        return self.key_pem() + self.pem


def _name(common_name: str) -> x509.Name:
    if not common_name:
        return x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Contoso")])
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _general(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)
