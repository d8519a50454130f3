"""An audit log with nine entries, and somebody who changes it behind our back."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import psycopg
import pytest

from switchover.directory.access.role import Actor, Door, Role
from switchover.directory.audit import work
from switchover.directory.audit.entry import Entry
from switchover.store.notary import Notary
from switchover.store.pool import Database

ADA = Actor(name="ada", role=Role.ADMIN, door=Door.CONSOLE, address="192.0.2.7")


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
