from __future__ import annotations

import base64

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from switchover.errors import InvalidInput
from switchover.wire.imap.mailbox_name import (
    MailboxName,
    NameEncoding,
    decode,
    encode,
    unwritable_characters,
)

UTF7, UTF8 = NameEncoding.MODIFIED_UTF7, NameEncoding.UTF8
writable = st.text(min_size=1).filter(lambda text: not unwritable_characters(text))
encodings = st.sampled_from(NameEncoding)


def from_wire(
    raw: bytes, separator: bytes | None = b"/", encoding: NameEncoding = UTF7
) -> MailboxName:
    return MailboxName.from_wire(raw, separator=separator, encoding=encoding)


@given(writable, encodings)
@example("é&ü", UTF7)
@example("&", UTF7)
@example("台北", UTF7)
@example("😀", UTF7)
@example("a~ b", UTF7)
@example("-&-", UTF7)
def test_a_written_name_is_read_as_it_was_meant(text: str, encoding: NameEncoding) -> None:
    assert decode(encode(text, encoding), encoding) == text


@given(writable)
def test_modified_utf_7_is_printable_ascii(text: str) -> None:
    assert all(0x20 <= octet <= 0x7E for octet in encode(text, UTF7))


@given(st.binary(), encodings, st.none() | st.sampled_from([b"/", b".", b"+", b",", b"-", b"&"]))
@example(b"&AOk", UTF7, None)
@example(b"&AOk/x-", UTF7, b"/")
@example(b"&2AA-", UTF7, None)
@example(b"&A-", UTF7, None)
@example(b"&AOkA-", UTF7, None)
def test_reading_takes_any_bytes_and_keeps_them(
    raw: bytes, encoding: NameEncoding, separator: bytes | None
) -> None:
    name = from_wire(raw, separator, encoding)
    assert name.raw == raw
    assert name.levels
    assert isinstance(name.text, str)
    assert name.key


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        (b"~peter/mail/&U,BTFw-/&ZeVnLIqe-", "~peter/mail/台北/日本語"),  # RFC 3501, 5.1.3
        (b"Entw&APw-rfe", "Entwürfe"),
        (b"R&-D", "R&D"),
        (b"R&D", "R&D"),  # a raw ampersand: some servers do not shift it
        (b"&AOk", "&AOk"),  # the shift is not ended
        (b"&AP/-", "&AP/-"),  # the other base64
        (b"&2D3eAA-", "😀"),
        (b"&2D0-", "&2D0-"),  # half a surrogate pair
        (b"&AGE-", "a"),  # a shift that was not needed
        ("Entwürfe".encode(), "Entwürfe"),  # UTF-8 where it is not allowed
        ("Entwürfe".encode("latin-1"), "Entwürfe"),
    ],
)
def test_modified_utf_7_is_read_as_servers_write_it(raw: bytes, text: str) -> None:
    assert decode(raw, UTF7) == text


def test_an_ampersand_is_only_an_ampersand_in_utf_8() -> None:
    assert decode(b"&AOk-", UTF8) == "&AOk-"
    assert encode("é&", UTF8) == "é&".encode()


@pytest.mark.parametrize(
    "one", ["\0", "\n", "\r", "\x1f", "\x7f", "\x85", "\u2028", "\u2029", "\ud800"]
)
@pytest.mark.parametrize("encoding", list(NameEncoding))
def test_characters_that_no_name_may_hold_are_named_and_refused(
    one: str, encoding: NameEncoding
) -> None:
    with pytest.raises(InvalidInput, match=f"U\\+{ord(one):04X}"):
        encode(f"a{one}b", encoding)
    assert unwritable_characters(f"a{one}b") == {one}


def test_an_empty_name_is_refused() -> None:
    with pytest.raises(InvalidInput, match="empty"):
        encode("", UTF7)


@given(st.lists(writable.filter(lambda text: "/" not in text), min_size=1, max_size=4), encodings)
def test_a_path_comes_back_level_by_level(levels: list[str], encoding: NameEncoding) -> None:
    made = MailboxName.from_levels(levels, separator="/", encoding=encoding)
    read = MailboxName.from_wire(made.raw, separator=b"/", encoding=encoding)
    assert read == made
    assert read.levels == tuple(levels)
    assert read.text == "/".join(levels)


def test_a_separator_within_a_shift_separates_nothing() -> None:
    run = "\uf800\uf800"  # its base64 has a plus
    assert b"+" in base64.b64encode(run.encode("utf-16-be"))
    raw = encode(run, UTF7) + b"+x"
    assert from_wire(raw, b"+").levels == (run, "x")
    assert from_wire(raw, b"+", UTF8).levels != (run, "x")


def test_an_encoded_separator_separates_nothing() -> None:
    assert from_wire(b"a&AC8-b/c").levels == ("a/b", "c")


def test_without_a_separator_a_name_is_one_level() -> None:
    for separator in (None, b""):
        name = from_wire(b"a/b.c", separator)
        assert (name.levels, name.separator) == (("a/b.c",), None)


def test_a_final_or_doubled_separator_gives_empty_levels() -> None:
    assert from_wire(b"a//b/").levels == ("a", "", "b", "")


@pytest.mark.parametrize(
    ("levels", "separator"),
    [([], "/"), (["a", "b"], None), (["a/b"], "/"), (["a", ""], "/"), ([""], None)],
)
def test_a_path_that_would_be_another_one_is_not_made(
    levels: list[str], separator: str | None
) -> None:
    with pytest.raises(InvalidInput):
        MailboxName.from_levels(levels, separator=separator, encoding=UTF7)


@pytest.mark.parametrize("raw", [b"INBOX", b"inbox", b"InBox"])
def test_inbox_is_inbox_in_any_case(raw: bytes) -> None:
    assert from_wire(raw).is_inbox
    assert from_wire(raw).key == ("INBOX",)
    assert from_wire(raw + b"/Sub").key == ("INBOX", "Sub")


@pytest.mark.parametrize("raw", [b"INBOX/Sub", b"INBOXES", b"&ATE-nbox", "\u0131nbox".encode()])
def test_what_only_looks_like_inbox_is_not(raw: bytes) -> None:
    assert not from_wire(raw).is_inbox
    assert from_wire(raw).key[0] == "INBOX" or from_wire(raw).key == from_wire(raw).levels


def test_other_names_keep_their_case() -> None:
    assert from_wire(b"Sent").key != from_wire(b"SENT").key
    assert from_wire(b"a/INBOX").key == ("a", "INBOX")


def test_nil_and_numbers_are_names_like_others() -> None:
    assert from_wire(b"NIL").levels == ("NIL",)
    assert from_wire(b"2013").levels == ("2013",)
