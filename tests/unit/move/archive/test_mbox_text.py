"""Mbox files: lines quoted and back, From_ lines, flags."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.move.archive.test_line_ends import cut

from switchover.move.archive import mbox_text as text
from switchover.move.archive.line_ends import ToWire
from switchover.move.archive.mbox_text import Quoter, pieces

MAILS = st.lists(
    st.sampled_from([b"\r\n", b"\r", b">", b"From ", b"F", b"rom", b" ", b"a", b"\n"]), min_size=1
).map(b"".join)


def quoted(chunks: list[bytes]) -> bytes:
    work = Quoter()
    return b"".join(map(work.feed, chunks)) + work.end()


@given(MAILS, st.lists(st.integers(0, 99), max_size=9), st.lists(st.integers(0, 99), max_size=9))
def test_a_mail_comes_back_with_its_last_line_ended(
    mail: bytes, cuts: list[int], others: list[int]
) -> None:
    file = quoted(cut(mail, cuts))
    assert not any(line.startswith(b"From ") for line in file.split(b"\n"))
    assert file.endswith(b"\n")
    read = b"".join(pieces(cut(file, others), is_quoted=True))
    as_sent = ToWire().feed(mail)
    assert read in {as_sent, as_sent + b"\r\n", as_sent + b"\n"}
    assert quoted([mail]) == file


def test_what_is_not_quoted_is_only_given_its_line_ends() -> None:
    assert b"".join(pieces([b">From x\n", b"From y\n"], is_quoted=False)) == (
        b">From x\r\nFrom y\r\n"
    )


@given(st.integers(-2_000_000_000, 10_000_000_000))
def test_the_date_of_a_from_line_comes_back(seconds: int) -> None:
    assert text.read_from_line(text.from_line(seconds)) == seconds


@pytest.mark.parametrize(
    ("line", "seconds"),
    [
        (b"From ann@contoso.example Thu Jan  1 00:00:01 1970\n", 1),
        (b"From - Thu Jan 01 00:00:01 1970\r\n", 1),
        (b"From ann Thu Jan  1 01:00:01 1970 +0100\n", 1),
        (b"From ann Thu Jan  1 00:00:01 CET 1970\n", 1),
        (b"From MAILER-DAEMON Thu Jan 1 00:01 1970\n", 60),
        (b'From "a b"@contoso.example Thu Jan  1 00:00:01 1970 remote from x\n', 1),
        (b"From here on nothing is a separator\n", None),
        (b"From ann Thu Jan 99 00:00:01 1970\n", None),
        (b"From ann Thu Foo  1 00:00:01 1970\n", None),
        (b"From ann\n", None),
    ],
)
def test_from_lines_of_others_are_known_and_sentences_are_none(
    line: bytes, seconds: int | None
) -> None:
    assert text.read_from_line(line) == seconds


def test_flags_stand_in_front_with_room_to_change_them() -> None:
    flags = (b"\\Seen", b"\\Flagged", b"work", b"$Forwarded")
    block = text.block(7, flags)
    found = text.read_block(block + b"Subject: x\n")
    assert found == (7, flags, len(block))
    room = text.keyword_room(len(block))
    assert len(text.block(7, (), room)) == len(block)
    assert text.read_block(b"Status: RO\nSubject: x\n") is None


def test_flags_of_dovecot_mutt_and_thunderbird_are_read_and_left_out_of_the_mail() -> None:
    header = (
        b"X-IMAPbase: 1600000000 0000000009 work\nStatus: RO\nX-Status: AFTD\n"
        b"X-Keywords: work  later\nX-UID: 3\nContent-Length: 12\nSubject: x\n y\n\n"
    )
    told = text.read_metadata(header)
    assert told.flags == (
        b"\\Seen", b"\\Answered", b"\\Flagged", b"\\Draft", b"\\Deleted", b"work", b"later",
    )  # fmt: skip
    assert (told.uid, told.uid_validity, told.uid_next, told.content_length) == (
        3, 1_600_000_000, 10, 12,
    )  # fmt: skip
    assert text.without_metadata(header) == b"Subject: x\n y\n\n"
    thunderbird = b"X-Mozilla-Status: 100f\nX-Mozilla-Status2: 0\nX-Mozilla-Keys: a b\n\n"
    assert set(text.read_metadata(thunderbird).flags) == {
        b"\\Seen", b"\\Answered", b"\\Flagged", b"\\Deleted", b"$Forwarded", b"a", b"b",
    }  # fmt: skip
    assert text.without_metadata(thunderbird) == b"\n"


def test_senseless_metadata_means_nothing() -> None:
    told = text.read_metadata(
        b"X-Mozilla-Status: zz\nX-UID: 99999999999\nX-IMAPbase: x\nContent-Length: -1\n\n"
    )
    assert told == text.Metadata(flags=(), uid_next=1)
    internal = b"X-IMAP: 1 2\nSubject: DON'T DELETE THIS MESSAGE -- FOLDER INTERNAL DATA\n\n"
    assert text.read_metadata(internal).is_internal
