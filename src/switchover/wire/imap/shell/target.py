"""Where to connect, and how."""

from __future__ import annotations

import hmac
import ssl
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from typing import TYPE_CHECKING

from switchover.wire.imap.conversation import KEPT_BYTES
from switchover.wire.imap.errors import CertificateFault, CertificateRefused

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable

    from switchover.wire.imap.quirks import Correction
    from switchover.wire.imap.reader import Limits


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """Where to connect, and how.

    ``tls`` is whether TLS begins with the connection; else STARTTLS is demanded, unless
    ``allow_plaintext``. ``context`` None verifies against the machine's authorities. ``pinned`` is the
    SHA-256 of the only certificate to trust, whoever signed it and whatever it says of name and time.

    ``connect_seconds`` bounds all up to the sign-in. ``answer_seconds`` bounds every single wait for bytes
    in either direction, ``stall_seconds`` the time in which only words come ("* OK Still here") and next to
    nothing that was asked for. ``kept_bytes`` bounds what the answers to one command, or to commands sent together,
    may take in memory; ``limits`` what a single response may. ``correct`` knows of this server what its
    kind does not tell.

    ``dial`` returns a connected socket to use instead of the network, for a server within this process; ``host``
    is then only what messages call it. ``begun`` returns one that was connected to the server beforehand, None
    where there is none (any more). ``compress`` asks for compression behind the sign-in, where it is offered.
    """

    host: str
    port: int
    tls: bool = True
    allow_plaintext: bool = False
    context: ssl.SSLContext | None = None
    pinned: bytes = b""
    connect_seconds: float = 20.0
    answer_seconds: float = 120.0
    stall_seconds: float = 1800.0
    kept_bytes: int = KEPT_BYTES
    limits: Limits | None = None
    correct: Correction | None = None
    dial: Callable[[], socket.socket] | None = None
    begun: Callable[[], socket.socket | None] | None = None
    compress: bool = False

    @property
    def trust(self) -> ssl.SSLContext:
        """The context to use for TLS; with it alone a pinned certificate is not checked yet."""
        return _no_trust() if self.pinned else self.context or _default_trust()

    @property
    def any_certificate(self) -> ssl.SSLContext:
        """The context that trusts whoever answers, for a look that tells nothing to the other side."""
        return _no_trust()

    def require_pinned(self, certificate: bytes | None) -> None:
        """Raise CertificateRefused unless a certificate (DER) is the pinned one, if one is pinned."""
        if not self.pinned:
            return
        found = sha256(certificate or b"").digest()
        if not hmac.compare_digest(found, self.pinned):
            raise CertificateRefused(
                f"the certificate of {self.host} is not trusted: {CertificateFault.NOT_PINNED}; its "
                f"SHA-256 fingerprint is {found.hex(':').upper()}",
                CertificateFault.NOT_PINNED,
            )


@lru_cache(maxsize=1)  # the authorities of the machine take some 20 ms to read
def _default_trust() -> ssl.SSLContext:
    return ssl.create_default_context()


def _no_trust() -> ssl.SSLContext:
    """Return a context that takes every certificate: ``require_pinned`` decides before a word is said."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context
