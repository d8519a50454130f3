"""Servers that flood: each ends in a clear error, in time, within limits.

Memory is what Python hands out at the peak, the scripts' own share included.
"""

from __future__ import annotations

import asyncio
import itertools
import resource
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.integration.wire.scripted import (
    READY,
    Client,
    Script,
    after_a_command,
    connected,
    memory_below,
    read_bodies,
    serving,
)

from switchover.wire.imap import commands
from switchover.wire.imap.errors import (
    ConnectionLost,
)
from switchover.wire.imap.failure import Retry
from switchover.wire.imap.reader import Limits
from switchover.wire.imap.shell import open_connection

pytestmark = pytest.mark.timeout(60)
SMALL = Limits(line_bytes=2**20)


def resident_bytes() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()


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
