"""Columns of numbers come back as they were, in few bytes, and damage is seen."""

from __future__ import annotations

import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from switchover.errors import Corrupt
from switchover.move.column import (
    Head,
    Reader,
    Table,
    number,
    pack_column,
    pack_table,
    planes_bytes,
    read_head,
    signed,
    unpack_column,
)

NUMBERS = st.integers(-(1 << 62), (1 << 62) - 1)


def round_trip(values: list[int]) -> list[int]:
    head, planes = pack_column(values)
    coding = read_head(Reader(head))
    assert len(planes) == planes_bytes(coding, len(values))
    return list(unpack_column(coding, planes, len(values)))


@given(st.lists(NUMBERS, max_size=50))
def test_any_column_comes_back(values: list[int]) -> None:
    assert round_trip(values) == values


@given(st.lists(st.integers(0, 1 << 32), max_size=50).map(sorted))
def test_any_ascending_column_comes_back(values: list[int]) -> None:
    assert round_trip(values) == values


@given(NUMBERS, st.integers(-1000, 1000), st.integers(0, 300))
def test_even_steps_take_no_planes(first: int, step: int, count: int) -> None:
    values = list(range(first, first + step * count, step)) if step else [first] * count
    assert pack_column(values)[1] == b""
    assert round_trip(values) == values


@pytest.mark.parametrize("width", range(1, 9))
def test_every_width_comes_back(width: int) -> None:
    values = [0, (1 << 8 * width - 1) - 1, 1, 0]
    assert round_trip(values) == values


def test_numbers_too_far_apart_are_refused() -> None:
    with pytest.raises(ValueError, match="64 bits"):
        pack_column([0, 1 << 64])


@given(st.integers(0, 1 << 200))
def test_numbers_of_any_length_come_back(value: int) -> None:
    assert Reader(number(value)).number() == value


@given(st.integers(-(1 << 100), 1 << 100))
def test_signed_numbers_come_back(value: int) -> None:
    assert Reader(signed(value)).signed() == value


@given(
    st.lists(st.tuples(NUMBERS, st.integers(0, 9)), max_size=30),
    st.binary(max_size=200),
    st.binary(max_size=40),
)
def test_a_table_comes_back(rows: list[tuple[int, int]], words: bytes, end: bytes) -> None:
    columns = [[row[0] for row in rows], [row[1] for row in rows]]
    table = Table(pack_table(columns, words, end), columns=2)
    assert [list(table.column(which)) for which in (0, 1)] == columns
    assert (table.words, table.end, table.count) == (words, end, len(rows))


def test_a_lone_large_number_does_not_widen_the_table() -> None:
    values = [100] * 1000 + [1 << 60]
    assert len(pack_table([values])) < 100


@given(st.data())
def test_any_changed_byte_is_seen(data: st.DataObject) -> None:
    packed = bytearray(pack_table([[1, 5, 9, 1000], [3, 3, 3, 3]], b"words", b"end"))
    at = data.draw(st.integers(0, len(packed) - 1))
    packed[at] ^= data.draw(st.integers(1, 255))
    with pytest.raises(Corrupt):
        Table(bytes(packed), columns=2)


def test_a_cut_table_is_seen() -> None:
    packed = pack_table([[1, 2, 3]])
    for length in range(len(packed)):
        with pytest.raises(Corrupt):
            Table(packed[:length], columns=1)


def sealed(body: bytes) -> bytes:
    return body + zlib.crc32(body).to_bytes(4, "little")


@pytest.mark.parametrize(
    "body",
    [
        b"\x02",  # a version of the future
        b"\x01" + number(1 << 32),  # more mails than there are UIDs
        b"\x01" + number(1) + number(9 << 1) + signed(0),  # nine planes
        b"\x01" + number(2) + number(1 << 1) + signed(0) + number(0) + number(1 << 1) + b"x",
        b"\x01" + number(1) + number(0) + signed(0) + number(0) + number(2 << 1 | 1) + b"xx",
        b"\x01" + number(1) + number(0) + signed(0) + number(50),  # ends in the middle
    ],
)
def test_what_no_version_of_ours_wrote_is_seen(body: bytes) -> None:
    with pytest.raises(Corrupt):
        Table(sealed(body), columns=1)


def test_heads_tell_how_many_bytes_follow() -> None:
    assert planes_bytes(Head(by_steps=True, width=2, low=0, first=0), 0) == 0
    assert planes_bytes(Head(by_steps=True, width=2, low=0, first=0), 3) == 4
