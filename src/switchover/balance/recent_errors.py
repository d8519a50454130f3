"""What went wrong in the last hour, counted for each server of each pool. Pure.

The engine counts from zero with each reload, and for ever otherwise: neither says whether something is
wrong now. Here an error is forgotten an hour after it happened, whatever was reloaded meanwhile.
"""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from switchover.wire.haproxy.statistics import Counters

    Key = tuple[str, str]

SPAN = timedelta(hours=1)
STEP_SECONDS = 300
"""Errors are forgotten in steps, so that a farm in which everything fails takes little room."""
_NO_SERVER = frozenset({"FRONTEND", "BACKEND"})


class RecentErrors:
    """Errors by proxy and name of the server; only what had some takes room."""

    def __init__(self) -> None:
        """Start empty."""
        self.counts: Mapping[Key, int] = {}
        """As of the last time something was added."""
        self._steps: dict[int, Counter[Key]] = {}

    def add(self, now: datetime, counted: Mapping[Key, Counters]) -> None:
        """Add what was counted until now, and forget what is older than an hour."""
        found = {
            key: counters.errors
            for key, counters in counted.items()
            if counters.errors and key[1] not in _NO_SERVER
        }
        if found:
            self._step(now).update(found)
        self._settle(now)

    def recall(self, rows: Iterable[tuple[datetime, Key, int]], *, now: datetime) -> None:
        """Add what another process counted and wrote down before us."""
        for at, key, count in rows:
            self._step(at)[key] += count
        self._settle(now)

    def _step(self, at: datetime) -> Counter[Key]:
        return self._steps.setdefault(int(at.timestamp()) // STEP_SECONDS, Counter())

    def _settle(self, now: datetime) -> None:
        oldest = int(since(now).timestamp()) // STEP_SECONDS
        self._steps = {step: found for step, found in self._steps.items() if step >= oldest}
        total: Counter[Key] = Counter()
        for found in self._steps.values():
            total.update(found)
        self.counts = dict(total)


def since(now: datetime) -> datetime:
    """Return from when on errors count: the start of the step that an hour ago was in, or the next."""
    earliest = (now - SPAN).timestamp()
    return datetime.fromtimestamp(-(-earliest // STEP_SECONDS) * STEP_SECONDS, UTC)
