"""Headers are read whatever servers hand out."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from switchover.move.mime_part import MailWords, PartHeader, read_part_header, words_of


def part(*lines: str) -> PartHeader:
    return read_part_header("\n".join(lines).encode("latin-1") + b"\n")


def test_a_header_without_fields_is_plain_text() -> None:
    found = read_part_header(b"")
    assert (found.content_type, found.charset, found.boundary, found.encoding) == (
        "text/plain",
        "",
        b"",
        "",
    )
    assert found.is_text
    assert not any(found.identity)


def test_fields_are_unfolded_and_the_first_counts() -> None:
    found = part(
        "Content-Type: text/html;",
        '\tcharset="UTF-8"',
        "content-type: image/png",
        "CONTENT-TRANSFER-ENCODING : Base64",
    )
    assert (found.content_type, found.charset, found.encoding) == ("text/html", "UTF-8", "base64")


@pytest.mark.parametrize(
    ("value", "boundary"),
    [
        ("multipart/mixed; boundary=b", b"b"),
        ('MULTIPART/Mixed;boundary = "a b;c "', b"a b;c"),
        ('multipart/mixed; x="boundary=no"; boundary="q\\"t"', b'q"t'),
        ("multipart/mixed", b""),
        ("text/plain; boundary=b", b""),
        ("nonsense; boundary=b", b""),
    ],
)
def test_boundaries_are_found(value: str, boundary: bytes) -> None:
    assert part(f"Content-Type: {value}").boundary == boundary


@pytest.mark.parametrize(
    ("lines", "is_text"),
    [
        (("Content-Disposition: inline",), True),
        (("Content-Disposition: Attachment; x=y",), False),
        (("Content-Disposition: inline; filename=a.txt",), False),
        (("Content-Disposition: inline; filename*=utf-8''a.txt",), False),
        (("Content-Type: text/plain; name=a.txt",), False),
        (("Content-Type: text/calendar",), False),
        (("Content-Type: image/png",), False),
    ],
)
def test_text_that_is_shown_is_told_from_attachments(lines: tuple[str, ...], is_text: bool) -> None:
    assert part(*lines).is_text is is_text


def test_a_mail_within_the_mail_is_entered_unless_it_is_encoded() -> None:
    assert part("Content-Type: message/rfc822").is_message
    assert not part("Content-Type: message/rfc822", "Content-Transfer-Encoding: base64").is_message


def test_identity_survives_rewriting() -> None:
    one = part(
        "Message-ID: <a@b>",
        "Date: Thu, 1 Jan 2026 10:00:00 +0100",
        "Subject: =?utf-8?B?R3LDvMOfZQ==?= =?iso-8859-1?q?aus_K=F6ln?=",
        'From: "Ann, A." <Ann@Contoso.Example>',
    )
    other = read_part_header(
        "message-id:\n <a@b>\nDate: 1 Jan 2026 09:00:00 GMT\nSubject: Grüße aus\n Köln\nFrom: ann@contoso.example\n".encode()
    )
    assert (
        one.identity
        == other.identity
        == ("<a@b>", "1767258000", "GrüßeausKöln", "ann@contoso.example")
    )


@pytest.mark.parametrize(
    ("field", "at", "value"),
    [
        ("Date: yesterday, at noon", 1, "yesterdayatnoon"),
        ("Date: Thu, 99 Foo 99999 99:99:99 +9999", 1, None),
        ("Date: 1 Jan 99999 00:00:00 +0000", 1, "1Jan999990000000000"),
        ("Subject: =?utf-8?B?broken?= =?x?q?=zz?= =?utf-8*de?Q?a?=", 2, None),
        ("Subject: =?utf-8?B?A?=", 2, None),
        ("From: nobody", 3, ""),
    ],
)
def test_what_can_not_be_read_counts_by_its_letters(field: str, at: int, value: str | None) -> None:
    found = part(field).identity[at]
    assert value is None or found == value


@given(st.binary(max_size=300))
def test_any_bytes_are_a_header(block: bytes) -> None:
    read_part_header(block)


@given(
    st.sampled_from(["Date", "Subject", "From", "Content-Type", "Content-Disposition"]),
    st.text(st.sampled_from('=?utf-8QqBb_;"\\ ,:<>@+0129JanThu()\n\t'), max_size=60),
)
def test_any_value_is_read(field: str, value: str) -> None:
    read_part_header(f"{field}: {value}".encode())


@pytest.mark.parametrize(
    "piece",
    [
        b"a",
        b"\n ",
        b"Subject: =?utf-8?Q?",
        b'Content-Type: x/y;name="\n',
        b"Content-Type: x/y" + b';name="' * 9,
        b"From: a@,\n",
    ],
)
def test_headers_made_to_be_slow_are_read_in_proportion(
    piece: bytes, proportional: Callable[..., None]
) -> None:
    proportional(lambda count: read_part_header(piece * count), 3_000)


@pytest.mark.parametrize(
    ("header", "words"),
    [
        (b"", ("", "")),
        (b"Subject: a\r\n b\r\nMessage-ID: <x@y>\r\n\r\n", ("a b", "<x@y>")),
        (b"subject: =?utf-8?q?Gr=C3=BC?= =?utf-8?q?=C3=9Fe?=\n", ("Gr\u00fc\u00dfe", "")),
        (b"Subject: \xc3\xa4\n", ("\u00e4", "")),
        (b"Subject: " + b"x" * 300, ("x" * 200 + "...", "")),
    ],
)
def test_a_mail_is_named_by_its_header(header: bytes, words: tuple[str, str]) -> None:
    assert words_of(header) == MailWords(*words)
