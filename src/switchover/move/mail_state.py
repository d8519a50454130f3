"""The states of one mail on its way from the source to the target, as a table. Pure."""

from __future__ import annotations

from enum import StrEnum

from switchover.errors import Corrupt


class MailState(StrEnum):
    """Where one mail of the source stands."""

    LISTED = "listed"
    INTENDED = "intended"
    STORED = "stored"
    SKIPPED = "skipped"
    VANISHED = "vanished"
    REMOVED = "removed"


class MailEvent(StrEnum):
    """What can happen to a mail on its way."""

    INTEND = "a batch with it is about to be sent"
    ACKNOWLEDGED = "the target said OK and named its UID"
    FOUND = "it was found on the target after doubt"
    NOT_FOUND = "it is not on the target after doubt"
    REFUSED = "the target refuses it for good"
    LEFT_OUT = "it can not be sent"
    RETRIED = "an operator asks for it again"
    REFLAGGED = "its flags changed on the source and were written"
    GONE = "the source lists it no more"
    BACK = "the source lists it again"
    LOST = "the target lists it no more, and nobody there may delete"
    DELETED = "its copy was deleted or moved away on the target"


TRANSITIONS = {
    (MailState.LISTED, MailEvent.INTEND): MailState.INTENDED,
    (MailState.LISTED, MailEvent.LEFT_OUT): MailState.SKIPPED,
    (MailState.INTENDED, MailEvent.ACKNOWLEDGED): MailState.STORED,
    (MailState.INTENDED, MailEvent.FOUND): MailState.STORED,
    (MailState.INTENDED, MailEvent.NOT_FOUND): MailState.LISTED,
    (MailState.INTENDED, MailEvent.REFUSED): MailState.SKIPPED,
    (MailState.INTENDED, MailEvent.LEFT_OUT): MailState.SKIPPED,
    (MailState.STORED, MailEvent.REFLAGGED): MailState.STORED,
    (MailState.STORED, MailEvent.GONE): MailState.VANISHED,
    (MailState.STORED, MailEvent.LOST): MailState.LISTED,
    (MailState.SKIPPED, MailEvent.RETRIED): MailState.LISTED,
    (MailState.SKIPPED, MailEvent.GONE): MailState.REMOVED,
    (MailState.VANISHED, MailEvent.BACK): MailState.STORED,
    (MailState.VANISHED, MailEvent.DELETED): MailState.REMOVED,
}


def next_state(state: MailState, event: MailEvent) -> MailState:
    """Return the state after an event; Corrupt when the event can not happen there."""
    try:
        return TRANSITIONS[state, event]
    except KeyError:
        raise Corrupt(f"a mail that is {state} can not see this: {event}") from None
