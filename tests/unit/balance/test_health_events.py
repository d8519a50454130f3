"""The engine's sentences become events with their cause."""

from __future__ import annotations

from datetime import UTC, datetime

from switchover.balance.event import Event, Severity
from switchover.balance.health_events import HealthNarrator
from switchover.wire.haproxy.log import parse_log

HEAD = "<{level}>1 2026-01-02T03:04:05+00:00 - haproxy 42 - - "
FAILED = (
    "Health check for server mail.owa/cas1 failed, reason: Layer7 wrong status, code: 503, "
    'info: "Service Unavailable", check duration: 2ms, status: 0/2 DOWN.'
)
DOWN = "Server mail.owa/cas1 is DOWN. 1 active and 0 backup servers left. 3 sessions active, 0 requeued, 0 remaining in queue."
UP = "Server mail.owa/cas1 is UP. 2 active and 0 backup servers online. 0 sessions requeued, 0 total in queue."


def tell(*sentences: str, level: int = 133) -> list[Event]:
    narrator = HealthNarrator()
    head = HEAD.format(level=level)
    return [
        event for text in sentences for event in narrator.tell(parse_log((head + text).encode()))
    ]


def test_a_server_that_goes_down_tells_why_and_what_is_left() -> None:
    (event,) = tell(FAILED, DOWN)
    assert (event.kind, event.severity) == ("server-down", Severity.ERROR)
    assert event.cause == "Layer7 wrong status: code 503: Service Unavailable"
    assert str(event.target) == "mail.owa/cas1"
    assert event.detail["active"] == 1
    assert event.at == datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def test_without_a_health_line_the_sentence_itself_is_the_cause() -> None:
    (event,) = tell(UP)
    assert (event.kind, event.cause) == ("server-up", "up")


def test_a_pool_without_servers_is_an_error_of_the_pool() -> None:
    (event,) = tell("backend mail.owa has no server available!")
    assert (event.kind, event.service, event.pool, event.target) == (
        "pool-empty",
        "mail",
        "owa",
        None,
    )
    assert event.row()[3:6] == ("mail", "owa", None)


def test_only_grave_notices_of_the_engine_become_events() -> None:
    assert tell("Proxy mail started.") == []
    (event,) = tell("Cannot fork worker", level=129)
    assert (event.kind, event.cause) == ("engine-notice", "Cannot fork worker")


def test_health_lines_alone_and_sessions_are_no_events() -> None:
    assert tell(FAILED) == []
    assert tell("sw1t\tbroken") == []


def test_drain_and_maintenance_are_told_apart() -> None:
    kinds = [
        event.kind
        for event in tell(
            "Server mail.owa/cas1 enters drain state.",
            "Server mail.owa/cas1 is going DOWN for maintenance. 1 active and 0 backup servers left.",
        )
    ]
    assert kinds == ["drain-entered", "maintenance-entered"]
