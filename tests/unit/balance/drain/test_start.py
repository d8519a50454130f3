"""How long a drain will take."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from switchover.balance.drain.start import DrainStart, start_told


@pytest.mark.parametrize(
    ("connections", "after", "left"),
    [
        (0, 1.0, 0.0),
        (50, 5.0, None),
        (100, 60.0, None),
        (120, 60.0, None),
        (50, 60.0, 60.0),
        (25, 60.0, 20.0),
    ],
)
def test_the_rest_takes_as_long_as_the_others_took(
    connections: int, after: float, left: float | None
) -> None:
    start = DrainStart(at=1000.0, connections=100)
    assert start.seconds_left(connections, now=1000.0 + after) == left


@pytest.mark.parametrize(
    ("detail", "connections"), [({"connections": 3}, 3), ({"connections": 0}, 0)]
)
def test_an_event_tells_what_a_drain_began_with(detail: dict[str, Any], connections: int) -> None:
    told = start_told(datetime.fromtimestamp(1000, UTC), detail)
    assert told == DrainStart(at=1000.0, connections=connections)


@pytest.mark.parametrize("detail", [{}, {"connections": "3"}, {"connections": None}])
def test_an_event_without_a_count_tells_of_no_beginning(detail: dict[str, Any]) -> None:
    assert start_told(datetime.fromtimestamp(1000, UTC), detail) is None
