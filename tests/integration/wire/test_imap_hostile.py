"""Servers that lie and fall silent: each ends in a clear error, in time."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest
from tests.integration.wire.scripted import (
    READY,
    Client,
    after_a_command,
    connected,
    memory_below,
    read_bodies,
    serving,
    write_zeros,
)

from switchover.wire.imap import commands, message_commands
from switchover.wire.imap.errors import (
    CommandRefused,
    ConnectionLost,
    TryLater,
)
from switchover.wire.imap.failure import Retry, Scope
from switchover.wire.imap.message_commands import NewMessage
from switchover.wire.imap.shell import open_connection

pytestmark = pytest.mark.timeout(60)


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


async def test_a_command_put_off_can_be_tried_later() -> None:
    busy = after_a_command(b"S1 NO [INUSE] somebody else is at it\r\n")
    async with connected(busy) as connection:
        with pytest.raises(TryLater, match="somebody else is at it"):
            await connection.run(commands.delete(b"folder"))
