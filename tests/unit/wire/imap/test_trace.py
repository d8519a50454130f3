"""A trace shows who said what; secrets, mails and orders to a terminal stay out of it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.wire.imap.served import drain

from switchover.wire.imap import commands
from switchover.wire.imap.conversation import Answered, Closing, Conversation, Ready
from switchover.wire.imap.reader import Reader
from switchover.wire.imap.responses import Status, StatusKind, Unparsed
from switchover.wire.imap.trace import show, showable


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Logged in", "Logged in"),
        ("bad command: LOGIN user hunter22", "bad command: LOGIN user ***"),
        ("hunter22hunter22", "******"),
        ("cleared\x1b[2J\r\n\x00\x7f\x9b", "cleared?[2J?????"),
        ("größer 郵便", "größer 郵便"),
        ("x" * 400, "x" * 300 + "..."),
    ],
)
def test_a_servers_text_is_made_showable(text: str, expected: str) -> None:
    assert showable(text, ["hunter22", ""]) == expected


def test_a_secret_too_short_to_cut_out_takes_the_text_with_it() -> None:
    assert showable("wrong password: abc", ["abc"]) == "***"
    assert showable("nothing of it", ["xyz"]) == "nothing of it"


def test_a_secret_is_cut_out_before_the_text_is_shortened() -> None:
    assert "hunter" not in showable("x" * 297 + "hunter22", ["hunter22"])


WORDS = st.text(st.characters(exclude_characters="*"), max_size=20)


@given(WORDS, WORDS.filter(lambda secret: len(secret) >= 4), WORDS)
def test_no_secret_is_ever_shown(before: str, secret: str, after: str) -> None:
    pieces = showable(before + secret + after, [secret]).split("***")
    assert len(pieces) > 1
    assert not any(secret in piece for piece in pieces)


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"* OK [ALERT] full soon\r\n", ["* OK [ALERT] full soon"]),
        (b"* 5 EXISTS\r\n", ["Exists(count=5)"]),
        (
            b"* 1 FETCH (UID 7 BODY[] {6}\r\nsecret)\r\n",
            ["* FETCH (UID 7 BODY[] {6}", None, None, "* FETCH 1 mails, UID 7 to 7"],
        ),
        (
            b"* 1 FETCH (UID 7 FLAGS ())\r\n* 2 FETCH (UID 9 FLAGS ())\r\n",
            ["* FETCH 2 mails, UID 7 to 9"],
        ),
    ],
)
def test_an_event_is_shown_in_one_line_and_a_body_not_at_all(
    data: bytes, expected: list[str | None]
) -> None:
    reader = Reader()
    reader.receive(data)
    assert [show(event) for event in drain(reader)] == expected


def test_a_response_without_end_is_shown_by_its_begin() -> None:
    line = show(Unparsed(raw=b"x" * 10_000))
    assert line is not None
    assert len(line) == 300


def test_what_belongs_to_commands_is_shown_without_challenges() -> None:
    request = Conversation().begin(commands.authenticate("PLAIN", b"secret"))
    assert show(Answered(request)) is None
    assert show(Ready(request, b"c2VjcmV0")) == "+"
    request.answer = Status(kind=StatusKind.NO, tag=b"S1", text="no")
    assert show(Answered(request)) == "S1 NO no"
    assert show(Closing(Status(kind=StatusKind.BYE, text="see you"))) == "* BYE see you"
