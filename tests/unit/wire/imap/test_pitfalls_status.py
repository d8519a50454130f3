"""Statuses, codes, continuations, blanks and line ends as servers have been seen to send them.

Each claim: it costs nothing, or at most one message. Who did it stands beside the bytes where known.
"""

from __future__ import annotations

import pytest
from tests.unit.wire.imap.served import event, events, item, told

from switchover.wire.imap.number_ranges import NumberRanges
from switchover.wire.imap.response_codes import (
    AppendUid,
    CapabilityCode,
    Code,
    CopyUid,
    NumberCode,
    PermanentFlags,
)
from switchover.wire.imap.responses import (
    Capability,
    Continuation,
    Exists,
    Id,
    ListEntry,
    MailboxStatus,
    Recent,
    Search,
    Status,
    StatusKind,
    Unparsed,
)

OK = StatusKind.OK


def ranges(text: bytes) -> NumberRanges:
    found = NumberRanges.parse_set(text)
    assert found is not None
    return found


def copy_uid(validity: int, source: bytes, target: bytes) -> CopyUid:
    return CopyUid(uid_validity=validity, source=ranges(source), target=ranges(target))


def test_a_response_code_may_stand_without_ok() -> None:  # Office 365
    code = copy_uid(14, b"1:2", b"7:8")
    assert event(b"* [COPYUID 14 1:2 7:8] done") == Status(kind=OK, code=code, text="done")


def test_a_code_may_stand_without_its_brackets() -> None:  # home.pl
    assert event(b"* COPYUID 14 1 2") == Status(kind=OK, code=copy_uid(14, b"1", b"2"))


def test_text_may_be_missing_after_a_code() -> None:  # Gmail
    code = NumberCode(name="HIGHESTMODSEQ", value=9162345)
    assert event(b"* OK [HIGHESTMODSEQ 9162345]") == Status(kind=OK, code=code)


def test_text_may_be_missing_after_a_status() -> None:
    assert event(b"a1 OK") == Status(kind=OK, tag=b"a1")
    assert event(b"a1 NO ") == Status(kind=StatusKind.NO, tag=b"a1")


def test_our_own_literal_echoed_in_a_text_announces_nothing() -> None:
    echoed = event(b'a1 BAD Error in command: APPEND "x" {310}')
    assert echoed == Status(
        kind=StatusKind.BAD, tag=b"a1", text='Error in command: APPEND "x" {310}'
    )
    assert event(b"* BAD what is {5}") == Status(kind=StatusKind.BAD, text="what is {5}")
    assert event(b"+ send {5}") == Continuation(text=b"send {5}")


def test_uidnext_and_uidvalidity_may_be_zero() -> None:  # seen by MailKit users
    assert event(b"* OK [UIDNEXT 0] next").code == NumberCode(name="UIDNEXT", value=0)
    assert event(b"* OK [UIDVALIDITY 0] x").code == NumberCode(name="UIDVALIDITY", value=0)


def test_uidvalidity_may_be_beyond_32_bits() -> None:  # GreenMail
    assert event(b"* OK [UIDVALIDITY 1528896777421]").code.value == 1528896777421


def test_a_negative_number_in_a_code_is_not_believed() -> None:
    assert event(b"* OK [UIDNEXT -1] x").code == Code(name="UIDNEXT", arguments=b"-1")


def test_appenduid_may_name_a_set() -> None:  # Dovecot, for MULTIAPPEND
    assert event(b"a OK [APPENDUID 38505 17:19] done").code == AppendUid(
        uid_validity=38505, uids=ranges(b"17:19")
    )


def test_copyuid_keeps_the_order_of_its_sets() -> None:
    code = event(b"a OK [COPYUID 1 3,1:2 12:10] done").code
    assert list(code.pairs()) == [(3, 10), (1, 11), (2, 12)]


def test_copyuid_with_sets_of_unequal_size_pairs_nothing() -> None:
    assert list(event(b"a OK [COPYUID 1 1:3 10:11] done").code.pairs()) == []


def test_copyuid_may_lack_its_sets() -> None:  # Exchange
    assert event(b"* OK [COPYUID 14  ]").code == Code(name="COPYUID", arguments=b"14")


def test_flags_with_a_bracket_do_not_end_the_code() -> None:
    assert event(b"* OK [PERMANENTFLAGS (\\Seen a]b $Junk \\*)] kept") == Status(
        kind=OK, code=PermanentFlags(flags=(b"\\Seen", b"a]b", b"$Junk", b"\\*")), text="kept"
    )


def test_an_alert_is_told_with_its_text() -> None:
    assert event(b"* OK [ALERT] disk is full") == Status(
        kind=OK, code=Code(name="ALERT"), text="disk is full"
    )


def test_an_untagged_bad_is_a_status() -> None:  # interia.pl answers a tagged command with it
    assert event(b"* BAD [ALERT] enable IMAP first").kind is StatusKind.BAD


def test_a_greeting_may_be_preauth() -> None:
    assert event(b"* PREAUTH ready").kind is StatusKind.PREAUTH


@pytest.mark.parametrize(
    "line", [b"* OK [CAPABILITY IMAP4rev1 ID] hi", b"a OK [CAPABILITY IMAP4rev1 ID ]"]
)
def test_capabilities_may_come_in_a_greeting_or_an_ok_only(line: bytes) -> None:
    assert event(line).code == CapabilityCode(capabilities=("IMAP4REV1", "ID"))


def test_data_may_come_after_bye() -> None:  # Yandex
    kinds = [type(one) for one in events(b"* BYE later", b"* 3 EXISTS", b"a OK done")]
    assert kinds == [Status, Exists, Status]


def test_namespace_may_be_answered_bad() -> None:  # Exchange
    assert event(b"a7 BAD Command Error. 12").tag == b"a7"


def test_a_greeting_of_another_protocol_is_unparsed() -> None:  # SmarterMail
    assert event(b"421 Server is busy, try again later.") == Unparsed(
        raw=b"421 Server is busy, try again later."
    )


def test_a_code_that_does_not_end_is_text() -> None:
    assert event(b"* OK [UIDNEXT 5 oops") == Status(kind=OK, text="[UIDNEXT 5 oops")


def test_status_texts_may_be_in_any_encoding() -> None:
    assert event(b"* OK caf\xe9 \xc3\xa9").text == "caf� é"


@pytest.mark.parametrize(
    ("line", "text"),
    [
        (b"+", b""),
        (b"+ ", b""),
        (b"+ go on", b"go on"),
        (b"+YWJj", b"YWJj"),
        (b"+  YWJj ", b"YWJj"),
    ],
)
def test_a_continuation_may_lack_its_text_or_its_blank(line: bytes, text: bytes) -> None:
    assert event(line) == Continuation(text=text)


def test_blanks_may_be_doubled_or_trail() -> None:
    assert event(b"* STATUS INBOX  ( MESSAGES 5  UIDNEXT 6 ) ") == MailboxStatus(
        name=b"INBOX", messages=5, uid_next=6
    )
    assert event(b"* CAPABILITY  IMAP4rev1  IDLE ") == Capability(
        capabilities=("IMAP4REV1", "IDLE")
    )
    assert event(b'* ID ("name"  "Contoso" ) ') == Id(fields={"name": "Contoso"})
    assert event(b"* SEARCH 4  5 9 ") == Search(numbers=ranges(b"4:5,9"))
    assert event(b"* SEARCH") == Search(numbers=NumberRanges.from_numbers([]))
    assert event(b"*  7  EXISTS ") == Exists(count=7)
    assert event(b"a1  OK  done") == Status(kind=OK, tag=b"a1", text="done")


def test_lines_may_end_in_lf_alone() -> None:
    assert told([b"* 7 EXISTS\n* OK hi\n"]) == [Exists(count=7), Status(kind=OK, text="hi")]


def test_a_literal_may_be_announced_before_lf_alone() -> None:
    assert told([b'* LIST () "/" {3}\nabc\n']) == [ListEntry("LIST", (), b"/", b"abc")]


def test_empty_lines_are_passed_over() -> None:  # IceWarp
    assert events(b"* CAPABILITY IMAP4rev1", b"", b"a OK done")[1].tag == b"a"


def test_words_may_be_in_any_case() -> None:
    assert event(b"* 3 Recent") == Recent(count=3)  # David.fx
    assert item(b"* 1 fetch (uid 7 flags (\\seen))").uid == 7
    assert event(b"a1 Ok fine").kind is OK


def test_literal_plus_may_have_a_blank() -> None:
    assert "LITERAL+" in event(b"* CAPABILITY IMAP4rev1 LITERAL + IDLE").capabilities
