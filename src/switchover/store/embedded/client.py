"""What is said to an embedded server over its socket: is it there, and our database in it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import psycopg
from psycopg.conninfo import make_conninfo

from switchover.errors import Unavailable
from switchover.store.embedded import configuration

if TYPE_CHECKING:
    from pathlib import Path


def dsn_of(sockets: Path, *, database: str, role: str) -> str:
    """Return how to connect to the server with its socket in that directory."""
    return make_conninfo(host=str(sockets), port=configuration.PORT, user=role, dbname=database)


async def answers(dsn: str) -> bool:
    """Return whether the server lets us in."""
    try:
        connection = await psycopg.AsyncConnection.connect(dsn, connect_timeout=2)
    except psycopg.OperationalError:
        return False
    await connection.close()
    return True


async def ensure_database(superuser_dsn: str) -> None:
    """Make our role, which owns one database and may do nothing to the machine, and that."""
    try:
        connection = await psycopg.AsyncConnection.connect(
            superuser_dsn, connect_timeout=2, autocommit=True
        )
        async with connection:
            found = await connection.execute(
                "select 1 from pg_roles where rolname = %s", (configuration.ROLE,)
            )
            if await found.fetchone() is None:
                await connection.execute("create role switchover login")
            await _ensure_application_role(connection)
            found = await connection.execute(
                "select 1 from pg_database where datname = %s", (configuration.DATABASE,)
            )
            if await found.fetchone() is None:
                await connection.execute("create database switchover owner switchover")
    except psycopg.OperationalError as error:
        raise Unavailable(f"PostgreSQL stopped answering while it started: {error}") from error


async def ensure_application_role(superuser_dsn: str) -> None:
    """Make the role that the application works as, which a cluster of an earlier version does not have."""
    try:
        connection = await psycopg.AsyncConnection.connect(
            superuser_dsn, connect_timeout=2, autocommit=True
        )
        async with connection:
            await _ensure_application_role(connection)
    except psycopg.OperationalError as error:
        raise Unavailable(f"PostgreSQL does not answer: {error}") from error


async def _ensure_application_role(connection: psycopg.AsyncConnection[Any]) -> None:
    """Make ``switchover_app``, that our own role may take on: it owns nothing of the audit log."""
    name = f"{configuration.ROLE}_app"
    found = await connection.execute("select 1 from pg_roles where rolname = %s", (name,))
    if await found.fetchone() is None:
        await connection.execute("create role switchover_app nologin")
        await connection.execute("grant switchover_app to switchover with inherit true, set true")


def trim(superuser_dsn: str) -> None:
    """Drop the databases that nobody needs, half of the files of a cluster; template1 makes them anew."""
    with psycopg.connect(superuser_dsn, connect_timeout=5, autocommit=True) as connection:
        connection.execute("alter database template0 is_template false")
        connection.execute("drop database template0")
        connection.execute("drop database postgres")
