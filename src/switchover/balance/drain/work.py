"""How drains began: heard from the engine, and after a restart of this process read from the events."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from switchover import clock
from switchover.balance.drain import queries
from switchover.balance.drain.start import ENTERED, DrainStart, start_told
from switchover.balance.overrides import AdminState, Target
from switchover.errors import SwitchoverError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from switchover.balance.event import Event
    from switchover.balance.overrides import Overrides
    from switchover.balance.work.parts import BalancerParts

LEFT = frozenset({"drain-left", "maintenance-left"})
PATIENCE_SECONDS = 0.3
"""How long a look waits for the database."""
AGAIN_SECONDS = 10.0
"""From one question that the database did not answer to the next."""


@dataclass(slots=True, kw_only=True)
class Drains:
    """The beginnings of drains, in ``starts``; one that nobody counted is not there."""

    parts: BalancerParts
    starts: dict[Target, DrainStart] = field(default_factory=dict)
    _asked: frozenset[Target] = frozenset()
    """Of those the events were read: what they do not tell they will not tell later."""
    _asked_at: float = -AGAIN_SECONDS
    _reading: asyncio.Task[None] | None = None

    @property
    def moments(self) -> dict[tuple[str, str], int]:
        """When the drains began that are known, in seconds of the epoch, by proxy and server."""
        return {
            (f"{target.service}.{target.pool}", target.server): int(start.at)
            for target, start in list(self.starts.items())
        }

    def hear(self, events: Iterable[Event]) -> None:
        """Take what the engine tells of drains; never blocks."""
        for event in events:
            if event.target is None:
                continue
            if event.kind == ENTERED:
                self._begin(event.target, start_told(event.at, event.detail))
            elif event.kind in LEFT:
                self.starts.pop(event.target, None)

    def _begin(self, target: Target, start: DrainStart | None) -> None:
        self.starts.pop(target, None)
        if start is not None:
            self.starts[target] = start

    async def recall(self, overrides: Overrides) -> None:
        """Read how the drains that are wished began, once each; waits a moment, and goes on without."""
        wished = frozenset(
            target
            for target, override in overrides.by_target.items()
            if override.state is AdminState.DRAIN
        )
        if wished - self._asked - self.starts.keys() and self._may_ask():
            self._asked_at = clock.monotonic()
            self._reading = asyncio.create_task(self._read(wished))
        if self._reading is not None and not self._reading.done():
            await asyncio.wait({self._reading}, timeout=PATIENCE_SECONDS)

    def _may_ask(self) -> bool:
        is_reading = self._reading is not None and not self._reading.done()
        is_early = clock.monotonic() - self._asked_at < AGAIN_SECONDS
        return self.parts.is_prepared and not is_reading and not is_early

    async def _read(self, wished: frozenset[Target]) -> None:
        unknown = sorted(wished - self.starts.keys())
        try:
            async with self.parts.database.transaction() as connection:
                rows = await queries.list_last_events(connection, unknown, kinds=[ENTERED, *LEFT])
        except SwitchoverError:
            return
        self._asked = wished
        for row in rows:
            start = start_told(row["at"], row["detail"]) if row["kind"] == ENTERED else None
            if start is not None:
                # What was heard meanwhile is newer than what was read.
                self.starts.setdefault(_target(row), start)

    async def close(self) -> None:
        """Stop reading."""
        if self._reading is not None:
            self._reading.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._reading


def _target(row: dict[str, Any]) -> Target:
    return Target(service=row["service"], pool=row["workload"], server=row["server"])
