"""Entries hold who, where from and what, in plain lines and within bounds."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from switchover.directory.access.role import Actor, Door, Role
from switchover.directory.audit.entry import (
    MAX_DETAIL_BYTES,
    MAX_WORDS,
    Entry,
    Outcome,
    detail_text,
    words,
)


def test_an_entry_says_who_did_it_and_from_where() -> None:
    actor = Actor(
        name="ada", role=Role.ADMIN, door=Door.CLI, address="192.0.2.7", client="cli; user=root"
    )
    made = Entry.by(actor, "token.create", "prometheus", after={"role": "viewer"}, reason="metrics")
    assert made == Entry(
        actor="ada",
        origin=Door.CLI,
        address="192.0.2.7",
        client="cli; user=root",
        action="token.create",
        subject="prometheus",
        after={"role": "viewer"},
        reason="metrics",
    )
    assert made.outcome is Outcome.DONE


def test_an_actor_is_the_same_from_wherever_they_come() -> None:
    assert Actor(name="ada", role=Role.ADMIN) == Actor(
        name="ada", role=Role.ADMIN, door=Door.CONSOLE, address="192.0.2.7"
    )


@given(st.text(max_size=700))
def test_a_text_becomes_one_plain_line_that_a_database_takes(text: str) -> None:
    line = words(text)
    assert len(line) <= MAX_WORDS
    assert not set(line) & set("\0\n\r\x1b\u202e")
    line.encode()


def test_details_have_one_form_whatever_their_order() -> None:
    assert detail_text(None) is None
    assert (
        detail_text({"b": [1, None, True], "a": "é\0"})
        == '{"a":"\\u00e9\\u0000","b":[1,null,true]}'
    )


@pytest.mark.parametrize("size", [MAX_DETAIL_BYTES, 10 * MAX_DETAIL_BYTES])
def test_details_that_are_too_long_leave_their_size_and_digest(size: int) -> None:
    told = json.loads(detail_text({"diff": "x" * size}) or "")
    assert set(told) == {"left_out_bytes", "sha256"}
    assert told["left_out_bytes"] > size
