from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from switchover.errors import InvalidInput
from switchover.wire.imap.uid_set import SMALLEST_CHUNK_OCTETS, checked, chunks, decode, encode

ascending = st.sets(st.integers(1, 400), min_size=1).map(sorted)


@given(ascending)
@example([1])
@example([4_294_967_295])
@example([1, 3, 5, 7])
@example(list(range(1, 300)))
def test_a_set_holds_exactly_its_uids(uids: list[int]) -> None:
    assert decode(encode(uids), most=len(uids)) == uids


@given(ascending)
def test_a_set_is_as_short_as_ranges_can_make_it(uids: list[int]) -> None:
    pieces = encode(uids).split(b",")
    gaps = sum(1 for one, other in pairwise(uids) if other != one + 1)
    assert len(pieces) == gaps + 1


@pytest.mark.parametrize(
    ("uids", "text"),
    [([7], b"7"), ([1, 2, 3, 4, 7], b"1:4,7"), ([3, 5, 6], b"3,5:6"), (range(1, 1001), b"1:1000")],
)
def test_neighbours_are_joined(uids: list[int], text: bytes) -> None:
    assert encode(uids) == text


@pytest.mark.parametrize(
    "uids", [[0], [0, 1], [2, 2], [3, 1], [1, 2, 5, 4], [-1, 2], [], [1 << 64]]
)
def test_uids_that_do_not_ascend_from_one_are_refused(uids: list[int]) -> None:
    with pytest.raises(InvalidInput):
        encode(uids)


@given(ascending, st.integers(SMALLEST_CHUNK_OCTETS, 90), st.none() | st.integers(1, 50))
def test_chunks_together_hold_each_uid_once_and_keep_both_limits(
    uids: list[int], octets: int, most: int | None
) -> None:
    found: list[int] = []
    for text, start, stop in chunks(uids, octets=octets, most_uids=most):
        assert start == len(found)
        found += decode(text, most=len(uids))
        assert uids[start:stop] == found[start:]
        assert len(text) <= octets
        assert 1 <= stop - start <= (most or len(uids))
    assert found == uids


@given(ascending, st.integers(SMALLEST_CHUNK_OCTETS, 90))
def test_no_chunk_could_have_taken_what_opens_the_next(uids: list[int], octets: int) -> None:
    parts = list(chunks(uids, octets=octets))
    for one, other in pairwise(parts):
        assert len(one.text) + 1 + len(other.text.split(b",")[0]) > octets


def test_a_long_range_is_cut_where_the_count_ends() -> None:
    texts = [chunk.text for chunk in chunks(range(1, 601), octets=100, most_uids=256)]
    assert texts == [b"1:256", b"257:512", b"513:600"]


def test_no_uids_make_no_chunk() -> None:
    assert list(chunks([], octets=100)) == []


@pytest.mark.parametrize(("octets", "most"), [(SMALLEST_CHUNK_OCTETS - 1, None), (100, 0)])
def test_limits_that_no_range_meets_are_refused(octets: int, most: int | None) -> None:
    with pytest.raises(InvalidInput):
        list(chunks([1], octets=octets, most_uids=most))


def test_a_chunk_of_the_smallest_size_holds_the_largest_range() -> None:
    top = (1 << 64) - 1
    (chunk,) = chunks(range(top - 5, top + 1), octets=SMALLEST_CHUNK_OCTETS)
    assert decode(chunk.text, most=6) == list(range(top - 5, top + 1))


def test_a_set_is_read_in_its_own_order() -> None:
    assert decode(b"17:19,3,5:4", most=10) == [17, 18, 19, 3, 4, 5]


@pytest.mark.parametrize(
    "text", [b"", b"*", b"1:*", b"0", b"a", b"1;2", b"+1", b"1_0", b"-1", b"1,\r\n"]
)
def test_what_is_no_set_of_uids_is_refused(text: bytes) -> None:
    with pytest.raises(InvalidInput):
        decode(text, most=1000)


def test_a_hostile_range_is_refused_before_it_fills_the_memory() -> None:
    with pytest.raises(InvalidInput, match="at most 100"):
        decode(b"1:4294967295", most=100)


@pytest.mark.parametrize("text", [b"1", b"1:4,7", b"9:*", b"*", b"$"])
def test_what_stands_for_a_set_goes_into_commands(text: bytes) -> None:
    assert checked(text) == text


@given(st.binary(max_size=12))
@example(b"1\r\nA2 NOOP")
@example(b"1 2")
@example(b"$1")
@example(b",1")
def test_what_is_more_than_a_set_does_not(text: bytes) -> None:
    try:
        assert set(checked(text)) <= set(b"0123456789:,*") or text == b"$"
    except InvalidInput:
        return


@pytest.mark.no_cover  # it measures, and others cover the same
def test_a_million_uids_are_chunked_whole() -> None:
    uids = range(1, 2_000_001, 2)
    parts = list(chunks(uids, octets=10_000))
    assert parts[-1].stop == len(uids)
    assert all(one.stop == other.start for one, other in pairwise(parts))
