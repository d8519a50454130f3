"""Guessing gets slow; nobody is locked out for ever, and strangers do not slow down who is known."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from switchover.directory.access.sign_in.throttle import (
    FORGET_SECONDS,
    Kind,
    Throttle,
    code_keys,
    keys_of,
    network_of,
    pair_key,
)

HOME = "192.0.2.10"


def guess(
    throttle: Throttle, name: str, address: str, now: float, *, is_known: bool = True
) -> float:
    return throttle.enter(keys_of(name, address, is_known=is_known), now)


def test_the_first_tries_are_free_then_pauses_double_up_to_five_minutes() -> None:
    throttle, now, pauses = Throttle(), 0.0, []
    for _ in range(40):
        wait = guess(throttle, "ada", HOME, now)
        pauses += [wait] if wait else []
        now += wait
    assert pauses[:4] == pytest.approx([1, 2, 4, 8])
    assert max(pauses) == pytest.approx(300)


def test_tries_within_a_pause_do_not_make_it_longer() -> None:
    throttle = Throttle()
    while guess(throttle, "ada", HOME, 0.0) == 0:
        pass
    waits = [guess(throttle, "ada", HOME, 0.5) for _ in range(100)]
    assert waits == [0.5] * 100
    assert guess(throttle, "ada", HOME, 1.0) == 0


def test_being_right_forgives_what_was_mistyped() -> None:
    throttle = Throttle()
    for _ in range(4):
        guess(throttle, "ada", HOME, 0.0)
    throttle.succeeded(keys_of("ada", HOME, is_known=True))
    assert [guess(throttle, "ada", HOME, 1.0) for _ in range(5)] == [0] * 5


def test_being_right_with_one_name_does_not_make_guessing_others_free() -> None:
    throttle = Throttle()
    tries = 0
    for number in range(100):
        tries += guess(throttle, f"name{number}", HOME, 0.0) == 0
        if guess(throttle, "mine", HOME, 0.0) == 0:
            throttle.succeeded(keys_of("mine", HOME, is_known=True))
    assert tries < 60


def test_many_guessers_of_one_name_are_slowed_together_but_not_who_is_known() -> None:
    throttle = Throttle()
    waits = [
        guess(throttle, "ada", f"198.51.100.{number}", 0.0, is_known=False) for number in range(100)
    ]
    assert sum(wait == 0 for wait in waits) == Kind.ACCOUNT.value.free
    assert max(waits) <= 60
    assert guess(throttle, "ada", HOME, 0.0, is_known=True) == 0


def test_codes_are_counted_for_the_account_from_everywhere() -> None:
    throttle = Throttle()
    waits = [throttle.enter(code_keys("ada", f"198.51.100.{n}"), 0.0) for n in range(20)]
    assert sum(wait == 0 for wait in waits) == Kind.CODE.value.free
    throttle.succeeded(code_keys("ada", "198.51.100.1"))
    assert throttle.enter(code_keys("ada", "198.51.100.1"), 0.0) == 0


def test_an_administrator_lifts_every_pause_of_an_account() -> None:
    throttle = Throttle()
    for number in range(70):
        guess(throttle, "Ada", f"198.51.100.{number}", 0.0, is_known=False)
    while guess(throttle, "ada", HOME, 0.0) == 0:
        pass
    throttle.forgive("ADA")
    assert guess(throttle, "ada", HOME, 0.0, is_known=False) == 0


def test_what_happened_long_ago_is_forgotten() -> None:
    throttle = Throttle()
    for _ in range(5):
        guess(throttle, "ada", HOME, 0.0)
    later = FORGET_SECONDS + 2
    assert [guess(throttle, "ada", HOME, later) for _ in range(4)] == [0] * 4


def test_counts_do_not_fill_the_memory() -> None:
    throttle = Throttle()
    for number in range(30_000):
        throttle.enter((pair_key(f"name{number}", HOME),), 0.0)
    assert len(throttle._counts) == 20_000


def test_succeeding_without_a_count_changes_nothing() -> None:
    throttle = Throttle()
    throttle.succeeded(keys_of("ada", HOME, is_known=True))
    assert throttle.enter((), 0.0) == 0


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("192.0.2.10", "192.0.2.10"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("::ffff:192.0.2.10", "192.0.2.10"),
        ("", ""),
        ("testclient", "testclient"),
    ],
)
def test_an_ipv6_guesser_counts_with_all_addresses_it_has(address: str, network: str) -> None:
    assert network_of(address) == network


@given(st.lists(st.floats(0, 1000), max_size=60))
def test_no_wait_is_ever_longer_than_five_minutes(moments: list[float]) -> None:
    throttle = Throttle()
    for now in sorted(moments):
        assert guess(throttle, "ada", HOME, now, is_known=False) <= 300
