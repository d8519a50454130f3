"""One accepted connection: its streams, who is behind it, and the rude ways to end it."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import ssl

    from switchover.practice.proxy_header import ProxiedAddress

_HANDSHAKE_SECONDS = 15.0
_GOODBYE_SECONDS = 1.0
_LINGER_NOT = struct.pack("ii", 1, 0)  # SO_LINGER with zero seconds: close sends RST, not FIN


class _WatchedStream(asyncio.StreamReaderProtocol):
    """Stream protocol that also says at once when the peer has gone.

    A session that hangs on purpose does not read, so it would never notice.
    """

    def __init__(self, reader: asyncio.StreamReader, gone: asyncio.Event) -> None:
        super().__init__(reader)
        self._gone = gone

    def eof_received(self) -> bool | None:
        self._gone.set()
        return super().eof_received()

    def connection_lost(self, exc: Exception | None) -> None:
        self._gone.set()
        super().connection_lost(exc)


class Connection:
    """An accepted connection, with TLS in place if its port wants it.

    Attributes:
        number: counts from 1 in the farm; names the connection in pages.
        workload: the workload that was asked for last, None before that.
        busy: True while a request is being answered.
        silenced: True once it plays a vanished machine; it can only be aborted then.
    """

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    def __init__(
        self, *, number: int, peer: tuple[str, int], proxied: ProxiedAddress | None
    ) -> None:
        """Take down who connected; :meth:`open` makes the streams."""
        self.number = number
        self.peer = f"{peer[0]}:{peer[1]}"
        self.proxied = proxied
        self.client = proxied.source if proxied else peer[0]
        self.workload: str | None = None
        self.busy = False
        self.silenced = False
        self.gone = asyncio.Event()
        self._replaced: list[asyncio.StreamWriter] = []

    async def open(self, sock: socket.socket, context: ssl.SSLContext | None) -> None:
        """Make the streams over an accepted non-blocking socket, which they own from now on.

        Raises:
            OSError: the peer has gone or failed the TLS handshake (``ssl.SSLError`` is one).
        """
        loop = asyncio.get_running_loop()
        self.reader = asyncio.StreamReader()
        stream = _WatchedStream(self.reader, self.gone)
        transport, _ = await loop.connect_accepted_socket(
            lambda: stream,
            sock,
            ssl=context,
            ssl_handshake_timeout=_HANDSHAKE_SECONDS if context else None,
            ssl_shutdown_timeout=_GOODBYE_SECONDS if context else None,
        )
        self.writer = asyncio.StreamWriter(transport, stream, self.reader, loop)

    async def start_tls(self, context: ssl.SSLContext) -> None:
        """Turn to TLS in the middle of the conversation.

        The reader is replaced: bytes that came in before the handshake must not count as
        encrypted (CVE-2011-0411).

        Raises:
            OSError: the handshake failed.
        """
        loop = asyncio.get_running_loop()
        self.reader = asyncio.StreamReader()
        stream = _WatchedStream(self.reader, self.gone)
        transport = await loop.start_tls(
            self.writer.transport,
            stream,
            context,
            server_side=True,
            ssl_handshake_timeout=_HANDSHAKE_SECONDS,
            ssl_shutdown_timeout=_GOODBYE_SECONDS,
        )
        if transport is None:
            raise ConnectionResetError("the peer went away during STARTTLS")
        stream.connection_made(transport)
        # Kept because a StreamWriter that is thrown away closes the transport under the new one.
        self._replaced.append(self.writer)
        self.writer = asyncio.StreamWriter(transport, stream, self.reader, loop)

    @property
    def is_encrypted(self) -> bool:
        """Whether TLS is in place."""
        return self.writer.get_extra_info("sslcontext") is not None

    async def send(self, content: bytes) -> None:
        """Write and wait until the buffer is low again."""
        self.writer.write(content)
        await self.writer.drain()

    def abort(self) -> None:
        """End with RST. Idempotent."""
        self.gone.set()
        with contextlib.suppress(AttributeError):  # as in cut_off
            sock = self.writer.get_extra_info("socket")
            if sock is not None and sock.fileno() != -1:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_NOT)
        cut_off(self.writer.transport)

    def silence(self) -> None:
        """Read nothing more and say nothing more, not even that the connection ends."""
        self.silenced = True
        transport = self.writer.transport
        if isinstance(transport, asyncio.ReadTransport) and transport.is_reading():
            transport.pause_reading()

    async def close(self) -> None:
        """End politely; a peer that does not answer TLS's goodbye is cut off after a second."""
        try:
            async with asyncio.timeout(_GOODBYE_SECONDS):
                self.writer.close()
                await self.writer.wait_closed()
        except (OSError, TimeoutError):
            cut_off(self.writer.transport)


def cut_off(transport: asyncio.WriteTransport) -> None:
    """End a transport at once. Idempotent.

    A TLS transport that was closed twice has forgotten its protocol and, in the Python 3.11.2 of Debian
    12, fails with AttributeError when it is aborted then; its socket is on the way out already.
    """
    with contextlib.suppress(AttributeError):
        transport.abort()


def reset_socket(sock: socket.socket) -> None:
    """End a bare socket with RST."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_NOT)
    sock.close()
