"""Bytes in, events out: the same for any portions, within limits, never stuck, never joined."""

from __future__ import annotations

import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.wire.imap.served import cut, drain, events, told
from tests.unit.wire.imap.streams import sizes, streams

from switchover.wire.imap.failure import Failure, Retry, Scope
from switchover.wire.imap.reader import HELD_BYTES, Limits, Reader
from switchover.wire.imap.responses import (
    Bodies,
    BodyChunk,
    BodyEnd,
    BodyStart,
    Exists,
    Fetch,
    ListEntry,
    Status,
    StatusKind,
    Unparsed,
)
from switchover.wire.imap.tokens import LiteralRef

SMALL = Limits(
    line_bytes=300, literal_bytes=60, kept_bytes=10, literals=3, depth=6, unparsed_in_row=4
)
FETCHED = b"* 1 FETCH (UID 5 BODY[] {5}\r\nhello)\r\n"


@given(streams, sizes)
def test_any_portions_give_the_same_events(stream: bytes, sizes: list[int]) -> None:
    for limits in (None, SMALL):
        whole = told([stream], limits)
        assert told(cut(stream, sizes), limits) == whole
        assert told(cut(stream, [1] * len(stream)), limits) == whole


@given(streams)
def test_a_failure_is_the_last_event(stream: bytes) -> None:
    found = told([stream, stream], SMALL)
    assert not any(isinstance(event, Failure) for event in found[:-1])


# What a faithful server sends: rendered, then read back.
bodies = st.binary(max_size=40)
uids = st.integers(1, 2**32 - 1)
flags = st.lists(st.sampled_from([b"\\Seen", b"$Junk", b"a]b"]), max_size=3).map(tuple)


@given(st.lists(st.tuples(uids, flags, bodies), max_size=8), st.booleans(), sizes)
def test_messages_come_back_as_they_were(
    messages: list[tuple[int, tuple[bytes, ...], bytes]], uid_last: bool, sizes: list[int]
) -> None:
    stream = b"".join(
        b"* %d FETCH (%b)\r\n"
        % (
            number,
            b" ".join(
                ([b"BODY[] {%d}\r\n%b" % (len(body), body)] if uid_last else [])
                + [b"UID %d" % uid, b"FLAGS (%b)" % b" ".join(flags)]
                + ([] if uid_last else [b"BODY[] {%d}\r\n%b" % (len(body), body)])
            ),
        )
        for number, (uid, flags, body) in enumerate(messages, 1)
    )
    found = told(cut(stream, sizes))
    fetched = [event.items[0] for event in found if isinstance(event, Fetch)]
    assert [(item.uid, item.flags) for item in fetched] == [(m[0], m[1]) for m in messages]
    assert [item.body for item in fetched] == [LiteralRef(len(m[2])) for m in messages]
    assert [event for event in found if isinstance(event, bytes)] == [
        m[2] for m in messages if m[2]
    ]
    if not uid_last:
        starts = [event for event in found if isinstance(event, BodyStart)]
        assert [start.item.uid for start in starts] == [m[0] for m in messages]


def test_many_lines_are_one_event() -> None:
    reader = Reader()
    reader.receive(b"* 1 FETCH (UID 5 FLAGS ())\r\n* 2 FETCH (UID 6 FLAGS ())\r\na OK done\r\n")
    listing, done = drain(reader)
    assert isinstance(listing, Fetch)
    assert [item.uid for item in listing.items] == [5, 6]
    assert done == Status(kind=StatusKind.OK, tag=b"a", text="done")


def test_a_body_is_never_copied() -> None:
    reader, received = Reader(), FETCHED
    reader.receive(received)
    (chunk,) = (event for event in drain(reader) if isinstance(event, BodyChunk))
    assert chunk.data.obj is received


def test_a_body_of_any_size_takes_no_memory() -> None:
    portion, count = b"x" * 65536, 1600  # 100 MiB
    reader = Reader()
    reader.receive(b"* 1 FETCH (UID 5 BODY[] {%d}\r\n" % (len(portion) * count))
    assert isinstance(reader.next_event(), BodyStart)
    tracemalloc.start()
    for _ in range(count):
        reader.receive(portion)
        while reader.next_event() is not None:
            pass
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 40_000
    reader.receive(b")\r\n")
    assert drain(reader)[-1].items[0].body == LiteralRef(len(portion) * count)


@given(st.binary(max_size=40), sizes)
def test_nothing_is_read_ahead(binary: bytes, sizes: list[int]) -> None:
    # Behind the OK to COMPRESS stands deflated data, behind that to STARTTLS nothing may stand.
    reader = Reader()
    stream = b"* 1 FETCH (UID 5 FLAGS ())\r\na1 OK begin\r\n"
    reader.receive(stream + binary[:20])
    assert isinstance(reader.next_event(), Fetch)
    assert reader.next_event() == Status(kind=StatusKind.OK, tag=b"a1", text="begin")
    for portion in cut(binary[20:], sizes):
        reader.receive(portion)
    assert reader.take_rest() == binary
    reader.receive(b"* 1 EXISTS\r\n")
    assert drain(reader) == [Exists(count=1)]


def test_a_section_that_is_not_the_whole_message_is_handed_out_too() -> None:
    start, body, end, fetched = events(b"* 1 FETCH (UID 5 BODY[HEADER] {2}\r\nhi)")
    assert (start.section, body, end) == (b"BODY[HEADER]", b"hi", BodyEnd())
    assert fetched.items[0].find(b"BODY[HEADER]") == LiteralRef(2)


def test_literals_of_other_responses_are_kept_not_handed_out() -> None:
    assert events(b'* LIST () "/" {6}\r\nBODY[]') == [ListEntry("LIST", (), b"/", b"BODY[]")]
    (fetched,) = events(b"* 1 FETCH (UID 5 X-GM-LABELS ({6}\r\nBODY[]))")
    assert fetched.items[0].find(b"X-GM-LABELS") == [LiteralRef(6, content=b"BODY[]")]


@pytest.mark.parametrize(
    "name", [b"BODYX[] ", b"XBODY[] ", b"BODY[ ", b"BODY] ", b"(BODY[ ", b"RFC8220 "]
)
def test_only_a_section_is_handed_out(name: bytes) -> None:
    assert not any(
        isinstance(event, BodyStart)
        for event in events(b"* 1 FETCH (UID 5 " + name + b"{2}\r\nhi)")
    )


def test_a_body_that_needs_the_slow_way_is_told_with_what_came_before() -> None:
    start, *_ = events(b'* 1 FETCH (UID 5 X-GM-LABELS ("a") BODY[] {2}\r\nhi FLAGS (x))')
    assert (start.item.uid, start.item.find(b"X-GM-LABELS")) == (5, [b"a"])
    start, *_ = events(b'* 1 FETCH ("broken" BODY[ ( BODY[] {2}\r\nhi)')
    assert start.item.uid is None


def test_between_sections_the_server_must_be_in_step_too() -> None:
    *_, last = events(b"* 1 FETCH (UID 5 BODY[1] {2}\r\nhi lost BODY[2] {2}\r\nhi)")
    assert isinstance(last, Failure)
    assert "UID 5" in last.message


def only_failure(*lines: bytes, limits: Limits) -> Failure:
    *_, last = events(*lines, b"* 1 EXISTS", limits=limits)
    assert isinstance(last, Failure)
    return last


def test_a_body_beyond_the_limit_costs_its_message() -> None:
    told_of = only_failure(b"* 1 FETCH (UID 5 BODY[] {61}", limits=SMALL)
    assert (told_of.scope, told_of.retry) == (Scope.MESSAGE, Retry.NEVER)
    assert "UID 5" in told_of.message
    assert "60 bytes" in told_of.message


def test_another_literal_beyond_the_limit_costs_the_endpoint() -> None:
    told_of = only_failure(b"* LIST () / {61}", limits=SMALL)
    assert told_of.scope is Scope.ENDPOINT
    assert "* LIST" in told_of.message


def test_a_second_literal_beyond_the_limit_names_its_message() -> None:
    told_of = only_failure(b"* 1 FETCH (UID 5 BODY[1] {1}\r\na BODY[2] {61}", limits=SMALL)
    assert told_of.scope is Scope.MESSAGE
    assert "UID 5" in told_of.message


def test_too_many_literals_end_the_reading() -> None:
    told_of = only_failure(b"* X" + b" {0}\r\n" * 4, limits=SMALL)
    assert (told_of.scope, told_of.retry) == (Scope.ENDPOINT, Retry.NEVER)
    assert "3 literals" in told_of.message
    told_of = only_failure(b"* 1 FETCH (X" + b" {0}\r\n" * 4, limits=SMALL)
    assert told_of.scope is Scope.MESSAGE


@pytest.mark.parametrize("end", [b" {0}\r\n", b""])
def test_the_texts_of_one_response_count_together(end: bytes) -> None:
    told_of = only_failure(
        b"* X {0}\r\n" + b"a" * 280 + b" {0}\r\n" + b"b" * 30 + end, limits=SMALL
    )
    assert told_of.scope is Scope.ENDPOINT
    assert "300 bytes" in told_of.message


def test_kept_literals_count_together() -> None:
    line = b"* METADATA a (/b {5}\r\nhello /c {5}\r\nhello)"
    assert not isinstance(events(line, limits=SMALL)[0], Unparsed)
    assert isinstance(events(line.replace(b"{5}\r\nh", b"{6}\r\nhh"), limits=SMALL)[0], Unparsed)


def test_responses_without_sense_are_borne_until_there_are_too_many_in_a_row() -> None:
    nonsense, sense = [b"?"] * 4, [b"* 1 EXISTS"]
    assert not any(
        isinstance(event, Failure) for event in events(*(nonsense + sense) * 5, limits=SMALL)
    )
    told_of = only_failure(*nonsense, b"?", limits=SMALL)
    assert (told_of.scope, told_of.retry) == (Scope.ENDPOINT, Retry.LATER)


def test_nothing_is_taken_after_a_failure() -> None:
    reader = Reader(SMALL)
    reader.receive(b"x" * 301)
    assert isinstance(reader.next_event(), Failure)
    reader.receive(b"* 1 EXISTS\r\n")
    assert reader.next_event() is None


HOSTILE = {
    "unknown lines": b"* X\r\n* 1 EXISTS\r\n" * 20_000,
    "lines of changing shape": b"* 1 FETCH (UID 5)\r\n* 1 FETCH (FLAGS () UID 5)\r\n" * 4_000,
    "a listing with news in it": b"* 1 FETCH (UID 5 FLAGS ())\r\n* 2 EXISTS\r\n" * 8_000,
    "sections everywhere": b"* 1 FETCH (UID 5 " + b"BODY[] " * 30_000 + b"{0}\r\n)\r\n",
    "open sections": b"* 1 FETCH (UID 5 " + b"BODY[ (" * 30_000 + b"{0}\r\n)\r\n",
    "quotes in names": b'* LIST () "/" ' + b'"a" (' * 50_000 + b"\r\n",
    "lists in a status": b"* STATUS a" + b" (SIZE " * 40_000 + b"\r\n",
    "brackets in a code": b"* OK [X (" + b"(]" * 100_000 + b"\r\n",
    "blanks": b"* " + b" " * 250_000 + b"\r\n",
    "digits": b"* " + b"1" * 250_000 + b"\r\n",
    "bare names": b"* LIST () / " + b"a (" * 80_000 + b"\r\n",
}


@pytest.mark.no_cover  # it measures, and others cover the same
@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize("portion", [4096, 10**9])
def test_hostile_streams_take_time_in_proportion(name: str, portion: int) -> None:
    # Were any of these quadratic it would take minutes; bench/imap.py measures the proportion.
    stream = HOSTILE[name]
    told([stream[at : at + portion] for at in range(0, len(stream), portion)])


@given(
    st.lists(st.tuples(uids, flags, st.binary(max_size=40)), max_size=8),
    sizes,
    st.booleans(),
)
def test_whole_bodies_are_the_same_messages_whatever_the_portions(
    messages: list[tuple[int, tuple[bytes, ...], bytes]], sizes: list[int], has_flags: bool
) -> None:
    stream = b"".join(
        b"* %d FETCH (UID %d%b BODY[] {%d}\r\n%b)\r\n"
        % (at, uid, b" FLAGS (%b)" % b" ".join(own) if has_flags else b"", len(body), body)
        for at, (uid, own, body) in enumerate(messages, 1)
    )
    for portions in (sizes, [10_000]):
        reader, found = Reader(), []
        reader.whole_bodies = True
        for portion in cut(stream, portions):
            reader.receive(portion)
            for event in iter(reader.next_event, None):
                match event:
                    case Bodies(items, contents):
                        found += [
                            (item.uid, bytes(body))
                            for item, body in zip(items, contents, strict=True)
                        ]
                    case BodyStart(item=item):
                        found.append((item.uid, b""))
                    case BodyChunk(data):
                        found[-1] = (found[-1][0], found[-1][1] + bytes(data))
                    case _:
                        pass
        assert found == [(uid, body) for uid, _, body in messages]


@pytest.mark.parametrize(
    "behind",
    [b"* 2 FETCH (UID 6 BODY[] {5}\r\nhello", b"X\r\n", b" FLAGS ())\r\n", b" UID 7)\r\n"],
)
def test_a_whole_body_ends_with_its_response(behind: bytes) -> None:
    reader = _wanting_whole_bodies()
    reader.receive(b"* 2 FETCH (UID 9 BODY[] {3}\r\nabc" + behind)
    assert isinstance(reader.next_event(), BodyStart)


def _wanting_whole_bodies() -> Reader:
    """Return a reader that has seen the shape of the responses."""
    reader = Reader()
    reader.whole_bodies = True
    reader.receive(FETCHED)
    assert [type(one) for one in iter(reader.next_event, None)] == [
        BodyStart, BodyChunk, BodyEnd, Fetch,
    ]  # fmt: skip
    return reader


_BEGUN = b"* 2 FETCH (UID 9 BODY[] {7}\r\nabc"


def test_a_small_message_is_waited_for_where_whole_ones_are_wanted() -> None:
    reader = _wanting_whole_bodies()
    for portion in (_BEGUN, b"d", b"efg)\r"):
        reader.receive(portion)
        assert reader.next_event() is None
        assert reader.coming is not None
        assert reader.coming.uid == 9
    reader.receive(b"\n")
    bodies = reader.next_event()
    assert isinstance(bodies, Bodies)
    assert bytes(bodies.contents[0]) == b"abcdefg"
    assert reader.coming is None
    assert reader.next_event() is None


def test_a_message_waited_for_is_handed_out_in_pieces_once_nobody_wants_whole_ones() -> None:
    reader = _wanting_whole_bodies()
    reader.receive(_BEGUN)
    assert reader.next_event() is None
    reader.receive(b"de")
    reader.whole_bodies = False
    start, chunk = reader.next_event(), reader.next_event()
    assert isinstance(start, BodyStart)
    assert isinstance(chunk, BodyChunk)
    assert bytes(chunk.data) == b"abcde"
    assert reader.coming is None


def test_what_is_waited_for_belongs_to_the_rest() -> None:
    reader = _wanting_whole_bodies()
    reader.receive(_BEGUN)
    assert reader.next_event() is None
    reader.receive(b"de")
    assert reader.take_rest() == _BEGUN + b"de"


def test_a_large_message_is_not_waited_for() -> None:
    reader = _wanting_whole_bodies()
    reader.receive(b"* 2 FETCH (UID 9 BODY[] {%d}\r\nabc" % (HELD_BYTES + 3))
    assert isinstance(reader.next_event(), BodyStart)
