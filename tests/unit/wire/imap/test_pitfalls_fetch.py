"""Listings, messages and long answers as servers have been seen to send them.

Each claim: it costs nothing, or at most one message. Who did it stands beside the bytes where known.
"""

from __future__ import annotations

import pytest
from tests.unit.wire.imap.served import event, events, item

from switchover.wire.imap.failure import Failure, Retry, Scope
from switchover.wire.imap.internal_date import InternalDate
from switchover.wire.imap.number_ranges import NumberRanges
from switchover.wire.imap.reader import Limits
from switchover.wire.imap.responses import (
    BodyEnd,
    BodyStart,
    ESearch,
    Exists,
    Expunge,
    Fetch,
    Metadata,
    Status,
    Unparsed,
)
from switchover.wire.imap.tokens import LiteralRef


def ranges(text: bytes) -> NumberRanges:
    found = NumberRanges.parse_set(text)
    assert found is not None
    return found


def test_numbers_may_be_negative() -> None:  # Zoho; Dovecot for sizes
    shown = item(b"* 1 FETCH (UID 5 MODSEQ (-1) RFC822.SIZE -1 FLAGS ())")
    assert (shown.uid, shown.modseq, shown.size, shown.flags) == (5, None, None, ())
    assert shown.find(b"RFC822.SIZE") == b"-1"
    assert event(b"* STATUS a (MESSAGES -1 UIDNEXT 4)").uid_next == 4


def test_sizes_may_be_floats_or_have_exponents() -> None:  # mail.ru
    assert item(b"* 1 FETCH (UID 5 RFC822.SIZE 9.3736e+06)").size == 9_373_600
    assert item(b"* 1 FETCH (UID 5 RFC822.SIZE 4096.0)").size == 4096
    assert item(b"* 1 FETCH (UID 5 RFC822.SIZE 0.5)").size is None
    assert item(b"* 1 FETCH (UID 5 RFC822.SIZE 9e99)").size is None


def test_a_rounded_uid_names_no_message() -> None:
    assert item(b"* 1 FETCH (UID 1e3 FLAGS ())").uid is None


def test_sizes_and_modseqs_have_64_bits() -> None:
    line = b"* 1 FETCH (UID 4294967295 FLAGS () MODSEQ (9223372036854775807) RFC822.SIZE 9007199254740993)"
    shown = item(line)
    assert (shown.uid, shown.modseq) == (2**32 - 1, 2**63 - 1)
    assert shown.size == 2**53 + 1
    assert item(b"* 1 FETCH (UID 1 MODSEQ (18446744073709551615))").modseq == 2**64 - 1
    assert item(b"* 1 FETCH (UID 1 MODSEQ (18446744073709551616))").modseq is None


def test_numbers_of_any_length_are_no_numbers() -> None:
    assert item(b"* 1 FETCH (UID %b)" % (b"9" * 10_000)).uid is None
    assert isinstance(event(b"* %b EXISTS" % (b"9" * 10_000)), Unparsed)


def test_items_come_in_any_order() -> None:
    shown = item(b"* 1 FETCH (MODSEQ (7) RFC822.SIZE 99 FLAGS (\\Seen) UID 5)")
    assert (shown.uid, shown.flags, shown.size, shown.modseq) == (5, (b"\\Seen",), 99, 7)


def test_the_uid_may_come_after_the_body() -> None:
    start, body, end, fetched = events(b"* 1 FETCH (BODY[] {5}\r\nhello UID 5 FLAGS (\\Seen))")
    assert (start.size, start.item.uid, body, end) == (5, None, b"hello", BodyEnd())
    assert (fetched.items[0].uid, fetched.items[0].body) == (5, LiteralRef(5))


def test_what_came_before_the_body_is_told_with_its_begin() -> None:
    start, _, _, fetched = events(
        b'* 9 FETCH (UID 5 FLAGS ($x) INTERNALDATE " 5-Feb-2017 14:38:25 +0200" BODY[] {2}\r\nhi)'
    )
    assert start.item.uid == 5
    assert start.item.internal_date == InternalDate(1486298305, 120)
    assert fetched.items[0] == start.item._replace(body=LiteralRef(2))


def test_parentheses_may_be_too_many() -> None:  # Domino
    assert item(b"* 2 FETCH (UID 14935 (FLAGS (\\Seen)) RFC822.SIZE 5)") == item(
        b"* 2 FETCH (UID 14935 FLAGS (\\Seen) RFC822.SIZE 5)"
    )
    assert item(b"* 2 FETCH ((UID 7 FLAGS ()))").uid == 7
    assert item(b"* 2 FETCH (UID 7 FLAGS ()))").uid == 7
    assert event(b'* ESEARCH (TAG "a") UID ALL 3,5 (MODSEQ 28)').modseq == 28


def test_a_parenthesis_may_be_missing_at_the_end() -> None:
    assert item(b"* 2 FETCH (UID 7 FLAGS (\\Seen)").flags == (b"\\Seen",)


def test_an_item_may_be_missing_although_asked() -> None:  # iCloud, Yandex
    assert item(b"* 1 FETCH (UID 5)").body is None
    assert item(b"* 1 FETCH (UID 5 BODY[] NIL FLAGS (\\Seen))").flags == (b"\\Seen",)
    assert item(b"* 1 FETCH (RFC822 UID 5 FLAGS ())").uid == 5
    assert item(b"* 1 FETCH (UID 5 FLAGS () RFC822)").uid == 5


def test_a_body_may_come_as_a_quoted_string() -> None:
    start, body, end, fetched = events(b'* 1 FETCH (UID 5 BODY[] "a\\"b")')
    assert (start.size, body, end) == (3, b'a"b', BodyEnd())
    assert fetched.items[0].body == LiteralRef(3)
    assert [type(one) for one in events(b'* 1 FETCH (UID 5 BODY[] "")')] == [
        BodyStart,
        BodyEnd,
        Fetch,
    ]


def test_news_come_between_the_lines_of_a_listing_in_their_place() -> None:
    listing = events(
        b"* 1 FETCH (UID 5 FLAGS ())",
        b"* 2 FETCH (FLAGS (\\Deleted))",
        b"* 2 EXPUNGE",
        b"* 9 EXISTS",
        b"* 2 FETCH (UID 6 FLAGS ())",
        b"a OK done",
    )
    assert [type(one) for one in listing] == [Fetch, Fetch, Expunge, Exists, Fetch, Status]
    assert (listing[1].items[0].uid, listing[1].items[0].sequence) == (None, 2)


def test_a_response_may_have_several_literals() -> None:
    answer = events(
        b"* 1 FETCH (UID 5 BODY[HEADER] {4}\r\nA: b X-GM-LABELS ({3}\r\nf o x) BODY[TEXT] {0}\r\n)"
    )
    header, content, _, text, _, fetched = answer
    assert (header.section, content, text.section, text.size) == (
        b"BODY[HEADER]",
        b"A: b",
        b"BODY[TEXT]",
        0,
    )
    assert fetched.items[0].find(b"X-GM-LABELS") == [LiteralRef(3, content=b"f o"), b"x"]


@pytest.mark.parametrize(
    "section",
    [
        b"BODY[]<0>",
        b"BODY[1.2.MIME]",
        b"BODY[HEADER.FIELDS (FROM BODY)]",
        b'BODY[HEADER.FIELDS ("X-A]" "X-(b)")]',
        b"BODY[HEADER.FIELDS.NOT (RFC822)]<7>",
        b"BODY.PEEK[]",
        b"BINARY[]",
        b"RFC822",
        b"RFC822.HEADER",
    ],
)
def test_section_names_may_hold_anything(section: bytes) -> None:
    start, body, _, fetched = events(b"* 1 FETCH (UID 5 %b {3}\r\n)\r\n FLAGS (\\Seen))" % section)
    assert (start.section, body) == (section, b")\r\n")
    assert (fetched.items[0].uid, fetched.items[0].flags) == (5, (b"\\Seen",))


def test_a_body_may_be_a_literal8() -> None:
    start, body, _, fetched = events(b"* 1 FETCH (UID 5 BINARY[] ~{3}\r\na\0b)")
    assert (start.size, body) == (3, b"a\0b")
    assert fetched.items[0].body == LiteralRef(3, binary=True)


def test_a_body_may_have_no_bytes() -> None:
    assert [type(one) for one in events(b"* 1 FETCH (UID 5 BODY[] {0}\r\n)")] == [
        BodyStart,
        BodyEnd,
        Fetch,
    ]


def test_a_body_may_look_like_responses() -> None:
    body = b"* 1 EXPUNGE\r\n* 2 FETCH (UID 1 BODY[] {9}\r\na OK done\r\n"
    told_of = events(b"* 1 FETCH (UID 5 BODY[] {%d}\r\n%b)" % (len(body), body), b"a OK done")
    assert told_of[1] == body
    assert [type(one) for one in told_of[2:]] == [BodyEnd, Fetch, Status]


def test_the_size_may_differ_from_the_body() -> None:  # Exchange estimates
    shown = item(b"* 1 FETCH (UID 5 RFC822.SIZE 19189 BODY[] {5}\r\nhello)")
    assert (shown.size, shown.body) == (19189, LiteralRef(5))


@pytest.mark.parametrize(
    "tail",
    [
        b"rest of the mail",
        b" rest (of the mail)",
        b"",
        b"0001 OK done",
        b"* 2 FETCH (UID 6)",
        b" UID 5",
    ],
)
def test_a_body_of_another_size_than_announced_ends_the_reading(tail: bytes) -> None:  # Domino
    # Going on would take the rest of a mail for responses, and its writer could forge them.
    *_, last = events(b"* 1 FETCH (UID 5 BODY[] {5}\r\nhello" + tail, b"* 2 EXPUNGE")
    assert isinstance(last, Failure)
    assert (last.scope, last.retry) == (Scope.MESSAGE, Retry.NEVER)
    assert "UID 5" in last.message


def test_flags_may_hold_brackets_and_dollars() -> None:
    assert item(b"* 1 FETCH (UID 1 FLAGS (a]b [c] $Forwarded {x} \\Seen))").flags == (
        b"a]b",
        b"[c]",
        b"$Forwarded",
        b"{x}",
        b"\\Seen",
    )


def test_flags_stay_as_they_were_served() -> None:
    assert item(b"* 1 FETCH (UID 1 FLAGS (\\SEEN \\Recent kEyword caf\xe9))").flags == (
        b"\\SEEN",
        b"\\Recent",
        b"kEyword",
        b"caf\xe9",
    )
    assert item(b"* 1 FETCH (UID 1 FLAGS NIL)").flags == ()


def test_envelopes_with_8_bits_and_loose_quotes_cost_nothing_else() -> None:
    shown = item(b'* 1 FETCH (UID 1 ENVELOPE (NIL "caf\xe9 "x"" NIL) FLAGS (\\Seen))')
    assert (shown.uid, shown.flags) == (1, (b"\\Seen",))


def test_dates_may_be_odd() -> None:
    zero = InternalDate(1491395905, 120)
    for text in (
        b" 5-Apr-2017 14:38:25 +0200",
        b"5-Apr-2017 14:38:25 +02",
        b"05-apr-17 14:38:25 +02:00",
    ):
        assert item(b'* 1 FETCH (UID 1 INTERNALDATE "%b")' % text).internal_date == zero


def test_a_date_that_does_not_exist_is_kept_as_it_stands() -> None:
    shown = item(b'* 1 FETCH (UID 1 INTERNALDATE "31-Feb-2017 14:38:25 +0200")')
    assert (shown.uid, shown.internal_date) == (1, None)
    assert shown.date == b"31-Feb-2017 14:38:25 +0200"


def test_a_bad_line_costs_one_message() -> None:
    listing = events(
        b"* 1 FETCH (UID 1 FLAGS (\\Seen))",
        b'* 2 FETCH (UID 2 FLAGS ("broken',
        b"* 3 FETCH UID 3",
        b"* 4 FETCH (UID 4 FLAGS ())",
    )
    assert [type(one) for one in listing] == [Fetch, Unparsed, Unparsed, Fetch]


def test_an_answer_to_search_may_have_megabytes() -> None:
    count = 300_000
    line = b"* SEARCH " + b" ".join(b"%d" % uid for uid in range(10**9, 10**9 + count))
    assert event(line).numbers == ranges(b"%d:%d" % (10**9, 10**9 + count - 1))
    assert event(line + b" (MODSEQ 917162500) ").modseq == 917162500


def test_an_answer_to_extended_search_may_have_megabytes() -> None:
    text = b",".join(b"%d:%d" % (first, first + 1) for first in range(1, 600_000, 4))
    found = event(b'* ESEARCH (TAG "a1") UID COUNT 300000 ALL ' + text)
    assert found == ESearch(tag=b"a1", uid=True, numbers=ranges(text), count=300_000)


def test_a_line_beyond_the_limit_ends_the_reading() -> None:
    (failure,) = events(b"* SEARCH " + b"1 " * 600, limits=Limits(line_bytes=1000))
    assert (failure.scope, failure.retry) == (Scope.ENDPOINT, Retry.NEVER)
    assert "1000 bytes" in failure.message


def test_a_kept_literal_beyond_the_limit_costs_one_response() -> None:
    limits = Limits(kept_bytes=10)
    line = b'* METADATA "" (/shared/comment {11}\r\nhello world)'
    assert events(line, b"* 1 EXISTS", limits=limits) == [
        Unparsed(raw=b'* METADATA "" (/shared/comment {11})'),
        Exists(count=1),
    ]
    assert event(line) == Metadata(name=b"", entries=((b"/shared/comment", b"hello world"),))
