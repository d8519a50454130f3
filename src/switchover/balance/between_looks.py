"""What two looks at the engine tell together: rates, and since when a state lasts. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from switchover.wire.haproxy.statistics import RowKind

if TYPE_CHECKING:
    from collections.abc import Container, Mapping

    from switchover.wire.haproxy.statistics import Row

Key = tuple[str, str]
"""Proxy and name of a row: ``("mail.owa", "cas1")``."""

SAME_MOMENT_SECONDS = 2
"""The engine tells whole seconds since a change: what they point at wanders by one, and by one more
with the time the answer takes."""


def counts_of(rows: Mapping[Key, Row], seen_inside: Container[str]) -> dict[Key, int]:
    """Return what each frontend and server has counted so far.

    Requests for services whose name is in ``seen_inside``, also before the first one; else connections.
    """
    return {
        key: _count(row, sees_requests=key[0].partition(".")[0] in seen_inside)
        for key, row in rows.items()
        if row.kind is RowKind.SERVER or row.kind is RowKind.FRONTEND
    }


def _count(row: Row, *, sees_requests: bool) -> int:
    if not sees_requests:
        return row.counters.sessions
    if row.kind is RowKind.FRONTEND:
        return row.counters.requests
    # Each request is a session of its own with a server, and older engines count them only there.
    return max(row.counters.requests, row.counters.sessions)


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
