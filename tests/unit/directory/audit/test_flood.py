"""A flood of attempts neither fills the disk nor hides what others tried."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from switchover.directory.audit.flood import (
    EACH,
    MOST,
    MOST_COUNTED,
    OTHERS,
    SPAN,
    Excess,
    Flood,
    Source,
    source_of,
)

NOW = datetime(2026, 1, 2, tzinfo=UTC)


def test_the_first_attempts_of_a_source_are_written_down_and_the_others_counted() -> None:
    flood = Flood()
    attacker = source_of("", "192.0.2.7")
    admitted = [flood.admit(attacker, NOW) for _ in range(1000)]
    assert sum(admitted) == EACH
    assert flood.settle(NOW + SPAN / 2) == ()
    assert flood.settle(NOW + SPAN) == (Excess(source=attacker, count=990, since=NOW),)
    assert flood.settle(NOW + SPAN) == ()
    assert flood.admit(attacker, NOW + SPAN)


def test_what_could_not_be_told_is_told_with_the_next() -> None:
    flood = Flood()
    attacker = source_of("", "192.0.2.7")
    for _ in range(EACH + 5):
        flood.admit(attacker, NOW)
    (excess,) = flood.settle(NOW + SPAN)
    flood.keep(excess)
    assert flood.settle(NOW + SPAN) == (excess,)


def test_many_sources_together_are_bounded_and_do_not_hide_who_is_signed_in() -> None:
    flood = Flood()
    strangers = [source_of("", f"192.0.{n // 250}.{n % 250}") for n in range(1000)]
    assert sum(flood.admit(one, NOW) for one in strangers) == MOST
    assert flood.admit(source_of("ada", "192.0.2.7"), NOW)
    told = flood.settle(NOW + SPAN)
    assert len(told) == MOST_COUNTED + 1
    assert sum(one.count for one in told) == 1000 - MOST
    assert told[-1].source == Source(name=OTHERS, is_known=False)


def test_a_span_begins_with_its_first_attempt() -> None:
    flood = Flood()
    assert flood.settle(NOW) == ()
    flood.admit(source_of("", "x"), NOW)
    assert flood.settle(NOW + SPAN - timedelta(seconds=1)) == ()


@pytest.mark.parametrize(
    ("actor", "address", "name"),
    [
        ("ada", "192.0.2.7", "ada"),
        ("", "192.0.2.7", "192.0.2.7"),
        ("", "::ffff:192.0.2.7", "192.0.2.7"),
        ("", "2001:db8::1:2:3:4", "2001:db8::/64"),
        ("", "", ""),
        ("", "a socket", "a socket"),
    ],
)
def test_who_is_counted_together(actor: str, address: str, name: str) -> None:
    assert source_of(actor, address) == Source(name=name, is_known=bool(actor))
