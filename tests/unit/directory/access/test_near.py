"""Who is known at an address, without asking the database for each try."""

from __future__ import annotations

from switchover.directory.access.sign_in.near import (
    KNOWN_SECONDS,
    MOST_ADDRESSES,
    MOST_READS,
    MOST_READS_OF_ALL,
    NearNames,
)

HERE = "192.0.2.1"


def test_what_was_read_is_known_for_a_minute() -> None:
    near = NearNames()
    assert near.recall(HERE, 0.0) is None
    near.remember(HERE, ["Ada"], 0.0)
    assert near.recall(HERE, KNOWN_SECONDS - 1) == {"ada"}
    assert near.recall(HERE, KNOWN_SECONDS) is None


def test_who_signs_in_is_known_at_once_where_it_matters() -> None:
    near = NearNames()
    near.add(HERE, "Bob")
    assert near.recall(HERE, 0.0) is None
    near.remember(HERE, [], 0.0)
    near.add(HERE, "Bob")
    assert near.recall(HERE, 1.0) == {"bob"}


def test_many_addresses_make_few_questions_and_fill_no_memory() -> None:
    near = NearNames()
    reads = [near.may_read(f"2001:db8::{number:x}", 5.0 + number / 1000) for number in range(500)]
    assert sum(reads) == MOST_READS
    # Another network is not shut by the first, but all together have a bound too.
    others = [near.may_read(f"192.0.2.{number}", 5.9) for number in range(100)]
    assert sum(others) == MOST_READS_OF_ALL - MOST_READS
    assert near.may_read("2001:db8::1", 6.5)
    for number in range(MOST_ADDRESSES + 1):
        near.remember(str(number), [], 0.0)
    assert near.recall("0", 0.0) is None
    assert near.recall("1", 0.0) == set()
