from __future__ import annotations

from datetime import UTC, datetime

import pytest

from switchover.balance.statistics.span import Per, Position, choose_per, start_of
from switchover.errors import InvalidInput

NOW = datetime(2026, 3, 4, 12, 34, 56, 789, tzinfo=UTC)


@pytest.mark.parametrize(
    ("hours", "minute_days", "chosen"),
    [
        (0.5, 14, Per.MINUTE),
        (48, 14, Per.MINUTE),
        (48.1, 14, Per.HOUR),
        (24 * 730, 14, Per.HOUR),
        (24, 1, Per.MINUTE),
        (25, 1, Per.HOUR),
    ],
)
def test_a_short_stretch_is_told_by_minutes_and_a_long_one_by_hours(
    hours: float, minute_days: int, chosen: Per
) -> None:
    assert choose_per(None, hours=hours, minute_days=minute_days) is chosen


def test_who_asks_decides_as_long_as_minutes_are_kept() -> None:
    assert choose_per(Per.HOUR, hours=1, minute_days=14) is Per.HOUR
    assert choose_per(Per.MINUTE, hours=14 * 24, minute_days=14) is Per.MINUTE
    with pytest.raises(InvalidInput, match=r"14 days: ask for at most 336 hours, or per hour"):
        choose_per(Per.MINUTE, hours=14 * 24 + 1, minute_days=14)


def test_a_stretch_begins_with_a_whole_minute_or_hour() -> None:
    assert start_of(NOW, hours=1, per=Per.MINUTE) == datetime(2026, 3, 4, 11, 34, tzinfo=UTC)
    assert start_of(NOW, hours=1, per=Per.HOUR) == datetime(2026, 3, 4, 11, 0, tzinfo=UTC)


def test_a_time_alone_stands_before_every_row_of_it() -> None:
    assert Position(NOW) < Position(NOW, "a") < Position(NOW, "a", "b", "c")
