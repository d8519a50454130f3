"""Who may do what to the audit log: the application adds entries and can do nothing else."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import psycopg
import pytest
from psycopg import errors as pg
from tests.integration.conftest import run_as_superuser
from tests.integration.directory.conftest import ADA, told
from tests.integration.edges.console.asgi import ask, console

from switchover.app import Switchover, look_at_audit
from switchover.balance.event import Event
from switchover.directory.audit import work
from switchover.directory.audit.entry import Entry
from switchover.store.embedded import EmbeddedPostgres
from switchover.store.migrate import migrate
from switchover.store.notary import Notary
from switchover.store.pool import Database

CHANGES = (
    "update audit set reason = 'other' where number = 3",
    "delete from audit where number = 3",
    "truncate audit",
    "insert into audit select * from audit on conflict (number) do update set reason = 'other'",
)


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


@pytest.mark.parametrize(
    "slipped_in",
    [
        "reset role; update audit set reason = 'other' where number = 3",
        "reset role; grant update, delete on audit to current_user; "
        "update audit set reason = 'other' where number = 3",
        "reset role; grant update, delete on audit to current_user; delete from audit where number = 3",
    ],
)
async def test_a_statement_slipped_in_that_leaves_the_role_meets_missing_rights_and_the_trigger(
    log: Database, slipped_in: str
) -> None:
    with pytest.raises(pg.InsufficientPrivilege):
        async with log.transaction() as connection:
            await connection.execute(slipped_in.encode())
    assert await told(log) == []


async def test_one_that_takes_the_trigger_away_too_is_found_by_the_chain(log: Database) -> None:
    slipped_in = (
        "reset role; grant update on audit to current_user; alter table audit disable trigger user; "
        "update audit set reason = 'other' where number = 3"
    )
    async with log.transaction() as connection:
        await connection.execute(slipped_in.encode())
    assert await told(log) == [("changed", 3, 3)]


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
        found: list[Event] = []
        suite = SimpleNamespace(
            database=database, audit_exposure="", events=SimpleNamespace(add=found.append)
        )
        for _ in range(2):
            await look_at_audit(cast("Switchover", suite))
        shown = await ask(console(database=database, audit_exposure=suite.audit_exposure), "/audit")
    assert "which owns the table" in suite.audit_exposure
    assert suite.audit_exposure in remarks
    assert [event.kind for event in found] == ["audit-exposed"]
    assert "The log is guarded by a trigger alone" in shown.text
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
