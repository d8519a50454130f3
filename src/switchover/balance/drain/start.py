"""How a drain goes: what it began with, and about how long the rest will take. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

_LEAST_SECONDS = 10.0
"""Before that nobody can tell how fast connections end."""
ENTERED = "drain-entered"
"""The kind of event that a drain begins with."""
CONNECTIONS = "connections"
"""The word of an event's detail for how many there were."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DrainStart:
    """When a server of a pool began to drain (seconds of the epoch), and with how many connections."""

    at: float
    connections: int

    def seconds_left(self, connections: int, *, now: float) -> float | None:
        """Return how long the rest will take if they end as fast as the others did; None if unknown."""
        gone = self.connections - connections
        elapsed = now - self.at
        if connections == 0:
            return 0.0
        if gone <= 0 or elapsed < _LEAST_SECONDS:
            return None
        return connections * elapsed / gone


def start_told(at: datetime, detail: Mapping[str, Any]) -> DrainStart | None:
    """Return what an event tells of the beginning of a drain; None where nobody counted."""
    connections = detail.get(CONNECTIONS)
    if not isinstance(connections, int):
        return None
    return DrainStart(at=at.timestamp(), connections=connections)
