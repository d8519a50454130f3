"""One server in one pool as a line of a file, and by what such lines are sorted. Pure."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from switchover.balance.status_words import RANKS

if TYPE_CHECKING:
    from switchover.balance.snapshot_lines import GridCell, Rate
    from switchover.edges.console.table import Keys

RATE = ("requests_per_second", "connections_per_second")
CELL = (
    "service", "workload", "server", "state", "wanted", "reason", "since", "sessions", *RATE,
    "errors_in_last_hour", "weight",
)  # fmt: skip
CELL_KEYS: Keys = {
    "service": lambda cell: cell.view.service,
    "workload": lambda cell: cell.view.pool,
    "state": lambda cell: RANKS[cell.level],
    "sessions": lambda cell: cell.view.connections,
}


def cell_row(cell: GridCell) -> dict[str, Any]:
    """Return the line of a cell; ``since`` is None where nobody knows it."""
    view = cell.view
    return {
        "service": view.service,
        "workload": view.pool,
        "server": view.server,
        "state": view.condition.value,
        "wanted": view.wanted,
        "reason": view.reason,
        "since": datetime.fromtimestamp(cell.since, UTC) if cell.since else None,
        "sessions": view.connections,
        **rate_columns(cell.rate),
        "errors_in_last_hour": view.errors,
        "weight": view.weight,
    }


def rate_columns(rate: Rate) -> dict[str, float | None]:
    """Return the columns of a rate; the one that is not there is None."""
    return {
        key: None if value is None else round(value, 2)
        for key, value in zip(RATE, rate, strict=True)
    }
