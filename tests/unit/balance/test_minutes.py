"""Counted differences are gathered into minutes and forgotten once written."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from switchover.balance.minutes import MinuteStatistics
from switchover.wire.haproxy.statistics import NOTHING, Counters, Row, RowKind

NOON = datetime(2026, 1, 2, 12, 0, 30, tzinfo=UTC)
KEY = ("mail.owa", "cas1")
SERVICE, SERVER, SESSIONS, REQUESTS = 1, 3, 4, 5


def counted(sessions: int, requests: int = 0) -> Counters:
    return NOTHING._replace(sessions=sessions, requests=requests)


def row(key: tuple[str, str] = KEY, *, now: int = 0, total: int = 0) -> Row:
    numbers = dict.fromkeys(Row._fields, 0)
    return Row(
        **{
            **numbers,
            "proxy": key[0],
            "name": key[1],
            "status": "UP",
            "check": "L7OK",
            "check_text": "",
            "agent": "",
            "kind": RowKind.SERVER,
            "sessions_now": now,
            "total_milliseconds": total,
            "counters": NOTHING,
        }
    )


def test_samples_of_one_minute_add_up() -> None:
    minutes = MinuteStatistics()
    minutes.add(NOON, {KEY: counted(2, 20)}, [row(now=5, total=10)])
    minutes.add(NOON + timedelta(seconds=10), {KEY: counted(3, 30)}, [row(now=2, total=30)])
    assert minutes.finished(NOON) == []
    (written,) = minutes.finished(NOON + timedelta(minutes=1))
    assert written[SERVICE : SERVER + 1] == ("mail", "owa", "cas1")
    assert (written[SESSIONS], written[REQUESTS]) == (5, 50)
    assert written[-4] == 5
    assert written[-2] == 20.0


def test_only_servers_of_pools_are_kept() -> None:
    minutes = MinuteStatistics()
    kept = {("mail", "FRONTEND"): counted(1), ("mail.owa", "BACKEND"): counted(1)}
    minutes.add(NOON, {**kept, KEY: counted(1)}, [])
    assert len(minutes.finished(NOON + timedelta(minutes=1))) == 1


def test_a_server_without_a_row_has_no_averages() -> None:
    minutes = MinuteStatistics()
    minutes.add(NOON, {KEY: counted(1)}, [])
    (written,) = minutes.finished(NOON + timedelta(minutes=1))
    assert written[-2:] == (None, None)


def test_what_was_written_is_forgotten_and_later_minutes_stay() -> None:
    minutes = MinuteStatistics()
    minutes.add(NOON, {KEY: counted(1)}, [])
    minutes.add(NOON + timedelta(minutes=1), {KEY: counted(1)}, [])
    written = minutes.finished(NOON + timedelta(minutes=1))
    minutes.forget(written)
    minutes.forget(written)
    assert len(minutes.finished(NOON + timedelta(minutes=5))) == 1


def test_while_nothing_can_be_written_the_oldest_go_first() -> None:
    minutes = MinuteStatistics()
    minutes.MAX_WAITING = 2
    for number in range(4):
        minutes.add(NOON + timedelta(minutes=number), {KEY: counted(number + 1)}, [])
    kept = minutes.finished(NOON + timedelta(hours=1))
    assert [item[SESSIONS] for item in kept] == [3, 4]


def test_at_the_end_the_minute_under_way_is_written_too() -> None:
    minutes = MinuteStatistics()
    minutes.add(NOON, {KEY: counted(1)}, [])
    minutes.add(NOON + timedelta(minutes=1), {KEY: counted(2)}, [])
    assert [written[SESSIONS] for written in minutes.finished(None)] == [1, 2]
