"""Connects to the API, over TLS where it speaks it.

The certificate of the local process is known from a file in the data directory: it is compared whole
before anything is sent, so it needs no authority and no fitting name. Others are checked as usual.
"""

from __future__ import annotations

import hmac
import http.client
import socket
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from switchover.errors import Refused

if TYPE_CHECKING:
    import ssl


def open_connection(url: str, pin: Path | None, *, timeout: float) -> http.client.HTTPConnection:
    """Return a connection that opens with its first request."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    if parts.scheme != "https":
        return http.client.HTTPConnection(host, parts.port, timeout=timeout)
    if pin is None:
        return http.client.HTTPSConnection(host, parts.port, timeout=timeout)
    return _Pinned(host, parts.port, pin, timeout=timeout)


class _Pinned(http.client.HTTPSConnection):
    """A connection to whoever holds the key of one certificate."""

    def __init__(self, host: str, port: int | None, pin: Path, *, timeout: float) -> None:
        import ssl  # noqa: PLC0415 - start-up time

        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE  # compared below instead
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        super().__init__(host, port, timeout=timeout, context=context)
        self._pin = pin

    def connect(self) -> None:
        """Connect, and go no further unless the certificate is the one in the file."""
        super().connect()
        shown = _shown(self.sock)
        if not hmac.compare_digest(shown, _kept(self._pin)):
            self.close()
            raise Refused(
                f"what answers at port {self.port} does not show the certificate of this data directory "
                f"({self._pin}); nothing was sent. If the certificate was just replaced, try again"
            )


def _shown(connected: socket.socket | ssl.SSLSocket) -> bytes:
    read = getattr(connected, "getpeercert", None)
    return (read(binary_form=True) or b"") if read else b""


def _kept(pin: Path) -> bytes:
    import ssl  # noqa: PLC0415 - start-up time

    try:
        return ssl.PEM_cert_to_DER_cert(pin.read_text("ascii"))
    except (OSError, ValueError):
        raise Refused(
            f"{pin} does not hold the certificate of the local process; start switchover serve anew"
        ) from None
