"""A target that breaks off at a mail each time it gets it: the mail is found, named and left out, the rest arrives."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from enum import StrEnum

import pytest
from tests.integration.imap_servers import PORT, Dovecot, Options, dovecot
from tests.integration.move.rig import USERS, Box, Pair, free_user

from switchover.move.segment import SkipReason
from switchover.move.sync_plan import Rules
from switchover.move.work import isolation, lanes
from switchover.store.pool import Database
from switchover.wire.imap.shell import Target

pytestmark = pytest.mark.timeout(120)
POISON = "poison"
MAILS = 300


class Way(StrEnum):
    """How a server breaks off at a mail."""

    CLOSES = "closes"
    FALLS_SILENT = "falls silent"
    STORES_AND_CLOSES = "stores it and closes"


@pytest.fixture(scope="module")
def servers() -> Iterator[tuple[Dovecot, Dovecot]]:
    options = Options(users=USERS, mechanisms=("plain",))
    with dovecot(options) as one, dovecot(options) as other:
        yield one, other


@pytest.fixture
def pair(
    servers: tuple[Dovecot, Dovecot], database: Database, monkeypatch: pytest.MonkeyPatch
) -> Pair:
    monkeypatch.setattr(lanes, "pause_seconds", lambda tries, _wish: 0.01 if tries < 6 else None)
    user = free_user()
    return Pair(
        source=Box(server=servers[0], user=user),
        target=Box(server=servers[1], user=user),
        database=database,
    )


@contextlib.asynccontextmanager
async def breaking(server: Dovecot, way: Way, word: bytes) -> AsyncIterator[Target]:
    """Stand before a server and break connections off on which a word comes from the client."""
    links: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        inner, outer = await asyncio.open_connection(server.address, PORT)
        back = asyncio.create_task(pass_back(inner, writer))
        links.add(back)
        tail = b""
        with contextlib.suppress(OSError):
            while data := await reader.read(4096):
                has_come = word in tail + data
                tail = data[-len(word) :]
                if has_come:
                    back.cancel()
                    if way is Way.STORES_AND_CLOSES:
                        outer.write(data + await rest(reader))
                        await outer.drain()
                        await asyncio.sleep(0.1)
                    if way is Way.FALLS_SILENT:
                        while await reader.read(4096):
                            pass
                    break
                outer.write(data)
                await outer.drain()
        writer.transport.abort()
        outer.close()

    async def pass_back(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.CancelledError):
            while data := await reader.read(65_536):
                writer.write(data)
                await writer.drain()
            writer.close()

    listener = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        port = listener.sockets[0].getsockname()[1]
        yield replace(server.plain, host="127.0.0.1", port=port, answer_seconds=0.4)
    finally:
        listener.close()
        for task in links:
            task.cancel()
        await asyncio.gather(*links, return_exceptions=True)
        await asyncio.sleep(0.01)  # transports end in the next turns of the loop


async def rest(reader: asyncio.StreamReader) -> bytes:
    """Return what comes until nothing has come for a moment."""
    data = b""
    with contextlib.suppress(TimeoutError):
        while more := await asyncio.wait_for(reader.read(65_536), 0.1):
            data += more
    return data


def fill(pair: Pair, *bad: int) -> None:
    pair.source.put("INBOX", *(f"{POISON} {n}" if n in bad else f"mail {n}" for n in range(MAILS)))
    pair.source.put("Sent", "one", "two")


def subjects(box: Box, folder: str = "INBOX") -> list[str]:
    with box.edit(folder) as connection:
        _, parts = connection.uid("fetch", "1:*", "(BODY.PEEK[HEADER.FIELDS (SUBJECT)])")
    return [part[1].decode().split(":")[1].strip() for part in parts if isinstance(part, tuple)]


@pytest.mark.parametrize("way", [Way.CLOSES, Way.FALLS_SILENT])
async def test_a_mail_at_which_the_target_breaks_off_is_named_and_the_rest_arrives(
    pair: Pair, servers: tuple[Dovecot, Dovecot], way: Way
) -> None:
    fill(pair, 0, 150)
    async with breaking(servers[1], way, POISON.encode()) as through:
        pair.target.target = through
        report = await pair.copy()
        assert report.failures == {}
        assert [(one.folder, one.uid, one.skip.reason) for one in report.skipped] == [
            ("INBOX", uid, SkipReason.BREAKS_TARGET) for uid in (1, 151)
        ]
        assert report.skipped[0].name.subject == f"{POISON} 0"
        # Two breaks find a mail, three convince; the second is known to be among few from the first on.
        assert report.retries <= 2 * (isolation.MOST_BREAKS + 2)
        wanted = [f"mail {n}" for n in range(MAILS) if n not in {0, 150}]
        assert sorted(subjects(pair.target)) == sorted(wanted)
        assert subjects(pair.target, "Sent") == ["one", "two"]
        again = await pair.copy()
        assert (again.copied, len(again.skipped), again.retries) == (0, 2, 0)
    # Once it is mended, the mails come over when they are asked for.
    pair.target.target = None
    mended = await pair.copy(rules=Rules(retries_skipped=True))
    assert (mended.copied, mended.is_complete) == (2, True)
    assert pair.are_equal()


async def test_mails_stored_before_the_target_breaks_off_are_found_and_none_is_there_twice(
    pair: Pair, servers: tuple[Dovecot, Dovecot]
) -> None:
    fill(pair, 70)
    async with breaking(servers[1], Way.STORES_AND_CLOSES, POISON.encode()) as through:
        pair.target.target = through
        report = await pair.copy()
    assert (report.failures, report.skipped) == ({}, [])
    assert pair.are_equal()


async def test_a_target_that_breaks_off_at_every_mail_is_given_up_and_no_mail_blamed(
    pair: Pair, servers: tuple[Dovecot, Dovecot]
) -> None:
    fill(pair)
    async with breaking(servers[1], Way.CLOSES, b"Subject: mail") as through:
        pair.target.target = through
        report = await pair.copy(lanes=1)
    assert "breaks off at every mail: 3 were sent alone" in report.failures["INBOX"]
    assert report.skipped == []
    assert report.retries <= isolation.MOST_ISOLATED * isolation.MOST_BREAKS + 3
    assert subjects(pair.target, "Sent") == ["one", "two"]
    pair.target.target = None
    assert (await pair.copy()).is_complete
    assert pair.are_equal()
