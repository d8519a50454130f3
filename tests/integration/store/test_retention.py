from __future__ import annotations

from datetime import UTC, datetime, timedelta

from switchover.store.pool import Database
from switchover.store.retention import Retention, drop_old_rows

NOW = datetime(2026, 3, 31, 12, 0, tzinfo=UTC)
RETENTION = Retention(event_days=30, minute_days=2, hour_days=365)


async def add_events(database: Database, *, days_old: int, count: int) -> None:
    async with database.transaction() as connection:
        await connection.execute(
            "insert into event (at, kind, severity) select %s, 'health', 'info' from generate_series(1, %s)",
            (NOW - timedelta(days=days_old), count),
        )


async def test_only_rows_older_than_promised_go_in_as_many_batches_as_it_takes(
    database: Database,
) -> None:
    await add_events(database, days_old=31, count=25)
    await add_events(database, days_old=29, count=7)
    async with database.transaction() as connection:
        for table, column in (("stat_minute", "minute"), ("stat_hour", "hour")):
            for days in (1, 3, 400):
                await connection.execute(
                    f"insert into {table} ({column}, service, workload, server) values (%s, 's', '', '')".encode(),
                    (NOW - timedelta(days=days),),
                )
        await connection.execute(
            "insert into termination_count values (%s, 's', '', '', 'SC--', 1)",
            (NOW - timedelta(days=366),),
        )
    expected = {"event": 25, "stat_minute": 2, "stat_hour": 1, "termination_count": 1}
    assert await drop_old_rows(database, RETENTION, now=NOW, batch_rows=10) == expected
    again = await drop_old_rows(database, RETENTION, now=NOW)
    assert again == dict.fromkeys(expected, 0)
    async with database.snapshot() as connection:
        cursor = await connection.execute("select count(*) from event")
        assert await cursor.fetchone() == (7,)
