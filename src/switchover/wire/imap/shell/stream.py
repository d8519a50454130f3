"""Bytes to and from one server: TCP, TLS, deadlines, and buffers that never grow without bound.

Bytes are read from the network until so many wait to be taken, then no more: a reader that is slow holds
the server up and not our memory. Only while we wait for the server to take what we send, more may come
in: else two full pipes would wait for each other.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import zlib
from collections import deque
from typing import TYPE_CHECKING, Any, Final, NoReturn, cast

from switchover.errors import Conflict, InvalidInput, Refused, SwitchoverError
from switchover.wire.imap.errors import CertificateFault, CertificateRefused, ConnectionLost
from switchover.wire.imap.failure import Failure, Retry, Scope

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from switchover.wire.imap.deflate import Deflate

RECEIVED_BYTES: Final = 1024 * 1024
"""What may wait to be taken before the network is stopped."""
RECEIVED_WHILE_SENDING_BYTES: Final = 16 * 1024 * 1024
SENT_BYTES: Final = 256 * 1024
"""What may wait to be sent before ``drain`` waits; and what is put together into one write."""
_CLOSE_SECONDS = 2.0
_HAPPY_EYEBALLS_SECONDS = 0.25  # RFC 8305 section 5
# What OpenSSL says when the other side speaks something else.
_NOT_TLS = frozenset(
    {
        "WRONG_VERSION_NUMBER",
        "RECORD_LAYER_FAILURE",
        "UNKNOWN_PROTOCOL",
        "PACKET_LENGTH_TOO_LONG",
        "HTTP_REQUEST",
    }
)


class _Inlet(asyncio.Protocol):
    """Keeps what came until it is taken, and tells whoever waits."""

    def __init__(self) -> None:
        self.transport: asyncio.Transport | None = None
        self.chunks: deque[bytes] = deque()
        self.octets = 0
        self.most_octets = RECEIVED_BYTES
        self.is_ended = False
        self.is_lost = False
        self.error: Exception | None = None
        self.is_writable = True
        self.changed: asyncio.Future[None] | None = None  # somebody waits for any change here
        self._is_paused = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport, which is a socket's or TLS's."""
        self.transport = cast("asyncio.Transport", transport)
        self.transport.set_write_buffer_limits(high=SENT_BYTES)

    def data_received(self, data: bytes) -> None:
        """Keep what came."""
        self.chunks.append(data)
        self.octets += len(data)
        self.regulate()
        self._tell()

    def eof_received(self) -> bool:
        """Note that nothing more comes."""
        self.is_ended = True
        self._tell()
        return False  # the transport closes itself

    def connection_lost(self, exc: Exception | None) -> None:
        """Note that nothing comes or goes any more, and why."""
        self.is_ended = self.is_lost = True
        self.error = exc
        self._tell()

    def pause_writing(self) -> None:
        """Note that enough waits to be sent."""
        self.is_writable = False

    def resume_writing(self) -> None:
        """Note that most of it is gone."""
        self.is_writable = True
        self._tell()

    def take(self) -> bytes:
        """Return the oldest chunk."""
        data = self.chunks.popleft()
        self.octets -= len(data)
        if self._is_paused:
            self.regulate()
        return data

    def regulate(self) -> None:
        """Stop or start the network by how much waits here."""
        if self.transport is None or self.is_ended:
            return
        if self.octets >= self.most_octets:
            if not self._is_paused:
                self._is_paused = True
                self.transport.pause_reading()
        elif self._is_paused and self.octets <= self.most_octets // 2:
            self._is_paused = False
            self.transport.resume_reading()

    def _tell(self) -> None:
        if self.changed is not None and not self.changed.done():
            self.changed.set_result(None)


class ByteStream:
    """An open connection to ``host``; made by ``connect``. One task at a time may use it."""

    def __init__(self, inlet: _Inlet, host: str) -> None:
        """Take over a protocol that is connected."""
        self.host = host
        self._inlet = inlet
        self._pieces: list[bytes | memoryview] = []
        self._octets = 0
        self._deflate: Deflate | None = None

    @property
    def is_compressed(self) -> bool:
        """True from ``compress`` on."""
        return self._deflate is not None

    @property
    def certificate(self) -> bytes | None:
        """The server's certificate (DER); None without TLS."""
        transport = self._inlet.transport
        secured = transport.get_extra_info("ssl_object") if transport is not None else None
        return secured.getpeercert(binary_form=True) if secured is not None else None

    @property
    def has_received(self) -> bool:
        """True when bytes wait to be taken."""
        return bool(self._inlet.chunks)

    @property
    def is_lost(self) -> bool:
        """True when nothing can be sent any more; what came before may still wait to be taken."""
        return self._inlet.is_lost

    @property
    def is_full(self) -> bool:
        """True when ``drain`` is due, or would tell that the connection is lost."""
        return not self._inlet.is_writable or self._inlet.is_lost

    async def read(self, seconds: float) -> bytes:
        """Return the next bytes; raises ConnectionLost when none come in time, or never again.

        Nothing is lost when it is cancelled.
        """
        if self._deflate is None:
            return await self._take(seconds)
        await asyncio.sleep(0)  # others may work while a bomb goes off
        while not (portion := self._inflate(self._deflate)):
            self._deflate.receive(await self._take(seconds))
        return portion

    def write(self, data: bytes | memoryview) -> None:
        """Put bytes into the buffer; they go when enough have come together, and with ``drain``."""
        self._put(data if self._deflate is None else self._deflate.compress(data))

    async def drain(self, seconds: float) -> None:
        """Send what was written and wait until most of it is gone; raises ConnectionLost."""
        if self._deflate is not None:
            self._put(self._deflate.flush())
        self._push()
        inlet = self._inlet
        if inlet.is_writable and not inlet.is_lost:
            return
        inlet.most_octets = RECEIVED_WHILE_SENDING_BYTES
        inlet.regulate()
        try:
            await self._until(lambda: inlet.is_writable or inlet.is_lost, seconds, "take our data")
        finally:
            inlet.most_octets = RECEIVED_BYTES
            inlet.regulate()
        if inlet.is_lost:
            self._raise_lost()

    def acknowledge_at_once(self) -> None:
        """Let what comes next be acknowledged without delay, where the system can do that (Linux).

        A server that answers in two pieces sends the second when the first is acknowledged (RFC 896), and
        the usual delay of that is 40 ms: Courier does so for every mail.
        """
        option: int | None = getattr(socket, "TCP_QUICKACK", None)
        transport = self._inlet.transport
        connected = transport.get_extra_info("socket") if transport is not None else None
        if option is not None and connected is not None:
            with contextlib.suppress(OSError):
                connected.setsockopt(socket.IPPROTO_TCP, option, 1)

    async def start_tls(self, context: ssl.SSLContext, seconds: float) -> None:
        """Turn the connection into TLS; raises as ``connect``. No bytes may wait to be taken."""
        inlet = self._inlet
        if inlet.transport is None or inlet.is_ended:
            self._raise_lost()
        try:
            with _errors_of(self.host, seconds):
                async with asyncio.timeout(seconds):
                    secured = await asyncio.get_running_loop().start_tls(
                        inlet.transport, inlet, context, server_hostname=self.host
                    )
        except BaseException:
            inlet.transport.abort()
            inlet.is_ended = inlet.is_lost = (
                True  # nobody else tells: the handshake had the transport
            )
            raise
        if secured is None:  # ended meanwhile
            self._raise_lost()
        inlet.connection_made(secured)

    def compress(self, received: bytes) -> None:
        """Compress both directions from now on; ``received`` is what came compressed already."""
        from switchover.wire.imap.deflate import Deflate  # noqa: PLC0415 - start-up time

        self._deflate = Deflate()
        self._deflate.receive(received)

    async def close(self) -> None:
        """Send what was written, if the server takes it soon, and end the connection. Never raises."""
        inlet = self._inlet
        if inlet.transport is None or inlet.is_lost:
            return
        try:
            self._push()
            inlet.transport.close()
            with contextlib.suppress(ConnectionLost):
                await self._until(lambda: inlet.is_lost, _CLOSE_SECONDS, "end")
        finally:
            if not inlet.is_lost:
                inlet.transport.abort()

    async def _take(self, seconds: float) -> bytes:
        inlet = self._inlet
        if not inlet.chunks:
            await self._until(lambda: bool(inlet.chunks or inlet.is_ended), seconds, "answer")
        if not inlet.chunks:
            self._raise_lost()
        return inlet.take()

    def _inflate(self, deflate: Deflate) -> bytes:
        try:
            portion = deflate.next_portion()
        except zlib.error as error:
            raise lost(f"{self.host} sends what is not compressed") from error
        if not portion and deflate.is_over:
            raise lost(f"{self.host} ended the compression")
        return portion

    def _put(self, data: bytes | memoryview) -> None:
        self._pieces.append(data)
        self._octets += len(data)
        if self._octets >= SENT_BYTES:
            self._push()

    def _push(self) -> None:
        if not self._pieces:
            return
        data = self._pieces[0] if len(self._pieces) == 1 else b"".join(self._pieces)
        self._pieces.clear()
        self._octets = 0
        if self._inlet.transport is not None and not self._inlet.is_lost:
            self._inlet.transport.write(data)

    async def _until(self, claim: Callable[[], bool], seconds: float, what: str) -> None:
        loop = asyncio.get_running_loop()
        if self._inlet.changed is not None:
            raise Conflict(f"two tasks use one connection to {self.host}")
        try:
            async with asyncio.timeout(seconds):
                while not claim():
                    self._inlet.changed = loop.create_future()
                    await self._inlet.changed
        except TimeoutError as error:
            raise lost(f"{self.host} did not {what} within {seconds:g} s") from error
        finally:
            self._inlet.changed = None

    def _raise_lost(self) -> NoReturn:
        error = self._inlet.error
        if error is None:
            raise lost(f"{self.host} closed the connection", Retry.NOW)
        raise lost(f"the connection to {self.host} broke: {_words(error)}", Retry.NOW) from error


async def connect(
    host: str,
    port: int,
    context: ssl.SSLContext | None,
    seconds: float,
    begun: socket.socket | None = None,
) -> ByteStream:
    """Return a connection, within TLS if there is a ``context``; over the socket ``begun`` if there is one.

    Raises ConnectionLost when the server can not be reached in time, Refused when its certificate is not
    trusted or it does not speak TLS.
    """
    loop = asyncio.get_running_loop()
    # Only asyncio's own loop knows it; without it an address that swallows packets is waited for.
    way: dict[str, Any] = {"host": host, "port": port}
    if begun is not None:
        begun.setblocking(False)  # noqa: FBT003 - the standard library's own
        way = {"sock": begun}
    elif isinstance(loop, asyncio.BaseEventLoop):
        way["happy_eyeballs_delay"] = _HAPPY_EYEBALLS_SECONDS
    with _errors_of(host, seconds, port):
        async with asyncio.timeout(seconds):
            _, inlet = await loop.create_connection(
                _Inlet, ssl=context, server_hostname=host if context else None, **way
            )
    return ByteStream(inlet, host)


async def adopt(connected: socket.socket, host: str) -> ByteStream:
    """Return a connection over a socket of the UNIX family that is connected already; it belongs to us now."""
    loop = asyncio.get_running_loop()
    _, inlet = await loop.create_unix_connection(_Inlet, sock=connected)
    return ByteStream(inlet, host)


def lost(message: str, retry: Retry = Retry.LATER) -> ConnectionLost:
    """Return the error for a connection that ended; ``message`` is a sentence for an operator."""
    return ConnectionLost(Failure(message=message, scope=Scope.ENDPOINT, retry=retry))


@contextlib.contextmanager
def _errors_of(host: str, seconds: float, port: int | None = None) -> Iterator[None]:
    """Turn what connecting and handshakes raise into our errors."""
    where = host if port is None else f"{host} port {port}"
    try:
        yield
    except TimeoutError as error:
        raise lost(f"{where} does not answer within {seconds:g} s") from error
    except ssl.SSLCertVerificationError as error:
        raise _untrusted(host, error) from error
    except ssl.SSLError as error:
        raise _tls_error(host, port, error) from error
    except UnicodeError as error:
        raise InvalidInput(f"{host!r} can not be a host name") from error
    except OSError as error:
        from switchover.wire.imap.shell.unreachable import why  # noqa: PLC0415 - start-up time

        raise lost(f"{where} can not be reached: {why(error) or _words(error)}") from error


# The verification codes of OpenSSL: x509_vfy.h.
_CERTIFICATE_FAULTS = {
    9: CertificateFault.NOT_YET_VALID,
    10: CertificateFault.EXPIRED,
    18: CertificateFault.SELF_SIGNED,
    19: CertificateFault.UNKNOWN_AUTHORITY,
    20: CertificateFault.UNKNOWN_AUTHORITY,
    21: CertificateFault.UNKNOWN_AUTHORITY,
    62: CertificateFault.OTHER_NAME,
    64: CertificateFault.OTHER_NAME,
}


def _untrusted(host: str, error: ssl.SSLCertVerificationError) -> CertificateRefused:
    fault = _CERTIFICATE_FAULTS.get(error.verify_code, CertificateFault.OTHER)
    return CertificateRefused(
        f"the certificate of {host} is not trusted: {fault} ({error.verify_message})", fault
    )


def _tls_error(host: str, port: int | None, error: ssl.SSLError) -> SwitchoverError:
    if error.reason not in _NOT_TLS:
        return lost(f"TLS with {host} fails: {_words(error)}")
    if port is None:
        return Refused(
            f"what {host} sends behind STARTTLS is not TLS: somebody may interfere with the connection"
        )
    return Refused(f"{host} port {port} does not begin with TLS: use imap:// for STARTTLS")


def _words(error: Exception) -> str:
    """Return what an error says, without numbers where it has words."""
    if isinstance(error, ssl.SSLError) and error.reason:
        return error.reason.replace("_", " ").lower()
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return str(error) or type(error).__name__
