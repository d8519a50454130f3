"""Real parts shared by the integration tests: one PostgreSQL per test process, a fresh database per test.

Everything lies in short directories that every user may enter: UNIX socket paths are
limited, and PostgreSQL runs as another user when the tests run as root.
"""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import psycopg
import pytest
from tests.integration.processes import scratch

from switchover import clock
from switchover.store.embedded import EmbeddedPostgres
from switchover.store.migrate import migrate
from switchover.store.pool import Database

_TEMPLATE = "template_with_schema"


def make_short_directory(*, on_disk: bool = False) -> Path:
    """Make a directory in memory where there is enough: clusters and databases are made faster."""
    parent = "/tmp" if on_disk else scratch()
    directory = Path(tempfile.mkdtemp(prefix="switchover-test-", dir=parent))
    directory.chmod(0o711)
    return directory


async def run_as_superuser(server: EmbeddedPostgres, *statements: str) -> None:
    connection = await psycopg.AsyncConnection.connect(server.superuser_dsn, autocommit=True)
    async with connection:
        for statement in statements:
            await connection.execute(statement.encode())


async def forget_durability(server: EmbeddedPostgres) -> None:
    """Let a server lose data in a power cut, which no test makes: creating databases is faster."""
    await run_as_superuser(server, "alter system set fsync = off", "select pg_reload_conf()")


@pytest.fixture(scope="session")
def session_directory() -> Iterator[Path]:
    directory = make_short_directory()
    yield directory
    shutil.rmtree(directory)


@pytest.fixture
def short_directory() -> Iterator[Path]:
    """Return an empty directory with a short path that every user may enter."""
    directory = make_short_directory()
    yield directory
    shutil.rmtree(directory)


@pytest.fixture(scope="session")
def postgres(session_directory: Path) -> Iterator[EmbeddedPostgres]:
    """Return a running server for tests that leave it as it is."""
    server = EmbeddedPostgres(session_directory / "postgresql", session_directory / "sockets")

    async def prepare() -> None:
        await server.start()
        await forget_durability(server)
        await run_as_superuser(server, f"create database {_TEMPLATE} owner switchover")
        await migrate(server.dsn(database=_TEMPLATE))

    try:
        asyncio.run(prepare())
        yield server
    finally:
        asyncio.run(server.stop())


async def _lend_database(server: EmbeddedPostgres, template: str) -> AsyncIterator[str]:
    name = f"test_{clock.new_id()[:8]}"
    await run_as_superuser(
        server, f"create database {name} owner switchover template {template} strategy file_copy"
    )
    yield server.dsn(database=name)
    await run_as_superuser(server, f"drop database {name} with (force)")


@pytest.fixture
async def empty_database_url(postgres: EmbeddedPostgres) -> AsyncIterator[str]:
    """Return the address of a database without tables, dropped after the test."""
    async for dsn in _lend_database(postgres, "template0"):
        yield dsn


@pytest.fixture
async def database_url(postgres: EmbeddedPostgres) -> AsyncIterator[str]:
    """Return the address of a database with the current schema, dropped after the test."""
    async for dsn in _lend_database(postgres, _TEMPLATE):
        yield dsn


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    """Return an open database with the current schema, for this test alone."""
    # Patient: a machine that starts hundreds of servers may take seconds for one more connection.
    async with Database(database_url, wait_seconds=20, connect_seconds=20) as database:
        yield database
