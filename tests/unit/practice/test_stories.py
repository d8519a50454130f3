from __future__ import annotations

import ssl
from pathlib import Path

import pytest

from switchover.errors import InvalidInput
from switchover.practice.clients import reason_of, server_in
from switchover.practice.stories import Door, HttpStory, ImapStory, SmtpStory, parse_stories


def test_stories_are_read() -> None:
    door = {"service": "mail", "workload": "owa", "address": "127.0.0.1", "port": 8443}
    stories = parse_stories(
        [
            {
                "kind": "http",
                **door,
                "tls": True,
                "ca": "ca.pem",
                "host": "mail.contoso.example",
                "path": "/owa/",
                "rate_per_second": 50,
                "clients": 5,
                "keep_alive": False,
            },
            {"kind": "imap", **door, "noop_every_seconds": 0.5, "clients": 2},
            {"kind": "smtp", **door},
        ]
    )
    plain = Door(service="mail", workload="owa", address="127.0.0.1", port=8443)
    secure = Door(
        service="mail",
        workload="owa",
        address="127.0.0.1",
        port=8443,
        tls=True,
        ca=Path("ca.pem"),
        host="mail.contoso.example",
    )
    assert stories == (
        HttpStory(door=secure, path="/owa/", rate_per_second=50.0, clients=5, keep_alive=False),
        ImapStory(door=plain, noop_every_seconds=0.5, clients=2),
        SmtpStory(door=plain),
    )
    assert [story.interval_seconds for story in stories] == [0.1, 0.5, 1.0]


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ({}, "must be a list"),
        ([{"kind": "fax"}], r"stories\[0\]\.kind must be one of http, imap, smtp"),
        ([{"kind": "smtp", "path": "/"}], "path: unknown key"),
        ([{"kind": "http", "rate_per_second": 0}], "rate_per_second must be above 0"),
        ([{"kind": "imap", "clients": 0}], "clients must be at least 1"),
    ],
)
def test_a_bad_story_says_what_is_wrong(value: object, said: str) -> None:
    with pytest.raises(InvalidInput, match=said):
        parse_stories(value)


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (TimeoutError(), "timeout"),
        (ConnectionRefusedError(), "refused"),
        (ConnectionResetError(), "reset"),
        (BrokenPipeError(), "reset"),
        (ssl.SSLCertVerificationError(), "certificate"),
        (ssl.SSLError(), "tls"),
        (EOFError(), "closed"),
        (OSError(), "unreachable"),
        (InvalidInput("x"), "malformed"),
    ],
)
def test_a_failure_has_a_reason_in_one_word(error: Exception, expected: str) -> None:
    assert reason_of(error) == expected


def test_a_greeting_names_its_server() -> None:
    assert server_in("* OK ready server=cas1 client=192.0.2.1") == "cas1"
    assert server_in("* OK Dovecot ready.") is None
