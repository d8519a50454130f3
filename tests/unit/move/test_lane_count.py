"""Lanes are added as long as they help, and taken away when a server says so."""

from __future__ import annotations

import pytest

from switchover.move.lane_count import (
    FIRST_PAUSE_SECONDS,
    LONGEST_PAUSE_SECONDS,
    LONGEST_WISH_SECONDS,
    TRIES,
    LaneCount,
    amount,
    first_lanes,
    pause_seconds,
)


@pytest.mark.parametrize(
    ("folders", "seconds", "most", "lanes"),
    [(17, 0.0, 8, 2), (17, 0.02, 8, 3), (17, 0.08, 8, 6), (17, 0.5, 8, 8), (1, 0.08, 8, 1), (0, 0, 8, 1)],
)  # fmt: skip
def test_the_further_the_server_the_more_lanes_begin(
    folders: int, seconds: float, most: int, lanes: int
) -> None:
    assert first_lanes(folders, seconds, most) == lanes


def test_lanes_are_added_while_each_makes_it_faster() -> None:
    count = LaneCount(most=8, wanted=2)
    for rate, wanted in ((100.0, 3), (150.0, 4), (152.0, 4), (500.0, 4)):
        count.measured(rate)
        assert count.wanted == wanted


def test_a_lane_that_makes_it_slower_is_taken_away() -> None:
    count = LaneCount(most=8, wanted=2)
    count.measured(100.0)
    count.measured(90.0)
    assert count.wanted == 2


def test_there_are_never_more_than_the_limit_nor_less_than_one() -> None:
    count = LaneCount(most=2, wanted=2)
    count.measured(100.0)
    assert count.wanted == 2
    for _ in range(5):
        count.refused(count.wanted)
    assert (count.wanted, count.most) == (1, 1)


def test_a_refusal_sets_the_limit_below_what_was_tried() -> None:
    count = LaneCount(most=8, wanted=6)
    count.refused(5)
    assert (count.wanted, count.most) == (4, 4)


def test_pauses_grow_honour_the_servers_wish_and_end() -> None:
    pauses = [pause_seconds(tries, None) for tries in range(1, TRIES)]
    assert pauses == sorted(pauses, key=lambda one: one or 0.0)
    assert pauses[0] == FIRST_PAUSE_SECONDS
    assert (pauses[-1] or 0.0) <= LONGEST_PAUSE_SECONDS
    assert pause_seconds(TRIES, None) is None
    assert pause_seconds(1, 300.0) == 300.0
    assert pause_seconds(3, 0.1) == 4.0
    assert pause_seconds(1, LONGEST_WISH_SECONDS + 1) is None


def test_a_mail_counts_whatever_its_size() -> None:
    assert amount(1, 0) > 0
    assert amount(0, 5) == 5
