"""A real Dovecot that dies, freezes and refuses, and callers that break off."""

from __future__ import annotations

import asyncio
import tracemalloc
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
from tests.integration.imap_servers import (
    Dovecot,
    dovecot,
)
from tests.integration.processes import eventually
from tests.integration.wire.dialogue import mail, signed_in
from tests.integration.wire.scripted import write_zeros

from switchover.errors import Conflict
from switchover.wire.imap import commands, message_commands
from switchover.wire.imap.conversation import Answered
from switchover.wire.imap.errors import CommandRefused, ConnectionLost
from switchover.wire.imap.message_commands import NewMessage
from switchover.wire.imap.responses import (
    BodyChunk,
    Exists,
)
from switchover.wire.imap.shell import Connection
from switchover.wire.imap.shell.stream import RECEIVED_BYTES


async def start_reading(connection: Connection) -> None:
    """Ask for all mails of INBOX, and go until the first body comes."""
    await connection.run(commands.examine(b"INBOX"))
    await connection.send(message_commands.uid_fetch(b"1:*", message_commands.body_fields()))
    while not isinstance(await connection.next_event(), BodyChunk):
        pass


async def read_to_the_end(connection: Connection) -> None:
    while not isinstance(await connection.next_event(), Answered):
        pass


@pytest.mark.parametrize("way", ["plain", "tls"])
async def test_a_server_that_dies_in_mid_answer_is_an_error_at_once(way: str) -> None:
    with dovecot() as server:
        server.put_mails([mail(number, 5_000_000) for number in range(4)])
        async with signed_in(server, getattr(server, way)) as connection:
            await start_reading(connection)
            server.kill()
            with pytest.raises(ConnectionLost, match=r"closed the connection|broke") as first:
                await read_to_the_end(connection)
            with pytest.raises(ConnectionLost) as again:
                await connection.run(commands.NOOP)
            assert str(again.value) == str(first.value)


async def test_a_server_that_shuts_down_says_so() -> None:
    with dovecot() as server:
        async with signed_in(server) as connection:
            await connection.run(commands.examine(b"INBOX"))
            server.stop()
            with pytest.raises(ConnectionLost, match=r"ends the connection: .*shutting down"):
                await connection.run(commands.NOOP)


async def test_a_server_that_stops_answering_is_given_up_in_time() -> None:
    with dovecot() as server:
        server.put_mails([mail(number, 5_000_000) for number in range(4)])
        target = replace(server.plain, answer_seconds=0.5)
        async with signed_in(server, target) as connection:
            await start_reading(connection)
            server.freeze()
            try:
                with pytest.raises(ConnectionLost, match=r"did not answer within 0.5 s"):
                    await read_to_the_end(connection)
            finally:
                server.thaw()


async def test_a_server_that_stops_taking_what_we_send_is_given_up_in_time() -> None:
    with dovecot() as server:
        target = replace(server.plain, answer_seconds=0.5)
        async with signed_in(server, target) as connection:
            append = await connection.open_append(b"INBOX")
            await append.add(NewMessage(2**30))
            server.freeze()
            try:
                with pytest.raises(ConnectionLost, match=r"did not take our data within 0.5 s"):
                    await write_zeros(append, 2**30)
            finally:
                server.thaw()


@pytest.mark.parametrize("way", ["plain", "tls"])
async def test_a_slow_reader_holds_the_server_up_and_not_our_memory(way: str) -> None:
    mails = [mail(number, 1_000_000) for number in range(60)]
    with dovecot() as server:
        server.put_mails(mails)
        async with signed_in(server, getattr(server, way)) as connection:
            tracemalloc.start()
            await start_reading(connection)
            held = []
            for _ in range(10):
                await asyncio.sleep(0.05)
                held.append(connection._stream._inlet.octets)
            await read_to_the_end(connection)
            _, peak = tracemalloc.get_traced_memory()
            tracemalloc.stop()
    assert RECEIVED_BYTES <= held[-1] == held[-2] <= RECEIVED_BYTES + 2**19
    assert peak < 6 * 2**20


async def test_waiting_can_be_cancelled_and_taken_up_again(server: Dovecot) -> None:
    async with signed_in(server) as connection:
        await connection.run(commands.select(b"INBOX"))
        request = await connection.send(commands.NOOP)
        for _ in range(20):
            waiting = asyncio.create_task(connection.wait(request))
            await asyncio.sleep(0)
            waiting.cancel()
            await asyncio.gather(waiting, return_exceptions=True)
        assert (await connection.wait(request)).is_ok
        await connection.run(commands.NOOP)


async def test_two_tasks_can_not_use_one_connection(server: Dovecot) -> None:
    async with signed_in(server) as connection:
        first = asyncio.create_task(connection.next_event())
        await asyncio.sleep(0)
        with pytest.raises(Conflict, match="two tasks"):
            await connection.next_event()
        request = await connection.send(commands.NOOP)
        assert await first == Answered(request)


async def test_an_append_that_is_broken_off_stores_nothing_and_nothing_follows_it(
    server: Dovecot,
) -> None:
    async with signed_in(server) as connection:
        await connection.run(commands.create(b"broken"))
        append = await connection.open_append(b"broken")
        await append.add(NewMessage(100))
        await append.write(b"a: b\r\n")
        with pytest.raises(Conflict, match="not wholly sent"):
            await connection.run(commands.NOOP)
        with pytest.raises(Conflict, match="shorter"):
            await append.finish()
        with pytest.raises(ConnectionLost, match="APPEND was broken off"):
            await connection.run(commands.NOOP)
    async with signed_in(server) as connection:
        opened = await connection.run(commands.examine(b"broken"))
        assert Exists(count=0) in opened.responses


async def test_a_message_longer_than_announced_is_not_sent(server: Dovecot) -> None:
    async with signed_in(server) as connection:
        append = await connection.open_append(b"INBOX")
        await append.add(NewMessage(3))
        with pytest.raises(Conflict, match="before is not complete"):
            await append.add(NewMessage(3))
        with pytest.raises(Conflict, match="longer"):
            await append.write(b"four")
        with pytest.raises(ConnectionLost, match="broken off"):
            await append.finish()


@pytest.mark.parametrize(("size", "words"), [(2, "longer"), (9, "shorter")])
async def test_a_streamed_literal_has_the_size_announced(
    server: Dovecot, size: int, words: str
) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        yield b"abcd"

    async with signed_in(server) as connection:
        command = message_commands.append(b"INBOX", NewMessage(size))
        with pytest.raises(Conflict, match=words):
            await connection.send(command, [pieces()])
        with pytest.raises(ConnectionLost, match="broken off"):
            await connection.run(commands.NOOP)


async def test_a_sender_that_is_cancelled_leaves_the_connection_useless(server: Dovecot) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        yield b"abcd"
        await asyncio.sleep(60)

    async with signed_in(server) as connection:
        command = message_commands.append(b"INBOX", NewMessage(100))
        sending = asyncio.create_task(connection.send(command, [pieces()]))
        await asyncio.sleep(0.05)
        sending.cancel()
        with pytest.raises(asyncio.CancelledError):
            await sending
        with pytest.raises(ConnectionLost, match="broken off"):
            await connection.run(commands.NOOP)


async def test_a_refused_command_is_told_in_the_servers_words(server: Dovecot) -> None:
    async with signed_in(server) as connection:
        with pytest.raises(CommandRefused, match=r"refuses SELECT: Mailbox doesn't exist"):
            await connection.run(commands.select(b"nowhere"))
        with pytest.raises(CommandRefused, match=r"refuses UNAUTHENTICATE"):
            await connection.sign_out()
        await connection.run(commands.NOOP)


async def test_a_closed_connection_is_closed_politely_once(server: Dovecot) -> None:
    async with signed_in(server, server.tls) as connection:
        await connection.close()
        await connection.close()
        with pytest.raises(ConnectionLost, match="is closed"):
            await connection.run(commands.NOOP)
        with pytest.raises(ConnectionLost, match="is closed"):
            await connection.next_event()
    await eventually(lambda: "Logged out" in server.said())
