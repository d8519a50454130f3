"""The form of a link is fixed: hashes that were made once can be made again, by anybody."""

from __future__ import annotations

import hashlib
import json
from datetime import timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.directory.audit.chains import AT, chain, entry

from switchover.directory.audit.chain import (
    START,
    digest_of,
    is_acceptance,
    link_body,
    new_link,
    parse_head,
    read_link,
)
from switchover.directory.audit.entry import Outcome
from switchover.errors import InvalidInput


def test_the_hash_is_that_of_the_form_in_the_documentation() -> None:
    link = new_link(entry(), number=1, at=AT, previous=START)
    form = (
        '["switchover-audit-1",1,"2026-01-02T03:04:05.000006+00:00","ada","console","192.0.2.7","",'
        '"server.drain","cas1","done","{\\"mail.owa/cas1\\":\\"ready\\"}",'
        '"{\\"mail.owa/cas1\\":\\"drain\\"}","disk"]'
    )
    assert link.hash == hashlib.sha256(f"{START}\n{form}".encode()).hexdigest()
    # A change of the form would break every chain there is.
    assert link.hash == digest_of(link)


def test_the_zone_in_which_a_time_is_told_does_not_matter() -> None:
    elsewhere = AT.astimezone(timezone(timedelta(hours=9)))
    links = [new_link(entry(), number=1, at=at, previous=START) for at in (AT, elsewhere)]
    assert links[0].hash == links[1].hash


@given(
    st.text(max_size=20),
    st.none()
    | st.dictionaries(st.text(max_size=5), st.integers() | st.text(max_size=5), max_size=3),
)
def test_what_is_exported_can_be_proved(text: str, detail: dict[str, Any] | None) -> None:
    link = new_link(entry(reason=text, after=detail), number=3, at=AT, previous=START)
    again = read_link(json.loads(json.dumps(link_body(link))))
    assert again == link
    assert digest_of(again) == link.hash


@pytest.mark.parametrize(
    "changes",
    [{"number": "x"}, {"at": 5}, {"actor": None}, {"before": 7, "at": ""}, {"hash": 1}],
)
def test_what_is_no_entry_is_refused(changes: dict[str, Any]) -> None:
    body = {**link_body(chain(1)[0]), **changes}
    with pytest.raises(InvalidInput, match="no entry of an audit log"):
        read_link(body)
    with pytest.raises(InvalidInput, match="no entry of an audit log"):
        read_link({})


def test_only_an_acceptance_that_was_done_is_one() -> None:
    for action, outcome, expected in (
        ("audit.accept", Outcome.DONE, True),
        ("audit.accept", Outcome.REFUSED, False),
        ("server.drain", Outcome.DONE, False),
    ):
        link = new_link(entry(action=action, outcome=outcome), number=1, at=AT, previous=START)
        assert is_acceptance(link) is expected


def test_an_end_that_was_written_down_is_read() -> None:
    assert parse_head(f" 57:{START}\n") == (57, START)
    for text in ("", "57", "57:", f"x:{START}", f"57:{START}0", f"-1:{START}", "57:" + "G" * 64):
        with pytest.raises(InvalidInput, match="NUMBER:HASH"):
            parse_head(text)
