"""One server in one pool as a line of a file, and by what such lines are sorted. Pure."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from switchover.balance.status_words import RANKS

if TYPE_CHECKING:
    from switchover.balance.snapshot_lines import GridCell
    from switchover.edges.console.table import Keys

CELL = (
    "service", "workload", "server", "state", "wanted", "reason", "since", "sessions", "rate",
    "errors", "weight",
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
        "rate": None if cell.rate is None else round(cell.rate, 2),
        "errors": view.errors,
        "weight": view.weight,
    }
