"""What changed lately, read once for all who look and kept for some seconds."""

from __future__ import annotations

import asyncio
import contextlib
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
PATIENCE_SECONDS = 0.3
"""How long a page, or what is live, waits for it."""


@dataclass(slots=True, kw_only=True)
class RecentChanges:
    """Reads what changed lately, when it may be different from what was read last."""

    parts: BalancerParts
    events: EventLog
    _known: Recent = field(default_factory=lambda: Recent(is_known=False))
    _read_at: float = -QUIET_SECONDS
    _about: tuple[int, object] = (-1, None)
    _reading: asyncio.Task[None] | None = None

    async def get(self) -> Recent:
        """Return what changed within the last day: soon, so from a slow database what was known last."""
        if self._is_due() and (self._reading is None or self._reading.done()):
            self._reading = asyncio.create_task(self._read_anew())
        if self._reading is not None and not self._reading.done():
            await asyncio.wait({self._reading}, timeout=PATIENCE_SECONDS)
        return self._known

    async def close(self) -> None:
        """Stop reading."""
        if self._reading is not None:
            self._reading.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._reading

    def _is_due(self) -> bool:
        age = clock.monotonic() - self._read_at
        is_other = self._now_about() != self._about or not self._known.is_known
        return age > QUIET_SECONDS or (age > BUSY_SECONDS and is_other)

    def _now_about(self) -> tuple[int, object]:
        return (self.events.written, self.parts.wish and self.parts.wish[0][0])

    async def _read_anew(self) -> None:
        about = self._now_about()
        self._known = await self._read()
        self._read_at, self._about = clock.monotonic(), about

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
