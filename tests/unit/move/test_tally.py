"""What is shown of a copy follows from what the engine counted."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from switchover.move.tally import Speed, Tally


def test_a_folder_counts_what_is_to_be_copied_once_that_is_known() -> None:
    tally = Tally()
    tally.expect("INBOX", 100)
    assert tally.sum().mails == 100
    tally.begin("INBOX", 10, 5000)
    tally.move("INBOX", 4, 2000)
    found = tally.sum()
    assert (found.mails, found.octets) == (10, 5000)
    assert (found.done_mails, found.done_octets, found.done_folders) == (4, 2000, 0)
    tally.end("INBOX")
    assert tally.sum().done_folders == 1


def test_bytes_of_folders_not_begun_are_estimated_from_what_went() -> None:
    tally = Tally()
    tally.expect("one", 10)
    tally.expect("two", 10)
    tally.begin("one", 10, 1000)
    tally.move("one", 10, 1000)
    assert tally.sum().octets == 2000


def test_a_folder_that_ends_before_it_began_is_waited_for_no_more() -> None:
    tally = Tally()
    tally.expect("gone", 500)
    tally.end("gone")
    assert tally.sum().left_weight == 0


def test_a_folder_that_begins_again_counts_on() -> None:
    tally = Tally()
    tally.begin("INBOX", 10, 1000)
    tally.move("INBOX", 6, 600)
    tally.begin("INBOX", 4, 400)
    assert tally.folders["INBOX"].mails == 10
    tally.move("INBOX", 4, 400)
    assert tally.sum().left_weight == 0


def test_more_than_expected_never_shows_as_more_than_all() -> None:
    tally = Tally()
    tally.move("INBOX", 3, 300)
    found = tally.sum()
    assert (found.mails, found.octets, found.left_weight) == (3, 300, 0)


def test_the_rest_takes_as_long_as_the_speed_says() -> None:
    tally, speed = Tally(), Speed()
    tally.begin("INBOX", 100, 100_000)
    assert speed.left_seconds(tally.sum()) is None
    speed.sample(0.0, 0, 0)
    assert speed.mails_per_second == 0.0
    tally.move("INBOX", 50, 50_000)
    speed.sample(5.0, 50, 50_000)
    assert speed.mails_per_second == pytest.approx(10.0)
    assert speed.octets_per_second == pytest.approx(10_000.0)
    assert speed.left_seconds(tally.sum()) == pytest.approx(5.0)


def test_the_speed_is_that_of_late() -> None:
    speed = Speed()
    for second in range(60):
        speed.sample(float(second), min(second, 30) * 100, 0)
    assert speed.mails_per_second == 0.0


def test_two_samples_of_one_moment_are_no_speed() -> None:
    speed = Speed()
    speed.sample(1.0, 0, 0)
    speed.sample(1.0, 5, 5)
    assert speed.mails_per_second == 0.0


@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 50), st.integers(0, 10**6))))
def test_done_is_never_more_than_all(moves: list[tuple[str, int, int]]) -> None:
    tally = Tally()
    tally.expect("a", 20, 10_000)
    tally.begin("b", 20, 10_000)
    for name, mails, octets in moves:
        tally.move(name, mails, octets)
    found = tally.sum()
    assert found.done_mails <= found.mails
    assert found.done_octets <= found.octets
    assert found.left_weight >= 0
