"""A plain HTTP/1.1 client connection that hides nothing: no pool, no retry, no redirect.

A library's client repeats a request when a kept connection turns out to be dead. Users' programs do
not all do so, and a test that counts lost requests must see each of them.
"""

from __future__ import annotations

import asyncio
import functools
import ssl
from typing import TYPE_CHECKING

from switchover.practice import sign_in
from switchover.practice.connection import cut_off
from switchover.practice.http1 import Response, read_response

if TYPE_CHECKING:
    from pathlib import Path

_GOODBYE_SECONDS = 0.5


class HttpConnection:
    """One client connection; requests go one after the other."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, host: str
    ) -> None:
        """Take open streams and the value for ``Host``."""
        self._reader = reader
        self._writer = writer
        self._host = host
        self._is_usable = True

    @classmethod
    async def open(
        cls, address: str, port: int, *, host: str = "", tls: ssl.SSLContext | None = None
    ) -> HttpConnection:
        """Connect; ``host`` is the name for ``Host`` and SNI, the address when empty.

        Raises:
            OSError: refused, reset, or the handshake failed (``ssl.SSLError``).
        """
        name = host or address
        reader, writer = await asyncio.open_connection(
            address,
            port,
            ssl=tls,
            server_hostname=name if tls else None,
            ssl_shutdown_timeout=_GOODBYE_SECONDS if tls else None,
        )
        return cls(reader, writer, name)

    @property
    def is_usable(self) -> bool:
        """Whether another request may be sent, as far as this side knows."""
        return self._is_usable and not self._reader.at_eof() and not self._writer.is_closing()

    async def request(
        self,
        method: str,
        target: str,
        *,
        fields: tuple[tuple[str, str], ...] = (),
        body: bytes = b"",
    ) -> Response:
        """Send one request and return its response, whatever its status.

        Raises:
            OSError, EOFError, InvalidInput: no whole response; the connection is not usable then.
        """
        self._is_usable = False
        lines = [f"{method} {target} HTTP/1.1", f"Host: {self._host}"]
        lines += [f"{name}: {value}" for name, value in fields]
        if body or method == "POST":
            lines.append(f"Content-Length: {len(body)}")
        self._writer.write("\r\n".join([*lines, "", ""]).encode("latin-1") + body)
        await self._writer.drain()
        response = await read_response(self._reader, method=method)
        self._is_usable = response.reusable
        return response

    async def sign_in(
        self, target: str, user: str, password: str, scheme: str = "NTLM"
    ) -> Response:
        """Bind the connection to a user, as Windows clients do; return the last response.

        Raises:
            OSError, EOFError, InvalidInput: as :meth:`request`, or the server gave no challenge.
        """
        ask = (("Authorization", sign_in.negotiate(scheme)),)
        challenge = (await self.request("GET", target, fields=ask)).fields.get(
            "www-authenticate", ""
        )
        answer = (("Authorization", sign_in.authenticate(challenge, user, password)),)
        return await self.request("GET", target, fields=answer)

    async def close(self) -> None:
        """Close; never raises."""
        self._is_usable = False
        try:
            async with asyncio.timeout(_GOODBYE_SECONDS):
                self._writer.close()
                await self._writer.wait_closed()
        except (OSError, TimeoutError):
            cut_off(self._writer.transport)


@functools.lru_cache(maxsize=64)
def client_tls(ca: Path | None) -> ssl.SSLContext:
    """Return a context that trusts only this authority; with None it verifies nothing."""
    if ca is None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        return context
    return ssl.create_default_context(cafile=ca)
