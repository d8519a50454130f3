"""Counts with their noun, and text that does nothing to a terminal."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from switchover.model.wording import counted, is_plain, plain, two_largest


@pytest.mark.parametrize(
    ("number", "text"), [(0, "0 lines"), (1, "1 line"), (2, "2 lines"), (1200, "1,200 lines")]
)
def test_a_count_has_its_noun(number: int, text: str) -> None:
    assert counted(number, "line") == text


def test_a_plural_of_its_own_is_used_where_there_is_one() -> None:
    assert (counted(1, "entry", "entries"), counted(3, "entry", "entries")) == (
        "1 entry",
        "3 entries",
    )


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Wartung für cas1: 更新 👍", "Wartung für cas1: 更新 👍"),
        ("\x1b[31mred\x07", "\\x1b[31mred\\x07"),
        ("one\r\ntwo\tthree", "one\\r\\ntwo\\tthree"),
        ("\x9b2J", "\\x9b2J"),
        ("a\u202eb\u2028c\ud800", "a\\u202eb\\u2028c\\ud800"),
    ],
)
def test_what_could_act_on_a_terminal_is_written_out(text: str, shown: str) -> None:
    assert plain(text) == shown
    assert is_plain(text) == (text == shown)


def test_what_is_to_be_kept_is_kept() -> None:
    assert plain("one\ntwo\x1b", keep="\n") == "one\ntwo\\x1b"


@given(st.text())
def test_what_was_written_out_is_plain(text: str) -> None:
    assert is_plain(plain(text))


@pytest.mark.parametrize(
    ("seconds", "parts"),
    [
        (0, [(0, "s")]),
        (59, [(59, "s")]),
        (60, [(1, "m")]),
        (3_661, [(1, "h"), (1, "m")]),
        (3_601, [(1, "h")]),
        (90_061, [(1, "d"), (1, "h")]),
    ],
)
def test_a_duration_is_told_in_two_units_that_follow_each_other(
    seconds: int, parts: list[tuple[int, str]]
) -> None:
    units = ((86_400, "d"), (3_600, "h"), (60, "m"), (1, "s"))
    assert two_largest(seconds, units) == parts
