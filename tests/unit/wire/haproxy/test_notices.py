"""The engine's sentences about health and servers, as it really writes them."""

from __future__ import annotations

import pytest
from tests.unit.wire.haproxy.test_log import recorded

from switchover.wire.haproxy.log import EngineNotice, Record
from switchover.wire.haproxy.notices import (
    BackendEmpty,
    CheckSource,
    HealthTransition,
    ServerEvent,
    ServerNotice,
    Stamp,
    Verdict,
    read_notice,
)


def notices(records: list[Record]) -> list[ServerNotice]:
    return [record for record in records if isinstance(record, ServerNotice)]


def checks(records: list[Record]) -> list[HealthTransition]:
    return [record for record in records if isinstance(record, HealthTransition)]


@pytest.mark.parametrize("name", ["health", "agent", "administration"])
def test_every_recorded_sentence_is_understood(name: str) -> None:
    unknown = [
        record.text
        for records in recorded(name).values()
        for record in records
        if isinstance(record, EngineNotice)
    ]
    assert [text for text in unknown if " stopped (cumulated conns: " not in text] == []


def test_every_recorded_line_has_its_moment_and_process() -> None:
    for records in recorded("health").values():
        for record in records:
            assert isinstance(record, HealthTransition | ServerNotice | BackendEmpty)
            assert record.stamp.at is not None
            assert record.stamp.pid is not None


def test_a_wrong_status_says_what_the_server_answered() -> None:
    failed = checks(recorded("health")["server one says 503"])
    last = [one for one in failed if one.backend == "web"][-1]
    assert (last.reason, last.code, last.info) == ("Layer7 wrong status", 503, "Said")
    assert (last.passed, last.verdict, last.count, last.needed) == (False, Verdict.DOWN, 0, 2)
    assert last.source is CheckSource.HEALTH
    assert last.duration_milliseconds is not None


def test_the_first_failure_is_not_yet_down() -> None:
    first = next(
        one for one in checks(recorded("health")["server one says 503"]) if one.backend == "web"
    )
    assert (first.verdict, first.count, first.needed) == (Verdict.UP, 1, 2)


def test_a_conditional_success_is_told_apart() -> None:
    record = next(
        one for one in checks(recorded("health")["server one says 404"]) if one.backend == "gone"
    )
    assert record.passed
    assert record.conditionally
    stopping = [one.event for one in notices(recorded("health")["server one says 404"])]
    assert ServerEvent.STOPPING in stopping


def test_a_backup_server_is_known_as_one() -> None:
    record = next(one for one in checks(recorded("health")["both servers refuse"]) if one.is_backup)
    assert (record.server, record.info) == ("two", "Connection refused")


def test_a_step_of_a_conversation_is_named() -> None:
    start = recorded("health")["start: passing, refused TLS, wrong banner, no connection"]
    banner = next(one for one in checks(start) if one.backend == "banner")
    assert banner.info.startswith("at step 3 of tcp-check")
    assert "banner of POP3" in banner.info


def test_the_agents_words_come_through() -> None:
    said = recorded("agent")["agent says down #slow sign-in, 9 s"]
    assert checks(said)[0].source is CheckSource.AGENT
    assert checks(said)[0].info == "via agent : down (slow sign-in, 9 s)"
    assert notices(said)[0].event is ServerEvent.DOWN


def test_a_gone_agent_changes_nothing() -> None:
    gone = recorded("agent")["agent is gone"]
    assert notices(gone) == []
    assert checks(gone)[0].verdict is Verdict.UP


@pytest.mark.parametrize(
    ("situation", "server", "event", "is_up"),
    [
        ("drain one", "one", ServerEvent.DRAIN_ENTERED, None),
        ("maintain one", "one", ServerEvent.MAINTENANCE_ENTERED, False),
        ("one is ready", "one", ServerEvent.MAINTENANCE_LEFT, True),
        ("two is ready", "two", ServerEvent.DRAIN_LEFT, True),
        ("health of two down", "two", ServerEvent.DOWN, False),
        ("health of two stopping", "two", ServerEvent.STOPPING, True),
        ("maintain two while down", "two", ServerEvent.MAINTENANCE_ENTERED, False),
    ],
)
def test_each_command_has_its_event(
    situation: str, server: str, event: ServerEvent, is_up: bool | None
) -> None:
    first = notices(recorded("administration")[situation])[0]
    assert (first.server, first.event, first.is_up) == (server, event, is_up)


def test_a_follower_names_the_server_it_follows() -> None:
    follower = notices(recorded("administration")["drain one"])[1]
    assert (follower.backend, follower.tracked) == ("follower", "web/one")
    assert follower.cause == ""
    kept = notices(recorded("administration")["one is ready"])[1]
    assert kept.event is ServerEvent.MAINTENANCE_KEPT


def test_the_cause_and_what_is_left_are_told() -> None:
    down = notices(recorded("administration")["health of two down"])[0]
    assert (down.cause, down.active, down.backups, down.sessions) == ("changed from CLI", 1, 1, 0)
    left = notices(recorded("administration")["two is ready"])[0]
    assert left.cause == "leaving forced drain"
    assert left.active is None


def test_an_empty_backend_is_told() -> None:
    empty = recorded("administration")["maintain the spare: nothing left"][-1]
    assert isinstance(empty, BackendEmpty)
    assert empty.backend == "web"


@pytest.mark.parametrize(
    ("sentence", "event", "cause"),
    [
        (
            "Server b/s is DOWN, reason: Layer7 timeout, check duration: 2002ms. 1 active and 0 "
            "backup servers left. 3 sessions active, 0 requeued, 0 remaining in queue.",
            ServerEvent.DOWN,
            "reason: Layer7 timeout, check duration: 2002ms",
        ),
        (
            "Server b/s is DOWN, changed from server-state after a reload. 0 active and 0 backup "
            "servers left. 0 sessions active, 0 requeued, 0 remaining in queue.",
            ServerEvent.DOWN,
            "changed from server-state after a reload",
        ),
        (
            "Server b/s is going DOWN for maintenance (No IP for server ). 1 active and 0 backup "
            "servers left. 0 sessions active, 0 requeued, 0 remaining in queue.",
            ServerEvent.MAINTENANCE_ENTERED,
            "No IP for server",
        ),
        (
            "Server b/s ('cas1.contoso.example') is UP/READY (resolves again).",
            ServerEvent.MAINTENANCE_LEFT,
            "resolves again",
        ),
        (
            "Server b/s remains in forced drain mode.",
            ServerEvent.DRAIN_KEPT,
            "",
        ),
        (
            "Server b/s administratively READY thanks to valid DNS answer.",
            ServerEvent.MAINTENANCE_LEFT,
            "thanks to valid DNS answer",
        ),
    ],
)
def test_sentences_we_could_not_record_are_understood(
    sentence: str, event: ServerEvent, cause: str
) -> None:
    notice = read_notice(Stamp(), sentence)
    assert isinstance(notice, ServerNotice)
    assert (notice.event, notice.cause) == (event, cause)


@pytest.mark.parametrize(
    "sentence",
    ["", "Server", "Server a/b.", "Server a/b dreams.", "backend has no server available!"],
)
def test_other_sentences_are_none_of_these(sentence: str) -> None:
    assert read_notice(Stamp(), sentence) is None


def test_an_endless_number_is_no_number() -> None:
    notice = read_notice(
        Stamp(), f"Health check for server a/b failed, reason: x, status: {'9' * 5000}/2 UP."
    )
    assert isinstance(notice, HealthTransition)
    assert notice.count == 0
