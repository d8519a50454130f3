"""What two looks at the engine tell together: rates, and since when a state lasts. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from switchover.wire.haproxy.statistics import RowKind

if TYPE_CHECKING:
    from collections.abc import Mapping

    from switchover.wire.haproxy.statistics import Row

Key = tuple[str, str]
"""Proxy and name of a row: ``("mail.owa", "cas1")``."""

SAME_MOMENT_SECONDS = 2
"""The engine tells whole seconds since a change: what they point at wanders by one, and by one more
with the time the answer takes."""


def counts_of(rows: Mapping[Key, Row]) -> dict[Key, int]:
    """Return what each frontend and server has counted so far: requests, or where there are none, sessions."""
    return {
        key: row.counters.requests or row.counters.sessions
        for key, row in rows.items()
        if row.kind is RowKind.SERVER or row.kind is RowKind.FRONTEND
    }


def rates_between(
    earlier: Mapping[Key, int], now: Mapping[Key, int], *, seconds: float
) -> dict[Key, float]:
    """Return what was counted per second; a worker that counts anew since has counted all it shows."""
    if seconds <= 0:
        return {}
    return {
        key: (count - before if count >= before else count) / seconds
        for key, count in now.items()
        if (before := earlier.get(key)) is not None
    }


def moments_of(
    rows: Mapping[Key, Row], earlier: Mapping[Key, int], *, epoch: float
) -> dict[Key, int]:
    """Return since when each server is in its state, in seconds of the epoch; ``earlier`` steadies them."""
    found = {}
    now = round(epoch)
    for key, row in rows.items():
        if row.kind is RowKind.SERVER:
            moment = now - row.changed_seconds_ago
            before = earlier.get(key, 0)
            found[key] = before if abs(moment - before) <= SAME_MOMENT_SECONDS else moment
    return found
