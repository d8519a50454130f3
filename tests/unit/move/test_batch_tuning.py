"""The further a server, the more is on its way; one that complains gets less, and more again later."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from switchover.move.append_batches import BatchLimits
from switchover.move.batch_tuning import (
    CALM_SECONDS,
    MOST_MAILS,
    MOST_SINGLES,
    BatchTuning,
    limits_at,
)

USUAL = BatchLimits()


@pytest.mark.parametrize(
    ("seconds", "singles", "mails"),
    [(0.0, 32, 200), (0.02, 32, 200), (0.08, 128, 200), (0.3, MOST_SINGLES, 600), (9.0, MOST_SINGLES, MOST_MAILS)],
)  # fmt: skip
def test_the_further_the_server_the_more_is_on_its_way(
    seconds: float, singles: int, mails: int
) -> None:
    found = limits_at(USUAL, seconds)
    assert (found.unanswered_singles, found.mails_at_most) == (singles, mails)
    assert found.bytes_at_most == USUAL.bytes_at_most


def test_limits_that_a_person_gave_are_obeyed_at_any_distance() -> None:
    slow = BatchLimits(mails_at_most=3, bytes_at_most=1000, alone_bytes=1000)
    assert limits_at(slow, 0.3) == slow


def test_each_complaint_halves_and_each_calm_minute_doubles() -> None:
    tuning = BatchTuning(given=USUAL)
    assert tuning.limits(0.0) == USUAL
    tuning.throttled(10.0)
    tuning.throttled(11.0)
    assert tuning.limits(12.0).mails_at_most == 50
    assert tuning.limits(11.0 + CALM_SECONDS).mails_at_most == 100
    assert tuning.limits(10.9 + 2 * CALM_SECONDS).mails_at_most == 100
    assert tuning.limits(11.0 + 2 * CALM_SECONDS) == USUAL
    assert tuning.limits(1e6) == USUAL


@given(st.integers(1, 1000), st.integers(1, 1 << 24), st.integers(0, 40))
def test_there_is_never_more_than_given_nor_nothing(mails: int, octets: int, times: int) -> None:
    limits = BatchLimits(mails_at_most=mails, bytes_at_most=octets, unanswered_singles=mails)
    tuning = BatchTuning(given=limits)
    for at in range(times):
        tuning.throttled(float(at))
    now = tuning.limits(float(times))
    assert 1 <= now.mails_at_most <= mails
    assert 1 <= now.bytes_at_most <= octets
    assert 1 <= now.unanswered_singles <= mails
