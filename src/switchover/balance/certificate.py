"""What a certificate says, read from PEM or DER. Pure; no message ever holds key material.

A file that clients are shown holds the server's certificate first, then its chain, and the private key
anywhere: that is what the engine reads (``crt``, HAProxy manual 5.1).
"""

from __future__ import annotations

import hashlib
import ipaddress
import re
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING, TypeVar

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import AuthorityInformationAccessOID, ExtendedKeyUsageOID, NameOID

from switchover.errors import InvalidInput, Problem

if TYPE_CHECKING:
    from datetime import datetime

    from cryptography.hazmat.primitives.asymmetric.types import (
        CertificatePublicKeyTypes,
        PublicKeyTypes,
    )

Extension = TypeVar("Extension", bound=x509.ExtensionType)

# A line of dashes counts only where it begins a line, as for the engine.
_EDGE = re.compile(rb"-----(BEGIN|END) ([A-Z0-9 ]{1,40})-----\s*\Z")
_UTF8_MARK = b"\xef\xbb\xbf"
_UTF16_MARKS = (b"\xff\xfe", b"\xfe\xff")
_DER_SEQUENCES = (b"\x30\x80", b"\x30\x82", b"\x30\x83")
_SMALLEST_RSA_BITS = 1024
"""Below this every engine refuses the key (OpenSSL security level 1); lint warns below 2048."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificateFacts:
    """What lint, the console and metrics need of one certificate.

    ``sha256`` is the fingerprint of the DER bytes in lower-case hex. ``names`` are the host names and
    IP addresses it is good for (subject alternative names; clients ignore the common name). Times are
    UTC. ``signature_hash`` is "" where the algorithm has none of its own (Ed25519).
    ``common_name`` is "" where there is none; the engine, unlike clients, still accepts it.
    ``names_issuer_url`` is True when it says where to fetch its issuer (RFC 5280 section 4.2.2.1).
    """

    sha256: str
    subject: str
    issuer: str
    names: tuple[str, ...]
    not_before: datetime
    not_after: datetime
    key_type: str
    key_bits: int
    common_name: str = ""
    signature_hash: str = "sha256"
    is_self_signed: bool = False
    is_authority: bool = False
    is_for_servers: bool = True
    names_issuer_url: bool = False

    @property
    def short(self) -> str:
        """The first eight bytes of the fingerprint, enough for a person to compare."""
        return ":".join(self.sha256[at : at + 2] for at in range(0, 16, 2))

    def covers(self, host: str) -> bool:
        """True when clients that ask for ``host`` accept this certificate (RFC 9525 section 6.3)."""
        return any(name_matches(name, host) for name in self.names)


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificateFile:
    """A certificate and the chain behind it, in the order of the file.

    ``is_linked`` is True when each certificate was signed by the next one.
    """

    leaf: CertificateFacts
    chain: tuple[CertificateFacts, ...] = ()
    is_linked: bool = True


def name_matches(name: str, host: str) -> bool:
    """True when a certificate's name covers ``host``: equal, or a star for the first label only."""
    name, host = _comparable(name), _comparable(host)
    if name == host:
        return True
    star, _, rest = name.partition(".")
    first, _, parent = host.partition(".")
    return star == "*" and bool(first) and rest == parent and "." in rest


def read_shown(content: bytes, *, name: str) -> CertificateFile:
    """Return the certificate of a file that clients are shown: certificate, chain and key.

    Raises InvalidInput when something is missing, locked by a password, or does not belong together;
    ``name`` is the file's name for the message.
    """
    certificates = _certificates(content, name)
    _check_key(content, certificates, name)
    return _file(certificates)


def read_presented(content: bytes, *, name: str) -> CertificateFile:
    """Return the certificate of a file that records what a server presents; no key is needed."""
    return _file(_certificates(content, name))


def read_authorities(content: bytes, *, name: str) -> tuple[CertificateFacts, ...]:
    """Return the certificates of a file with authorities; InvalidInput when none can vouch."""
    facts = tuple(_facts(certificate) for certificate in _certificates(content, name))
    if not any(item.is_authority or item.is_self_signed for item in facts):
        raise _fault(
            f"{name!r} holds no certificate of an authority, so no server could be verified with it",
            "put the certificate that signed the servers' certificates there",
        )
    return facts


def read_der(content: bytes) -> CertificateFacts:
    """Return the facts of one certificate as a server presents it; InvalidInput if it is none."""
    try:
        return _facts(x509.load_der_x509_certificate(content))
    except ValueError as error:
        raise _fault("the server presents something that is no certificate") from error


@lru_cache(maxsize=256)
def fingerprints(content: bytes) -> tuple[str, ...]:
    """Return the SHA-1 fingerprints (lower-case hex) of a PEM file's certificates, none if one is damaged.

    It compares what is loaded with what was loaded, and is no proof of anything else.
    """
    try:
        certificates = _certificates(content, "")
    except InvalidInput:
        return ()
    return tuple(
        hashlib.sha1(item.public_bytes(Encoding.DER), usedforsecurity=False).hexdigest()
        for item in certificates
    )


def _comparable(name: str) -> str:
    try:
        return str(ipaddress.ip_address(name))
    except ValueError:
        return name.lower().rstrip(".")


def _fault(message: str, hint: str = "") -> InvalidInput:
    return InvalidInput(message, (Problem(message=message, hint=hint),))


def _blocks(content: bytes, kind: bytes) -> list[bytes]:
    """Return the PEM blocks whose label ends in ``kind``; one pass, whatever the file holds."""
    found: list[bytes] = []
    lines: list[bytes] = []
    label: bytes | None = None
    for line in content.removeprefix(_UTF8_MARK).splitlines(keepends=True):
        edge = _EDGE.match(line)
        if label is None and edge and edge[1] == b"BEGIN":
            lines, label = [], edge[2]
        if label is not None:
            lines.append(line)
        if label is not None and edge and edge[1] == b"END" and edge[2] == label:
            if label.endswith(kind):
                found.append(b"".join(lines))
            label = None
    return found


def _certificates(content: bytes, name: str) -> list[x509.Certificate]:
    blocks = _blocks(content, b"CERTIFICATE")
    if not blocks:
        raise _no_certificate(content, name)
    certificates = []
    for position, block in enumerate(blocks, start=1):
        try:
            certificates.append(x509.load_pem_x509_certificate(block))
        except ValueError:
            raise _fault(
                f"certificate {position} of {len(blocks)} in {name!r} is damaged",
                "export it again as PEM (Base64)",
            ) from None
    return certificates


def _no_certificate(content: bytes, name: str) -> InvalidInput:
    message = f"{name!r} holds no certificate in PEM form (-----BEGIN CERTIFICATE-----)"
    if content.startswith(_UTF16_MARKS):
        return _fault(f"{name!r} is saved as UTF-16; the engine reads plain text", "save as UTF-8")
    if content.startswith(_DER_SEQUENCES):
        return _fault(
            f"{name!r} is binary (PFX or DER), not PEM",
            f"openssl pkcs12 -in {name} -nodes -out mail.pem turns a PFX file into PEM, "
            f"openssl x509 -inform der -in {name} -out mail.pem a DER certificate",
        )
    return _fault(message)


def _check_key(content: bytes, certificates: list[x509.Certificate], name: str) -> None:
    keys = _blocks(content, b"PRIVATE KEY")
    if not keys:
        raise _fault(
            f"{name!r} holds no private key", f"append it to the file: cat mail.key >> {name}"
        )
    public = _public_of(keys[0], name)
    if isinstance(public, rsa.RSAPublicKey) and public.key_size < _SMALLEST_RSA_BITS:
        raise _fault(
            f"the RSA key in {name!r} has {public.key_size} bits; the engine refuses it",
            "get a certificate with at least 2048 bits",
        )
    wanted = _public_bytes(public)
    owner = [position for position, item in enumerate(certificates) if _key_bytes(item) == wanted]
    if owner and owner[0] == 0:
        return
    if owner:
        raise _fault(
            f"the certificate of the private key stands at position {owner[0] + 1} in {name!r}",
            "put it first and its chain behind it",
        )
    which = "the first private key" if len(keys) > 1 else "the private key"
    raise _fault(
        f"{which} in {name!r} does not belong to its certificate",
        "put the key that the certificate was requested with there",
    )


def _public_of(key: bytes, name: str) -> PublicKeyTypes:
    if b"BEGIN ENCRYPTED" in key or b"Proc-Type: 4,ENCRYPTED" in key:
        raise _fault(
            f"the private key in {name!r} has a password; the engine starts unattended",
            f"remove it with: openssl pkey -in {name} -out mail.key, "
            "and put that key beside the certificate (readable by its owner only)",
        )
    try:
        return load_pem_private_key(key, password=None).public_key()
    except (ValueError, TypeError, UnsupportedAlgorithm):
        # The library's own words are left out: they may quote what they could not read.
        raise _fault(f"the private key in {name!r} can not be read") from None


def _public_bytes(key: PublicKeyTypes | CertificatePublicKeyTypes) -> bytes:
    return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def _key_bytes(certificate: x509.Certificate) -> bytes | None:
    try:
        return _public_bytes(certificate.public_key())
    except (ValueError, UnsupportedAlgorithm):
        return None


def _file(certificates: list[x509.Certificate]) -> CertificateFile:
    facts = [_facts(certificate) for certificate in certificates]
    return CertificateFile(
        leaf=facts[0], chain=tuple(facts[1:]), is_linked=_is_linked(certificates)
    )


def _is_linked(certificates: list[x509.Certificate]) -> bool:
    for signed, signer in pairwise(certificates):
        try:
            signed.verify_directly_issued_by(signer)
        except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):
            return False
    return True


def _facts(certificate: x509.Certificate) -> CertificateFacts:
    key_type, key_bits = _key(certificate)
    return CertificateFacts(
        sha256=hashlib.sha256(certificate.public_bytes(Encoding.DER)).hexdigest(),
        subject=certificate.subject.rfc4514_string(),
        issuer=certificate.issuer.rfc4514_string(),
        names=_names(certificate),
        not_before=certificate.not_valid_before_utc,
        not_after=certificate.not_valid_after_utc,
        key_type=key_type,
        key_bits=key_bits,
        common_name=_common_name(certificate),
        signature_hash=_signature_hash(certificate),
        is_self_signed=certificate.subject == certificate.issuer,
        is_authority=_is_authority(certificate),
        is_for_servers=_is_for_servers(certificate),
        names_issuer_url=_names_issuer_url(certificate),
    )


def _key(certificate: x509.Certificate) -> tuple[str, int]:
    try:
        key = certificate.public_key()
    except (ValueError, UnsupportedAlgorithm):
        return "unknown", 0
    match key:
        case rsa.RSAPublicKey():
            return "RSA", key.key_size
        case ec.EllipticCurvePublicKey():
            return "ECDSA", key.key_size
        case ed25519.Ed25519PublicKey():
            return "Ed25519", 256
        case ed448.Ed448PublicKey():
            return "Ed448", 456
        case dsa.DSAPublicKey():
            return "DSA", key.key_size
        case _:
            return "unknown", 0


def _common_name(certificate: x509.Certificate) -> str:
    names = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    return str(names[0].value) if names else ""


def _signature_hash(certificate: x509.Certificate) -> str:
    try:
        algorithm = certificate.signature_hash_algorithm
    except (ValueError, UnsupportedAlgorithm):
        return ""
    return algorithm.name if algorithm else ""


def _names(certificate: x509.Certificate) -> tuple[str, ...]:
    names = _extension(certificate, x509.SubjectAlternativeName)
    if names is None:
        return ()
    hosts = names.get_values_for_type(x509.DNSName)
    addresses = names.get_values_for_type(x509.IPAddress)
    return tuple(dict.fromkeys([*map(str.lower, hosts), *map(str, addresses)]))


def _is_authority(certificate: x509.Certificate) -> bool:
    constraints = _extension(certificate, x509.BasicConstraints)
    return constraints is not None and constraints.ca


def _is_for_servers(certificate: x509.Certificate) -> bool:
    usage = _extension(certificate, x509.ExtendedKeyUsage)
    accepted = {ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE}
    return usage is None or not accepted.isdisjoint(usage)


def _names_issuer_url(certificate: x509.Certificate) -> bool:
    access = _extension(certificate, x509.AuthorityInformationAccess)
    return access is not None and any(
        item.access_method == AuthorityInformationAccessOID.CA_ISSUERS
        and str(item.access_location.value).startswith("http")
        for item in access
    )


def _extension(certificate: x509.Certificate, kind: type[Extension]) -> Extension | None:
    try:
        return certificate.extensions.get_extension_for_class(kind).value
    except (x509.ExtensionNotFound, x509.DuplicateExtension, ValueError):
        return None
