"""Guessing gets slow; nobody is locked out for ever, and strangers do not slow down who is known."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from switchover.directory.access.sign_in.throttle import (
    FORGET_SECONDS,
    FORGIVEN_SECONDS,
    Kind,
    Throttle,
    code_keys,
    keys_of,
    network_of,
    pair_key,
    pair_keys,
    provider_keys,
)

HOME = "192.0.2.10"


def guess(
    throttle: Throttle, name: str, address: str, now: float, *, is_known: bool = True
) -> float:
    return throttle.enter(keys_of(name, address, is_known=is_known), now)


def test_the_first_tries_are_free_then_pauses_double_up_to_five_minutes() -> None:
    throttle, now, pauses = Throttle(), 0.0, []
    for _ in range(40):
        wait = guess(throttle, "ada", HOME, now, is_known=False)
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
        tries += guess(throttle, f"name{number}", HOME, 0.0, is_known=False) == 0
        if guess(throttle, "mine", HOME, 0.0, is_known=False) == 0:
            throttle.succeeded(keys_of("mine", HOME, is_known=False))
    assert tries < 60


def shut(throttle: Throttle, address: str, now: float) -> float:
    """Guess names at an address until its pause is five minutes; return the moment it began."""
    for number in range(1000):
        wait = guess(throttle, f"name{number}", address, now, is_known=False)
        if wait >= 300:
            return now
        now += wait
    raise AssertionError("the address stays open")


def test_who_is_known_at_an_address_gets_in_while_a_stranger_keeps_it_shut() -> None:
    throttle = Throttle()
    now = shut(throttle, HOME, 0.0)
    assert guess(throttle, "new", HOME, now, is_known=False) == pytest.approx(300)
    assert guess(throttle, "ada", HOME, now, is_known=True) == 0


def test_guesses_at_a_known_account_from_its_address_pause_it_for_half_a_minute_at_most() -> None:
    throttle, now, longest = Throttle(), 0.0, 0.0
    for _ in range(200):
        wait = guess(throttle, "ada", HOME, now, is_known=True)
        longest, now = max(longest, wait), now + wait
    assert longest == pytest.approx(30)
    assert guess(throttle, "ada", HOME, now + 30, is_known=True) == 0


def test_being_right_takes_back_one_failure_of_the_address_and_not_its_pause() -> None:
    throttle, now = Throttle(), 0.0
    mine = keys_of("mine", HOME, is_known=False)
    now, waited, guesses = shut(throttle, HOME, 0.0) + 300, 0.0, 0
    while waited < 3600:
        # As bold as can be: in with the own account first, then a guess at somebody else's.
        wait = throttle.enter(mine, now)
        if wait == 0:
            throttle.succeeded(mine)
            wait = guess(throttle, f"other{guesses}", HOME, now, is_known=False)
            guesses += wait == 0
        waited, now = waited + wait, now + wait
    assert guesses <= 3600 / 256 + 1


def test_being_right_at_first_leaves_no_pause() -> None:
    throttle = Throttle()
    for number in range(60):
        name = f"person{number}"
        assert guess(throttle, name, HOME, 0.0, is_known=False) == 0
        throttle.succeeded(keys_of(name, HOME, is_known=False))
    assert throttle._counts == {}


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
    waits = [throttle.enter(code_keys("ada"), 0.0) for _ in range(20)]
    assert sum(wait == 0 for wait in waits) == Kind.CODE.value.free
    throttle.succeeded(code_keys("ADA"))
    assert throttle.enter(code_keys("ada"), 0.0) == 0


def test_an_administrator_lifts_every_pause_of_an_account() -> None:
    throttle = Throttle()
    for number in range(70):
        guess(throttle, "Ada", f"198.51.100.{number}", 0.0, is_known=False)
    while guess(throttle, "ada", HOME, 0.0) == 0:
        pass
    throttle.forgive("ADA", 0.0)
    assert guess(throttle, "ada", HOME, 0.0, is_known=False) == 0


def test_who_was_forgiven_gets_in_where_the_address_is_kept_shut() -> None:
    throttle = Throttle()
    now = shut(throttle, HOME, 0.0)
    before = throttle.keys_of("ada", HOME, now, is_known=False)
    assert throttle.enter(before, now) == pytest.approx(300)
    throttle.forgive("Ada", now)
    assert throttle.enter(throttle.keys_of("ADA", HOME, now, is_known=False), now) == 0
    other = throttle.keys_of("other", HOME, now, is_known=False)
    assert throttle.enter(other, now) == pytest.approx(300)
    later = now + FORGIVEN_SECONDS
    assert throttle.keys_of("ada", HOME, later, is_known=False) == before
    throttle.forgive("bob", later)
    assert list(throttle._forgiven) == ["bob"]


def test_a_person_s_keys_at_an_address_are_those_that_an_attempt_counts_for() -> None:
    pairs = set(pair_keys("Ada", HOME))
    assert pairs & set(keys_of("ada", HOME, is_known=False)) == {pair_key("ada", HOME)}
    assert set(keys_of("ada", HOME, is_known=True)) < pairs


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


def test_looking_at_a_pause_counts_nothing() -> None:
    throttle = Throttle()
    keys = provider_keys("192.0.2.1")
    for _ in range(30):
        assert throttle.pause_of(keys, 0.0) == 0.0
    free = sum(throttle.enter(keys, 0.0) == 0.0 for _ in range(40))
    assert free == Kind.PROVIDER.value.free
    assert throttle.pause_of(keys, 0.5) == 0.5
    throttle.succeeded(keys)
    assert throttle.pause_of(keys, 0.5) == 0.0
