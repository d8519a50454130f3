from __future__ import annotations

import base64

import pytest

from switchover.practice.mail_dialects import (
    DIALECTS,
    Command,
    login_credentials,
    parse_command,
    plain_credentials,
)
from switchover.practice.workloads import PORT_KINDS, Protocol


def test_every_mail_protocol_has_a_dialect() -> None:
    spoken = {kind.protocol for kind in PORT_KINDS.values()} - {Protocol.HTTP}
    assert set(DIALECTS) == spoken


@pytest.mark.parametrize("protocol", DIALECTS)
def test_every_dialect_names_its_server_in_greeting_and_noop(protocol: Protocol) -> None:
    dialect = DIALECTS[protocol]
    assert "server={server}" in dialect.greeting
    assert "server={server}" in dialect.answers["NOOP"].text


@pytest.mark.parametrize("protocol", DIALECTS)
def test_every_text_can_be_filled_in(protocol: Protocol) -> None:
    dialect = DIALECTS[protocol]
    texts = [
        dialect.greeting,
        dialect.turned_away,
        dialect.failing,
        dialect.denied,
        dialect.unknown,
        *(answer.text for answer in dialect.answers.values()),
        *(answer.prompt for answer in dialect.answers.values()),
    ]
    for text in texts:
        filled = text.format(tag="a", server="s", client="c", name="n", starttls="")
        assert not filled.endswith("\n")


@pytest.mark.parametrize(
    ("line", "tagged", "expected"),
    [
        ("a1 noop", True, Command(verb="NOOP", tag="a1")),
        ("a1 LOGIN ann x", True, Command(verb="LOGIN", arguments="ann x", tag="a1")),
        ("a1", True, Command(verb="", tag="a1")),
        ("", True, Command(verb="", tag="*")),
        ("mail FROM:<a@b>", False, Command(verb="MAIL", arguments="FROM:<a@b>", tag="*")),
    ],
)
def test_a_command_line_is_taken_apart(line: str, tagged: bool, expected: Command) -> None:
    assert parse_command(line, tagged=tagged) == expected


def token(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


@pytest.mark.parametrize(
    ("shown", "expected"),
    [
        (token("\0ann\0secret"), ("ann", "secret")),
        ('"' + token("ann\0\0secret") + '"', ("ann", "secret")),
        (token("ann"), None),
        ("*", None),
        ("", None),
    ],
)
def test_sasl_plain_gives_user_and_password(shown: str, expected: tuple[str, str] | None) -> None:
    assert plain_credentials(shown) == expected


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ("ann secret", ("ann", "secret")),
        ('"ann lee" "se\\"cret"', ("ann lee", 'se"cret')),
        ("ann", None),
        ('"ann', None),
    ],
)
def test_login_takes_atoms_and_quoted_texts(
    arguments: str, expected: tuple[str, str] | None
) -> None:
    assert login_credentials(arguments) == expected
