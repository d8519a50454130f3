"""Mails are chosen by age and size as people write them, and what is not known is never left out."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from switchover.errors import InvalidInput
from switchover.move.selection import NotWanted, Selection, parse_since, parse_size

NOW = datetime(2026, 3, 31, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("2026-03-01", datetime(2026, 3, 1, tzinfo=UTC)),
        ("30d", datetime(2026, 3, 1, 12, tzinfo=UTC)),
        (" 2W ", datetime(2026, 3, 17, 12, tzinfo=UTC)),
        ("1m", datetime(2026, 3, 1, 12, tzinfo=UTC)),
        ("1y", datetime(2025, 3, 31, 12, tzinfo=UTC)),
        ("0d", NOW),
    ],
)
def test_a_date_and_an_age_are_read(text: str, meant: datetime) -> None:
    assert parse_since(text, NOW) == meant.timestamp()


def test_an_age_before_all_dates_is_everything() -> None:
    assert parse_since("99999y", NOW) == 0


@pytest.mark.parametrize("text", ["", "yesterday", "2026-02-30", "30", "d", "-3d", "31.01.2026"])
def test_what_is_no_date_is_told_how_to_be_written(text: str) -> None:
    with pytest.raises(InvalidInput, match="write 2024-01-31, or 30d"):
        parse_since(text, NOW)


@pytest.mark.parametrize(
    ("text", "octets"),
    [
        ("500000", 500_000),
        ("25M", 25_000_000),
        ("25mb", 25_000_000),
        ("10 MiB", 10_485_760),
        ("1.5G", 1_500_000_000),
        ("1k", 1000),
        ("35651584", 35_651_584),
    ],
)
def test_a_size_is_read(text: str, octets: int) -> None:
    assert parse_size(text) == octets


@pytest.mark.parametrize("text", ["", "0", "0M", "-1", "M", "25X", "1e6", "1,5M", "٣M"])
def test_what_is_no_size_is_told_how_to_be_written(text: str) -> None:
    with pytest.raises(InvalidInput, match="write 25M"):
        parse_size(text)


def test_old_and_large_mails_stay_behind_with_the_reason() -> None:
    chosen = Selection(since_seconds=100, largest_bytes=50)
    mails = [(1, 99, 10), (2, 100, 50), (3, 200, 51), (4, 0, 0), (5, 0, 51)]
    assert chosen.leave_out(mails) == {
        1: NotWanted.OLD,
        3: NotWanted.LARGE,
        5: NotWanted.LARGE,
    }


@given(st.lists(st.tuples(st.integers(1), st.integers(), st.integers(0))))
def test_without_a_wish_everything_is_wanted(mails: list[tuple[int, int, int]]) -> None:
    assert Selection().is_everything
    assert Selection().leave_out(mails) == {}
    assert all(Selection().judge(seconds, size) is None for _, seconds, size in mails)
