"""A session ends by itself, and its cookie is kept nowhere."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from switchover.clock import new_secret
from switchover.directory.access.session.session import (
    CODE_SECONDS,
    Limits,
    Method,
    Session,
    Visitor,
    form_token,
    is_form_token,
    secret_hash,
)

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
LIMITS = Limits(idle=timedelta(minutes=30), absolute=timedelta(hours=12))
FRESH = Session(
    id="1",
    account_id="2",
    method=Method.PASSWORD,
    awaits_code=False,
    address="192.0.2.1",
    agent="",
    made_at=NOW,
    seen_at=NOW,
)


def after(**span: float) -> datetime:
    return NOW + timedelta(**span)


def test_a_session_lasts_until_it_is_idle() -> None:
    assert FRESH.is_valid(LIMITS, after(minutes=29))
    assert not FRESH.is_valid(LIMITS, after(minutes=30))


def test_no_session_outlives_its_limit_whatever_is_done_in_it() -> None:
    busy = replace(FRESH, seen_at=after(hours=11, minutes=59))
    assert busy.is_valid(LIMITS, after(hours=11, minutes=59, seconds=30))
    assert not busy.is_valid(LIMITS, after(hours=12))


def test_what_is_left_of_a_session_is_told_by_the_nearer_limit() -> None:
    assert FRESH.left(LIMITS, after(minutes=10)) == timedelta(minutes=20)
    busy = replace(FRESH, seen_at=after(hours=11, minutes=59))
    assert busy.left(LIMITS, after(hours=11, minutes=59, seconds=30)) == timedelta(seconds=30)
    assert FRESH.left(LIMITS, after(minutes=31)) < timedelta()


def test_an_ended_session_is_over() -> None:
    assert not replace(FRESH, ended_at=NOW).is_valid(LIMITS, NOW)


def test_a_session_waits_five_minutes_for_its_code() -> None:
    waiting = replace(FRESH, awaits_code=True)
    assert waiting.is_valid(LIMITS, after(seconds=CODE_SECONDS - 1))
    assert not waiting.is_valid(LIMITS, after(seconds=CODE_SECONDS))


def test_not_every_request_is_written_down() -> None:
    assert not FRESH.is_stale(after(seconds=59))
    assert FRESH.is_stale(after(seconds=60))


def test_only_a_hash_of_a_cookie_is_kept() -> None:
    secret = new_secret()
    kept = secret_hash(secret)
    assert kept is not None
    assert secret not in kept
    assert kept != secret_hash(new_secret())


@pytest.mark.parametrize(
    "text", ["", "short", "x" * 44, "ä" * 43, "'; drop table session; --" + "x" * 18]
)
def test_what_can_not_be_a_cookie_of_ours_is_not_looked_up(text: str) -> None:
    assert secret_hash(text) is None


def test_a_form_of_one_browser_is_worth_nothing_in_another() -> None:
    one, other = new_secret(), new_secret()
    assert is_form_token(one, form_token(one))
    assert not is_form_token(other, form_token(one))
    assert not is_form_token(one, "")
    assert not is_form_token(one, "ä\ud800")
    assert one not in form_token(one)


def test_what_a_browser_calls_itself_is_cut_and_made_printable() -> None:
    visitor = Visitor(address="192.0.2.1", agent="Mozilla\n" + "x" * 500)
    assert visitor.short_agent.startswith("Mozilla?x")
    assert len(visitor.short_agent) == 200
