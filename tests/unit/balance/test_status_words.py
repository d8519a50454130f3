"""States, reasons and termination letters as people read them."""

from __future__ import annotations

import pytest

from switchover.balance.overrides import AdminState, Override
from switchover.balance.status_words import (
    Condition,
    condition_of,
    reason_of,
    server_view,
    termination_words,
)
from switchover.wire.haproxy.statistics import NOTHING, Row, RowKind


def row(status: str = "UP", check: str = "L7OK", *, code: int = 0, text: str = "") -> Row:
    numbers = dict.fromkeys(Row._fields, 0)
    return Row(
        **{
            **numbers,
            "proxy": "mail.owa",
            "name": "cas1",
            "status": status,
            "check": check,
            "check_text": text,
            "check_code": code,
            "agent": "",
            "kind": RowKind.SERVER,
            "counters": NOTHING._replace(requests=7, connect_errors=2, response_errors=1),
        }
    )


@pytest.mark.parametrize(
    ("status", "word"),
    [
        ("UP", Condition.UP),
        ("UP 1/2", Condition.FALLING),
        ("DOWN", Condition.DOWN),
        ("DOWN (agent)", Condition.DOWN),
        ("DOWN 1/2", Condition.RISING),
        ("MAINT", Condition.MAINTENANCE),
        ("MAINT (via mail.owa/cas2)", Condition.MAINTENANCE),
        ("DRAIN", Condition.DRAIN),
        ("NOLB", Condition.DRAIN),
        ("no check", Condition.UNCHECKED),
        ("OPEN", Condition.ABSENT),
    ],
)
def test_each_status_has_its_word(status: str, word: Condition) -> None:
    assert condition_of(status) is word


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        (row(), ""),
        (row(check="* L7OK"), ""),
        (
            row(check="L7STS", code=503, text="Service Unavailable"),
            "wrong status 503: Service Unavailable",
        ),
        (row(check="L4CON", text="Connection refused"), "connection refused: Connection refused"),
        (row(check="L7TOUT"), "no answer in time"),
        (row(check="NEW"), "NEW"),
    ],
)
def test_a_failed_check_says_why(given: Row, reason: str) -> None:
    assert reason_of(given) == reason


def test_a_server_that_was_never_checked_is_not_falling() -> None:
    fresh = server_view("mail", "owa", "cas1", row("UP 1/2", "INI"), Override())
    assert (fresh.condition, fresh.reason) == (Condition.UNCHECKED, "not checked yet")
    assert fresh.takes_traffic
    failed = server_view("mail", "owa", "cas1", row("UP 1/2", "* L7STS", code=503), Override())
    assert failed.condition is Condition.FALLING


def test_a_view_joins_what_is_wanted_and_what_is_seen() -> None:
    drained = Override(state=AdminState.DRAIN)
    view = server_view("mail", "owa", "cas1", row(), drained, errors=3)
    assert view.takes_traffic
    body = view.body()
    assert (body["state"], body["wanted"], body["requests"], body["errors"]) == (
        "up",
        "drain",
        7,
        3,
    )


def test_a_server_the_engine_does_not_have_is_absent_and_gets_nothing() -> None:
    view = server_view("mail", "owa", "cas1", None, Override())
    assert (view.condition, view.takes_traffic) == (Condition.ABSENT, False)
    assert view.body()["reason"] == "the engine does not have it"


def test_termination_letters_become_a_sentence() -> None:
    assert (
        termination_words("sH")
        == "the server stayed silent too long while the answer's headers came"
    )
    assert termination_words("--") == "both sides finished after the end"
    assert termination_words("??") == "unknown"
