from __future__ import annotations

import asyncio
import logging
import signal
import socket
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

import psycopg
import pytest
from tests.integration.store.conftest import OwnServer

from switchover import clock
from switchover.errors import Unavailable
from switchover.store.embedded.account import get_account
from switchover.store.embedded.binaries import bundled_installation, installation_for
from switchover.store.pool import Database
from switchover.store.rows import find_row, list_rows

WAIT, STATEMENT = 1.5, 0.6
# What a request may take beyond its limits on a busy test machine.
SLACK = 1.0


@pytest.fixture
async def breakable(running_server: OwnServer) -> AsyncIterator[Database]:
    """Return a database with short limits, on a server that the test may break."""
    dsn = running_server.postgres.dsn()
    async with Database(dsn, wait_seconds=WAIT, statement_seconds=STATEMENT) as database:
        yield database


async def ask(database: Database, query: str = "select 1") -> object:
    async with database.transaction() as connection:
        cursor = await connection.execute(query.encode())
        row = await cursor.fetchone() if cursor.description else None
    return row[0] if row else None


async def fail(database: Database, query: str = "select 1") -> tuple[str, float]:
    """Return the message of the expected failure and the seconds it took."""
    started = clock.monotonic()
    with pytest.raises(Unavailable) as caught:
        await ask(database, query)
    return str(caught.value), clock.monotonic() - started


@pytest.fixture
async def note(database_url: str) -> None:
    """Make a table, as a later step of the schema would: sessions may not, they use it."""
    async with await psycopg.AsyncConnection.connect(database_url) as owner:
        await owner.execute("create table note (text text)")


async def test_a_transaction_commits_at_its_end_and_rolls_back_on_an_error(
    database: Database, note: None
) -> None:
    await ask(database, "insert into note values ('kept')")
    with pytest.raises(psycopg.errors.DivisionByZero):
        await ask(database, "insert into note values ('lost'); select 1 / 0")
    assert await ask(database, "select string_agg(text, ',') from note") == "kept"


async def test_a_snapshot_sees_one_moment_and_cannot_write(database: Database, note: None) -> None:
    async with database.snapshot() as connection:
        await connection.execute("select count(*) from note")
        await ask(database, "insert into note values ('later')")
        cursor = await connection.execute("select count(*) from note")
        assert await cursor.fetchone() == (0,)
        with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
            await connection.execute("insert into note values ('never')")
    assert await ask(database, "select count(*) from note") == 1


async def test_a_connection_writes_again_after_a_snapshot(database: Database, note: None) -> None:
    async with database.snapshot() as connection:
        await connection.execute("select 1")
    await ask(database, "insert into note values ('kept')")


async def test_sessions_use_tables_and_make_none(database: Database) -> None:
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        await ask(database, "create table note (text text)")


async def test_what_waits_for_a_commit_is_done_after_it_and_not_after_a_failure(
    database: Database,
) -> None:
    done: list[str] = []
    async with database.transaction() as connection:
        connection.call_after_commit(lambda: done.append("kept"))
        assert done == []
    assert done == ["kept"]

    async def fail() -> None:
        async with database.transaction() as connection:
            connection.call_after_commit(lambda: done.append("lost"))
            await connection.execute("select 1 / 0")

    with pytest.raises(psycopg.errors.DivisionByZero):
        await fail()
    await ask(database)
    assert done == ["kept"]


async def test_sessions_run_in_utc_whatever_the_role_prefers(database_url: str) -> None:
    async with Database(f"{database_url} options='-c timezone=Asia/Tokyo'") as database:
        assert await ask(database, "show timezone") == "UTC"
        moment = await ask(database, "select timestamptz '2026-01-01 12:00+02'")
    assert isinstance(moment, datetime)
    assert moment == datetime(2026, 1, 1, 10, 0, tzinfo=UTC)
    assert moment.utcoffset() is not None
    assert not moment.utcoffset()


async def test_rows_become_dataclasses(database: Database) -> None:
    @dataclass(frozen=True, slots=True, kw_only=True)
    class Pair:
        number: int
        name: str | None

    query = "select * from (values (1, 'one'), (2, null)) as pair (number, name) where number >= %s"
    async with database.snapshot() as connection:
        assert await list_rows(connection, Pair, query, (1,)) == [
            Pair(number=1, name="one"),
            Pair(number=2, name=None),
        ]
        assert await find_row(connection, Pair, query, (2,)) == Pair(number=2, name=None)
        assert await find_row(connection, Pair, query, (3,)) is None


async def test_a_broken_rule_reaches_its_caller_unchanged(database: Database) -> None:
    with pytest.raises(psycopg.errors.UniqueViolation):
        await ask(database, "insert into engine (id) values (1)")
    assert database.is_answering


async def test_a_url_works_like_a_keyword_string(database_url: str) -> None:
    parts = psycopg.conninfo.conninfo_to_dict(database_url)
    url = f"postgresql://{parts['user']}@/{parts['dbname']}?host={parts['host']}"
    async with Database(url) as database:
        assert await ask(database, "select current_database()") == parts["dbname"]


@pytest.mark.alone
async def test_a_slow_statement_ends_at_its_limit(breakable: Database) -> None:
    message, seconds = await fail(breakable, "select pg_sleep(5)")
    assert "too slow" in message
    assert seconds < STATEMENT + SLACK
    assert breakable.is_answering
    assert await ask(breakable) == 1


async def test_a_statement_known_to_be_long_gets_its_own_limit(breakable: Database) -> None:
    async with breakable.transaction(statement_seconds=5) as connection:
        await connection.execute("select pg_sleep(%s)", (STATEMENT + 0.2,))
    async with breakable.snapshot(statement_seconds=5) as connection:
        await connection.execute("select pg_sleep(%s)", (STATEMENT + 0.2,))
    message, _ = await fail(breakable, "select pg_sleep(5)")
    assert "too slow" in message


@pytest.mark.alone
async def test_requests_beyond_the_connections_wait_and_then_give_up(
    running_server: OwnServer,
) -> None:
    dsn = running_server.postgres.dsn()
    async with Database(dsn, wait_seconds=WAIT, connections=2) as database:
        assert await asyncio.gather(*(ask(database) for _ in range(20))) == [1] * 20
        async with database.transaction(), database.transaction():
            message, seconds = await fail(database)
        assert "no free connection in time" in message
        assert WAIT <= seconds < WAIT + SLACK
        assert database.is_answering
        assert await ask(database) == 1


@pytest.mark.alone
async def test_a_frozen_server_is_unavailable_in_time_and_back_at_once(
    running_server: OwnServer, breakable: Database, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    assert await ask(breakable) == 1
    running_server.signal_all(signal.SIGSTOP)
    results = await asyncio.gather(*(fail(breakable) for _ in range(5)))
    results.append(await fail(breakable))
    for message, seconds in results:
        assert "does not answer" in message
        assert seconds < WAIT + SLACK
    states = [breakable.is_answering]
    running_server.signal_all(signal.SIGCONT)
    started = clock.monotonic()
    assert await ask(breakable) == 1
    assert clock.monotonic() - started < WAIT
    states.append(breakable.is_answering)
    assert states == [False, True]
    said = [record.getMessage().split()[0] for record in caplog.records]
    assert said == ["database=down", "database=up"]


@pytest.mark.alone
async def test_a_statement_on_a_server_that_freezes_is_cut(
    running_server: OwnServer, breakable: Database
) -> None:
    waiting = asyncio.create_task(fail(breakable, "select pg_sleep(0.5)"))
    await asyncio.sleep(0.2)
    running_server.signal_all(signal.SIGSTOP)
    message, seconds = await waiting
    running_server.signal_all(signal.SIGCONT)
    assert "does not answer (no answer in 1.6 s)" in message
    assert seconds < STATEMENT + 1 + SLACK
    assert await ask(breakable) == 1


async def test_a_commit_without_answer_says_that_its_outcome_is_unknown(
    running_server: OwnServer, breakable: Database
) -> None:
    async def change() -> None:
        async with breakable.transaction() as connection:
            await connection.execute("create temporary table note (text text)")
            running_server.signal_all(signal.SIGSTOP)

    with pytest.raises(Unavailable, match="may or may not have stored this change"):
        await change()
    running_server.signal_all(signal.SIGCONT)
    assert await ask(breakable) == 1


@pytest.mark.alone
async def test_a_cancelled_request_to_a_frozen_server_ends_too(
    running_server: OwnServer, breakable: Database
) -> None:
    waiting = asyncio.create_task(ask(breakable, "select pg_sleep(0.5)"))
    await asyncio.sleep(0.2)
    running_server.signal_all(signal.SIGSTOP)
    started = clock.monotonic()
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert clock.monotonic() - started < STATEMENT + 1 + SLACK
    running_server.signal_all(signal.SIGCONT)
    assert await ask(breakable) == 1


@pytest.mark.alone
async def test_a_stopped_server_is_unavailable_and_back_after_its_start(
    running_server: OwnServer, breakable: Database
) -> None:
    await asyncio.gather(*(ask(breakable, "select pg_sleep(0.05)") for _ in range(8)))
    await running_server.postgres.stop()
    message, seconds = await fail(breakable)
    assert "does not answer" in message
    assert seconds < WAIT + SLACK
    await running_server.postgres.start()
    assert await asyncio.gather(*(ask(breakable) for _ in range(8))) == [1] * 8


async def test_a_restart_between_two_requests_is_not_noticed(
    running_server: OwnServer, breakable: Database
) -> None:
    await asyncio.gather(*(ask(breakable, "select pg_sleep(0.05)") for _ in range(8)))
    await running_server.postgres.stop()
    await running_server.postgres.start()
    assert await asyncio.gather(*(ask(breakable) for _ in range(8))) == [1] * 8


async def test_it_opens_while_the_server_is_down(stopped_server: OwnServer) -> None:
    dsn = stopped_server.postgres.dsn()
    async with Database(dsn, wait_seconds=WAIT) as database:
        message, _ = await fail(database)
        assert "No such file or directory" in message
        await stopped_server.postgres.start()
        assert await ask(database) == 1


async def test_a_closed_database_says_so(database_url: str) -> None:
    database = Database(database_url)
    await database.open()
    await database.close()
    await database.close()
    message, _ = await fail(database)
    assert "switchover is stopping" in message


async def test_a_server_on_tcp_with_a_password_works_and_keeps_it_secret(
    running_server: OwnServer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    async with serve_on_tcp(running_server) as address:
        await _use_passwords(address, caplog)


async def _use_passwords(address: str, caplog: pytest.LogCaptureFixture) -> None:
    right = f"postgresql://remote:hunter2@{address}/switchover"
    async with Database(right, wait_seconds=5) as database:
        assert await ask(database, "select current_user::text") == "remote"
    async with Database(right.replace("hunter2", "hunter3"), wait_seconds=WAIT) as database:
        message, _ = await fail(database)
    assert 'password authentication failed for user "remote"' in message
    assert "hunter" not in message + caplog.text


@asynccontextmanager
async def serve_on_tcp(server: OwnServer) -> AsyncIterator[str]:
    """Restart ``server`` the way somebody else runs one: on a TCP port, with passwords."""
    async with await psycopg.AsyncConnection.connect(server.postgres.superuser_dsn) as connection:
        await connection.execute("drop role if exists remote")
        await connection.execute("create role remote login password 'hunter2'")
    await server.postgres.stop()
    account = get_account()
    programs = installation_for(account, bundled_installation(), server.base / "pg")
    rules = server.base / "tcp_hba.conf"
    rules.write_text("host all remote 127.0.0.0/8 scram-sha-256\n")
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    options = {
        "config_file": server.base / "pg" / "postgresql.conf",
        "listen_addresses": "127.0.0.1",
        "port": port,
        "hba_file": rules,
    }
    words = [str(programs / "bin" / "postgres"), "-D", str(server.cluster)]
    for name, value in options.items():
        words += ["-c", f"{name}={value}"]
    with (server.base / "tcp.log").open("wb") as log:
        process = subprocess.Popen(words, stdout=log, stderr=log, cwd="/", **account.identity)
    deadline = clock.monotonic() + 10
    while b"ready to accept" not in (server.base / "tcp.log").read_bytes():
        assert clock.monotonic() < deadline
        await asyncio.sleep(0.02)
    assert server.postgres.pid == process.pid  # one started by hand is recognised too
    yield f"127.0.0.1:{port}"
    await server.postgres.stop()
    process.wait()
