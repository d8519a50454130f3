"""How long a drain will take."""

from __future__ import annotations

import pytest

from switchover.balance.drain import DrainStart


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
