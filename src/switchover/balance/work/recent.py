"""What changed lately, read once for all who look and kept for some seconds."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING

from switchover import clock
from switchover.balance import queries
from switchover.balance.recent import (
    HEALTH_KINDS,
    MOST_EVENTS,
    MOST_GROUPS,
    MOST_REVISIONS,
    RECENT_HOURS,
    Recent,
    health_group,
    recent_revision,
)
from switchover.errors import SwitchoverError

if TYPE_CHECKING:
    from switchover.balance.work.events import EventLog
    from switchover.balance.work.parts import BalancerParts

QUIET_SECONDS = 60.0
"""How long what was read stays good when nothing happened: what is old drops out by the minute."""
BUSY_SECONDS = 5.0
"""How long it stays good whatever happens."""


@dataclass(slots=True, kw_only=True)
class RecentChanges:
    """Reads what changed lately, when it may be different from what was read last."""

    parts: BalancerParts
    events: EventLog
    _known: Recent = field(default_factory=lambda: Recent(is_known=False))
    _read_at: float = -QUIET_SECONDS
    _about: tuple[int, object] = (-1, None)
    _reading: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def get(self) -> Recent:
        """Return what changed within the last day; what was known last while the database is away."""
        async with self._reading:
            age = clock.monotonic() - self._read_at
            about = (self.events.written, self.parts.wish and self.parts.wish[0][0])
            if age > QUIET_SECONDS or (age > BUSY_SECONDS and about != self._about):
                self._known = await self._read()
                self._read_at, self._about = clock.monotonic(), about
            return self._known

    async def _read(self) -> Recent:
        since = clock.now() - timedelta(hours=RECENT_HOURS)
        if not self.parts.is_prepared:
            return self._known
        try:
            async with self.parts.database.transaction() as connection:
                revisions = await queries.list_revisions(
                    connection, filters={}, limit=MOST_REVISIONS
                )
                groups = await queries.list_health_groups(
                    connection,
                    since=since,
                    kinds=HEALTH_KINDS,
                    events=MOST_EVENTS,
                    limit=MOST_GROUPS,
                )
        except SwitchoverError:
            return self._known
        return Recent(
            revisions=tuple(
                recent_revision(row) for row in revisions if row["created_at"] >= since
            ),
            health=tuple(map(health_group, groups)),
        )
