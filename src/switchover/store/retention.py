"""Old rows leave the database in small steps, so that nothing else waits for them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from psycopg import sql

if TYPE_CHECKING:
    from switchover.store.pool import Database

_BATCH_ROWS = 5000
# A batch finds its rows by index; the limit is for a disk that is busy.
_BATCH_SECONDS = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Retention:
    """How many days rows are kept, by how fine they are."""

    event_days: int
    minute_days: int
    hour_days: int


def plan_cutoffs(retention: Retention, *, now: datetime) -> tuple[tuple[str, str, datetime], ...]:
    """Return table, time column and the moment before which its rows go.

    Revisions, documents and assets are not among them: history is kept for good.
    """
    return (
        ("event", "at", now - timedelta(days=retention.event_days)),
        ("stat_minute", "minute", now - timedelta(days=retention.minute_days)),
        ("stat_hour", "hour", now - timedelta(days=retention.hour_days)),
        ("termination_count", "hour", now - timedelta(days=retention.hour_days)),
    )


async def drop_old_rows(
    database: Database, retention: Retention, *, now: datetime, batch_rows: int = _BATCH_ROWS
) -> dict[str, int]:
    """Delete what is older than promised; return the number of rows deleted per table.

    Each batch is a transaction of its own, so stopping in the middle loses nothing.
    """
    dropped = {}
    for table, column, cutoff in plan_cutoffs(retention, now=now):
        dropped[table] = 0
        count = batch_rows
        while count == batch_rows:
            count = await _drop_batch(database, table, column, cutoff, batch_rows)
            dropped[table] += count
    return dropped


async def _drop_batch(
    database: Database, table: str, column: str, cutoff: datetime, rows: int
) -> int:
    # Deletes the oldest rows of one table; locks these rows only.
    query = sql.SQL(
        """
        delete from {table}
         where ctid = any (array(
               select ctid
                 from {table}
                where {column} < %s
                order by {column}
                limit %s))
        """
    ).format(table=sql.Identifier(table), column=sql.Identifier(column))
    async with database.transaction(statement_seconds=_BATCH_SECONDS) as connection:
        cursor = await connection.execute(query, (cutoff, rows))
        return cursor.rowcount
