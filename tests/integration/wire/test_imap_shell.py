"""The shell against a real Dovecot: mails streamed both ways, and what mailboxes tell."""

from __future__ import annotations

import asyncio
import hashlib
import tracemalloc
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
from tests.integration.imap_servers import (
    Dovecot,
    Options,
    dovecot,
)
from tests.integration.wire.dialogue import (
    SYNCHRONISING,
    append_all,
    digests_of,
    mail,
    read_mails,
    signed_in,
)

from switchover.errors import Conflict
from switchover.wire.imap import commands, message_commands
from switchover.wire.imap.commands import Resync
from switchover.wire.imap.errors import CommandRefused
from switchover.wire.imap.message_commands import FlagChange, NewMessage
from switchover.wire.imap.response_codes import CodeName, NumberCode
from switchover.wire.imap.responses import (
    BodyChunk,
    BodyEnd,
    BodyStart,
    Exists,
    Fetch,
    ListEntry,
    MailboxStatus,
    Status,
    Vanished,
)


@pytest.mark.parametrize("way", ["plain", "tls", "compressed", "tls compressed"])
async def test_mails_come_back_as_they_went(server: Dovecot, way: str) -> None:
    folder = way.replace(" ", "-").encode()
    mails = [mail(number, size) for number, size in enumerate((10, 70_000, 200, 2_000_000) * 5)]
    target = server.tls if "tls" in way else server.plain
    async with signed_in(server, target) as connection:
        if "compressed" in way:
            await connection.compress()
            with pytest.raises(Conflict, match="compressed"):
                await connection.sign_out()
        await connection.run(commands.create(folder))
        found = await append_all(connection, folder, mails)
        assert found.uids.count == len(mails)
        await connection.run(commands.select(folder))
        assert await read_mails(connection) == digests_of(mails)


async def test_many_fetches_under_way_stream_in_constant_memory() -> None:
    mails = [mail(number, 500_000) for number in range(120)]
    expected = digests_of(mails)
    with dovecot() as server:
        server.put_mails(mails)
        del mails
        async with signed_in(server, server.tls) as connection:
            await connection.run(commands.examine(b"INBOX"))
            tracemalloc.start()
            fields = message_commands.body_fields()
            requests = [
                await connection.send(message_commands.uid_fetch(b"%d" % uid, fields))
                for uid in range(1, 121)
            ]
            found: dict[int, bytes] = {}
            uid, digest = 0, hashlib.sha256()
            while requests[-1].answer is None:
                match await connection.next_event():
                    case BodyStart(item=item):
                        uid, digest = item.uid or 0, hashlib.sha256()
                    case BodyChunk(data):
                        digest.update(data)
                    case BodyEnd():
                        found[uid] = digest.digest()
                    case _:
                        pass
            _, peak = tracemalloc.get_traced_memory()
            tracemalloc.stop()
    assert all(request.is_ok for request in requests)
    assert [found[uid] for uid in range(1, 121)] == expected
    assert peak < 6 * 2**20


async def test_one_huge_mail_is_appended_and_read_in_constant_memory(server: Dovecot) -> None:
    size, piece = 150 * 2**20, b"0123456789abcde\n" * 4096
    body = piece.replace(b"e\n", b"\r\n")

    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(size // len(body)):
            yield body

    async with signed_in(server) as connection:
        await connection.run(commands.create(b"huge"))
        tracemalloc.start()
        append = message_commands.append(b"huge", NewMessage(size))
        connection.require(await connection.wait(await connection.send(append, [pieces()])))
        await connection.run(commands.examine(b"huge"))
        request = await connection.send(
            message_commands.uid_fetch(b"1:*", message_commands.body_fields())
        )
        octets = 0
        while request.answer is None:
            event = await connection.next_event()
            octets += len(event.data) if isinstance(event, BodyChunk) else 0
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert octets == size
    assert peak < 6 * 2**20


@pytest.mark.parametrize(
    ("capabilities", "waits"),
    [("LITERAL+", 0), ("LITERAL-", 1), ("", 3)],
    ids=["LITERAL+", "LITERAL-", "neither"],
)
async def test_literals_wait_for_leave_exactly_where_they_must(
    capabilities: str, waits: int
) -> None:
    mails = [mail(1, 100), mail(2, 50_000), mail(3, 3000)]
    lines: list[str] = []
    with dovecot(Options(capabilities=f"{SYNCHRONISING} {capabilities}")) as server:
        async with signed_in(server, lines=lines) as connection:
            await connection.run(commands.create(b"a"))
            lines.clear()
            await append_all(connection, b"a", mails)
            assert lines.count("< +") == waits
            await connection.run(commands.select(b"a"))
            assert await read_mails(connection) == digests_of(mails)


@pytest.mark.parametrize("capabilities", [f"{SYNCHRONISING} LITERAL+", SYNCHRONISING])
async def test_a_refused_append_leaves_the_connection_usable(capabilities: str) -> None:
    with dovecot(Options(capabilities=capabilities)) as server:
        async with signed_in(server) as connection:
            append = await connection.open_append(b"nowhere")
            if await append.add(NewMessage(5)):
                await append.write(b"a: b\n")
            if await append.add(NewMessage(5)):
                await append.write(b"a: b\n")
            request = await connection.wait(await append.finish())
            assert append.is_refused
            assert not await append.add(NewMessage(5))
            with pytest.raises(CommandRefused, match="refuses APPEND") as caught:
                connection.require(request)
            assert caught.value.status.code is not None
            assert caught.value.status.code.name == CodeName.TRYCREATE
            await connection.run(commands.create(b"somewhere"))
            await append_all(connection, b"somewhere", [mail(1, 100)])


async def test_names_that_need_a_literal_are_understood(server: Dovecot) -> None:
    raw = b'a "quoted" \\ ' + b"x" * 80
    async with signed_in(server) as connection:
        await connection.run(commands.create(raw))
        assert (await append_all(connection, raw, [mail(1, 10)])).uids.count == 1


async def test_single_appends_go_out_many_at_a_time(server: Dovecot) -> None:
    async with signed_in(server, server.tls) as connection:
        await connection.run(commands.create(b"singles"))
        requests = []
        for number in range(200):
            append = await connection.open_append(b"singles")
            body = mail(number, 1000)
            assert await append.add(NewMessage(len(body)))
            await append.write(body)
            requests.append(await append.finish())
        for request in requests:
            connection.require(await connection.wait(request))
        opened = await connection.run(commands.select(b"singles"))
        assert Exists(count=200) in opened.responses


async def test_what_changed_meanwhile_is_told_by_qresync(server: Dovecot) -> None:
    async with signed_in(server) as connection, signed_in(server) as other:
        await connection.run_all([commands.create(b"resync"), commands.enable(["QRESYNC"])])
        assert connection.conversation.enabled == {"QRESYNC"}
        await append_all(connection, b"resync", [mail(number, 10) for number in range(5)])
        opened = await connection.run(commands.select(b"resync"))
        numbers = {
            one.code.name: one.code.value
            for one in opened.responses
            if isinstance(one, Status) and isinstance(one.code, NumberCode)
        }
        await connection.run(commands.UNSELECT)
        await other.run(commands.select(b"resync"))
        await other.run(message_commands.uid_store(b"2", FlagChange.ADD, (b"\\Flagged",)))
        await other.run(message_commands.uid_store(b"4", FlagChange.ADD, (b"\\Deleted",)))
        await other.run(message_commands.uid_expunge(b"4"))
        known = Resync(
            uid_validity=numbers["UIDVALIDITY"], mod_seq=numbers["HIGHESTMODSEQ"], known_uids=b"1:5"
        )
        request = await connection.send(commands.select(b"resync", resync=known))
        changed: dict[int | None, tuple[bytes, ...] | None] = {}
        while request.answer is None:
            event = await connection.next_event()
            if isinstance(event, Fetch):
                changed |= {item.uid: item.flags for item in event.items}
        connection.require(request)
        (gone,) = [one for one in request.responses if isinstance(one, Vanished)]
    assert list(gone.uids.numbers()) == [4]
    assert gone.earlier
    assert set(changed) == {2}
    assert b"\\Flagged" in (changed[2] or ())


async def test_the_whole_inventory_comes_in_one_round_trip() -> None:
    names = [b"Archive/%d" % year for year in range(2000, 2020)]
    with dovecot() as server:
        async with signed_in(server, server.tls) as connection:
            await connection.run_all([commands.create(name) for name in names])
            await connection.run_all([commands.subscribe(name) for name in names[:5]])
            lines = commands.inventory(connection.conversation.capabilities)
            (request,) = await connection.run_all(lines)
    folders = [one for one in request.responses if isinstance(one, ListEntry)]
    statuses = {one.name: one for one in request.responses if isinstance(one, MailboxStatus)}
    assert {one.name for one in folders} == {*names, b"Archive", b"INBOX"}
    assert sum(b"\\Subscribed" in one.attributes for one in folders) == 5
    assert all(statuses[name].messages == 0 for name in names)


async def test_thousands_of_commands_and_their_answers_never_wait_for_each_other() -> None:
    with dovecot() as server:
        server.put_mails([mail(number, 10) for number in range(300)])
        async with signed_in(server, replace(server.plain, answer_seconds=10.0)) as connection:
            await connection.run(commands.examine(b"INBOX"))
            every = message_commands.uid_search()
            requests = await connection.run_all([every] * 4000)
            found = {tuple(one.numbers) for request in requests for one in request.responses}  # type: ignore[union-attr] # of Search
    assert len(requests) == 4000
    assert found == {((1, 300),)}


async def test_idle_ends_with_the_first_news_or_without(server: Dovecot) -> None:
    async with signed_in(server) as connection, signed_in(server) as other:
        await connection.run(commands.create(b"idle"))
        await connection.run(commands.select(b"idle"))
        assert not await connection.idle(0.2)
        news = asyncio.create_task(connection.idle(20.0))
        await asyncio.sleep(0.2)
        await append_all(other, b"idle", [mail(1, 10)])
        assert await news
        await connection.run(commands.NOOP)
