"""What changed lately, read once for all who look; a database that hangs holds no page up."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any, cast

import pytest

from switchover import clock
from switchover.balance import queries
from switchover.balance.work import recent as module
from switchover.balance.work.events import EventLog
from switchover.balance.work.recent import RecentChanges
from switchover.errors import Unavailable


class PaperDatabase:
    """Gives transactions at once, after a while, or not at all."""

    def __init__(self) -> None:
        self.given = 0
        self.seconds = 0.0
        self.is_away = False

    @contextlib.asynccontextmanager
    async def transaction(self) -> AsyncIterator[None]:
        self.given += 1
        await asyncio.sleep(self.seconds)
        if self.is_away:
            raise Unavailable("the database does not answer")
        yield


@pytest.fixture
def database(monkeypatch: pytest.MonkeyPatch) -> PaperDatabase:
    async def revisions(*_: Any, **__: Any) -> list[dict[str, Any]]:
        row = {"number": 3, "created_at": clock.now(), "author": "ada", "summary": "", "reason": ""}
        return [row]

    async def groups(*_: Any, **__: Any) -> list[dict[str, Any]]:
        return []

    monkeypatch.setattr(queries, "list_revisions", revisions)
    monkeypatch.setattr(queries, "list_health_groups", groups)
    return PaperDatabase()


def changes(database: PaperDatabase) -> RecentChanges:
    parts = SimpleNamespace(database=database, is_prepared=True, wish=None)
    return RecentChanges(parts=cast("Any", parts), events=EventLog())


async def test_many_who_look_read_once(database: PaperDatabase) -> None:
    recent = changes(database)
    found = await asyncio.gather(*(recent.get() for _ in range(20)))
    assert database.given == 1
    assert {one.revisions[0].number for one in found} == {3}
    await recent.get()
    assert database.given == 1


async def test_after_something_happened_it_is_read_again_but_not_at_once(
    database: PaperDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    recent = changes(database)
    await recent.get()
    recent.events.written += 1
    await recent.get()
    assert database.given == 1
    monkeypatch.setattr(module, "BUSY_SECONDS", 0.0)
    await recent.get()
    assert database.given == 2
    await recent.get()
    assert database.given == 2


async def test_a_database_that_hangs_holds_nobody_up(
    database: PaperDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PATIENCE_SECONDS", 0.02)
    recent = changes(database)
    database.seconds = 60.0
    assert not (await asyncio.wait_for(recent.get(), 5)).is_known
    assert not (await asyncio.wait_for(recent.get(), 5)).is_known
    assert database.given == 1
    await recent.close()


async def test_what_could_not_be_read_is_tried_again_soon(
    database: PaperDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "BUSY_SECONDS", 0.0)
    recent = changes(database)
    database.is_away = True
    assert not (await recent.get()).is_known
    database.is_away = False
    assert (await recent.get()).is_known
