"""Numbers that servers list stay in order and small."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from switchover.wire.imap.number_ranges import NumberRanges

numbers = st.lists(st.integers(min_value=0, max_value=30) | st.integers(0, 2**64 - 1), max_size=30)


@given(numbers)
def test_numbers_come_back_in_their_order(numbers: list[int]) -> None:
    ranges = NumberRanges.from_numbers(numbers)
    assert list(ranges.numbers()) == numbers
    assert ranges.count == len(numbers)


@given(numbers.filter(bool))
def test_sets_and_lists_are_read_as_they_are_written(numbers: list[int]) -> None:
    ranges = NumberRanges.from_numbers(numbers)
    assert NumberRanges.parse_set(ranges.encode()) == ranges
    assert NumberRanges.parse_list(b"  ".join(b"%d" % number for number in numbers)) == ranges


def test_neighbours_are_one_range() -> None:
    assert list(NumberRanges.from_numbers([7, 8, 9, 3, 4, 12])) == [(7, 9), (3, 4), (12, 12)]
    assert NumberRanges.from_numbers([7, 8, 9, 12]).encode() == b"7:9,12"


def test_a_reversed_range_means_the_same() -> None:  # RFC 9051, section 9, seq-range
    assert NumberRanges.parse_set(b"4:2,9") == NumberRanges.parse_set(b"2:4,9")


def test_a_million_neighbours_take_no_memory() -> None:
    ranges = NumberRanges.parse_list(b" ".join(b"%d" % uid for uid in range(1, 100_001)))
    assert ranges is not None
    assert list(ranges) == [(1, 100_000)]


def test_a_range_of_all_numbers_is_only_counted() -> None:
    ranges = NumberRanges.parse_set(b"1:4294967295")
    assert ranges is not None
    assert ranges.count == 2**32 - 1


def test_no_numbers_are_an_empty_list_but_no_set() -> None:
    empty = NumberRanges.from_numbers([])
    assert (list(empty), empty.count, empty.encode()) == ([], 0, b"")
    assert NumberRanges.parse_list(b" ") == empty
    assert NumberRanges.parse_set(b"") is None


@pytest.mark.parametrize(
    "text",
    [
        *b"* 1:* 1,,2 1:2:3 : 1: -1 a 1_0".split(),
        b"1 2",
        b"%d" % 2**64,
        b"1:%d" % 2**64,
        b"9" * 5000,
        b"1:" + b"9" * 5000,
    ],
)
def test_what_is_no_set_is_none(text: bytes) -> None:
    assert NumberRanges.parse_set(text) is None


@pytest.mark.parametrize(
    "text", [b"1,2", b"1:2", b"-1", b"x", b"+1", b"1_0", b"%d" % 2**64, b"9" * 5000]
)
def test_what_is_no_list_is_none(text: bytes) -> None:
    assert NumberRanges.parse_list(text) is None


@pytest.mark.parametrize("number", [-1, 2**64])
def test_a_number_beyond_64_bits_is_refused(number: int) -> None:
    with pytest.raises(OverflowError):
        NumberRanges.from_numbers([1, number])
