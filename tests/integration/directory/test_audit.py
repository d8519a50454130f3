"""The audit log in a real database: only added to, provable, and part of each change."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import errors as pg
from tests.integration.conftest import run_as_superuser

from switchover.directory.access.memory import TokenMemory
from switchover.directory.access.role import Actor, Door, Role
from switchover.directory.access.work import create_token, list_tokens, revoke_token
from switchover.directory.audit import flood, work
from switchover.directory.audit.entry import Entry, Outcome
from switchover.directory.audit.inspection import Head
from switchover.errors import Conflict, InvalidInput, NotFound
from switchover.store.embedded import EmbeddedPostgres
from switchover.store.migrate import migrate
from switchover.store.notary import Notary, Note
from switchover.store.pool import Database

ADA = Actor(name="ada", role=Role.ADMIN, door=Door.CONSOLE, address="192.0.2.7")
CHANGES = (
    "update audit set reason = 'other' where number = 3",
    "delete from audit where number = 3",
    "truncate audit",
    "insert into audit select * from audit on conflict (number) do update set reason = 'other'",
)


@pytest.fixture
def notary(tmp_path: Path) -> Notary:
    return Notary(tmp_path / "secret.key", tmp_path / "audit.head")


@pytest.fixture
async def log(database_url: str, notary: Notary) -> AsyncIterator[Database]:
    """A database with an audit log of nine entries."""
    async with Database(database_url, notary=notary) as database:
        for number in range(1, 10):
            await work.record_alone(database, Entry.by(ADA, "server.drain", f"cas{number}"))
        yield database


async def tamper(dsn: str, *statements: str) -> None:
    """Do what only the owner of the whole cluster can: nothing keeps that one out."""
    superuser = dsn.replace("user=switchover", "user=postgres")
    async with await psycopg.AsyncConnection.connect(superuser) as connection:
        await connection.execute("alter table audit disable trigger all")
        for statement in statements:
            await connection.execute(statement.encode())
        await connection.execute("alter table audit enable trigger all")


async def told(database: Database) -> list[tuple[str, int, int]]:
    verdict = await work.verify(database)
    return [(fault.kind.value, fault.first, fault.last) for fault in verdict.faults]


# who may do what


@pytest.mark.parametrize("change", CHANGES)
async def test_the_application_can_not_change_the_log(log: Database, change: str) -> None:
    with pytest.raises(pg.InsufficientPrivilege):
        async with log.transaction() as connection:
            await connection.execute(change.encode())
    assert await told(log) == []


@pytest.mark.parametrize("role", ["switchover", "postgres"])
@pytest.mark.parametrize("change", CHANGES)
async def test_neither_do_the_owner_and_the_superuser_by_accident(
    log: Database, database_url: str, role: str, change: str
) -> None:
    dsn = database_url.replace("user=switchover", f"user={role}")
    with pytest.raises(pg.InsufficientPrivilege):
        async with await psycopg.AsyncConnection.connect(dsn) as connection:
            await connection.execute(change.encode())
    assert await told(log) == []


async def test_the_application_works_as_a_role_of_its_own(log: Database) -> None:
    rights = (await work.verify(log)).rights
    assert (rights.role, rights.is_owner, rights.may_change) == ("switchover_app", False, False)
    assert "may read and add entries and nothing else" in " ".join((await work.verify(log)).remarks)


async def test_the_application_may_do_all_else(log: Database) -> None:
    async with log.transaction() as connection:
        for table in ("event", "revision_asset", "copy_pair", "stat_minute", "engine"):
            await connection.execute(f"delete from {table}".encode())
        await connection.execute(
            "insert into copy_pair (source_key, target_key, created_at) values ('a', 'b', now())"
        )
    async with log.transaction() as connection:
        await connection.set_autocommit(True)
        notices: list[str] = []
        connection.add_notice_handler(lambda one: notices.append(str(one.message_primary)))
        await connection.execute("vacuum (skip_locked, truncate) ledger_intent")
        await connection.set_autocommit(False)
    assert notices == []


GIVEN = "given"


@pytest.fixture
async def given_url(postgres: EmbeddedPostgres, session_directory: Path) -> AsyncIterator[str]:
    """Return the address of a database whose owner is a plain role that somebody gave us."""
    access = session_directory / "postgresql" / "pg_hba.conf"
    kept = access.read_text()
    access.write_text(f"{kept}local all {GIVEN} trust\n")
    await run_as_superuser(
        postgres,
        "select pg_reload_conf()",
        f"create role {GIVEN} login",
        f"create database {GIVEN} owner {GIVEN}",
    )
    yield postgres.dsn(database=GIVEN, role=GIVEN)
    access.write_text(kept)
    await run_as_superuser(
        postgres,
        "select pg_reload_conf()",
        f"drop database {GIVEN} with (force)",
        f"drop role if exists {GIVEN}_app",
        f"drop role {GIVEN}",
    )


async def works_as(dsn: str, notary: Notary) -> tuple[str, bool]:
    async with Database(dsn, wait_seconds=5, notary=notary) as database:
        await work.record_alone(database, Entry.by(ADA, "server.drain", "cas1"))
        with pytest.raises(pg.InsufficientPrivilege):
            async with database.transaction() as connection:
                await connection.execute("delete from audit")
        rights = (await work.verify(database)).rights
        return rights.role, rights.is_owner


async def test_a_given_role_that_may_make_no_roles_takes_the_rights_from_itself_and_says_so(
    postgres: EmbeddedPostgres, given_url: str, notary: Notary
) -> None:
    await migrate(given_url)
    assert await works_as(given_url, notary) == (GIVEN, True)
    async with Database(given_url, notary=notary) as database:
        remarks = " ".join((await work.verify(database)).remarks)
    assert "which owns the table" in remarks
    # What the remark advises.
    await run_as_superuser(postgres, f"create role {GIVEN}_app", f"grant {GIVEN}_app to {GIVEN}")
    await migrate(given_url)
    assert await works_as(given_url, notary) == (f"{GIVEN}_app", False)


async def test_a_given_role_that_may_make_roles_makes_one(
    postgres: EmbeddedPostgres, given_url: str, notary: Notary
) -> None:
    await run_as_superuser(postgres, f"alter role {GIVEN} createrole")
    await migrate(given_url)
    assert await works_as(given_url, notary) == (f"{GIVEN}_app", False)


# what is found


@pytest.mark.parametrize(
    ("statements", "found"),
    [
        (["update audit set reason = 'other' where number = 4"], [("changed", 4, 4)]),
        (["update audit set after = '{}' where number = 4"], [("changed", 4, 4)]),
        (["delete from audit where number = 4"], [("missing", 4, 4)]),
        (["delete from audit where number < 3"], [("missing", 1, 2)]),
        (["delete from audit where number > 6"], [("cut", 7, 9)]),
        (["truncate audit"], [("cut", 1, 9)]),
        (
            [
                "delete from audit where number = 4",
                "update audit set number = number - 1 where number > 4",
            ],
            [("moved", 4, 8), ("cut", 9, 9)],
        ),
        (
            [
                "update audit set number = 99 where number = 4",
                "update audit set number = 4 where number = 5",
                "update audit set number = 5 where number = 99",
            ],
            [("moved", 4, 4), ("moved", 5, 5), ("broken", 6, 6)],
        ),
        (
            [
                "insert into audit select 10, at, actor, origin, address, client, action, subject, outcome, "
                "before, after, reason, hash, previous, seal from audit where number = 9"
            ],
            [("changed", 10, 10)],
        ),
    ],
)
async def test_whatever_was_done_behind_our_back_is_found(
    log: Database, database_url: str, statements: list[str], found: list[tuple[str, int, int]]
) -> None:
    await tamper(database_url, *statements)
    assert await told(log) == found


async def test_an_entry_that_somebody_else_added_properly_is_found_by_its_seal(
    log: Database, database_url: str, tmp_path: Path
) -> None:
    (tmp_path / "elsewhere").mkdir()
    other = Notary(tmp_path / "elsewhere" / "secret.key", tmp_path / "elsewhere" / "head")
    other.note_head(Note(number=0, digest="0" * 64))
    async with Database(database_url, notary=other) as theirs:
        await work.record_alone(theirs, Entry.by(ADA, "server.resume", "cas1"))
    assert await told(log) == [("unknown-key", 10, 10)]


async def test_a_head_that_is_gone_or_changed_is_found(log: Database, tmp_path: Path) -> None:
    (tmp_path / "audit.head").write_text("{}")
    assert await told(log) == [("head", 10, 10)]
    (tmp_path / "audit.head").unlink()
    assert await told(log) == [("head", 10, 10)]
    # No entry that comes later makes a new one.
    await work.record_alone(log, Entry.by(ADA, "server.resume", "cas1"))
    assert not (tmp_path / "audit.head").exists()


async def test_entries_cut_off_are_found_also_when_others_came_after(
    log: Database, database_url: str, tmp_path: Path
) -> None:
    await tamper(database_url, "delete from audit where number > 6")
    for number in range(5):
        await work.record_alone(log, Entry.by(ADA, "server.resume", f"cas{number}"))
    assert await told(log) == [("rewritten", 9, 9)]


async def test_an_end_that_was_written_down_elsewhere_must_still_be_there(log: Database) -> None:
    end = (await work.verify(log)).inspection
    assert (await work.verify(log, noted=Head(number=9, hash=end.previous))).faults == ()
    assert (await work.verify(log, noted=Head(number=9, hash="0" * 64))).faults
    assert (await work.verify(log, noted=Head(number=12, hash="0" * 64))).faults


async def test_a_head_left_behind_by_a_crash_is_brought_to_the_end(
    log: Database, notary: Notary, tmp_path: Path
) -> None:
    kept = tmp_path / "kept"
    shutil.copy(tmp_path / "audit.head", kept)
    for number in range(3):
        await work.record_alone(log, Entry.by(ADA, "server.resume", f"cas{number}"))
    shutil.copy(kept, tmp_path / "audit.head")
    verdict = await work.verify(log)
    assert verdict.faults == ()
    assert "stands at 9" in " ".join(verdict.remarks)
    assert await work.catch_up(log) == ""
    head = notary.find_head()
    assert head is not None
    assert head.number == 12


async def test_a_head_is_not_brought_to_an_end_that_does_not_fit(
    log: Database, database_url: str, notary: Notary
) -> None:
    before = notary.find_head()
    await tamper(database_url, "delete from audit where number > 6")
    assert "ends at 6" in await work.catch_up(log)
    assert notary.find_head() == before


async def test_what_has_an_innocent_reason_is_accepted_once_and_stays_visible(
    log: Database, database_url: str
) -> None:
    with pytest.raises(Conflict, match="in order"):
        await work.accept(log, actor=ADA, reason="no reason")
    await tamper(database_url, "delete from audit where number > 6 or number = 2")
    with pytest.raises(InvalidInput, match="say why"):
        await work.accept(log, actor=ADA, reason=" ")
    verdict = await work.accept(log, actor=ADA, reason="database restored")
    assert verdict.faults == ()
    assert [(one.kind.value, one.first) for one in verdict.accepted] == [("missing", 2)]
    newest = (await work.list_entries(log, filters={}, limit=1))[0]
    assert (newest["action"], newest["reason"]) == ("audit.accept", "database restored")
    assert "cut off" in str(newest["before"])
    await work.record_alone(log, Entry.by(ADA, "server.resume", "cas1"))
    assert await told(log) == []


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
