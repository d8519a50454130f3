"""A connection to one server: commands go out, answers come in, and every wait has a deadline.

Whoever uses a connection pulls, one task at a time. Waiting for events can be cancelled and taken up
again; a command that is broken off while it goes out makes the connection useless, as any failure does:
then every call raises ConnectionLost with the first reason, and ``close`` is all that is left.
"""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

from switchover.errors import Conflict, Refused, SwitchoverError
from switchover.wire.imap import commands
from switchover.wire.imap.command import Command, Stream, Wait
from switchover.wire.imap.conversation import Answered, Closing, Conversation, Ready
from switchover.wire.imap.errors import ConnectionLost, TryLater, refused
from switchover.wire.imap.failure import Failure, Retry, Scope
from switchover.wire.imap.message_commands import append_opening
from switchover.wire.imap.recognition import meaning
from switchover.wire.imap.response_codes import back_off_seconds, is_throttling
from switchover.wire.imap.responses import Bodies, BodyChunk, BodyEnd, BodyStart, Fetch, Status
from switchover.wire.imap.shell.append import Append
from switchover.wire.imap.shell.sign_in import sign_in
from switchover.wire.imap.shell.stream import lost
from switchover.wire.imap.trace import show, showable

if TYPE_CHECKING:
    from collections.abc import AsyncIterable, Callable, Iterator, Sequence

    from switchover.wire.imap.command import Step
    from switchover.wire.imap.conversation import Happening, Request
    from switchover.wire.imap.sasl import Credentials, Mechanism
    from switchover.wire.imap.shell.stream import ByteStream
    from switchover.wire.imap.shell.target import Target

Error = TypeVar("Error", bound=SwitchoverError)

_IN_FLIGHT_BYTES = 64 * 1024
"""Of commands sent together and not answered: enough for any distance, and no server's buffer is full."""
_LOGOUT_SECONDS = 2.0
# What tells that a server gets on with what we asked; any number of others may come without end.
# In bytes, of which so many are due in the time that a server may stall: a byte now and then is none.
_PROGRESS = 16 * 1024
_WORTH = {Answered: _PROGRESS, Fetch: 1024, Bodies: 1024, BodyStart: 1024, BodyEnd: 0}


class Connection:
    """A connection to one server; made by ``open_connection``."""

    def __init__(
        self,
        target: Target,
        stream: ByteStream,
        trace: Callable[[str, str], None] | None = None,
    ) -> None:
        """Take over a stream; ``trace`` gets ``>`` or ``<`` and a line without secrets."""
        self.target = target
        self.conversation = Conversation(
            target.limits, host=target.host, kept_bytes=target.kept_bytes, correct=target.correct
        )
        self.is_encrypted = target.tls
        self.secrets: list[str] = []
        """What no trace and no error may show, whoever said it."""
        self._stream = stream
        self._tell = trace
        self._loss: Failure | None = None
        self._progress = _PROGRESS
        self._progress_at = 0.0

    @property
    def is_full(self) -> bool:
        """True when ``flush`` is due, so that what waits to be sent stays small."""
        return self._stream.is_full

    async def next_event(self) -> Happening:
        """Return what happens next; raises ConnectionLost when nothing does in time or the server is gone.

        Nothing is lost when it is cancelled.
        """
        return await self._next_event(self.target.answer_seconds)

    async def send(
        self, command: Command, contents: Sequence[AsyncIterable[bytes]] = ()
    ) -> Request:
        """Send a command and return its request without waiting for the answer.

        ``contents`` are the literals that the command streams, each of exactly the size announced. A
        command whose literals need leave may be answered when this returns; what else comes meanwhile is
        kept with the requests it belongs to.
        """
        request = await self._put(command, contents)
        await self.flush()
        return request

    async def open_append(self, raw: bytes) -> Append:
        """Begin an APPEND to the mailbox ``raw`` that grows while its messages arrive."""
        self._check()
        opening = Command(name="APPEND", parts=append_opening(raw))
        request = self.conversation.begin(opening, grows=True)
        self._trace_request(request)
        with self.unbroken(request):
            await self._do(request.steps, request, ())
        return Append(self, request)

    async def wait(self, request: Request) -> Request:
        """Return the request once it is answered, whatever the answer.

        Events that come meanwhile are not handed out: take mails with ``next_event``.
        """
        while request.answer is None:
            if isinstance(await self.next_event(), Fetch):
                self._progress -= _WORTH[Fetch]  # nobody waits for it: it may come without end
        return request

    async def run(self, command: Command) -> Request:
        """Send a command and wait for its answer; raises as ``require``."""
        return self.require(await self.wait(await self.send(command)))

    async def run_all(self, batch: Sequence[Command]) -> list[Request]:
        """Send commands together and wait for all answers, in as few round trips as their size allows.

        Checks none of the answers. Raises ConnectionLost when they would take too much memory.
        """
        requests: list[Request] = []
        answered = octets = kept = 0
        for command in (*batch, None):
            while answered < len(requests) and (command is None or octets > _IN_FLIGHT_BYTES):
                await self.flush()
                first = await self.wait(requests[answered])
                answered += 1
                octets -= first.octets
                kept = self._check_kept(kept + first.kept_bytes)
            if command is not None:
                requests.append(await self._put(command, ()))
                octets += requests[-1].octets
        return requests

    def require(self, request: Request) -> Request:
        """Return an answered request that the server said OK to.

        Raises CommandRefused with the server's words, TryLater when they mean "not now", or NoRoom.
        """
        if request.is_ok or request.answer is None:
            return request
        answer = request.answer
        said = self.words(answer)
        message = f"{self.target.host} refuses {request.command.name}: {said}"
        if is_throttling(answer.code, answer.text):
            raise TryLater(message, answer, back_off_seconds=back_off_seconds(answer.text))
        raise refused(message, answer)

    def write(self, *pieces: bytes | memoryview) -> None:
        """Put bytes into the send buffer; ``flush`` when ``is_full``, and where an answer is wanted."""
        self._stream.write(pieces[0] if len(pieces) == 1 else b"".join(pieces))

    async def flush(self) -> None:
        """Send what was written and wait until most of it is gone; raises ConnectionLost."""
        self._check()
        try:
            await self._stream.drain(self.target.answer_seconds)
        except ConnectionLost as error:
            raise await self._last_words(error) from error.__cause__
        self._progress = _PROGRESS

    async def wait_for_leave(self, request: Request) -> bool:
        """Flush, and wait until the server continues this request; False when it answered it instead."""
        self.conversation.expect(request)
        await self.flush()
        self._stream.acknowledge_at_once()
        while request.answer is None:
            event = await self.next_event()
            if isinstance(event, Ready) and event.request is request:
                self._progress = _PROGRESS
                return True
        return False

    async def sign_in(self, credentials: Credentials, *, nonce: str) -> Mechanism:
        """Sign in by the strongest way that works and return it; ``nonce`` is fresh randomness.

        Raises SignInRefused with the server's words, TryLater when they mean "not now", Refused when no
        way is safe or the server does not prove itself, Conflict when somebody is signed in already.
        """
        return await sign_in(self, credentials, nonce=nonce)

    async def sign_out(self) -> None:
        """Become a stranger again, for the next user on this connection (UNAUTHENTICATE, RFC 8437)."""
        if self._stream.is_compressed:
            # What becomes of the compression is not told by all servers alike.
            raise Conflict("a compressed connection can not be used for another user")
        await self.run(commands.UNAUTHENTICATE)

    async def start_tls(self) -> None:
        """Turn the clear connection into TLS; raises Refused when the server will not or is interfered with."""
        await self.run(commands.STARTTLS)
        if self.conversation.switch_stream() or self._stream.has_received:
            raise self.declare_lost(
                Refused(
                    f"{self.target.host} sent data in the clear behind its answer to STARTTLS: "
                    "somebody interferes with the connection"
                )
            )
        try:
            await self._stream.start_tls(self.target.trust, self.target.connect_seconds)
            self.target.require_pinned(self._stream.certificate)
        except SwitchoverError as error:
            raise self.declare_lost(error) from error.__cause__
        self.is_encrypted = True

    async def compress(self) -> None:
        """Compress both directions from now on (RFC 4978)."""
        await self.run(commands.COMPRESS_DEFLATE)
        self._stream.compress(self.conversation.switch_stream())

    async def idle(self, seconds: float) -> bool:
        """Return True as soon as the server tells of a change in the open mailbox, else after ``seconds``.

        IDLE (RFC 2177); servers bear it for half an hour. What was told is in the conversation's hands: ask
        the mailbox what changed.
        """
        request = await self.send(commands.IDLE)
        if not await self.wait_for_leave(request):
            self.require(request)
        has_news = False
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while not has_news and request.answer is None:
                    event = await self._next_event(seconds + 1.0)
                    has_news = not isinstance(event, (Status, Ready))
        if request.answer is None:
            self.write(commands.IDLE_DONE)
            await self.flush()
        self.require(await self.wait(request))
        return has_news

    async def close(self, *, politely: bool = True) -> None:
        """End the connection; says LOGOUT first where that makes sense. Raises nothing but cancellation."""
        try:
            if politely and self._loss is None and self.conversation.is_idle:
                with contextlib.suppress(SwitchoverError, TimeoutError):
                    async with asyncio.timeout(_LOGOUT_SECONDS):
                        request = await self.send(commands.LOGOUT)
                        if self.target.dial is not None:  # else it tells nothing new
                            await self.wait(request)
        finally:
            gone = lost(f"the connection to {self.target.host} is closed").failure
            self._loss = self._loss or gone
            self.conversation.close()
            await self._stream.close()

    def trace(self, direction: str, text: str) -> None:
        """Tell the trace, if there is one; secrets are cut out here."""
        if self._tell is not None:
            self._tell(direction, showable(text, self.secrets))

    def _trace_request(self, request: Request) -> None:
        if self._tell is not None:
            self.trace(">", f"{request.tag.decode()} {request.command.show()}")

    def words(self, status: Status) -> str:
        """Return what the server says, and what it means where that is known, for an operator."""
        said = showable(status.text, self.secrets) or str(status.kind)
        meant = meaning(status.text)
        return f"{said} ({meant})" if meant else said

    def declare_lost(self, error: Error) -> Error:
        """Note that the connection is of no use any more, and return the error to raise."""
        if self._loss is None:
            self._loss = error.failure if isinstance(error, ConnectionLost) else _final(str(error))
        self.conversation.close()
        return error

    @contextlib.contextmanager
    def unbroken(self, request: Request) -> Iterator[None]:
        """Declare the connection lost if anything ends the block while the request is not wholly sent.

        What came next would be read as the rest of it: a command as the text of a mail. Raises ConnectionLost
        where it is lost already.
        """
        self._check()
        try:
            yield
        except BaseException:
            if not request.is_sent:
                name = f"{self.target.host}: {request.command.name}"
                self.declare_lost(lost(f"{name} was broken off while it was sent"))
            raise

    async def _put(self, command: Command, contents: Sequence[AsyncIterable[bytes]]) -> Request:
        self._check()
        request = self.conversation.begin(command)
        self._trace_request(request)
        with self.unbroken(request):
            if await self._do(request.steps, request, contents):
                self.conversation.end(request)
        return request

    async def _do(
        self, steps: Sequence[Step], request: Request, contents: Sequence[AsyncIterable[bytes]]
    ) -> bool:
        """Do the steps of sending; False when the server answered instead of letting us go on."""
        for step in steps:
            match step:
                case bytes():
                    self.write(step)
                case Stream(place, size):
                    await self._write_all(contents[place], size)
                case Wait.CONTINUATION:
                    if not await self.wait_for_leave(request):
                        return False
        return True

    async def _write_all(self, content: AsyncIterable[bytes], size: int) -> None:
        left = size
        async for chunk in content:
            left -= len(chunk)
            if left < 0:
                raise Conflict("a message is longer than was announced")
            self.write(chunk)
            if self.is_full:
                await self.flush()
        if left:
            raise Conflict("a message is shorter than was announced")

    async def _next_event(self, seconds: float) -> Happening:
        self._check()
        while True:
            event = self.conversation.next_event()
            if event is not None:
                return self._checked(event)
            await self._receive(seconds)

    async def _receive(self, seconds: float) -> None:
        try:
            data = await self._stream.read(seconds)
        except ConnectionLost as error:
            raise self.declare_lost(error) from error.__cause__
        self._progress += len(data) if self.conversation.coming is not None else 0
        self.conversation.receive(data)
        self._check_stall()

    def _checked(self, event: Happening) -> Happening:
        if self._tell is not None and (line := show(event)) is not None:
            self.trace("<", line)
        if isinstance(event, BodyChunk):
            self._progress += len(event.data)
        elif (worth := _WORTH.get(type(event))) is not None:
            self._progress += worth
        elif isinstance(event, Failure):
            message = f"{self.target.host}: {showable(event.message, self.secrets)}"
            raise self.declare_lost(ConnectionLost(replace(event, message=message)))
        elif isinstance(event, Closing) and not self.conversation.is_logging_out:
            raise self.declare_lost(self._farewell(event.status))
        return event

    def _farewell(self, status: Status) -> ConnectionLost:
        is_greeting = status is self.conversation.greeting
        does = "does not let us in" if is_greeting else "ends the connection"
        failure = lost(f"{self.target.host} {does}: {self.words(status)}").failure
        return ConnectionLost(failure, back_off_seconds=back_off_seconds(status.text))

    async def _last_words(self, error: ConnectionLost) -> ConnectionLost:
        """Return why the server went, if it said so before nothing could be sent any more."""
        with contextlib.suppress(ConnectionLost):
            while self._stream.is_lost and self._stream.has_received:
                self.conversation.receive(await self._stream.read(0.0))
        for event in iter(self.conversation.next_event, None):
            if isinstance(event, Closing):
                return self.declare_lost(self._farewell(event.status))
        return self.declare_lost(error)

    def _check(self) -> None:
        if self._loss is not None:
            raise ConnectionLost(self._loss)

    def _check_kept(self, kept_bytes: int) -> int:
        if kept_bytes > self.target.kept_bytes:
            most = self.target.kept_bytes
            message = f"the answers of {self.target.host} take more than {most} bytes"
            raise self.declare_lost(ConnectionLost(_final(message)))
        return kept_bytes

    def _check_stall(self) -> None:
        now = asyncio.get_running_loop().time()
        if self._progress >= _PROGRESS or self.conversation.is_idle:
            self._progress = 0
            self._progress_at = now
        elif now - self._progress_at > self.target.stall_seconds:
            waited = f"{self.target.stall_seconds:g} s"
            raise self.declare_lost(
                lost(f"{self.target.host} keeps talking but answered nothing for {waited}")
            )


def _final(message: str) -> Failure:
    return Failure(message=message, scope=Scope.ENDPOINT, retry=Retry.NEVER)
