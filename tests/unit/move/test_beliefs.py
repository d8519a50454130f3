"""What is believed of a server follows from its profile, and never costs a mail."""

from __future__ import annotations

from dataclasses import replace

import pytest

from switchover.move.beliefs import (
    form_of,
    is_of_folder,
    largest_mail,
    may_be_of_folder,
    refusal,
    trust_of,
)
from switchover.move.canonical import Form
from switchover.move.reconcile import Trust
from switchover.move.segment import Skip, SkipReason
from switchover.wire.imap.quirks import GENERIC, PROFILES, Quirk, Server

EXCHANGE, DOVECOT = PROFILES[Server.EXCHANGE], PROFILES[Server.DOVECOT]
CYRUS, GMAIL = PROFILES[Server.CYRUS], PROFILES[Server.GMAIL]


def test_sizes_that_are_estimates_are_not_believed() -> None:
    assert trust_of(EXCHANGE, is_alone=True) == Trust(sizes=False)
    assert trust_of(DOVECOT, is_alone=False) == Trust(is_alone=False)


def test_the_form_is_the_strictest_that_both_keep() -> None:
    assert form_of(DOVECOT, DOVECOT) is Form.EXACT
    assert form_of(GENERIC, DOVECOT) is Form.LINES
    assert form_of(GENERIC, CYRUS) is Form.EXACT
    assert form_of(GENERIC, GENERIC) is Form.LINES
    assert (
        form_of(GENERIC, replace(GENERIC, quirks=frozenset({Quirk.EVERY_BYTE_KEPT}))) is Form.EXACT
    )
    assert form_of(DOVECOT, PROFILES[Server.MBOX]) is Form.LINES
    assert form_of(DOVECOT, PROFILES[Server.MAILDIR]) is Form.EXACT
    assert form_of(EXCHANGE, DOVECOT) is form_of(DOVECOT, EXCHANGE) is Form.STRUCTURE


def test_the_largest_mail_is_what_the_server_says_or_is_known_for() -> None:
    assert largest_mail(["IMAP4REV1", "APPENDLIMIT=1000"], GMAIL) == 1000
    assert largest_mail(["APPENDLIMIT", "APPENDLIMIT=x"], GMAIL) == 35_651_584
    assert largest_mail([], GENERIC) == 0


@pytest.mark.parametrize(
    ("code", "words", "reason"),
    [
        ("OVERQUOTA", "no", SkipReason.NO_ROOM),
        (None, "Quota exceeded (mailbox for user is full)", SkipReason.NO_ROOM),
        ("TOOBIG", "no", SkipReason.TOO_LARGE),
        ("serverbug", "no", SkipReason.NOT_NOW),
        ("LIMIT", "Requested allocation size is too large", SkipReason.TOO_LARGE),
        ("LIMIT", "Message size exceeds the limit", SkipReason.TOO_LARGE),
        ("LIMIT", "Mail size is larger than the maximum size allowed", SkipReason.TOO_LARGE),
        ("LIMIT", "Message rate exceeds the limit", SkipReason.NOT_NOW),
        ("LIMIT", "Mailbox size exceeds the limit", SkipReason.NOT_NOW),
        ("LIMIT", "Too many messages in this mailbox", SkipReason.NOT_NOW),
        ("LIMIT", "Rate limit exceeded", SkipReason.NOT_NOW),
        (None, "Message contains bare newlines", SkipReason.REFUSED),
        ("THROTTLED", "no", SkipReason.NOT_NOW),
        (None, "Too many commands", SkipReason.NOT_NOW),
    ],
)
def test_a_refusal_gets_its_reason_and_keeps_the_words(
    code: str | None, words: str, reason: SkipReason
) -> None:
    assert refusal(code, words) == Skip(reason, words)


def test_a_refusal_is_of_the_folder_by_its_code_or_perhaps_by_its_words() -> None:
    assert all(is_of_folder(code) for code in ("TRYCREATE", "noperm", "NONEXISTENT", "EXPIRED"))
    assert not any(is_of_folder(code) for code in (None, "TOOBIG", "SERVERBUG", "CANNOT"))
    assert may_be_of_folder(refusal(None, "access denied"))
    assert may_be_of_folder(refusal("SERVERBUG", "internal error"))
    assert not may_be_of_folder(refusal(None, "Message contains bare newlines"))
    assert not may_be_of_folder(refusal("TOOBIG", "no"))


def test_only_what_may_pass_by_itself_is_passing() -> None:
    assert {one for one in SkipReason if one.may_pass} == {SkipReason.NO_ROOM, SkipReason.NOT_NOW}
