"""What the clients met, as the traffic process says it once a second."""

from __future__ import annotations

import asyncio
from collections import deque
from datetime import datetime
from typing import TYPE_CHECKING, Any

from switchover.practice.traffic import Failure, TrafficSnapshot, TrafficTally

if TYPE_CHECKING:
    from collections.abc import Mapping

_KEPT = 12
_POLL_SECONDS = 0.05
RATE_SECONDS = 5.0


class TrafficFeed:
    """The latest account of the traffic, and those of the last seconds for rates."""

    def __init__(self) -> None:
        """Start without an account."""
        self._kept: deque[TrafficSnapshot] = deque(maxlen=_KEPT)

    def take(self, line: Mapping[str, Any]) -> None:
        """Take one line of the traffic process."""
        self._kept.append(parse_snapshot(line))

    @property
    def latest(self) -> TrafficSnapshot:
        """The account so far; there is one as soon as the stage stands."""
        return self._kept[-1]

    @property
    def earlier(self) -> TrafficSnapshot:
        """The account about RATE_SECONDS ago, or the oldest there is."""
        for snapshot in reversed(self._kept):
            if (self.latest.at - snapshot.at).total_seconds() >= RATE_SECONDS:
                return snapshot
        return self._kept[0]

    async def after(self, moment: datetime) -> TrafficSnapshot:
        """Return the first account that was written after ``moment``."""
        while self.latest.at <= moment:  # noqa: ASYNC110 - a line a second needs no condition
            await asyncio.sleep(_POLL_SECONDS)
        return self.latest


def parse_snapshot(line: Mapping[str, Any]) -> TrafficSnapshot:
    """Return the account in one line of the traffic process."""
    return TrafficSnapshot(
        at=datetime.fromisoformat(line["at"]),
        tallies=tuple(TrafficTally(**tally) for tally in line["tallies"]),
        failures=tuple(
            Failure(**{**failure, "at": datetime.fromisoformat(failure["at"])})
            for failure in line["failures"]
        ),
    )
