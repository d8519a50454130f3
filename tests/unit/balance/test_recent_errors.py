"""Errors count for an hour, whatever was reloaded or restarted meanwhile."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from switchover.balance.recent_errors import SPAN, STEP_SECONDS, RecentErrors, since
from switchover.wire.haproxy.statistics import NOTHING

NOON = datetime(2026, 6, 1, 12, 0, tzinfo=UTC)
OWA, EWS = ("mail.owa", "cas1"), ("mail.ews", "cas1")
BAD = NOTHING._replace(connect_errors=1, response_errors=2, answers_5xx=3, answers_4xx=9)


def test_failed_connections_failed_answers_and_5xx_are_errors_and_nothing_else_is() -> None:
    recent = RecentErrors()
    recent.add(NOON, {OWA: BAD, EWS: NOTHING._replace(requests=5), ("mail", "FRONTEND"): BAD})
    assert recent.counts == {OWA: 6}


def test_errors_add_up_and_are_forgotten_after_an_hour_also_when_nothing_new_comes() -> None:
    recent = RecentErrors()
    recent.add(NOON, {OWA: BAD})
    recent.add(NOON + timedelta(minutes=30), {OWA: BAD, EWS: BAD})
    assert recent.counts == {OWA: 12, EWS: 6}
    recent.add(NOON + SPAN + timedelta(seconds=1), {})
    assert recent.counts == {OWA: 6, EWS: 6}
    recent.add(NOON + 2 * SPAN, {})
    assert recent.counts == {}


def test_what_another_process_wrote_down_counts_too() -> None:
    recent = RecentErrors()
    recent.add(NOON, {OWA: BAD})
    early = NOON - timedelta(minutes=20)
    recent.recall([(early, OWA, 4), (NOON - 2 * SPAN, EWS, 1)], now=NOON)
    assert recent.counts == {OWA: 10}


def test_an_hour_begins_at_a_whole_step_and_is_never_longer() -> None:
    for seconds in (0, 1, STEP_SECONDS - 1):
        now = NOON + timedelta(seconds=seconds)
        began = since(now)
        assert began.timestamp() % STEP_SECONDS == 0
        assert timedelta() <= SPAN - (now - began) < timedelta(seconds=STEP_SECONDS)
