from __future__ import annotations

import base64
import json
import re
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from switchover.edges.api.cursor import read_cursor, write_cursor
from switchover.errors import InvalidInput

NOW = datetime(2026, 3, 4, 12, 34, 56, 789, tzinfo=UTC)
WORDS = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]))


def encoded(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode()


@given(st.datetimes(timezones=st.just(UTC)), st.lists(WORDS, max_size=4))
def test_a_cursor_comes_back_as_the_place_it_was(moment: datetime, words: list[str]) -> None:
    cursor = write_cursor(moment, *words)
    assert re.fullmatch(r"[A-Za-z0-9_-]+", cursor)
    assert read_cursor(cursor, words=len(words)) == (moment, tuple(words))


def test_a_time_comes_back_in_utc() -> None:
    brussels = NOW.astimezone(timezone(timedelta(hours=1)))
    assert read_cursor(write_cursor(brussels), words=0)[0].isoformat() == NOW.isoformat()


@pytest.mark.parametrize(
    "text",
    [
        "x",
        "é",
        "%%%",
        "[]",
        encoded(None),
        encoded(7),
        encoded([]),
        encoded({}),
        encoded([NOW.isoformat()]),
        encoded([NOW.isoformat(), "a", "b"]),
        encoded([NOW.isoformat(), 7]),
        encoded([NOW.isoformat(), None]),
        encoded([NOW.isoformat(), "a\0b"]),
        encoded([NOW.isoformat(), "\ud800"]),
        encoded([7, "a"]),
        encoded(["yesterday", "a"]),
        encoded(["0001-01-01T00:00:00+14:00", "a"]),
        base64.urlsafe_b64encode(b"[" * 100_000).decode(),
        base64.urlsafe_b64encode(b"\xff\xfe").decode(),
    ],
)
def test_what_is_no_cursor_of_the_list_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput, match="no cursor of this list"):
        read_cursor(text, words=1)


@given(st.text(max_size=60))
def test_any_text_is_a_cursor_or_refused(text: str) -> None:
    try:
        _, words = read_cursor(text, words=1)
    except InvalidInput:
        return
    assert len(words) == 1
