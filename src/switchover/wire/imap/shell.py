"""The one asyncio shell around a conversation: sockets, TLS, deadlines, flow control, a trace.

Whoever uses a connection pulls: bytes are read from the network only while somebody waits for an event,
so a reader that is slow holds the server up and not our memory. One task at a time may use a connection.
Every wait has a deadline; after a failure or a cancellation in mid-command the connection is of no use
any more and ``close`` is all that is left.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from switchover.errors import Conflict, Refused, Unavailable
from switchover.wire.imap import commands
from switchover.wire.imap.command import Stream, Wait
from switchover.wire.imap.conversation import Answered, Closing, Conversation, Phase, Ready
from switchover.wire.imap.failure import Failure
from switchover.wire.imap.responses import StatusKind
from switchover.wire.imap.sasl import Mechanism, Password, begin, list_mechanisms

if TYPE_CHECKING:
    from collections.abc import AsyncIterable, Callable, Sequence

    from switchover.wire.imap.command import Command, Step
    from switchover.wire.imap.conversation import Happening, Request
    from switchover.wire.imap.reader import Limits
    from switchover.wire.imap.sasl import Credentials

READ_BYTES = 256 * 1024
_BUFFER_BYTES = 1024 * 1024
_MOST_INFLATED = 4 * 1024 * 1024
"""How much is inflated at a time: a compressed bomb comes out in portions, never at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """Where to connect, and how.

    ``tls`` is whether TLS begins with the connection; else STARTTLS is demanded, unless
    ``allow_plaintext``. ``answer_seconds`` bounds every wait for the server.
    """

    host: str
    port: int
    tls: bool = True
    allow_plaintext: bool = False
    context: ssl.SSLContext | None = None
    connect_seconds: float = 20.0
    answer_seconds: float = 120.0
    limits: Limits | None = None


class Connection:
    """A connection to one server; made by ``open_connection``."""

    def __init__(
        self,
        target: Target,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        trace: Callable[[str, str], None] | None = None,
    ) -> None:
        """Take over a pair of streams; ``trace`` gets ``>`` or ``<`` and a line without secrets."""
        self.target = target
        self.conversation = Conversation(target.limits, host=target.host)
        self.is_encrypted = target.tls
        self._reader = reader
        self._writer = writer
        self._trace = trace
        self._inflate: zlib._Decompress | None = None
        self._deflate: zlib._Compress | None = None

    async def next_event(self) -> Happening:
        """Return what happens next; raises Unavailable when nothing does in time or the server is gone."""
        while True:
            event = self.conversation.next_event()
            if event is not None:
                return self._checked(event)
            data = await self._read()
            self.conversation.receive(data)

    async def send(
        self, command: Command, contents: Sequence[AsyncIterable[bytes]] = ()
    ) -> Request:
        """Send a command and return its request without waiting for the answer.

        ``contents`` are the literals that the command streams, each of exactly the size announced.
        """
        request = self.conversation.begin(command)
        if self._trace:
            self._trace(">", f"{request.tag.decode()} {command.show()}")
        for step in request.steps:
            if not await self._take(step, request, contents):
                break
        await self._drain()
        return request

    async def wait(self, request: Request) -> Request:
        """Return the request once it is answered, whatever the answer."""
        while request.answer is None:
            await self.next_event()
        return request

    async def run(self, command: Command) -> Request:
        """Send a command and wait for its answer; raises Refused when the server says NO or BAD."""
        request = await self.wait(await self.send(command))
        return self.require(request)

    async def run_all(self, batch: Sequence[Command]) -> list[Request]:
        """Send commands together and wait for all answers, in one round trip; checks none of them."""
        requests = [await self.send(command) for command in batch]
        return [await self.wait(request) for request in requests]

    def require(self, request: Request) -> Request:
        """Return the request; raises Refused with the server's words unless it said OK."""
        if not request.is_ok and request.answer is not None:
            raise Refused(
                f"{self.target.host} refuses {request.command.name}: {request.answer.text}"
            )
        return request

    def write(self, data: bytes | memoryview) -> None:
        """Put bytes into the send buffer; ``flush`` now and then, so that it stays small."""
        if self._deflate is None:
            self._writer.write(data)
        else:
            self._writer.write(self._deflate.compress(data))

    async def flush(self) -> None:
        """Wait until the send buffer is short again; raises Unavailable when the server takes nothing."""
        await self._drain()

    async def sign_in(self, credentials: Credentials, *, nonce: str) -> Mechanism:
        """Sign in by the strongest way that works and return it; raises Refused with the server's words."""
        conversation = self.conversation
        if conversation.phase is Phase.SIGNED_IN:
            raise Conflict("somebody is signed in on this connection already")
        if not conversation.knows_capabilities:
            await self.run(commands.CAPABILITY)
        ways = list_mechanisms(
            conversation.capabilities,
            credentials,
            is_encrypted=self.is_encrypted,
            allow_plaintext=self.target.allow_plaintext,
        )
        conversation.forget_capabilities()
        failures: list[str] = []
        for way in ways:
            request = await self._sign_in(way, credentials, nonce)
            if request.is_ok:
                conversation.signed_in()
                if not conversation.knows_capabilities:
                    await self.run(commands.CAPABILITY)
                return way
            failures.append(f"{way}: {request.answer.text if request.answer else ''}")
        raise Refused(
            f"{self.target.host} does not let {credentials.user} in: {'; '.join(failures)}"
        )

    async def start_tls(self) -> None:
        """Turn the clear connection into TLS; raises Refused when the server will not or is interfered with."""
        await self.run(commands.STARTTLS)
        if self.conversation.switch_stream():
            raise Refused(
                f"{self.target.host} sent data in the clear behind its answer to STARTTLS: "
                "somebody interferes with the connection"
            )
        self.conversation.forget_capabilities()
        await self._within(
            self._writer.start_tls(
                self.target.context or ssl.create_default_context(),
                server_hostname=self.target.host,
            ),
            self.target.connect_seconds,
        )
        self.is_encrypted = True

    async def compress(self) -> None:
        """Compress both directions from now on (RFC 4978)."""
        await self.run(commands.COMPRESS_DEFLATE)
        rest = self.conversation.switch_stream()
        self._inflate = zlib.decompressobj(-zlib.MAX_WBITS)
        self._deflate = zlib.compressobj(level=1, wbits=-zlib.MAX_WBITS)
        if rest:
            self.conversation.receive(self._inflate.decompress(rest, _MOST_INFLATED))

    async def close(self, *, politely: bool = True) -> None:
        """End the connection; says LOGOUT first where that makes sense. Never raises."""
        with contextlib.suppress(Exception):
            if politely and self.conversation.is_idle:
                async with asyncio.timeout(2.0):
                    await self.wait(await self.send(commands.LOGOUT))
        self._writer.close()
        with contextlib.suppress(Exception):
            async with asyncio.timeout(2.0):
                await self._writer.wait_closed()

    async def _sign_in(self, way: Mechanism, credentials: Credentials, nonce: str) -> Request:
        if way is Mechanism.LOGIN_COMMAND and isinstance(credentials, Password):
            return await self.wait(
                await self.send(commands.login(credentials.user, credentials.password))
            )
        machine = begin(way, credentials, nonce=nonce, host=self.target.host, port=self.target.port)
        first = machine.start()
        at_once = first is not None and "SASL-IR" in self.conversation.capabilities
        command = commands.authenticate(way.value, first if at_once else None)
        request = await self.send(command)
        pending = None if at_once else first
        while request.answer is None:
            event = await self.next_event()
            if not isinstance(event, Ready) or event.request is not request:
                continue
            try:
                challenge = commands.read_challenge(event.text)
                reply = (
                    pending
                    if pending is not None
                    else await asyncio.to_thread(machine.step, challenge)
                )
            except Refused:
                self.write(commands.SIGN_IN_CANCEL)
                await self._drain()
                await self.wait(request)
                raise
            pending = None
            self.write(commands.sign_in_line(reply))
            await self._drain()
        if request.is_ok:
            machine.finish()
        return request

    async def _take(
        self, step: Step, request: Request, contents: Sequence[AsyncIterable[bytes]]
    ) -> bool:
        """Do one step of sending; False when the server answered instead of going on."""
        match step:
            case bytes():
                self.write(step)
            case Stream(index, size):
                await self._stream(contents[index], size)
            case Wait.CONTINUATION:
                await self._drain()
                return await self.wait_for_leave(request)
        return True

    async def wait_for_leave(self, request: Request) -> bool:
        """Wait until the server continues this request; False when it answered it instead."""
        while request.answer is None:
            event = await self.next_event()
            if isinstance(event, Ready):
                return True
        return False

    async def _stream(self, content: AsyncIterable[bytes], size: int) -> None:
        left = size
        async for chunk in content:
            left -= len(chunk)
            if left < 0:
                raise Conflict("a message is longer than was announced")
            self.write(chunk)
            await self._drain()
        if left:
            raise Conflict("a message is shorter than was announced")

    async def _drain(self) -> None:
        if self._deflate is not None:
            self._writer.write(self._deflate.flush(zlib.Z_SYNC_FLUSH))
        await self._within(self._writer.drain(), self.target.answer_seconds)

    async def _read(self) -> bytes:
        if self._inflate is not None and self._inflate.unconsumed_tail:
            return self._inflate.decompress(self._inflate.unconsumed_tail, _MOST_INFLATED)
        data = await self._within(self._reader.read(READ_BYTES), self.target.answer_seconds)
        if not data:
            raise Unavailable(f"{self.target.host} closed the connection")
        if self._inflate is None:
            return data
        try:
            return self._inflate.decompress(data, _MOST_INFLATED)
        except zlib.error as error:
            raise Unavailable(f"{self.target.host} sends what is not compressed") from error

    async def _within(self, work: object, seconds: float) -> bytes:
        try:
            async with asyncio.timeout(seconds):
                return await work  # type: ignore[misc, no-any-return] # any of the stream's coroutines
        except TimeoutError as error:
            raise Unavailable(f"{self.target.host} did not answer within {seconds:g} s") from error
        except ssl.SSLError as error:
            raise Unavailable(f"{self.target.host}: TLS fails: {error.reason or error}") from error
        except OSError as error:
            raise Unavailable(
                f"the connection to {self.target.host} broke: {error.strerror or error}"
            ) from error

    def _checked(self, event: Happening) -> Happening:
        if self._trace and isinstance(event, Answered) and event.request.answer is not None:
            answer = event.request.answer
            self._trace("<", f"{event.request.tag.decode()} {answer.kind} {answer.text[:200]}")
        if isinstance(event, Failure):
            raise Unavailable(f"{self.target.host}: {event.message}")
        if isinstance(event, Closing) and not self.conversation.is_logging_out:
            if self.conversation.greeting is event.status:
                raise Refused(f"{self.target.host} refuses us: {event.status.text}")
            raise Unavailable(f"{self.target.host} ends the connection: {event.status.text}")
        return event


async def open_connection(
    target: Target, *, trace: Callable[[str, str], None] | None = None
) -> Connection:
    """Return a connection that is encrypted as ``target`` asks and has shown its greeting.

    Raises Unavailable when the server can not be reached, Refused when it greets with BYE or has no
    STARTTLS where that is demanded.
    """
    context = target.context or (ssl.create_default_context() if target.tls else None)
    try:
        async with asyncio.timeout(target.connect_seconds):
            reader, writer = await asyncio.open_connection(
                target.host,
                target.port,
                limit=_BUFFER_BYTES,
                ssl=context if target.tls else None,
            )
    except TimeoutError as error:
        raise Unavailable(
            f"{target.host} port {target.port} does not answer within {target.connect_seconds:g} s"
        ) from error
    except ssl.SSLCertVerificationError as error:
        raise Refused(
            f"the certificate of {target.host} is not trusted: {error.verify_message}"
        ) from error
    except OSError as error:
        raise Unavailable(
            f"{target.host} port {target.port} can not be reached: {error.strerror or error}"
        ) from error
    connection = Connection(target, reader, writer, trace)
    try:
        await _greet(connection)
    except BaseException:
        await connection.close(politely=False)
        raise
    return connection


async def _greet(connection: Connection) -> None:
    conversation = connection.conversation
    while conversation.phase is Phase.GREETING:
        await connection.next_event()
    if connection.is_encrypted or connection.target.allow_plaintext:
        return
    if not conversation.knows_capabilities:
        await connection.run(commands.CAPABILITY)
    greeting = conversation.greeting
    if greeting is not None and greeting.kind is StatusKind.PREAUTH:
        raise Refused(f"{connection.target.host} signs us in before TLS; that can not be made safe")
    if "STARTTLS" not in conversation.capabilities:
        raise Refused(
            f"{connection.target.host} port {connection.target.port} offers no STARTTLS; "
            "use imaps://, or allow plain text"
        )
    await connection.start_tls()
