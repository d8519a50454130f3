"""Commands as they come: in any portions, mails passing by."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from switchover.move.archive import command_parser
from switchover.move.archive.command_parser import (
    AppendEnds,
    CommandParser,
    Event,
    MailBegins,
    MailEnds,
    Octets,
    Request,
    Senseless,
    Waiting,
    word,
)
from switchover.wire.imap.internal_date import InternalDate
from switchover.wire.imap.tokens import Quoted

TALK = (
    b'a1 uid fetch 1:4,9 (UID FLAGS BODY.PEEK[])\r\na2 APPEND "In box" (\\Seen work) '
    b'"17-Jul-1996 02:44:25 +0000" {7+}\r\n{3+}\r\nx {4+}\r\nbody\r\n'
    b"a3 APPEND {4+}\r\nSent {1}\r\ny\r\na4 CREATE {3+}\r\na b\r\na5 NOOP\r\n"
)
DATE = InternalDate(837_571_465, 0)


def events(portions: list[bytes]) -> list[Event]:
    parser = CommandParser()
    found: list[Event] = []
    for portion in portions:
        parser.receive(portion)
        while (event := parser.next_event()) is not None:
            if isinstance(event, Octets):
                data = bytes(event.data)
                if found and isinstance(found[-1], Octets):
                    data = bytes(found.pop().data) + data  # type: ignore[union-attr]
                event = Octets(memoryview(data))
            found.append(event)
    return found


@given(st.lists(st.integers(0, len(TALK)), max_size=20))
def test_the_same_events_come_however_the_bytes_are_cut(places: list[int]) -> None:
    ends = [*sorted(places), len(TALK)]
    portions = [TALK[a:b] for a, b in zip([0, *ends], ends, strict=False)]
    found = events(portions)
    assert found == [
        Request(b"a1", "UID FETCH", [b"1:4,9", [b"UID", b"FLAGS", b"BODY.PEEK[]"]]),
        MailBegins(b"a2", b"In box", (b"\\Seen", b"work"), DATE, 7),
        Octets(memoryview(b"{3+}\r\nx")),
        MailEnds(),
        MailBegins(b"a2", None, (), None, 4),
        Octets(memoryview(b"body")),
        MailEnds(),
        AppendEnds(b"a2"),
        MailBegins(b"a3", b"Sent", (), None, 1),
        Waiting(),
        Octets(memoryview(b"y")),
        MailEnds(),
        AppendEnds(b"a3"),
        found[13],
        Request(b"a5", "NOOP", []),
    ]
    created = found[13]
    assert isinstance(created, Request)
    assert (created.name, created.arguments[0].content) == ("CREATE", b"a b")  # type: ignore[union-attr]


def test_a_large_mail_is_never_put_together() -> None:
    parser = CommandParser()
    parser.receive(b"a APPEND x {3000000+}\r\n")
    assert isinstance(parser.next_event(), MailBegins)
    for _ in range(3):
        parser.receive(b"x" * 1_000_000)
        event = parser.next_event()
        assert isinstance(event, Octets)
        assert len(event.data) == 1_000_000
        assert len(parser._data) == 1_000_000
    assert parser.next_event() == MailEnds()


@pytest.mark.parametrize(
    "text",
    [
        b"\r\n",
        b"a\r\n",
        b'a "x\r\n',
        b"a APPEND x\r\n",
        b"a APPEND x y z {1+}\r\n",
        b"a APPEND x ({1+}\r\nq",
        b"a APPEND x {1+}\r\ny more\r\n",
        b"a CREATE {99999999+}\r\n",
        b"a ((((((((((( {1+}\r\n",
        b"a " + b"x" * 200 + b"\r\n",
    ],
)
def test_what_makes_no_sense_ends_it(text: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command_parser, "LINE_BYTES", 100)
    found = events([text, b"a NOOP\r\n"])
    assert isinstance(found[-1], Senseless)


def test_a_word_is_no_quoted_string() -> None:
    assert (word(b"flags"), word(Quoted(b"flags")), word([])) == (b"FLAGS", b"", b"")
