"""Events on their way to the database: collected at once, written in bundles, bounded while it is away."""

from __future__ import annotations

from collections import Counter, deque
from typing import TYPE_CHECKING

from switchover import clock
from switchover.balance import queries
from switchover.balance.event import Event, Severity
from switchover.balance.statistics import queries as statistics

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from switchover.store.pool import Database

MAX_WAITING = 20_000


class EventLog:
    """Events and termination counts that wait to be written.

    While the database is away at most MAX_WAITING events are kept; older ones are dropped and counted,
    and the count becomes an event itself.
    """

    def __init__(self) -> None:
        """Start empty."""
        self.waiting: deque[Event] = deque()
        self.terminations: Counter[tuple[datetime, str, str, str, str]] = Counter()
        self.dropped = 0
        self.listeners: list[Callable[[tuple[Event, ...]], None]] = []
        """Who is told at once; they must not raise or block."""
        self.written = 0
        """Grows with each bundle that reached the database."""

    def add(self, *events: Event) -> None:
        """Take events; never blocks."""
        if not events:
            return
        self.waiting.extend(events)
        for listener in self.listeners:
            listener(events)
        while len(self.waiting) > MAX_WAITING:
            self.waiting.popleft()
            self.dropped += 1

    def count_termination(self, service: str, workload: str, server: str, state: str) -> None:
        """Count one connection or request that ended in ``state``."""
        hour = clock.now().replace(minute=0, second=0, microsecond=0)
        self.terminations[hour, service, workload, server, state] += 1

    async def flush(self, database: Database) -> None:
        """Write what waits; on failure nothing is lost and Unavailable is raised."""
        if not self.waiting and not self.terminations and not self.dropped:
            return
        events = list(self.waiting)
        counts = dict(self.terminations)
        dropped = self.dropped
        rows = [event.row() for event in events]
        if dropped:
            cause = f"{dropped} events were lost while the database was away"
            rows.append(Event(kind="events-lost", severity=Severity.ERROR, cause=cause).row())
        async with database.transaction() as connection:
            await queries.insert_events(connection, rows)
            await statistics.add_terminations(
                connection, [(*key, count) for key, count in counts.items()]
            )
        for event in events:
            # Meanwhile an overflow may have dropped it: then the next one in the row is not written yet.
            if self.waiting and self.waiting[0] is event:
                self.waiting.popleft()
        self.terminations.subtract(counts)
        self.terminations += Counter()  # forget zeros
        self.dropped -= dropped
        self.written += 1
