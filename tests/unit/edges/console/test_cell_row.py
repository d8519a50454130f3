"""A server in a pool as a line of a file."""

from __future__ import annotations

from datetime import UTC, datetime

from tests.builders import farm, http_service, mail_service
from tests.unit.balance.engine_rows import NOON, row, snapshot_of

from switchover.balance.snapshot_lines import Rate
from switchover.edges.console.cell_row import CELL, CELL_KEYS, cell_row, rate_columns

FARM = farm({"web": http_service(), "imap": mail_service()})


def test_a_line_has_all_that_the_cell_shows_with_units_in_the_names() -> None:
    found = snapshot_of(
        FARM,
        [row("web.owa", "cas1", "DOWN", changed_seconds_ago=60, sessions_now=3)],
        rates={("web.owa", "cas1"): 1.239},
        errors={("web.owa", "cas1"): 7},
    )
    cell, absent = found.pool_cells("web")[0][1]
    line = cell_row(cell)
    assert tuple(line) == CELL
    assert line["since"] == datetime.fromtimestamp(NOON.timestamp() - 60, UTC)
    assert (line["requests_per_second"], line["connections_per_second"]) == (1.24, None)
    assert (line["errors_in_last_hour"], line["sessions"], line["state"]) == (7, 3, "down")
    assert cell_row(absent)["since"] is None
    assert [key(cell) for key in CELL_KEYS.values()] == ["web", "owa", 0, 3]


def test_what_is_not_measured_is_left_empty() -> None:
    assert rate_columns(Rate(connections=2.0)) == {
        "requests_per_second": None,
        "connections_per_second": 2.0,
    }
