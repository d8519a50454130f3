"""The embedded PostgreSQL starts, is found again, survives its owner, and says what is wrong."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import stat
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest
from tests.integration.store.conftest import OwnServer

from switchover import clock
from switchover.errors import Conflict, Unavailable
from switchover.settings import Settings
from switchover.store.data_directory import prepare_data_directory
from switchover.store.embedded import EmbeddedPostgres
from switchover.store.embedded.account import get_account

OWNER = Path(__file__).with_name("owner.py")


async def ask(dsn: str, query: str = "select 1") -> object:
    async with await psycopg.AsyncConnection.connect(dsn, connect_timeout=5) as connection:
        cursor = await connection.execute(query.encode())
        row = await cursor.fetchone() if cursor.description else None
    return row[0] if row else None


def start_owner(base: Path) -> tuple[subprocess.Popen[str], int]:
    owner = subprocess.Popen(
        [sys.executable, str(OWNER), str(base), "hold"],
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert owner.stdout
    return owner, int(owner.stdout.readline())


def end_owner(owner: subprocess.Popen[str], number: signal.Signals) -> None:
    os.killpg(owner.pid, number)
    owner.communicate()


async def wait_for_process_id(server: OwnServer, *, other_than: int) -> int:
    deadline = clock.monotonic() + 10
    while clock.monotonic() < deadline:
        found = server.postgres.pid
        if found is not None and found != other_than:
            return found
        await asyncio.sleep(0.02)
    raise AssertionError("no new server appeared")


async def test_the_first_start_makes_a_cluster_that_only_its_user_enters(
    empty_server: OwnServer,
) -> None:
    dsn = await empty_server.postgres.start()
    assert int(str(await ask(dsn, "show server_version_num"))) >= 160000
    assert await ask(dsn, "show data_checksums") == "on"
    assert await ask(dsn, "show fsync") == "on"
    assert await ask(dsn, "show listen_addresses") == ""
    assert await ask(dsn, "select rolsuper from pg_roles where rolname = current_user") is False
    account = get_account()
    for path in (empty_server.cluster, empty_server.sockets):
        assert stat.S_IMODE(path.stat().st_mode) == 0o700
        assert path.stat().st_uid == account.user_id
    for name in ("postgresql.conf", "pg_hba.conf", "pg_ident.conf", "postgresql.log"):
        assert (empty_server.base / "pg" / name).stat().st_uid == os.geteuid()
    await empty_server.postgres.stop()
    assert empty_server.postgres.pid is None
    assert empty_server.list_processes() == []


async def test_a_data_directory_with_a_long_odd_path_works(
    stopped_server: OwnServer, short_directory: Path
) -> None:
    deep = short_directory / ("d" * 100) / "it's a, \\ dir"
    for path in (deep.parent, deep):
        path.mkdir()
        path.chmod(0o711)
    settings = Settings(data_dir=deep, user_id=os.geteuid())
    prepare_data_directory(settings)
    (stopped_server.base / "pg").rename(settings.postgres_dir)
    server = EmbeddedPostgres(settings.postgres_dir, settings.postgres_socket_dir)
    try:
        assert await ask(await server.start()) == 1
    finally:
        await server.stop()
        settings.postgres_dir.rename(stopped_server.base / "pg")
        shutil.rmtree(settings.run_dir)


async def test_a_second_start_attaches_to_the_same_server(running_server: OwnServer) -> None:
    first = running_server.postgres.pid
    other = running_server.another()
    assert await other.start() == running_server.postgres.dsn()
    assert other.pid == first


async def test_data_survives_stop_and_start(running_server: OwnServer) -> None:
    dsn = running_server.postgres.dsn()
    await ask(dsn, "drop table if exists kept")
    await ask(dsn, "create table kept as select 42 as answer")
    await running_server.postgres.stop()
    await running_server.postgres.stop()
    await running_server.postgres.start()
    assert await ask(dsn, "select answer from kept") == 42


async def test_a_server_outlives_its_killed_owner_and_is_found_again(
    stopped_server: OwnServer,
) -> None:
    owner, process_id = start_owner(stopped_server.base)
    end_owner(owner, signal.SIGKILL)
    assert stopped_server.postgres.pid == process_id
    dsn = await stopped_server.postgres.start()
    assert stopped_server.postgres.pid == process_id
    assert await ask(dsn) == 1
    await stopped_server.postgres.stop()
    assert stopped_server.list_processes() == []


async def test_ctrl_c_at_the_terminal_does_not_reach_the_server(stopped_server: OwnServer) -> None:
    owner, process_id = start_owner(stopped_server.base)
    end_owner(owner, signal.SIGINT)
    await asyncio.sleep(0.2)
    assert stopped_server.postgres.pid == process_id
    await stopped_server.postgres.stop()


async def test_an_owner_killed_while_the_cluster_was_made_blocks_nothing(
    empty_server: OwnServer,
) -> None:
    owner = subprocess.Popen(
        [sys.executable, str(OWNER), str(empty_server.base), "hold"], start_new_session=True
    )
    deadline = clock.monotonic() + 20
    while not list(empty_server.base.glob("pg/cluster.new-*/base")):
        assert clock.monotonic() < deadline
        await asyncio.sleep(0.005)
    owner.kill()
    owner.wait()
    assert not empty_server.cluster.exists()
    dsn = await empty_server.postgres.start()
    assert await ask(dsn) == 1
    await empty_server.postgres.stop()


@pytest.mark.parametrize("crash", ["server", "server and workers"])
async def test_a_killed_server_starts_again_at_once(running_server: OwnServer, crash: str) -> None:
    first = running_server.postgres.pid
    assert first is not None
    busy = await psycopg.AsyncConnection.connect(running_server.postgres.dsn())
    work = asyncio.create_task(
        busy.execute("select count(*) from generate_series(1, 1000000000)"), name="busy"
    )
    await asyncio.sleep(0.1)  # a worker that computes does not notice that its server died
    if crash == "server":
        os.kill(first, signal.SIGKILL)
    else:
        running_server.signal_all(signal.SIGKILL)
    dsn = await running_server.postgres.start()
    assert running_server.postgres.pid != first
    assert await ask(dsn) == 1
    with pytest.raises(psycopg.OperationalError):
        await work
    await busy.close()


@pytest.mark.parametrize("content", ["", "garbage\n", "4194304\n{cluster}\n1\n5432\n{sockets}\n\n"])
async def test_a_broken_or_stale_lock_file_blocks_nothing(
    stopped_server: OwnServer, content: str
) -> None:
    text = content.format(cluster=stopped_server.cluster, sockets=stopped_server.sockets)
    stopped_server.lock_file.write_text(text)
    shutil.chown(stopped_server.lock_file, get_account().user_id)
    dsn = await stopped_server.postgres.start()
    assert await ask(dsn) == 1
    await stopped_server.postgres.stop()


async def test_a_stranger_with_the_old_process_id_blocks_nothing_and_lives_on(
    stopped_server: OwnServer,
) -> None:
    account = get_account()
    stranger = subprocess.Popen(["sleep", "60"], **account.identity)
    for path in (stopped_server.lock_file, stopped_server.sockets / ".s.PGSQL.5432.lock"):
        path.write_text(f"{stranger.pid}\n{stopped_server.cluster}\n1\n5432\n\n\n\nready\n")
        shutil.chown(path, account.user_id)
    dsn = await stopped_server.postgres.start()
    assert await ask(dsn) == 1
    await stopped_server.postgres.stop()
    assert stranger.poll() is None
    stranger.kill()
    stranger.wait()


async def test_a_server_that_takes_too_long_to_stop_is_stopped_harder(
    running_server: OwnServer,
) -> None:
    await running_server.postgres.stop(timeout_seconds=0)
    assert running_server.list_processes() == []
    assert await ask(await running_server.postgres.start()) == 1


async def test_a_frozen_server_is_reported_and_can_be_stopped(running_server: OwnServer) -> None:
    running_server.signal_all(signal.SIGSTOP)
    with pytest.raises(Unavailable, match="is not ready yet"):
        await running_server.postgres.start(timeout_seconds=0.1)
    await running_server.postgres.stop()
    assert running_server.list_processes() == []


async def test_a_server_that_died_is_started_again(running_server: OwnServer) -> None:
    first = running_server.postgres.pid
    assert first is not None
    keeper = asyncio.create_task(running_server.postgres.keep_running(every_seconds=0.05))
    os.kill(first, signal.SIGKILL)
    await wait_for_process_id(running_server, other_than=first)
    await running_server.postgres.start()
    assert await ask(running_server.postgres.dsn()) == 1
    await running_server.postgres.stop()
    await asyncio.sleep(0.2)
    assert running_server.postgres.pid is None  # stopped on purpose
    keeper.cancel()


async def test_a_server_that_cannot_start_is_reported_once_and_tried_again(
    running_server: OwnServer, caplog: pytest.LogCaptureFixture
) -> None:
    first = running_server.postgres.pid
    assert first is not None
    hidden = running_server.cluster / "global" / "hidden"
    control = running_server.cluster / "global" / "pg_control"
    control.rename(hidden)
    keeper = asyncio.create_task(running_server.postgres.keep_running(every_seconds=0.05))
    try:
        os.kill(first, signal.SIGKILL)
        await asyncio.sleep(1.0)
    finally:
        hidden.rename(control)
    down = [record.getMessage() for record in caplog.records if "postgresql=down" in record.message]
    assert len(down) == 1
    assert "pg_control" in down[0]
    await wait_for_process_id(running_server, other_than=first)
    keeper.cancel()


async def test_a_long_log_is_cut_while_the_server_keeps_writing(running_server: OwnServer) -> None:
    log = running_server.postgres.log_file
    with log.open("ab") as file:
        file.write(b"x" * (9 * 1024 * 1024))
    keeper = asyncio.create_task(running_server.postgres.keep_running(every_seconds=0.02))
    while log.stat().st_size > 1024 * 1024:
        await asyncio.sleep(0.02)
    keeper.cancel()
    with pytest.raises(psycopg.errors.UndefinedTable):
        await ask(running_server.postgres.dsn(), "select * from missing_from_the_log")
    text = log.read_text()
    assert "missing_from_the_log" in text
    assert len(text) < 10_000
    assert stat.S_IMODE(log.with_suffix(".log.1").stat().st_mode) == 0o600


async def test_the_log_keeps_no_statement_and_no_value(running_server: OwnServer) -> None:
    dsn = running_server.postgres.dsn()
    await ask(dsn, "drop table if exists token")
    await ask(dsn, "create table token (hash text unique)")
    await ask(dsn, "insert into token values ('hunter2')")
    with pytest.raises(psycopg.errors.UniqueViolation):
        await ask(dsn, "insert into token values ('hunter2')")
    text = running_server.postgres.log_file.read_text()
    assert "duplicate key" in text
    assert "hunter2" not in text


async def test_a_server_with_another_socket_directory_is_moved(running_server: OwnServer) -> None:
    first = running_server.postgres.pid
    moved = EmbeddedPostgres(running_server.base / "pg", running_server.base / "t")
    assert await ask(await moved.start()) == 1
    assert moved.pid != first
    await moved.stop()


async def test_a_cluster_of_another_version_is_refused(stopped_server: OwnServer) -> None:
    version = stopped_server.cluster / "PG_VERSION"
    version.write_text("15\n")
    try:
        with pytest.raises(Conflict, match="made by PostgreSQL 15"):
            await stopped_server.postgres.start()
    finally:
        version.write_text("16\n")


async def test_the_reason_why_no_cluster_was_made_is_named(short_directory: Path) -> None:
    # A disk cannot be filled here; initdb's last words are what an operator gets then.
    broken = short_directory / "broken" / "bin"
    broken.mkdir(parents=True)
    (broken / "postgres").write_text("#!/bin/sh\nexit 1\n")
    (broken / "initdb").write_text("#!/bin/sh\necho 'initdb: error: No space left' >&2\nexit 1\n")
    for path in broken.iterdir():
        path.chmod(0o755)
    server = EmbeddedPostgres(
        short_directory / "pg", short_directory / "s", installation=broken.parent
    )
    with pytest.raises(Unavailable, match=r"could not make its cluster: .*No space left"):
        await server.start()
    assert server.pid is None
