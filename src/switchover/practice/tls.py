"""The TLS side of a practice server: right certificate, wrong certificate, by name."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from switchover.practice.certificates import CertificateFiles


class ServerTls:
    """Makes the contexts of one port and decides in the handshake which certificate to show."""

    def __init__(
        self,
        *,
        right: CertificateFiles,
        wrong: CertificateFiles,
        is_wrong_for: Callable[[str | None], bool],
    ) -> None:
        """Take both certificates; ``is_wrong_for`` is asked with the SNI of each handshake."""
        self._right = right
        self._wrong = wrong
        self._is_wrong_for = is_wrong_for
        self._context: ssl.SSLContext | None = None

    def context(self) -> ssl.SSLContext:
        """Return the context for the next handshake."""
        if self._context is None:
            self._context = self._make()
        return self._context

    def renew(self) -> None:
        """Forget the context and with it all session tickets.

        A resumed session shows no certificate, so clients must not resume across a change.
        """
        self._context = None

    def _make(self) -> ssl.SSLContext:
        right, wrong = _load(self._right), _load(self._wrong)

        def choose(handshake: ssl.SSLObject, name: str | None, _context: ssl.SSLContext) -> None:
            if self._is_wrong_for(name):
                handshake.context = wrong

        right.sni_callback = choose
        return right


def _load(files: CertificateFiles) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(files.bundle)
    context.set_alpn_protocols(["http/1.1"])
    return context
