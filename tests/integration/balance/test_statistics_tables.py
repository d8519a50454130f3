"""Minutes become hours, and both are read from where a page ended."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from switchover.balance.statistics.columns import COUNTERS, VALUES
from switchover.balance.statistics.queries import (
    add_minutes,
    list_errors,
    list_series,
    list_statistics,
    list_totals,
    roll_up_hours,
)
from switchover.balance.statistics.series import Lines
from switchover.balance.statistics.span import Per, Position
from switchover.store.pool import Database

NOON = datetime(2026, 3, 4, 12, 0, tzinfo=UTC)
Row = dict[str, Any]


def minute(number: int, requests: int, **more: float) -> tuple[object, ...]:
    values = {**dict.fromkeys(VALUES, 0), "requests": requests, **more}
    at = NOON + timedelta(minutes=number)
    return (at, "mail", "owa", "cas1", *(values[name] for name in VALUES))


async def read(database: Database, per: Per, after: Position, limit: int = 100) -> list[Row]:
    async with database.transaction() as connection:
        return await list_statistics(connection, per, after=after, names={}, limit=limit)


async def test_an_hour_is_the_sum_of_its_minutes_however_often_it_is_written(
    database: Database,
) -> None:
    async with database.transaction() as connection:
        await add_minutes(connection, [minute(n, 10, queue_max=n) for n in range(90)])
    for late in (0, 5):
        async with database.transaction() as connection:
            # Counted by a process that died, written by the next one.
            await add_minutes(connection, [minute(89, late)])
            await roll_up_hours(connection)
            await roll_up_hours(connection)
        hours = await read(database, Per.HOUR, Position(NOON))
        assert [(row["hour"], row["requests"], row["queue_max"]) for row in hours] == [
            (NOON, 600, 59),
            (NOON + timedelta(hours=1), 300 + late, 89),
        ]
        async with database.transaction() as connection:
            sums = [
                await list_totals(connection, per, after=Position(NOON), names={}, limit=9)
                for per in Per
            ]
        assert sums[0] == sums[1]
        assert {name: sums[0][0][name] for name in COUNTERS} == {
            **dict.fromkeys(COUNTERS, 0), "requests": 900 + late,
        }  # fmt: skip


async def test_a_time_alone_is_before_its_rows_and_a_row_is_before_the_next(
    database: Database,
) -> None:
    async with database.transaction() as connection:
        await add_minutes(connection, [minute(n, n) for n in range(5)])
    begin = Position(NOON + timedelta(minutes=2))
    rows = await read(database, Per.MINUTE, begin)
    assert [row["requests"] for row in rows] == [2, 3, 4]
    assert list(rows[0]) == ["minute", "service", "workload", "server", *VALUES]
    after = Position(begin.at, "mail", "owa", "cas1")
    rest = await read(database, Per.MINUTE, after)
    assert [row["requests"] for row in rest] == [3, 4]
    assert await read(database, Per.MINUTE, after, limit=1) == rest[:1]


async def test_errors_of_a_while_are_those_of_servers_that_had_any(database: Database) -> None:
    rows = [
        minute(1, 10),
        minute(2, 10, connect_errors=1, response_errors=2, http_5xx=3, http_4xx=9),
        minute(-60, 10, http_5xx=1),
    ]
    async with database.transaction() as connection:
        await add_minutes(connection, rows)
        found = await list_errors(connection, since=NOON)
    assert found == [(NOON + timedelta(minutes=2), ("mail.owa", "cas1"), 6)]


class Explaining:
    """A connection whose cursors tell how a statement would be run instead of running it."""

    def __init__(self, connection: Any) -> None:
        self.connection = connection

    @asynccontextmanager
    async def cursor(self, **_: Any) -> AsyncIterator[Any]:
        async with self.connection.cursor() as cursor:
            yield SimpleNamespace(
                execute=lambda statement, values: cursor.execute(f"explain {statement}", values),
                fetchall=cursor.fetchall,
            )


@pytest.mark.parametrize("per", Per)
async def test_a_chart_is_read_from_the_index_alone(database: Database, per: Per) -> None:
    async with database.transaction() as connection:
        # So few rows would be read faster otherwise.
        await connection.execute("set local enable_seqscan = off")
        await connection.execute("set local enable_bitmapscan = off")
        asked: Any = Explaining(connection)
        plan = await list_series(
            asked, per, service="mail", workload=None, by=Lines.WORKLOAD, began=NOON, step=300
        )
    told = "\n".join(line[0] for line in plan)
    assert told.count(f"Index Only Scan using stat_{per.value}_by_service") == 3, told
    assert "Index Scan" not in told
