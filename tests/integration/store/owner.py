"""A process that owns an embedded PostgreSQL, for tests that kill it or run it as another user.

Usage: owner.py BASE hold|check|connect [USER_ID INSTALLATION]

With a user id it becomes that user after its imports, so the checkout and the interpreter may lie
where only root reads.
"""

from __future__ import annotations

import asyncio
import codecs
import concurrent.futures.thread  # noqa: F401 - asyncio imports it at first use, too late for another user
import os
import sys
from pathlib import Path

import psycopg

from switchover.errors import SwitchoverError
from switchover.store.embedded import EmbeddedPostgres


async def hold(server: EmbeddedPostgres) -> None:
    await server.start()
    print(server.pid, flush=True)
    await asyncio.sleep(600)


async def check(server: EmbeddedPostgres) -> None:
    """Start, attach, ask who we are, stop."""
    await server.start()
    first = server.pid
    await server.start()
    assert server.pid == first
    await connect(server)
    await server.stop()
    assert server.pid is None


async def connect(server: EmbeddedPostgres) -> None:
    async with await psycopg.AsyncConnection.connect(server.dsn()) as connection:
        row = await (await connection.execute("select session_user")).fetchone()
    assert row is not None
    print(f"user {os.geteuid()} is {row[0]}")


def become(user_id: int) -> None:
    codecs.lookup("ascii")
    os.chdir("/")
    os.setgroups([])
    os.setgid(user_id)
    os.setuid(user_id)


async def main() -> None:
    base, verb = Path(sys.argv[1]), sys.argv[2]
    installation = None
    if len(sys.argv) > 3:
        become(int(sys.argv[3]))
        installation = Path(sys.argv[4])
    server = EmbeddedPostgres(base / "pg", base / "s", installation=installation)
    await {"hold": hold, "check": check, "connect": connect}[verb](server)


try:
    asyncio.run(main())
except (SwitchoverError, psycopg.Error) as error:
    sys.exit(f"{type(error).__name__}: {error}")
