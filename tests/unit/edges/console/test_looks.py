"""What pages make of states, differences and errors."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from fastapi import HTTPException
from fastapi.exceptions import RequestValidationError

from switchover.balance.event import Severity
from switchover.balance.status_words import Condition
from switchover.edges.console import error_page
from switchover.edges.console.diff_lines import diff_lines
from switchover.edges.console.state import Level, level_of
from switchover.errors import Conflict, InvalidInput, NotFound, Problem, Refused, Unavailable

STYLES = Path(error_page.__file__).parent / "assets" / "console.css"


@pytest.mark.parametrize("word", [*Condition, *Severity])
def test_every_state_and_severity_has_a_look_of_its_own_choice(word: str) -> None:
    known = {Condition.UNCHECKED, Condition.ABSENT}
    assert (level_of(word) is Level.UNKNOWN) == (word in known)


def test_a_word_that_nobody_described_looks_unknown() -> None:
    assert level_of("sideways") is Level.UNKNOWN


@pytest.mark.parametrize("level", Level)
def test_every_look_has_colours_for_light_and_dark_and_a_shape(level: Level) -> None:
    styles = STYLES.read_text("utf-8")
    for name in (level, f"{level}-mark", f"{level}-soft"):
        assert re.search(rf"--{name}: light-dark\(#\w{{6}}, #\w{{6}}\);", styles)
    assert f".state.{level}::before" in styles


def test_a_difference_is_told_line_by_line() -> None:
    text = "--- a\n+++ b\n@@ -1 +1 @@\n same\n-old\n+new\n"
    assert list(diff_lines(text)) == [
        ("file", "", "--- a"),
        ("file", "", "+++ b"),
        ("place", "", "@@ -1 +1 @@"),
        ("same", "", "same"),
        ("cut", "-", "old"),
        ("add", "+", "new"),
    ]


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (NotFound("no such server"), 404),
        (Conflict("changed meanwhile"), 409),
        (Refused("a viewer may not"), 403),
        (Unavailable("the database is away"), 503),
        (InvalidInput("wrong"), 422),
        (HTTPException(401, "sign in first"), 401),
        (HTTPException(418, "a teapot"), 418),
    ],
)
def test_an_error_is_told_with_its_own_words(error: Exception, status: int) -> None:
    failure = error_page.describe(error)
    assert failure.status == status
    assert failure.detail == (error.detail if isinstance(error, HTTPException) else str(error))
    assert failure.title


def test_each_fault_of_an_input_is_told_with_its_place() -> None:
    problem = Problem(message="must be a number", path="services.mail.port")
    assert error_page.describe(InvalidInput("wrong", (problem,))).problems == (problem,)
    refused = RequestValidationError([{"loc": ("query", "page"), "msg": "not a number"}])
    (found,) = error_page.describe(refused).problems
    assert str(found) == "page: not a number"


def test_the_standard_words_of_http_are_left_out() -> None:
    assert error_page.describe(HTTPException(404, "Not Found")).detail == ""


def test_nothing_of_an_unknown_error_is_told() -> None:
    failure = error_page.describe(RuntimeError("password=hunter2"))
    assert failure.status == 500
    assert "hunter2" not in repr(failure)
