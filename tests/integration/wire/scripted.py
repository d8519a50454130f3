"""IMAP servers that are scripts on loopback, and what tests of hostile ones share."""

from __future__ import annotations

import asyncio
import itertools
import tracemalloc
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import replace

from switchover.wire.imap import message_commands
from switchover.wire.imap.conversation import KEPT_BYTES, Answered
from switchover.wire.imap.reader import Limits
from switchover.wire.imap.responses import BodyChunk
from switchover.wire.imap.shell import Append, Connection, Target, open_connection

READY = b"* PREAUTH [CAPABILITY IMAP4rev1 LITERAL+ COMPRESS=DEFLATE UNAUTHENTICATE] hello\r\n"
STRANGER = b"* OK [CAPABILITY IMAP4rev1 SASL-IR AUTH=PLAIN AUTH=LOGIN AUTH=SCRAM-SHA-256] hello\r\n"


class Client:
    """The client as a server's script sees it."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    async def say(self, *pieces: bytes) -> None:
        """Send, no faster than the client reads."""
        for piece in pieces:
            self.writer.write(piece)
        await self.writer.drain()

    async def hear(self) -> tuple[bytes, bytes]:
        """Return the tag of the next command and its text."""
        line = await self.reader.readline()
        tag, _, text = line.rstrip(b"\r\n").partition(b" ")
        return tag, text

    async def flood(self, piece: bytes, times: int | None = None) -> None:
        """Say the same again and again, until the client has had enough."""
        for _ in itertools.count() if times is None else range(times):
            await self.say(piece)
            await asyncio.sleep(0)  # which saying does only when nothing more fits in


Script = Callable[[Client], Awaitable[None]]


@asynccontextmanager
async def serving(script: Script, limits: Limits | None = None) -> AsyncIterator[Target]:
    """Let a script serve whoever connects, until the block ends."""
    clients: dict[asyncio.StreamWriter, asyncio.Event] = {}

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        clients[writer] = asyncio.Event()
        with suppress(OSError, asyncio.IncompleteReadError):
            await script(Client(reader, writer))
            await reader.read()  # to the client's end
        writer.transport.abort()
        clients[writer].set()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    host, port = server.sockets[0].getsockname()
    try:
        yield Target(
            host=host, port=port, tls=False, allow_plaintext=True, connect_seconds=10.0,
            answer_seconds=5.0, limits=limits,
        )  # fmt: skip
    finally:
        server.close()
        for writer, ended in clients.items():
            writer.transport.abort()
            await ended.wait()


@asynccontextmanager
async def connected(
    script: Script, limits: Limits | None = None, kept_bytes: int = KEPT_BYTES
) -> AsyncIterator[Connection]:
    async with serving(script, limits) as target:
        connection = await open_connection(replace(target, kept_bytes=kept_bytes))
        try:
            yield connection
        finally:
            await connection.close(politely=False)


@contextmanager
def memory_below(most_bytes: int) -> Iterator[None]:
    tracemalloc.start()
    try:
        yield
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < most_bytes


async def read_bodies(connection: Connection) -> int:
    """Ask for a mail and return how many octets of it came; raises as the connection does."""
    command = message_commands.uid_fetch(b"1:*", message_commands.body_fields())
    await connection.send(command)
    octets = 0
    while not isinstance(event := await connection.next_event(), Answered):
        octets += len(event.data) if isinstance(event, BodyChunk) else 0
    return octets


async def write_zeros(append: Append, size: int) -> None:
    for _ in range(0, size, 2**16):
        await append.write(bytes(2**16))


def after_a_command(*pieces: bytes, endless: bytes = b"") -> Script:
    """Return a script that greets, hears one command, says ``pieces`` and then ``endless`` for ever."""

    async def script(client: Client) -> None:
        await client.say(READY)
        await client.hear()
        await client.say(*pieces)
        if endless:
            await client.flood(endless)

    return script


def refusing(*lines: bytes, greeting: bytes = STRANGER) -> Script:
    """Return a script that answers each line it hears with the next of ``lines``, {tag} filled in."""

    async def script(client: Client) -> None:
        await client.say(greeting)
        tag = b""
        for line in lines:
            heard, _ = await client.hear()
            tag = heard if heard.startswith(b"S") else tag
            await client.say(line.replace(b"{tag}", tag))

    return script
