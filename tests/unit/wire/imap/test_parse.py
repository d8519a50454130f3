"""One response to its type; whatever makes no sense is told as it stood."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.wire.imap.streams import PIECES

from switchover.wire.imap.number_ranges import NumberRanges
from switchover.wire.imap.parse import parse_response
from switchover.wire.imap.response_codes import Code
from switchover.wire.imap.responses import (
    Capability,
    Continuation,
    Enabled,
    ESearch,
    Exists,
    Expunge,
    Flags,
    Id,
    Recent,
    Response,
    Search,
    Status,
    StatusKind,
    Unparsed,
    Vanished,
)
from switchover.wire.imap.tokens import LiteralRef


def parse(*parts: bytes | LiteralRef) -> Response:
    return parse_response(parts, depth=20)


def numbers(text: bytes) -> NumberRanges:
    found = NumberRanges.parse_set(text)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("line", "response"),
    [
        (
            b"a1 OK [CLOSED] done",
            Status(kind=StatusKind.OK, tag=b"a1", code=Code(name="CLOSED"), text="done"),
        ),
        (
            b"* BYE [UNAVAILABLE] x",
            Status(kind=StatusKind.BYE, code=Code(name="UNAVAILABLE"), text="x"),
        ),
        (b"* OK [] x", Status(kind=StatusKind.OK, text="x")),
        (b"+ idling", Continuation(text=b"idling")),
        (b"* CAPABILITY IMAP4rev1 STARTTLS", Capability(capabilities=("IMAP4REV1", "STARTTLS"))),
        (b"* ENABLED CONDSTORE QRESYNC", Enabled(capabilities=("CONDSTORE", "QRESYNC"))),
        (b"* ENABLED", Enabled(capabilities=())),
        (
            b'* ID ("Name" "Contoso" "x" NIL "y" "NIL" "odd")',
            Id(fields={"name": "Contoso", "y": "NIL"}),
        ),
        (b"* ID NIL", Id(fields={})),
        (b"* FLAGS (\\Seen a]b)", Flags(flags=(b"\\Seen", b"a]b"))),
        (b"* 172 EXISTS", Exists(count=172)),
        (b"* 0 RECENT", Recent(count=0)),
        (b"* 44 expunge", Expunge(sequence=44)),
        (b"* VANISHED (EARLIER) 41,43:116", Vanished(uids=numbers(b"41,43:116"), earlier=True)),
        (b"* VANISHED 405", Vanished(uids=numbers(b"405"), earlier=False)),
        (b"* SEARCH 2 3 6 (MODSEQ 917)", Search(numbers=numbers(b"2:3,6"), modseq=917)),
        (b"* SEARCH (MODSEQ 917)", Search(numbers=NumberRanges.from_numbers([]), modseq=917)),
        (b"* ESEARCH", ESearch(tag=None, uid=False)),
        (b'* ESEARCH (TAG "a") UID', ESearch(tag=b"a", uid=True)),
        (
            b'* ESEARCH (TAG "a") MIN 2 MAX 47 COUNT 25 ALL 1:25 MODSEQ 9 X-NEW 5',
            ESearch(
                tag=b"a", uid=False, first=2, last=47, count=25, numbers=numbers(b"1:25"), modseq=9
            ),
        ),
        (
            b'* ESEARCH (TAG "a") UID PARTIAL (-1:-100 200:250,252)',
            ESearch(tag=b"a", uid=True, partial=(b"-1:-100", numbers(b"200:250,252"))),
        ),
        (
            b'* ESEARCH (TAG "a") UID PARTIAL (1:100 NIL)',
            ESearch(tag=b"a", uid=True, partial=(b"1:100", None)),
        ),
        (b"* ESEARCH (MODSEQ 5) COUNT 1", ESearch(tag=None, uid=False, modseq=5, count=1)),
    ],
)
def test_responses_become_types(line: bytes, response: Response) -> None:
    assert parse(line) == response


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"*",
        b"* ",
        b"hello",
        b"a1 MAYBE x",
        b"* 5",
        b"* 5 FROBNICATE",
        b"* FROBNICATE 5",
        b"* -1 EXISTS",
        b"* 99999999999999999999999 EXISTS",
        b"* 5 FETCH",
        b"* 5 FETCH UID 5",
        b'* 5 FETCH ("',
        b"* 5 FETCH " + b"(" * 30,
        b"* FLAGS",
        b"* FLAGS \\Seen",
        b"* FLAGS ((a))",
        b"* SEARCH x",
        b"* SEARCH 1,2",
        b"* SEARCH 1 (MODSEQ x)",
        b"* SEARCH " + b"9" * 30,
        b"* VANISHED",
        b"* VANISHED *",
        b"* VANISHED (EARLIER) x",
        b"* ID",
        b"* ID x",
        b'* ID ("a',
        b"* ID ((a) b)",
        b"* ESEARCH ALL x",
        b"* ESEARCH ALL",
        b"* ESEARCH COUNT -1",
        b'* ESEARCH "',
        b"* ESEARCH PARTIAL (1:2 x)",
        b"* ESEARCH PARTIAL 5",
        b"* ESEARCH PARTIAL ((a) 1)",
        b"\0\0\0",
    ],
)
def test_what_makes_no_sense_is_told_as_it_stood(line: bytes) -> None:
    assert parse(line) == Unparsed(raw=line)


@pytest.mark.parametrize(
    "text", [b"* CAPABILITY ", b"* ENABLED ", b"* SEARCH ", b"* VANISHED ", b"* COPYUID 1 2 "]
)
def test_a_literal_where_none_can_be_makes_no_sense(text: bytes) -> None:
    assert parse(text, LiteralRef(3, content=b"abc"), b"") == Unparsed(raw=text + b"{3}")


def test_a_literal_at_the_begin_makes_no_sense() -> None:
    assert parse(LiteralRef(3)) == Unparsed(raw=b"{3}")


parts = st.lists(
    st.binary(max_size=30) | st.sampled_from(PIECES) | st.just(LiteralRef(2)), max_size=4
)


@given(st.binary(max_size=60) | st.sampled_from(PIECES), parts)
def test_nothing_makes_it_fail(first: bytes, more: list[bytes | LiteralRef]) -> None:
    assert parse(first, *more) is not None
