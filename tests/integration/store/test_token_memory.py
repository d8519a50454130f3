"""A token is forgotten once its end is stored, whichever request read it just before."""

from __future__ import annotations

import asyncio

import psycopg
import pytest
from tests.integration.processes import eventually
from tests.integration.suite import lent_database

from switchover.directory.access.memory import TokenMemory
from switchover.directory.access.role import Actor, Role
from switchover.directory.access.work import create_token, find_actor, revoke_token
from switchover.store.embedded import EmbeddedPostgres
from switchover.store.migrate import migrate
from switchover.store.pool import Database

ADMIN = Actor(name="x", role=Role.ADMIN)


@pytest.mark.parametrize("first", ["request", "revocation"])
async def test_a_request_under_way_does_not_bring_a_revoked_token_back(
    first: str, postgres: EmbeddedPostgres
) -> None:
    with lent_database(postgres) as url:
        await migrate(url)
        async with Database(url) as database:
            memory = TokenMemory()
            made = await create_token(database, "watch", Role.VIEWER, actor=ADMIN, valid_days=None)
            request = find_actor(database, memory, made.secret)
            revocation = revoke_token(database, memory, made.token.id, actor=ADMIN)
            order = [request, revocation] if first == "request" else [revocation, request]
            async with await psycopg.AsyncConnection.connect(url) as holding:
                await holding.execute("select from api_token for update")
                tasks = []
                for number, work in enumerate(order, start=1):
                    tasks.append(asyncio.create_task(work))
                    await eventually(lambda number=number: waiting(url, number))
            await asyncio.gather(*tasks)
            assert memory.recall(made.secret, made.token.created_at) is None
            assert await find_actor(database, memory, made.secret) is None


async def waiting(url: str, number: int) -> bool:
    """True when so many sessions of this database wait for a lock."""
    async with await psycopg.AsyncConnection.connect(url) as looking:
        found = await looking.execute(
            "select count(*) from pg_stat_activity "
            "where wait_event_type = 'Lock' and datname = current_database()"
        )
        return (await found.fetchone() or (0,))[0] == number
