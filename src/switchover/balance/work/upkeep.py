"""Statistics made coarser and old rows dropped, in bounded steps."""

from __future__ import annotations

from typing import TYPE_CHECKING

from switchover import clock
from switchover.balance.statistics import queries
from switchover.store.retention import Retention, drop_old_rows

if TYPE_CHECKING:
    from switchover.settings import Settings
    from switchover.store.pool import Database


async def roll_up(database: Database) -> None:
    """Write the hours that may be incomplete anew from their minutes, however long ago that began."""
    async with database.transaction() as connection:
        await queries.roll_up_hours(connection)


async def drop_old(database: Database, settings: Settings) -> None:
    """Delete what is older than the settings keep."""
    retention = Retention(
        event_days=settings.event_days,
        minute_days=settings.minute_days,
        hour_days=settings.hour_days,
    )
    await drop_old_rows(database, retention, now=clock.now())
