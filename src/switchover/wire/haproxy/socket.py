"""The engine's UNIX sockets: commands and answers, and its log.

Every wait has a deadline. An answer that does not come whole is Unavailable, never a short success.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from typing import TYPE_CHECKING, Self, cast

from switchover.errors import Refused, Unavailable
from switchover.wire.haproxy.command import Outcome, judge
from switchover.wire.haproxy.log import MAX_LINE_BYTES
from switchover.wire.haproxy.transcript import Transcript

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Sequence
    from pathlib import Path
    from types import TracebackType

    from switchover.wire.haproxy.command import Command

_READ_BYTES = 1 << 18
_LARGEST_ANSWER_BYTES = 1 << 26
_WORKER_PROMPT = b"\n> "
# One wake-up of the event loop takes at most so many datagrams, so that a flood of log lines
# cannot starve everything else.
_DATAGRAMS_PER_WAKE = 256
_RECEIVE_BUFFER_BYTES = 8 << 20


class Runtime:
    """A worker's runtime socket, or the master's. One connection for each batch.

    A new connection always reaches the current worker, so there is nothing to keep over a reload.
    """

    def __init__(self, path: Path) -> None:
        """Prepare for the socket at ``path``; nothing is opened yet."""
        self.path = path

    async def ask(self, commands: Sequence[Command], *, timeout: float) -> list[str]:
        """Return the answers to ``commands``, in their order, within ``timeout`` seconds in all.

        Thousands of commands go in one batch (some 3 microseconds each in the engine). Raises
        Unavailable when the engine is not there, does not answer in time, or closes before the last
        answer: then some commands may have been done and some not.
        """
        transcript = Transcript(commands)
        async with self._connection(timeout) as (reader, writer):
            # Written beside the reading: neither side may wait for the other's full buffer.
            writing = asyncio.create_task(_write(writer, transcript.opening))
            try:
                while (answers := transcript.answers) is None:
                    data = await reader.read(_READ_BYTES)
                    if not data:
                        raise Unavailable(f"{self.path}: the engine closed before it answered all")
                    transcript.feed(data)
            finally:
                writing.cancel()
        return answers

    async def send(self, commands: Sequence[Command], *, timeout: float) -> list[Outcome]:
        """Return the judged answers to ``commands``; the errors of ``ask`` apply."""
        answers = await self.ask(commands, timeout=timeout)
        return [judge(one, answer) for one, answer in zip(commands, answers, strict=True)]

    async def ask_one(self, command: Command, *, timeout: float) -> str:
        """Return the answer to one command; raises Refused when it is a known fault."""
        (outcome,) = await self.send([command], timeout=timeout)
        if outcome.fault is not None:
            raise Refused(f"the engine refused '{command.line}': {outcome.text}")
        return outcome.text

    async def reload(self, *, timeout: float) -> str:
        """Return the master's answer to ``reload``; only for the master's socket.

        The master answers after it has restarted itself, then closes: that end is the mark of a
        whole answer, so this command cannot share a connection with others.
        """
        async with self._connection(timeout) as (reader, writer):
            writer.write(b"reload\n")
            await writer.drain()
            answer = (await reader.read()).decode("utf-8", "replace")
        if not answer.startswith("Success="):
            raise Unavailable(f"{self.path}: the master did not say how its reload went")
        return answer

    @contextlib.asynccontextmanager
    async def _connection(
        self, timeout: float
    ) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
        try:
            async with asyncio.timeout(timeout):
                reader, writer = await asyncio.open_unix_connection(self.path)
                try:
                    yield reader, writer
                finally:
                    writer.transport.abort()  # nothing is owed to the engine
        except TimeoutError as error:
            raise Unavailable(f"{self.path}: no whole answer within {timeout:g} s") from error
        except PermissionError as error:
            raise Refused(f"{self.path}: we may not use this socket") from error
        except OSError as error:
            raise Unavailable(f"{self.path}: {error.strerror or error}") from error


class HeldWorker:
    """A conversation with one worker that stays open: it does not end while somebody talks to it.

    So what a worker counts after a reload can be read to the last (seen on 2.8.25: an open connection
    to the runtime socket is a job, and a worker ends with its last job). It is not among the worker's
    own connections in ``show info``.
    """

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Take the streams of a conversation that has begun; ``open`` makes one."""
        self._reader = reader
        self._writer = writer

    @classmethod
    async def open(cls, path: Path, *, timeout: float) -> Self:
        """Begin a conversation with the worker that answers at ``path`` now; raises Unavailable."""
        try:
            async with asyncio.timeout(timeout):
                reader, writer = await asyncio.open_unix_connection(
                    path, limit=_LARGEST_ANSWER_BYTES
                )
        except OSError as error:
            raise Unavailable(f"{path}: {error.strerror or error}") from error
        held = cls(reader, writer)
        try:
            await held._say("prompt", timeout)
        except Unavailable:
            held.close()
            raise
        return held

    async def ask(self, command: Command, *, timeout: float) -> Outcome:
        """Return the judged answer to a command; raises Unavailable when the worker has ended."""
        return judge(command, await self._say(command.line, timeout))

    async def _say(self, line: str, timeout: float) -> str:
        try:
            async with asyncio.timeout(timeout):
                self._writer.write(f"{line}\n".encode())
                await self._writer.drain()
                answer = await self._reader.readuntil(_WORKER_PROMPT)
        except (OSError, EOFError, asyncio.LimitOverrunError) as error:
            raise Unavailable(f"the worker ended the conversation: {error}") from error
        return answer.removesuffix(_WORKER_PROMPT).decode("utf-8", "replace")

    def close(self) -> None:
        """Let the worker go. Idempotent."""
        self._writer.transport.abort()


async def _write(writer: asyncio.StreamWriter, data: bytes) -> None:
    with contextlib.suppress(OSError):  # the reading side tells the story
        writer.write(data)
        await writer.drain()


class LogReceiver:
    """Takes the engine's log lines from a UNIX datagram socket and hands each to ``on_line``.

    The engine never waits for us: when ``net.unix.max_dgram_qlen`` lines are queued it drops more
    (and counts them as DroppedLogs in ``show info``). ``on_line`` runs in the event loop, so it must
    be quick and must not raise. Use as an asynchronous context.
    """

    def __init__(self, path: Path, on_line: Callable[[bytes], None], *, mode: int = 0o622) -> None:
        """Prepare to listen at ``path``. ``mode`` lets a worker without privileges write."""
        self._path = path
        self._on_line = on_line
        self._mode = mode
        self._socket: socket.socket | None = None

    async def __aenter__(self) -> Self:
        """Listen. A socket left behind by a killed process is replaced without a gap."""
        receiving = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        try:
            receiving.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BUFFER_BYTES)
            _bind_over(receiving, self._path, self._mode)
        except OSError as error:
            receiving.close()
            raise Unavailable(f"cannot listen for the engine's log: {error}") from error
        self._socket = receiving
        asyncio.get_running_loop().add_reader(receiving, self._read)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop listening and hand over what is already queued."""
        if self._socket is None:
            return
        asyncio.get_running_loop().remove_reader(self._socket)
        self._read()
        self._socket.close()
        self._socket = None
        self._path.unlink(missing_ok=True)

    def _read(self) -> None:
        if self._socket is None:
            return
        for _ in range(_DATAGRAMS_PER_WAKE):
            try:
                line = self._socket.recv(MAX_LINE_BYTES)
            except OSError:  # nothing more for now
                return
            self._on_line(line)


class EventReceiver:
    """Takes the lines of the engine's event ring from a UNIX stream socket.

    Each worker connects by itself and keeps its newest lines until it can, so nothing is lost while
    we are down or busy. Frames are those of RFC 6587 section 3.4.1: length, space, line. The rules
    for ``on_line`` are those of LogReceiver.
    """

    def __init__(self, path: Path, on_line: Callable[[bytes], None], *, mode: int = 0o622) -> None:
        """Prepare to listen at ``path``."""
        self._path = path
        self._on_line = on_line
        self._mode = mode
        self._server: asyncio.Server | None = None
        self._connected: dict[asyncio.Task[None], asyncio.StreamWriter] = {}

    async def __aenter__(self) -> Self:
        """Listen; workers connect within a second or so."""
        listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
        try:
            _bind_over(listening, self._path, self._mode)
        except OSError as error:
            listening.close()
            raise Unavailable(f"cannot listen for the engine's events: {error}") from error
        self._server = await asyncio.start_unix_server(self._receive, sock=listening)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop listening; the workers go on filling their rings."""
        if self._server is None:
            return
        self._server.close()
        for writer in self._connected.values():
            writer.close()
        if self._connected:
            await asyncio.wait(self._connected, timeout=1.0)
        self._server = None
        self._path.unlink(missing_ok=True)

    async def _receive(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = cast("asyncio.Task[None]", asyncio.current_task())
        self._connected[task] = writer
        try:
            while True:
                length = int(await reader.readuntil(b" "))
                if not 0 < length <= MAX_LINE_BYTES:
                    return  # not our engine
                self._on_line(await reader.readexactly(length))
        except (OSError, EOFError, ValueError, asyncio.LimitOverrunError):
            pass  # the worker ended, or this is not our engine: it will connect again
        finally:
            del self._connected[task]
            writer.close()


def _bind_over(unbound: socket.socket, path: Path, mode: int) -> None:
    """Bind under another name and rename, so that senders never find nothing at ``path``."""
    fresh = path.with_name(f"{path.name}.new")
    fresh.unlink(missing_ok=True)
    unbound.bind(str(fresh))
    fresh.chmod(mode)
    fresh.rename(path)
