"""Servers that lie, flood and fall silent: each ends in a clear error, in time, within limits.

They are scripts on loopback. Memory is what Python hands out at the peak, their own share included.
"""

from __future__ import annotations

import asyncio
import base64
import itertools
import resource
import ssl
import tracemalloc
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import replace
from pathlib import Path

import pytest

from switchover.errors import Refused, SwitchoverError
from switchover.wire.imap import commands, message_commands
from switchover.wire.imap.conversation import KEPT_BYTES, Answered
from switchover.wire.imap.errors import (
    CommandRefused,
    ConnectionLost,
    SignInRefused,
    TryLater,
)
from switchover.wire.imap.failure import Retry, Scope
from switchover.wire.imap.message_commands import NewMessage
from switchover.wire.imap.reader import Limits
from switchover.wire.imap.responses import BodyChunk
from switchover.wire.imap.sasl import Mechanism, Password
from switchover.wire.imap.shell import Append, Connection, Target, open_connection

pytestmark = pytest.mark.timeout(60)

NONCE = "rOprNGfwEbeRWgbNEkqO"
READY = b"* PREAUTH [CAPABILITY IMAP4rev1 LITERAL+ COMPRESS=DEFLATE UNAUTHENTICATE] hello\r\n"
STRANGER = b"* OK [CAPABILITY IMAP4rev1 SASL-IR AUTH=PLAIN AUTH=LOGIN AUTH=SCRAM-SHA-256] hello\r\n"
SMALL = Limits(line_bytes=2**20)
PASSWORD = Password(user="user", password="correct horse")


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


def resident_bytes() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()


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


# --- floods ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "begin",
    [b"", b"* OK ", b'* LIST () "/" "', b"* SEARCH 1 ", b"+ ", b"S1 OK ", b"* 1 FETCH (UID 7 "],
)
async def test_an_endless_line(begin: bytes) -> None:
    async with connected(after_a_command(begin, endless=b"8 " * 2**15), SMALL) as connection:
        with memory_below(16 * 2**20), pytest.raises(ConnectionLost, match="more than 1048576"):
            await connection.run(commands.list_mailboxes())


async def test_an_endless_greeting_at_the_usual_limit() -> None:
    async def script(client: Client) -> None:
        await client.flood(b"* OK " + b"x" * 2**18)

    async with serving(script) as target:
        with memory_below(64 * 2**20), pytest.raises(ConnectionLost, match="16777216"):
            await open_connection(target)


@pytest.mark.parametrize(
    "announcement",
    [
        b'* LIST () "/" {99999999999}\r\n',
        b"* 1 FETCH (UID 7 BODY[] {2147483649}\r\n",
        b"* 1 FETCH (UID 7 BODY[] {" + b"9" * 5000 + b"}\r\n",
    ],
)
async def test_a_literal_announced_too_large(announcement: bytes) -> None:
    script = after_a_command(announcement, endless=bytes(2**16))
    async with connected(script) as connection:
        with pytest.raises(ConnectionLost, match="literal of more than 2147483648"):
            await connection.run(commands.list_mailboxes())


async def test_a_literal_without_end_passes_by_in_constant_memory() -> None:
    async def script(client: Client) -> None:
        await client.say(READY)
        await client.hear()
        await client.say(b"* 1 FETCH (UID 7 FLAGS () BODY[] {2000000000}\r\n")
        await client.flood(bytes(2**16), 2000)
        client.writer.close()

    async with connected(script) as connection:
        with memory_below(8 * 2**20), pytest.raises(ConnectionLost, match="closed the connection"):
            await read_bodies(connection)


async def test_a_folder_name_of_gigabytes_is_not_kept() -> None:
    script = after_a_command(b'* LIST () "/" {200000000}\r\n')

    async def more(client: Client) -> None:
        await script(client)
        await client.flood(bytes(2**16), 200_000_000 // 2**16)
        await client.say(bytes(200_000_000 % 2**16), b"\r\nS1 OK done\r\n")

    async with connected(more) as connection:
        with memory_below(8 * 2**20):
            request = await connection.run(commands.list_mailboxes())
        assert len(request.responses) == 1


async def test_more_literals_than_one_response_may_have() -> None:
    async with connected(after_a_command(b"* LIST", endless=b" {1}\r\na")) as connection:
        with pytest.raises(ConnectionLost, match="more than 1000 literals"):
            await connection.run(commands.list_mailboxes())


async def test_a_million_folders() -> None:
    folders = b"".join(b'* LIST (\\HasNoChildren) "/" "folder %06d"\r\n' % n for n in range(1000))
    async with connected(after_a_command(endless=folders)) as connection:
        before = resident_bytes()
        with pytest.raises(ConnectionLost, match="LIST take more than") as caught:
            await connection.run(commands.list_mailboxes())
        assert resident_bytes() - before < 100 * 2**20
        assert caught.value.failure.retry is Retry.NEVER


@pytest.mark.parametrize(
    "piece",
    [
        b"* 1 FETCH (UID 7 FLAGS (\\Seen))\r\n" * 1000,
        b"* 1 FETCH (UID 7 BODY[] {3000}\r\n" + bytes(3000) + b")\r\n",
        b"* 5 EXISTS\r\n* 5 EXPUNGE\r\n" * 1000,
        b"* SEARCH" + b" 1 3" * 10_000 + b"\r\n",
        b"* OK [ALERT] the server is on fire\r\n" * 1000,
        b"* CAPABILITY IMAP4rev1" + b" X-Y" * 1000 + b"\r\n",
        b'* ID ("name" "' + b"x" * 10_000 + b'")\r\n',
    ],
    ids=["flags", "bodies", "counts", "numbers", "words", "capabilities", "identities"],
)
async def test_responses_never_asked_for(piece: bytes) -> None:
    async with connected(after_a_command(endless=piece), kept_bytes=4 * 2**20) as connection:
        with memory_below(16 * 2**20), pytest.raises(ConnectionLost, match="NOOP take more than"):
            await connection.run(commands.NOOP)


async def test_answers_to_many_commands_that_are_too_much_together() -> None:
    async def script(client: Client) -> None:
        await client.say(READY)
        while (heard := await client.hear())[0]:
            await client.say(b"* OK " + b"x" * 1_000_000 + b"\r\n", heard[0] + b" OK\r\n")

    async with connected(script, kept_bytes=4 * 2**20) as connection:
        with memory_below(32 * 2**20), pytest.raises(ConnectionLost, match="take more than"):
            await connection.run_all([commands.NOOP] * 1000)


@pytest.mark.parametrize(
    "piece", [b"* 1 FETCH " + b"(" * 300_000 + b"\r\n", b"* XYZZY\r\n", b"?\r\n"]
)
async def test_nesting_without_end_and_rubbish(piece: bytes) -> None:
    async with connected(after_a_command(endless=piece)) as connection:
        with memory_below(150 * 2**20), pytest.raises(ConnectionLost, match="make no sense"):
            await connection.run(commands.NOOP)


async def test_one_response_that_makes_no_sense_costs_nothing_else() -> None:
    nested = b"* 1 FETCH " + b"(" * 300_000 + b"\r\n"
    async with connected(after_a_command(nested, b"S1 OK fine\r\n")) as connection:
        assert (await connection.run(commands.NOOP)).is_ok


# --- compressed floods -------------------------------------------------------------------------


def compressed(plain: Callable[[], Iterator[bytes]], *, ends: bool = False) -> Script:
    """Return a script that agrees to COMPRESS and sends ``plain`` so, as tight as it goes."""
    packer = zlib.compressobj(level=9, wbits=-zlib.MAX_WBITS)
    packed = b"".join(map(packer.compress, plain()))
    packed += packer.flush(zlib.Z_FINISH if ends else zlib.Z_SYNC_FLUSH)

    async def script(client: Client) -> None:
        await client.say(READY)
        await client.hear()
        await client.say(b"S1 OK compressing\r\n" + packed)
        if ends:
            await client.flood(bytes(2**16))

    return script


async def test_a_compressed_bomb_of_one_line() -> None:
    script = compressed(lambda: itertools.repeat(b"x" * 2**20, 500))
    async with connected(script) as connection:
        await connection.compress()
        with memory_below(64 * 2**20), pytest.raises(ConnectionLost, match="line of more than"):
            await connection.run(commands.NOOP)


async def test_a_compressed_bomb_in_a_body_passes_by_and_others_may_work_meanwhile() -> None:
    size = 500 * 2**20
    begin = b"* 1 FETCH (UID 7 FLAGS () BODY[] {%d}\r\n" % size
    script = compressed(lambda: itertools.chain([begin], itertools.repeat(bytes(2**20), 500), [b")\r\nS2 OK\r\n"]))  # fmt: skip
    turns = 0

    async def count_turns() -> None:
        nonlocal turns
        while True:
            await asyncio.sleep(0)
            turns += 1

    async with connected(script) as connection:
        await connection.compress()
        counting = asyncio.create_task(count_turns())
        with memory_below(16 * 2**20):
            assert await read_bodies(connection) == size
        counting.cancel()
    assert turns > 400


@pytest.mark.parametrize(
    ("script", "words"),
    [
        (after_a_command(b"S1 OK compressing\r\n* OK in the clear\r\n"), "not compressed"),
        (compressed(lambda: iter([b"* OK bye\r\n"]), ends=True), "ended the compression"),
    ],
)
async def test_a_compression_that_is_none(script: Script, words: str) -> None:
    async with connected(script) as connection:
        await connection.compress()
        with memory_below(16 * 2**20), pytest.raises(ConnectionLost, match=words):
            await connection.run(commands.NOOP)


# --- lies --------------------------------------------------------------------------------------


async def test_a_body_longer_than_announced_costs_this_message() -> None:
    lie = b"* 1 FETCH (UID 7 FLAGS () BODY[] {3}\r\nlonger than that)\r\nS1 OK done\r\n"
    async with connected(after_a_command(lie)) as connection:
        with pytest.raises(ConnectionLost, match="UID 7") as caught:
            await read_bodies(connection)
    assert (caught.value.failure.scope, caught.value.failure.retry) == (Scope.MESSAGE, Retry.NEVER)


async def test_a_body_shorter_than_announced_is_waited_for_and_no_longer() -> None:
    lie = b"* 1 FETCH (UID 7 FLAGS () BODY[] {3000}\r\nshort)\r\nS1 OK done\r\n"
    async with serving(after_a_command(lie)) as target:
        connection = await open_connection(replace(target, answer_seconds=0.3))
        with pytest.raises(ConnectionLost, match=r"did not answer within 0.3 s"):
            await read_bodies(connection)
        await connection.close()


@pytest.mark.parametrize(
    ("said", "words"),
    [
        (b"+ go on\r\n", "asks for more"),
        (b"S99 OK done\r\n", "never sent: b'S99'"),
        (b"S1 OK done\r\nS1 OK done\r\n", "never sent: b'S1'"),
        (b"* BYE \x1b[2Jgone\x07\r\n", r"ends the connection: \?\[2Jgone\?"),
        (b"* BYE\r\n" * 10_000, "ends the connection: BYE"),
    ],
)
async def test_what_was_never_asked_for_ends_the_connection(said: bytes, words: str) -> None:
    async with connected(after_a_command(said)) as connection:
        with pytest.raises(ConnectionLost, match=words):
            await connection.run_all([commands.NOOP] * 2)
        with pytest.raises(ConnectionLost, match=words):
            await connection.run(commands.NOOP)


async def test_no_message_counts_as_stored_before_it_was_sent() -> None:
    script = after_a_command(b"S1 OK [APPENDUID 1 7] stored\r\n")
    async with connected(script) as connection:
        append = await connection.open_append(b"INBOX")
        assert await append.add(NewMessage(100))
        await connection.flush()
        with pytest.raises(ConnectionLost, match="before all was sent"):
            await connection.wait(append.request)
        with pytest.raises(ConnectionLost, match="before all was sent"):
            await append.write(bytes(100))


async def test_leave_for_a_literal_is_not_taken_from_an_earlier_command() -> None:
    async def script(client: Client) -> None:
        await client.say(READY.replace(b"LITERAL+ ", b""))
        await client.hear()
        await client.hear()
        await client.say(b"+ surprise\r\nS1 OK\r\nS2 NO you may not\r\n")
        await client.hear()
        await client.say(b"S3 OK\r\n")

    async with connected(script) as connection:
        noop = await connection.send(commands.NOOP)
        append = message_commands.append(b"INBOX", NewMessage(4, content=b"a: b"))
        request = await connection.send(append)
        with pytest.raises(CommandRefused, match="you may not"):
            connection.require(await connection.wait(request))
        assert noop.is_ok


# --- silence -----------------------------------------------------------------------------------


async def test_an_answer_that_never_comes() -> None:
    async with serving(after_a_command()) as target:
        connection = await open_connection(replace(target, answer_seconds=0.3))
        with pytest.raises(ConnectionLost, match=r"did not answer within 0.3 s"):
            await connection.run(commands.NOOP)
        await connection.close()


async def test_a_server_that_only_keeps_talking() -> None:
    async def script(client: Client) -> None:
        await client.say(READY)
        await client.hear()
        while True:
            await client.say(b"* OK Still here\r\n")
            await asyncio.sleep(0.02)

    async with serving(script) as target:
        connection = await open_connection(replace(target, stall_seconds=0.3))
        with pytest.raises(ConnectionLost, match=r"keeps talking but answered nothing for 0.3 s"):
            await connection.run(commands.NOOP)
        await connection.close()


@pytest.mark.parametrize("piece", [b"x", b")\r\n* 1 FETCH (UID 7 BODY[] {9}\r\nxxxxxxxxx"])
async def test_a_mail_of_which_a_byte_comes_now_and_then(piece: bytes) -> None:
    async def script(client: Client) -> None:
        await client.say(READY)
        await client.hear()
        await client.say(b"* 1 FETCH (UID 7 BODY[] {%d}\r\n" % (9 if b")" in piece else 10**6))
        await client.say(b"xxxxxxxxx" if b")" in piece else b"")
        while True:
            await client.say(piece)
            await asyncio.sleep(0.05)

    async with serving(script) as target:
        connection = await open_connection(replace(target, stall_seconds=0.3))
        with pytest.raises(ConnectionLost, match=r"keeps talking but answered nothing for 0.3 s"):
            await read_bodies(connection)
        await connection.close()


async def test_a_greeting_that_never_comes_or_drips() -> None:
    async def script(client: Client) -> None:
        while True:
            await client.say(b"*")
            await asyncio.sleep(0.02)

    async with serving(script) as target:
        with pytest.raises(ConnectionLost, match=r"was not ready to talk within 0.3 s"):
            await open_connection(replace(target, connect_seconds=0.3))


async def test_a_server_that_floods_and_reads_nothing_fills_neither_side() -> None:
    async def script(client: Client) -> None:
        await client.say(READY)
        await client.flood(b"* OK la la la\r\n" * 1000)

    async with serving(script) as target:
        connection = await open_connection(replace(target, answer_seconds=1.0))
        append = await connection.open_append(b"INBOX")
        await append.add(NewMessage(2**30))

        with memory_below(48 * 2**20), pytest.raises(ConnectionLost, match="did not take our data"):
            await write_zeros(append, 2**30)
        await connection.close()


async def test_a_server_that_leaves_at_once() -> None:
    async def script(client: Client) -> None:
        client.writer.close()

    async with serving(script) as target:
        with pytest.raises(ConnectionLost, match="closed the connection"):
            await open_connection(target)


async def test_a_logout_that_is_never_answered_holds_nobody_up() -> None:
    async def script(client: Client) -> None:
        await client.say(READY)
        await client.hear()
        await client.flood(b"* BYE and again\r\n")

    async with serving(script) as target:
        connection = await open_connection(target)
        async with asyncio.timeout(6.0):
            await connection.close()


async def test_the_reason_a_server_gives_is_told_when_nothing_can_be_sent_any_more() -> None:
    async def script(client: Client) -> None:
        await client.say(READY)
        await client.hear()
        await client.say(b"* BYE mailbox is being moved, back-off time: 7000 milliseconds\r\n")
        client.writer.transport.close()

    async with connected(script) as connection:
        append = await connection.open_append(b"INBOX")
        await append.add(NewMessage(2**30))
        await connection.flush()
        await asyncio.sleep(0.1)
        with pytest.raises(ConnectionLost, match="mailbox is being moved") as caught:
            await write_zeros(append, 2**30)
        assert caught.value.back_off_seconds == 7


# --- signing in --------------------------------------------------------------------------------


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


async def sign_in(script: Script, password: Password = PASSWORD) -> Mechanism:
    async with connected(script) as connection:
        return await connection.sign_in(password, nonce=NONCE)


NO_SCRAM = STRANGER.replace(b" AUTH=SCRAM-SHA-256", b"")
LOGIN_ONLY = b"* OK [CAPABILITY IMAP4rev1 LITERAL+] hello\r\n"


async def test_a_server_that_repeats_the_password_does_not_get_it_into_errors_and_traces() -> None:
    lines: list[str] = []
    echo = base64.b64encode(b"\0user\0correct horse")
    script = refusing(
        b"{tag} NO bad: LOGIN user correct horse, " + echo + b"\r\n", greeting=NO_SCRAM
    )
    async with serving(script) as target:
        connection = await open_connection(target, trace=lambda *line: lines.append(str(line)))
        with pytest.raises(SignInRefused) as caught:
            await connection.sign_in(PASSWORD, nonce=NONCE)
        await connection.close()
    told = str(caught.value) + "".join(lines)
    assert "bad: LOGIN user ***" in told
    assert "correct horse" not in told
    assert echo.decode() not in told


async def test_the_login_command_is_the_last_way() -> None:
    script = refusing(b"{tag} OK [CAPABILITY IMAP4rev1] in\r\n", greeting=LOGIN_ONLY)
    assert await sign_in(script) is Mechanism.LOGIN_COMMAND


async def test_a_mechanism_that_is_announced_and_unknown_is_passed_over() -> None:
    script = refusing(
        b"{tag} BAD what?\r\n", b"{tag} BAD what?\r\n", b"{tag} OK in\r\n",
        b"* CAPABILITY IMAP4rev1\r\n{tag} OK\r\n", greeting=NO_SCRAM,
    )  # fmt: skip
    assert await sign_in(script) is Mechanism.LOGIN_COMMAND


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        ((b"+ A\r\n", b"{tag} BAD cancelled\r\n"), "not base64"),
        ((b"+ bj1v\r\n", b"{tag} BAD cancelled\r\n"), "SCRAM"),
        (
            (b"+ " + base64.b64encode(b"r=x,s=QQ==,i=1") + b"\r\n", b"{tag} BAD\r\n"),
            "not an answer",
        ),
        ((b"{tag} OK come in\r\n",), "without proving"),
    ],
)
async def test_a_server_that_can_not_do_scram_gets_nothing_else(
    lines: tuple[bytes, ...], words: str
) -> None:
    with pytest.raises(Refused, match=words):
        await sign_in(refusing(*lines))


async def test_a_server_that_let_us_in_without_proof_is_not_used() -> None:
    async with connected(refusing(b"{tag} OK come in\r\n")) as connection:
        with pytest.raises(Refused):
            await connection.sign_in(PASSWORD, nonce=NONCE)
        with pytest.raises(ConnectionLost, match="without proving"):
            await connection.run(commands.NOOP)


async def test_challenges_without_end() -> None:
    async def script(client: Client) -> None:
        await client.say(NO_SCRAM)
        await client.hear()
        await client.flood(b"+ YWJj\r\n")

    async with serving(script) as target:
        connection = await open_connection(replace(target, stall_seconds=0.5))
        with pytest.raises(SwitchoverError, match=r"keeps talking|asked on"):
            await connection.sign_in(PASSWORD, nonce=NONCE)
        await connection.close()


@pytest.mark.parametrize(
    ("answer", "seconds"),
    [
        (b"NO [UNAVAILABLE] try again in 2 minutes", 120.0),
        (b"NO [LIMIT] too many logins", None),
        (b"BAD Request is throttled. Suggested Backoff Time: 299961 milliseconds", 299.961),
    ],
)
async def test_not_now_is_not_never(answer: bytes, seconds: float | None) -> None:
    with pytest.raises(TryLater, match="lets nobody in now") as caught:
        await sign_in(refusing(b"{tag} " + answer + b"\r\n"))
    assert caught.value.back_off_seconds == seconds


async def test_a_command_put_off_can_be_tried_later() -> None:
    busy = after_a_command(b"S1 NO [INUSE] somebody else is at it\r\n")
    async with connected(busy) as connection:
        with pytest.raises(TryLater, match="somebody else is at it"):
            await connection.run(commands.delete(b"folder"))


async def test_the_next_user_may_use_the_same_connection() -> None:
    async def script(client: Client) -> None:
        await client.say(STRANGER.replace(b"AUTH=SCRAM-SHA-256", b"UNAUTHENTICATE"))
        for _ in range(2):
            for answer in (b"OK [CAPABILITY IMAP4rev1 UNAUTHENTICATE] in", b"OK as you were"):
                tag, _ = await client.hear()
                await client.say(tag + b" " + answer + b"\r\n")
            tag, _ = await client.hear()
            await client.say(b"* CAPABILITY IMAP4rev1 AUTH=PLAIN\r\n" + tag + b" OK\r\n")

    async with connected(script) as connection:
        await connection.sign_in(PASSWORD, nonce=NONCE)
        await connection.sign_out()
        assert not connection.conversation.knows_capabilities
        await connection.sign_in(replace(PASSWORD, user="another"), nonce=NONCE)


# --- encryption --------------------------------------------------------------------------------

OFFERS = b"* OK [CAPABILITY IMAP4rev1 STARTTLS AUTH=PLAIN] hello\r\n"


async def secure(script: Script) -> None:
    async with serving(script) as target:
        demands = replace(target, allow_plaintext=False, context=ssl.create_default_context())
        await (await open_connection(demands)).close()


@pytest.mark.parametrize(
    "injected", [b"* OK [CAPABILITY IMAP4rev1] trust me\r\n", b"S2 OK\r\n", b"x", b"\r\n"]
)
async def test_what_is_put_behind_the_ok_to_starttls_is_an_attack(injected: bytes) -> None:
    with pytest.raises(Refused, match="somebody interferes"):
        await secure(refusing(b"{tag} OK begin\r\n" + injected, greeting=OFFERS))


async def test_what_comes_in_the_clear_a_little_later_is_no_tls() -> None:
    async def script(client: Client) -> None:
        await client.say(OFFERS)
        tag, _ = await client.hear()
        await client.say(tag + b" OK begin\r\n")
        await asyncio.sleep(0.05)
        await client.say(b"* OK [CAPABILITY IMAP4rev1 AUTH=PLAIN] trust me\r\n")

    with pytest.raises(Refused, match="is not TLS: somebody may interfere"):
        await secure(script)


@pytest.mark.parametrize(
    ("script", "words"),
    [
        (refusing(greeting=b"* PREAUTH welcome\r\n"), "signs us in before TLS"),
        (refusing(greeting=b"* OK [CAPABILITY IMAP4rev1 AUTH=PLAIN] hello\r\n"), "no STARTTLS"),
        (
            refusing(b"* CAPABILITY IMAP4rev1\r\n{tag} OK\r\n", greeting=b"* OK hello\r\n"),
            "no STARTTLS",
        ),
        (refusing(b"{tag} NO not today\r\n", greeting=OFFERS), "not today"),
    ],
)
async def test_nothing_is_said_without_tls_where_it_is_demanded(script: Script, words: str) -> None:
    with pytest.raises(Refused, match=words):
        await secure(script)


async def test_a_server_that_leaves_within_the_handshake() -> None:
    async def script(client: Client) -> None:
        await client.say(OFFERS)
        tag, _ = await client.hear()
        await client.say(tag + b" OK begin\r\n")
        client.writer.close()

    with pytest.raises(ConnectionLost):
        await secure(script)


async def test_a_handshake_that_never_ends() -> None:
    async with serving(refusing(b"{tag} OK begin\r\n", greeting=OFFERS)) as target:
        demands = replace(target, allow_plaintext=False, connect_seconds=0.3)
        with pytest.raises(ConnectionLost, match=r"within 0.3 s"):
            await open_connection(demands)


@pytest.mark.parametrize(
    ("greeting", "words"),
    [
        (
            b"* BYE too many connections, try again in 30 seconds\r\n",
            "does not let us in: too many",
        ),
        (b"SSH-2.0-OpenSSH_9.2\r\n", "no IMAP server: 'SSH-2.0-OpenSSH_9.2'"),
        (b"+OK POP3 ready\r\n", "no IMAP server"),
        (b"\x15\x03\x03\x00\x02\x02\x28\n", "no IMAP server"),
    ],
)
async def test_what_does_not_greet_us(greeting: bytes, words: str) -> None:
    async with serving(refusing(greeting=greeting)) as target:
        with pytest.raises(ConnectionLost, match=words) as caught:
            await open_connection(target)
    assert caught.value.back_off_seconds in {None, 30.0}
