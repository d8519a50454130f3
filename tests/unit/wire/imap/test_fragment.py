"""Bytes come apart into lines and literals, in any portions, in constant memory, within limits."""

from __future__ import annotations

import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.wire.imap.served import cut
from tests.unit.wire.imap.streams import sizes, streams

from switchover.wire.imap.fragment import (
    Fragment,
    Fragmenter,
    Lines,
    LiteralChunk,
    LiteralEnd,
    LiteralStart,
    Tail,
    TooLong,
)


def fragmenter(line: int = 10_000, literal: int = 10_000) -> Fragmenter:
    return Fragmenter(line_bytes=line, literal_bytes=literal)


def fragments(fragmenter: Fragmenter, *portions: bytes) -> list[Fragment]:
    """Return what comes of the portions: lines one by one, the chunks of a literal as one."""
    found: list[Fragment] = []
    for portion in portions:
        fragmenter.receive(portion)
        for fragment in iter(fragmenter.next_fragment, None):
            if isinstance(fragment, Lines):
                found += [Lines(line + b"\n") for line in fragment.block.split(b"\n")[:-1]]
            elif isinstance(fragment, LiteralChunk) and isinstance(found[-1], LiteralChunk):
                found[-1] = LiteralChunk(memoryview(bytes(found[-1].data) + bytes(fragment.data)))
            else:
                found.append(fragment)
    return found


def test_text_and_literals_come_apart() -> None:
    data = b"* 1 FETCH (UID 5 BODY[] {7}\r\na{3}\r\nb BODY[1] ~{0}\r\n)\r\na OK done\r\n"
    assert fragments(fragmenter(), data) == [
        LiteralStart(b"* 1 FETCH (UID 5 BODY[] ", 7, binary=False),
        LiteralChunk(memoryview(b"a{3}\r\nb")),
        LiteralEnd(),
        LiteralStart(b" BODY[1] ", 0, binary=True),
        LiteralEnd(),
        Tail(b")"),
        Lines(b"a OK done\r\n"),
    ]


def test_lines_without_literals_come_in_one_block() -> None:
    parts = fragmenter()
    parts.receive(b"* 1 EXISTS\r\n* 2 EXISTS\r\n* 3 EX")
    assert parts.next_fragment() == Lines(b"* 1 EXISTS\r\n* 2 EXISTS\r\n")
    assert parts.next_fragment() is None
    parts.receive(b"ISTS\r\n")
    assert parts.next_fragment() == Lines(b"* 3 EXISTS\r\n")


@given(streams, sizes)
def test_any_portions_give_the_same_fragments(stream: bytes, sizes: list[int]) -> None:
    whole = fragments(fragmenter(200, 50), stream)
    assert fragments(fragmenter(200, 50), *cut(stream, sizes)) == whole
    assert fragments(fragmenter(200, 50), *cut(stream, [1] * len(stream))) == whole


@given(streams, sizes)
def test_portions_may_wait_before_they_are_taken(stream: bytes, sizes: list[int]) -> None:
    late = fragmenter()
    for portion in cut(stream, sizes):
        late.receive(portion)
    assert fragments(late, b"") == fragments(fragmenter(), stream)


@given(streams, sizes)
def test_no_byte_is_lost(stream: bytes, sizes: list[int]) -> None:
    parts = fragmenter()
    found = fragments(parts, *cut(stream, sizes))
    told = b"".join(map(spelled, found)) + parts.take_rest()
    assert without_announcements(told) == without_announcements(stream)


def spelled(fragment: Fragment) -> bytes:
    match fragment:
        case Lines(block):
            return block
        case LiteralStart(before, size, binary):
            return before + (b"~{%d}\r\n" if binary else b"{%d}\r\n") % size
        case LiteralChunk(data):
            return bytes(data)
        case Tail(text):
            return text + b"\r\n"
        case _:
            return b""


def without_announcements(stream: bytes) -> bytes:
    return stream.translate(None, b"\r\n")


def test_a_literal_is_never_copied() -> None:
    parts = fragmenter()
    received = b"* 1 FETCH (BODY[] {9}\r\n12345"
    parts.receive(received)
    assert isinstance(parts.next_fragment(), LiteralStart)
    chunk = parts.next_fragment()
    assert isinstance(chunk, LiteralChunk)
    assert chunk.data.obj is received


def test_a_literal_of_any_size_takes_no_memory() -> None:
    parts = fragmenter(literal=2**40)
    parts.receive(b"* 1 FETCH (BODY[] {%d}\r\n" % 2**40)
    assert isinstance(parts.next_fragment(), LiteralStart)
    portion = b"x" * 65536
    tracemalloc.start()
    for _ in range(2000):
        parts.receive(portion)
        while parts.next_fragment() is not None:
            pass
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 10_000


@pytest.mark.parametrize("portion", [1, 7, 10_000])
def test_a_line_at_the_limit_passes_and_one_beyond_it_does_not(portion: int) -> None:
    passes, fails = b"x" * 18 + b"\r\n", b"x" * 19 + b"\r\n"
    assert fragments(fragmenter(20), *cut(passes * 2, [portion] * 40)) == [Lines(passes)] * 2
    assert fragments(fragmenter(20), *cut(passes + fails, [portion] * 60)) == [
        Lines(passes),
        TooLong("line", 20, fails[:20]),
    ]


def test_an_endless_line_ends_at_the_limit() -> None:
    parts = fragmenter(20)
    assert fragments(parts, b"x" * 10, b"x" * 10, b"x" * 10) == [TooLong("line", 20, b"x" * 20)]
    assert fragments(parts, b"\r\n* OK\r\n") == []


@pytest.mark.parametrize("size", [b"51", b"99999999999999999999", b"9" * 5000])
def test_a_literal_beyond_the_limit_is_not_begun(size: bytes) -> None:
    data = b"* 1 FETCH (UID 5 BODY[] {" + size + b"}\r\nhello"
    (told,) = fragments(fragmenter(literal=50), data)
    assert told == TooLong("literal", 50, b"* 1 FETCH (UID 5 BODY[] ")


@pytest.mark.parametrize(
    "line",
    [
        b"* OK hello {5}\r\n",
        b"a1 BAD APPEND x {5+}\r\n",
        b"+ {5}\r\n",
        b"* [ALERT] {5}\r\n",
        b"{5}\r\n",
        b'* LIST () "/" name{5}\r\n',
        b"* 1 FETCH (UID 5 X {-5}\r\n",
        b"* 1 FETCH (UID 5 X {}\r\n",
    ],
)
@pytest.mark.parametrize("portion", [1, 1000])
def test_braces_that_announce_nothing_are_text(line: bytes, portion: int) -> None:
    data = line + b"* 1 EXISTS\r\n"
    assert fragments(fragmenter(), *cut(data, [portion] * len(data))) == [
        Lines(line),
        Lines(b"* 1 EXISTS\r\n"),
    ]


@pytest.mark.parametrize("form", [b"{5}\r\n", b"{5+}\r\n", b"{5}\n", b"{5} \r\n", b"{05}\r\n"])
@pytest.mark.parametrize("portion", [1, 1000])
def test_literals_are_announced_in_many_forms(form: bytes, portion: int) -> None:
    data = b"* 1 FETCH (BODY[] " + form + b"hello)\r\n"
    assert fragments(fragmenter(), *cut(data, [portion] * len(data))) == [
        LiteralStart(b"* 1 FETCH (BODY[] ", 5, binary=False),
        LiteralChunk(memoryview(b"hello")),
        LiteralEnd(),
        Tail(b")"),
    ]


def test_a_literal_may_follow_a_literal_at_once() -> None:
    found = fragments(fragmenter(), b"* X {1}\r\na{1}\r\nb{0}\r\n\r\n")
    assert [one.before for one in found if isinstance(one, LiteralStart)] == [b"* X ", b"", b""]
    assert found[-1] == Tail(b"")


@given(st.binary(max_size=40), sizes)
def test_the_rest_is_every_byte_behind_the_last_fragment(binary: bytes, sizes: list[int]) -> None:
    parts = fragmenter()
    parts.receive(b"a1 OK begin\r\n")
    assert parts.next_fragment() == Lines(b"a1 OK begin\r\n")
    for portion in cut(binary, sizes):
        parts.receive(portion)
    assert parts.take_rest() == binary
    assert parts.take_rest() == b""


HOSTILE = {
    "one line of braces": b"{1" * 150_000,
    "announcements without an end": b"{1}   " * 50_000,
    "status lines that echo literals": b"* OK x {5}\r\n" * 25_000,
    "literals of no bytes": b"* X {0}\r\n\r\n" * 25_000 + b"x" * 100_000,
    "one response of literals": b"* X" + b" {0}\r\n" * 50_000,
    "empty lines": b"\n" * 300_000,
    "short lines and a long one": b"* OK\r\n" * 20_000 + b"y" * 150_000,
}


@pytest.mark.no_cover  # it measures, and others cover the same
@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize("portion", [997, 10**9])
def test_hostile_streams_take_time_in_proportion(name: str, portion: int) -> None:
    # Were any of these quadratic it would take minutes; bench/imap.py measures the proportion.
    parts = Fragmenter(line_bytes=10**6, literal_bytes=10**6)
    stream = HOSTILE[name]
    for at in range(0, len(stream), portion):
        parts.receive(stream[at : at + portion])
        while parts.next_fragment() is not None:
            pass
