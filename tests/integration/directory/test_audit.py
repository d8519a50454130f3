"""The audit log in a real database: part of each change, and read."""

from __future__ import annotations

import asyncio
from typing import Any

import psycopg
import pytest
from psycopg import errors as pg
from tests.integration.directory.conftest import ADA, tamper, told

from switchover.directory.access.memory import TokenMemory
from switchover.directory.access.role import Actor, Door, Role
from switchover.directory.access.work import create_token, list_tokens, revoke_token
from switchover.directory.audit import flood, work
from switchover.directory.audit.entry import Entry, Outcome
from switchover.directory.audit.inspection import Head
from switchover.errors import Conflict, NotFound
from switchover.store.notary import Notary
from switchover.store.pool import Database

# a part of each change


async def test_a_token_and_its_entry_are_one_change(log: Database) -> None:
    memory = TokenMemory()
    made = await create_token(log, "prometheus", Role.VIEWER, actor=ADA, valid_days=30)
    await revoke_token(log, memory, made.token.id, actor=ADA)
    with pytest.raises(NotFound):
        await revoke_token(log, memory, made.token.id, actor=ADA)
    revoked, created, _ = await work.list_entries(log, filters={}, limit=3)
    assert (created["action"], created["subject"], created["actor"]) == (
        "token.create", "prometheus", "ada",
    )  # fmt: skip
    assert (created["origin"], created["address"]) == ("console", "192.0.2.7")
    assert created["after"]["role"] == "viewer"
    assert (revoked["action"], revoked["before"]) == ("token.revoke", created["after"])
    assert made.secret not in str([revoked, created])
    assert await told(log) == []


async def test_without_the_entry_there_is_no_change(log: Database, database_url: str) -> None:
    await tamper(database_url, "alter table audit add constraint at_most_nine check (number < 10)")
    with pytest.raises(pg.CheckViolation):
        await create_token(log, "prometheus", Role.VIEWER, actor=ADA, valid_days=30)
    assert await list_tokens(log) == []
    assert await told(log) == []


async def test_who_records_together_takes_turns_and_leaves_no_gap(log: Database) -> None:
    entries = [Entry.by(ADA, "server.drain", f"cas{number}") for number in range(40)]
    await asyncio.gather(*(work.record_alone(log, entry) for entry in entries))
    verdict = await work.verify(log)
    assert verdict.faults == ()
    assert verdict.inspection.count == 49
    assert verdict.head == Head(number=49, hash=verdict.inspection.previous)


async def test_a_slow_change_holds_nobody_up_before_it_is_recorded(log: Database) -> None:
    async with log.transaction() as slow:
        await slow.execute("update engine set last_sentence = 'reloading'")
        async with asyncio.timeout(2):
            await work.record_alone(log, Entry.by(ADA, "sign-in", "ada"))
        await work.record(slow, Entry.by(ADA, "revision.apply", "revision 5"))
    assert await told(log) == []


async def test_what_is_rolled_back_leaves_neither_entry_nor_head(
    log: Database, notary: Notary
) -> None:
    async def fail() -> None:
        async with log.transaction() as connection:
            await work.record(connection, Entry.by(ADA, "revision.apply", "revision 5"))
            raise Conflict("the engine refuses it")

    with pytest.raises(Conflict):
        await fail()
    head = notary.find_head()
    assert head is not None
    assert head.number == 9
    assert await told(log) == []


async def test_hostile_texts_are_kept_and_proved(log: Database) -> None:
    nasty = "\0\x1b[31m\u202e'; delete from audit; --" + "x" * 5000
    await work.record_alone(
        log, Entry.by(ADA, "server.drain", nasty, after={nasty: nasty}, reason=nasty)
    )
    assert await told(log) == []


# reading


async def test_entries_are_found_by_who_what_where_from_and_when(log: Database) -> None:
    grace = Actor(name="grace", role=Role.OPERATOR, door=Door.CLI, address="192.0.2.8")
    entry = Entry.by(grace, "revision.apply", "revision 1", reason="Third server")
    at = (await work.record_alone(log, entry)).at
    await work.record_alone(
        log, Entry.by(grace, "access.refused", "GET /tokens", outcome=Outcome.REFUSED)
    )

    async def numbers(**filters: object) -> list[int]:
        return [row["number"] for row in await work.list_entries(log, filters=filters, limit=100)]

    assert await numbers(actor="grace") == [11, 10]
    assert await numbers(action="revision") == [10]
    assert await numbers(action="revision.apply") == [10]
    assert await numbers(action="rev") == []
    assert await numbers(subject="cas3") == [3]
    assert await numbers(origin="cli", outcome="done") == [10]
    assert await numbers(address="192.0.2.8", before=11) == [10]
    assert await numbers(part="third SERVER") == [10]
    assert await numbers(since=at) == [11, 10]
    assert await numbers(until=at, before=3) == [2, 1]
    assert (await work.get_entry(log, 10))["reason"] == "Third server"
    with pytest.raises(NotFound):
        await work.get_entry(log, 99)


# refused attempts


async def test_refused_attempts_are_entries_within_bounds(
    log: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    refusals = work.Refusals(log)
    attempt = Entry(
        actor="unknown", origin=Door.CONSOLE, action="sign-in", address="198.51.100.7",
        outcome=Outcome.REFUSED, reason="wrong password",
    )  # fmt: skip
    for _ in range(50):
        await refusals.note(attempt, is_known=False)
    await refusals.flush()
    rows = await work.list_entries(log, filters={"outcome": "refused"}, limit=100)
    assert len(rows) == flood.EACH
    monkeypatch.setattr(flood, "SPAN", flood.SPAN * 0)
    await refusals.flush()
    newest = (await work.list_entries(log, filters={"outcome": "refused"}, limit=1))[0]
    assert (newest["action"], newest["subject"]) == ("access.refused-more", "198.51.100.7")
    assert newest["after"]["count"] == 50 - flood.EACH
    assert await told(log) == []


async def test_an_attempt_while_the_database_is_away_is_counted() -> None:
    async with Database("postgresql://127.0.0.1:1/none", wait_seconds=0.3) as away:
        refusals = work.Refusals(away)
        attempt = Entry(actor="unknown", origin=Door.API, action="access.refused", address="x")
        await refusals.note(attempt, is_known=False)
        assert refusals._flood._excess.total() == 1


async def test_an_entry_costs_two_trips_to_the_database(
    log: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    trips = []
    wait = psycopg.AsyncConnection.wait

    async def counted(self: Any, generator: Any, **named: Any) -> Any:
        trips.append(generator)
        return await wait(self, generator, **named)

    async with log.transaction() as connection:
        await connection.execute("select 1")  # whatever the first statement brings along
        with monkeypatch.context() as patch:
            patch.setattr(type(connection), "wait", counted)
            await work.record(connection, Entry.by(ADA, "server.drain", "cas1"))
    assert len(trips) == 2  # the lock with the end of the chain, and the row
