"""Mails go no faster than they were allowed to, whatever their sizes and whoever sends them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from switchover.move.append_batches import BatchLimits
from switchover.move.pacing import Bucket, Pacer, paced_limits


def test_without_limits_nobody_waits() -> None:
    assert Pacer().wait_seconds(1000, 10**12, 0.0) == 0.0


def test_a_second_s_worth_goes_at_once_and_the_rest_waits() -> None:
    pacer = Pacer(mails_per_second=2.0)
    assert [pacer.wait_seconds(1, 10, 5.0) for _ in range(4)] == [0.0, 0.0, 0.5, 1.0]


def test_a_mail_larger_than_a_second_s_worth_passes_and_is_waited_for() -> None:
    pacer = Pacer(octets_per_second=100.0)
    assert pacer.wait_seconds(1, 1100, 0.0) == pytest.approx(10.0)
    assert pacer.wait_seconds(1, 0, 10.0) == 0.0


def test_the_tighter_limit_counts() -> None:
    pacer = Pacer(mails_per_second=1.0, octets_per_second=1000.0)
    assert pacer.wait_seconds(1, 5000, 0.0) == pytest.approx(4.0)


@given(
    st.floats(0.1, 1e6),
    st.lists(st.tuples(st.integers(0, 10**6), st.floats(0.0, 10.0)), min_size=1, max_size=40),
)
def test_never_more_goes_than_the_limit_and_a_second_s_worth(
    per_second: float, takes: list[tuple[int, float]]
) -> None:
    bucket = Bucket(per_second=per_second)
    now, taken = 0.0, 0.0
    for amount, idle in takes:
        now += idle
        now += bucket.take(amount, now)  # who takes waits before it goes
        taken += amount
        assert taken <= (now + 1.0) * per_second * (1 + 1e-6) + 1e-3


def test_batches_are_a_second_s_worth_at_most() -> None:
    assert paced_limits(Pacer()) == BatchLimits()
    slow = paced_limits(Pacer(mails_per_second=2.5, octets_per_second=1000.0))
    assert (slow.mails_at_most, slow.bytes_at_most, slow.alone_bytes) == (2, 1000, 1000)
    assert paced_limits(Pacer(mails_per_second=0.1)).mails_at_most == 1
    assert paced_limits(Pacer(mails_per_second=1e9, octets_per_second=1e12)) == BatchLimits()
