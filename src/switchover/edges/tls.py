"""TLS of the listening socket: the administrator's certificate, or one of our own making.

A certificate that changed on disk is shown to the next connection without a restart: at SIGHUP at once,
else within WATCH_SECONDS. One that can not be used changes nothing and is told in the log.
"""

from __future__ import annotations

import asyncio
import ipaddress
import logging
import os
import ssl
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from switchover import clock
from switchover.edges.own_names import names_of
from switchover.errors import InvalidInput, Refused

if TYPE_CHECKING:
    from switchover.settings import Settings

logger = logging.getLogger(__name__)

WATCH_SECONDS = 30.0
_LIFETIME = timedelta(days=397)
_RENEWAL = timedelta(days=30)
_LONGEST_COMMON_NAME = 64  # RFC 5280 appendix A.1, ub-common-name


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """Where a certificate and its key stand."""

    certificate: Path
    key: Path

    @property
    def marks(self) -> tuple[tuple[int, int, int], ...]:
        """What changes when one of the files does."""
        stats = [path.stat() for path in (self.certificate, self.key)]
        return tuple((stat.st_mtime_ns, stat.st_size, stat.st_ino) for stat in stats)


class ConsoleTls:
    """The certificate that the listening socket shows, and who looks after it."""

    def __init__(self, settings: Settings) -> None:
        """Load the certificate; raises InvalidInput when it can not be used."""
        self._settings = settings
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.minimum_version = ssl.TLSVersion.TLSv1_2
        self.context.set_alpn_protocols(["http/1.1"])
        self._pair = self._given() or self._generated()
        self._marks: tuple[tuple[int, int, int], ...] = ()
        self._load()

    def reload(self) -> None:
        """Show the files as they are now; what can not be used is told in the log and not shown."""
        try:
            self._pair = self._given() or self._generated()
            self._load()
        except (InvalidInput, Refused, OSError) as error:
            logger.error("tls=kept reason=%s", error)  # noqa: TRY400 - the sentence says it all
            return
        logger.info("tls=reloaded certificate=%s", self._pair.certificate)

    async def watch(self) -> None:
        """Reload whenever a file has changed or the generated certificate nears its end, for ever."""
        told = self._marks
        while True:
            await asyncio.sleep(WATCH_SECONDS)
            try:
                seen = self._pair.marks
            except OSError:
                continue  # being replaced at this moment
            if self._is_due() or seen not in (self._marks, told):
                told = seen
                self.reload()

    def forget(self) -> None:
        """Remove what the local command line trusts: the port may be another's soon."""
        self._settings.pin_file.unlink(missing_ok=True)

    def _given(self) -> Pair | None:
        certificate, key = self._settings.tls_certificate, self._settings.tls_key
        return Pair(certificate=certificate, key=key) if certificate and key else None

    def _generated(self) -> Pair:
        directory = self._settings.tls_dir
        directory.mkdir(mode=0o700, exist_ok=True)
        pair = Pair(certificate=directory / "certificate.pem", key=directory / "key.pem")
        is_fit = not _is_due(pair.certificate) and pair.key.is_file()
        if not is_fit or _lacks(pair.certificate, self._settings):
            _generate(pair, _names(self._settings))
        return pair

    def _is_due(self) -> bool:
        return self._given() is None and _is_due(self._pair.certificate)

    def _load(self) -> None:
        marks = self._pair.marks
        # Tried elsewhere first: a context that failed half way would show a certificate without its key.
        for context in (ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), self.context):
            _load(context, self._pair)
        leaf = x509.load_pem_x509_certificate(self._pair.certificate.read_bytes())
        draft = self._settings.pin_file.with_suffix(".new")
        draft.write_bytes(leaf.public_bytes(serialization.Encoding.PEM))
        draft.replace(self._settings.pin_file)
        self._marks = marks


def _load(context: ssl.SSLContext, pair: Pair) -> None:
    try:
        # A password, which is wrong, instead of a question to a terminal that nobody looks at.
        context.load_cert_chain(pair.certificate, pair.key, password="")
    except (OSError, ValueError) as error:
        raise InvalidInput(
            f"the console can not show the certificate {pair.certificate} with the key {pair.key}: "
            f"{getattr(error, 'reason', None) or error}; both must be PEM, belong together, and the key must "
            "have no password"
        ) from error


def _is_due(certificate: Path) -> bool:
    try:
        found = x509.load_pem_x509_certificate(certificate.read_bytes())
    except (OSError, ValueError):
        return True
    return clock.now() + _RENEWAL > found.not_valid_after_utc


def _names(settings: Settings) -> list[str]:
    """Return what people may type to reach us."""
    return list(dict.fromkeys([*names_of(settings), "127.0.0.1", "::1"]))


def _lacks(certificate: Path, settings: Settings) -> bool:
    """True when the public URL got another name since the certificate was made."""
    public = urlsplit(settings.public_url).hostname if settings.public_url else None
    if public is None:
        return False
    found = x509.load_pem_x509_certificate(certificate.read_bytes())
    names = found.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    return _general_name(public) not in names.value


def _generate(pair: Pair, names: list[str]) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0][:_LONGEST_COMMON_NAME])])
    now = clock.now()
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + _LIFETIME)
        .add_extension(
            x509.SubjectAlternativeName([_general_name(name) for name in names]), critical=False
        )
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    no_password = serialization.NoEncryption()
    _write(pair.key, key.private_bytes(pem, serialization.PrivateFormat.PKCS8, no_password))
    _write(pair.certificate, certificate.public_bytes(pem))
    shown = ":".join(f"{byte:02X}" for byte in certificate.fingerprint(hashes.SHA256()))
    logger.warning("tls=generated certificate=%s sha256=%s", pair.certificate, shown)


def _write(path: Path, content: bytes) -> None:
    draft = path.with_suffix(".new")
    draft.unlink(missing_ok=True)
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
    draft.replace(path)


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name.encode("idna").decode("ascii"))
