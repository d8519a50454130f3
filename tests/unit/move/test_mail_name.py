"""What a person finds a mail by is read from any header, and nothing in it does harm."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from switchover.move.mail_name import MailName, message_id, read_mail_name


@pytest.mark.parametrize(
    ("header", "name"),
    [
        (b"", MailName()),
        (
            b"Subject: plain\r\nMessage-ID: <1@contoso.example>\r\nFrom: Ann\r\n",
            MailName(subject="plain", message_id="<1@contoso.example>", sender="Ann"),
        ),
        (b"SUBJECT : late\r\nSubject: later\r\n", MailName(subject="late")),
        (b"Subject: folded\r\n\there\n  and there", MailName(subject="folded here and there")),
        (b"Subject: =?utf-8?b?w6R?= =?UTF-8?Q?=C3=B6_=C3=BC?=", MailName(subject="äö ü")),
        (b"Subject: =?iso-8859-1*en?q?=E4?= end", MailName(subject="ä end")),
        (b"Subject: =?utf-8?b?a?= bad", MailName(subject="=?utf-8?b?a?= bad")),
        (b"Subject: =?utf-8?q?\xc3\xa4?=", MailName(subject="=?utf-8?q?ä?=")),
        (b"Subject: =?no-such?q?=E4?=", MailName(subject="ä")),
        (b"Subject: raw \xe4", MailName(subject="raw ä")),
        (b"Subject: raw \xc3\xa4", MailName(subject="raw ä")),
        (b"no colon at all\r\n", MailName()),
    ],
)
def test_a_header_is_read(header: bytes, name: MailName) -> None:
    assert read_mail_name(header) == name


@pytest.mark.parametrize(
    ("header", "wanted"),
    [
        (b"Subject: x\r\nMessage-ID: <1@contoso.example>\r\n", b"<1@contoso.example>"),
        (b"message-id :\r\n <1@\r\n\tcontoso.example> \r\n", b"<1@contoso.example>"),
        (b"Message-ID: <1>\r\nMessage-ID: <2>\r\n", b"<1>"),
        (b"X-Message-ID: <1>\r\nSubject: Message-ID: <2>\r\n", b""),
        (b"", b""),
    ],
)
def test_the_first_message_id_is_told_without_blanks(header: bytes, wanted: bytes) -> None:
    assert message_id(header) == wanted


def test_a_long_subject_is_cut() -> None:
    assert len(read_mail_name(b"Subject: " + b"x" * 5000).subject) == 203


@given(st.binary())
def test_any_bytes_are_read(header: bytes) -> None:
    name = read_mail_name(b"Subject: " + header)
    assert "\n" not in name.subject
