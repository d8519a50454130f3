"""The states of a mail: every one can be reached, and nothing happens that the table does not allow."""

from __future__ import annotations

import pytest

from switchover.errors import Corrupt
from switchover.move.mail_state import TRANSITIONS, MailEvent, MailState, next_state


def test_every_state_can_be_reached_from_listed() -> None:
    reached, before = {MailState.LISTED}, set()
    while reached != before:
        before = set(reached)
        reached |= {after for (state, _), after in TRANSITIONS.items() if state in before}
    assert reached == set(MailState)


def test_every_event_happens_somewhere() -> None:
    assert {event for _, event in TRANSITIONS} == set(MailEvent)


def test_only_removed_is_final() -> None:
    assert set(MailState) - {state for state, _ in TRANSITIONS} == {MailState.REMOVED}


def test_a_mail_in_doubt_is_stored_sent_again_or_skipped() -> None:
    after = {to for (state, _), to in TRANSITIONS.items() if state is MailState.INTENDED}
    assert after == {MailState.STORED, MailState.LISTED, MailState.SKIPPED}


def test_a_stored_mail_is_never_sent_again_while_its_copy_is_there() -> None:
    again = {
        event
        for (state, event), to in TRANSITIONS.items()
        if state is MailState.STORED and to is MailState.LISTED
    }
    assert again == {MailEvent.LOST}


def test_what_can_not_happen_is_corrupt() -> None:
    with pytest.raises(Corrupt, match="listed"):
        next_state(MailState.LISTED, MailEvent.ACKNOWLEDGED)
