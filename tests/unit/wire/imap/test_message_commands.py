from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from switchover.errors import InvalidInput
from switchover.wire.imap import message_commands as messages
from switchover.wire.imap.command import Command, LiteralMode, Step, Stream, Wait, encode
from switchover.wire.imap.message_commands import (
    FetchField,
    FlagChange,
    MessageForm,
    NewMessage,
    Page,
    SearchResult,
)


def steps(command: Command, mode: LiteralMode = LiteralMode.ANY) -> tuple[Step, ...]:
    return encode(b"T", command, mode)


def wire(command: Command) -> bytes:
    (line,) = steps(command)
    assert isinstance(line, bytes)
    return line.removeprefix(b"T ").removesuffix(b"\r\n")


def test_a_listing_asks_each_server_for_what_it_has() -> None:
    plain = (FetchField.UID, FetchField.FLAGS, FetchField.INTERNAL_DATE, FetchField.SIZE)
    assert messages.listing_fields({"IMAP4REV1"}) == plain
    assert messages.listing_fields({"CONDSTORE", "OBJECTID"}) == (
        *plain,
        FetchField.MOD_SEQ,
        FetchField.EMAIL_ID,
        FetchField.THREAD_ID,
    )
    assert messages.listing_fields({"X-GM-EXT-1"}) == (
        *plain,
        FetchField.GMAIL_MESSAGE_ID,
        FetchField.GMAIL_LABELS,
    )


def test_the_uid_is_asked_for_unless_the_answer_begins_with_it() -> None:
    for fields in (
        messages.listing_fields((), is_uid_only=True),
        messages.flag_fields(is_uid_only=True),
        messages.body_fields(is_uid_only=True),
    ):
        assert FetchField.UID not in fields
    assert messages.flag_fields() == (FetchField.UID, FetchField.FLAGS)


def test_bodies_come_last_and_set_no_flag() -> None:
    line = wire(messages.uid_fetch(b"5:9", messages.body_fields()))
    assert line == b"UID FETCH 5:9 (UID FLAGS INTERNALDATE BODY.PEEK[])"


def test_a_fetch_names_the_items_and_the_modifiers() -> None:
    fields = messages.flag_fields()
    assert wire(messages.uid_fetch(b"1:*", fields, changed_since=0)) == (
        b"UID FETCH 1:* (UID FLAGS) (CHANGEDSINCE 0)"
    )
    assert wire(messages.uid_fetch(b"1:*", fields, changed_since=9, with_vanished=True)) == (
        b"UID FETCH 1:* (UID FLAGS) (CHANGEDSINCE 9 VANISHED)"
    )
    assert wire(messages.uid_fetch(b"1:*", [FetchField.HEADER], page=Page(-1, -100))) == (
        b"UID FETCH 1:* (BODY.PEEK[HEADER]) (PARTIAL -1:-100)"
    )


def test_a_fetch_that_no_server_takes_is_not_made() -> None:
    with pytest.raises(InvalidInput):
        messages.uid_fetch(b"1", [])
    with pytest.raises(InvalidInput):
        messages.uid_fetch(b"1", [FetchField.FLAGS], with_vanished=True)


@pytest.mark.parametrize("page", [Page(0, 5), Page(1, -1), Page(-3, 0)])
def test_a_page_counts_from_one_end(page: Page) -> None:
    with pytest.raises(InvalidInput):
        messages.uid_search(page=page)


@pytest.mark.parametrize(
    ("command", "line"),
    [
        (messages.uid_search(), b"UID SEARCH ALL"),
        (messages.uid_search(messages.uid_key(b"1:*")), b"UID SEARCH UID 1:*"),
        (
            messages.uid_search(messages.ALL, messages.DELETED, results=[SearchResult.COUNT]),
            b"UID SEARCH RETURN (COUNT) ALL DELETED",
        ),
        (
            messages.uid_search(results=[SearchResult.MIN, SearchResult.MAX, SearchResult.ALL]),
            b"UID SEARCH RETURN (MIN MAX ALL) ALL",
        ),
        (
            messages.uid_search(results=[SearchResult.SAVE], page=Page(1, 500)),
            b"UID SEARCH RETURN (SAVE PARTIAL 1:500) ALL",
        ),
        (messages.uid_search(messages.since_key(date(2024, 2, 1))), b"UID SEARCH SINCE 1-Feb-2024"),
        (
            messages.uid_search(messages.before_key(date(987, 12, 31))),
            b"UID SEARCH BEFORE 31-Dec-0987",
        ),
        (messages.uid_search(messages.larger_key(10)), b"UID SEARCH LARGER 10"),
        (messages.uid_search(messages.mod_seq_key(7)), b"UID SEARCH MODSEQ 7"),
        (
            messages.uid_search(messages.header_key("Message-ID", '<"a"@contoso.example>')),
            b'UID SEARCH HEADER "Message-ID" "<\\"a\\"@contoso.example>"',
        ),
    ],
)
def test_a_search_is_as_the_standards_write_it(command: Command, line: bytes) -> None:
    assert wire(command) == line


def test_a_search_for_other_than_ascii_is_refused() -> None:
    with pytest.raises(InvalidInput, match="ASCII"):
        messages.header_key("Subject", "é")


@pytest.mark.parametrize(
    ("command", "line"),
    [
        (
            messages.uid_store(b"1:9", FlagChange.ADD, (b"\\Flagged",)),
            b"UID STORE 1:9 +FLAGS.SILENT (\\Flagged)",
        ),
        (
            messages.uid_store(b"1", FlagChange.REMOVE, (b"$x",), is_silent=False),
            b"UID STORE 1 -FLAGS ($x)",
        ),
        (
            messages.uid_store(b"1", FlagChange.REPLACE, (), unchanged_since=12),
            b"UID STORE 1 (UNCHANGEDSINCE 12) FLAGS.SILENT ()",
        ),
        (
            messages.uid_store_labels(b"1", FlagChange.ADD, [b"\\Inbox", b'a "b"', b"\\a b"]),
            b'UID STORE 1 +X-GM-LABELS.SILENT (\\Inbox "a \\"b\\"" "\\\\a b")',
        ),
        (
            messages.uid_store_labels(b"1", FlagChange.REPLACE, [], is_silent=False),
            b"UID STORE 1 X-GM-LABELS ()",
        ),
        (messages.uid_expunge(b"3,5"), b"UID EXPUNGE 3,5"),
        (messages.uid_copy(b"1:2", b"a/b"), b'UID COPY 1:2 "a/b"'),
        (messages.uid_move(b"$", b"a"), b'UID MOVE $ "a"'),
    ],
)
def test_a_change_is_as_the_standards_write_it(command: Command, line: bytes) -> None:
    assert wire(command) == line


@pytest.mark.parametrize("bad", [b"", b"1 x", b"1)\r\n", b"a"])
def test_no_command_takes_more_than_a_set_of_uids(bad: bytes) -> None:
    for build in (
        messages.uid_expunge,
        messages.uid_key,
        lambda uids: messages.uid_fetch(uids, [FetchField.FLAGS]),
        lambda uids: messages.uid_copy(uids, b"x"),
        lambda uids: messages.uid_store(uids, FlagChange.ADD, ()),
        lambda uids: messages.uid_store_labels(uids, FlagChange.ADD, []),
    ):
        with pytest.raises(InvalidInput):
            build(bad)


DATE = b"17-Jul-1996 02:44:25 -0700"


def test_an_append_streams_its_message() -> None:
    message = NewMessage(310, (b"\\Seen", b"$x"), DATE)
    assert steps(messages.append(b"a", message)) == (
        b'T APPEND "a" (\\Seen $x) "17-Jul-1996 02:44:25 -0700" {310+}\r\n',
        Stream(0, 310),
        b"\r\n",
    )


def test_a_multiappend_streams_each_message_in_its_place() -> None:
    command = messages.append(
        b"a", NewMessage(5), NewMessage(0, (b"\\Seen",)), NewMessage(7, (), DATE)
    )
    assert steps(command) == (
        b'T APPEND "a" {5+}\r\n',
        Stream(0, 5),
        b" (\\Seen) {0+}\r\n",
        Stream(1, 0),
        b' "17-Jul-1996 02:44:25 -0700" {7+}\r\n',
        Stream(2, 7),
        b"\r\n",
    )


def test_without_literal_plus_each_message_waits_for_its_leave() -> None:
    command = messages.append(b"a", NewMessage(5), NewMessage(6))
    assert steps(command, LiteralMode.SYNCHRONISING) == (
        b'T APPEND "a" {5}\r\n',
        Wait.CONTINUATION,
        Stream(0, 5),
        b" {6}\r\n",
        Wait.CONTINUATION,
        Stream(1, 6),
        b"\r\n",
    )


@pytest.mark.parametrize(
    ("form", "before", "after"),
    [
        (MessageForm.PLAIN, b'T APPEND "a" {2+}\r\n', b"\r\n"),
        (MessageForm.BINARY, b'T APPEND "a" ~{2+}\r\n', b"\r\n"),
        (MessageForm.UTF8, b'T APPEND "a" UTF8 (~{2+}\r\n', b")\r\n"),
    ],
)
def test_a_message_travels_in_its_form(form: MessageForm, before: bytes, after: bytes) -> None:
    command = messages.append(b"a", NewMessage(2, form=form))
    assert steps(command) == (before, Stream(0, 2), after)


def test_a_small_message_may_be_given_whole() -> None:
    assert wire(messages.append(b"a", NewMessage(2, content=b"ab"))) == b'APPEND "a" {2+}\r\nab'


def test_an_append_needs_a_message_and_a_clean_date() -> None:
    with pytest.raises(InvalidInput):
        messages.append(b"a")
    with pytest.raises(InvalidInput):
        messages.append(b"a", NewMessage(1, (), b"17-Jul\r\n"))


@given(
    st.sets(st.integers(1, 4_000_000_000), min_size=1).map(sorted),
    st.integers(120, 300),
    st.none() | st.integers(1, 9),
)
def test_no_line_of_a_chunked_command_passes_the_limit(
    uids: list[int], octets: int, most: int | None
) -> None:
    fields = messages.body_fields()
    held = 0
    for command, start, stop in messages.in_chunks(
        lambda text: messages.uid_fetch(text, fields),
        uids,
        line_octets=octets,
        most_uids=most,
    ):
        assert start == held
        assert len(wire(command)) + len(b"A12345678901234567890 \r\n") <= octets
        held = stop
    assert held == len(uids)


def test_exchange_gets_a_hundred_thousand_scattered_uids_in_lines_it_takes() -> None:
    uids = range(1, 200_001, 2)
    commands = list(
        messages.in_chunks(
            lambda text: messages.uid_store(text, FlagChange.ADD, (b"\\Flagged",)),
            uids,
            line_octets=10_240,
        )
    )
    assert max(command.line_octets for command, _, _ in commands) <= 10_240
    assert commands[-1].stop == len(uids)
