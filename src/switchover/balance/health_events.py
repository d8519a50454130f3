"""The engine's sentences about health as events for people, each with its cause. Pure.

The engine writes a health line with the cause and then "Server ... is DOWN" without one; the narrator
keeps the cause of each server so that the event tells both.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from switchover import clock
from switchover.balance.event import Event, Severity
from switchover.balance.overrides import Target
from switchover.wire.haproxy.log import EngineNotice
from switchover.wire.haproxy.notices import (
    BackendEmpty,
    HealthTransition,
    ServerEvent,
    ServerNotice,
)

if TYPE_CHECKING:
    from datetime import datetime

    from switchover.wire.haproxy.log import Record

_SEVERITY = {
    ServerEvent.DOWN: Severity.ERROR,
    ServerEvent.STOPPING: Severity.WARNING,
    ServerEvent.MAINTENANCE_ENTERED: Severity.WARNING,
    ServerEvent.DRAIN_ENTERED: Severity.WARNING,
}
_KIND = {
    ServerEvent.DOWN: "server-down",
    ServerEvent.UP: "server-up",
    ServerEvent.STOPPING: "server-stopping",
    ServerEvent.MAINTENANCE_ENTERED: "maintenance-entered",
    ServerEvent.MAINTENANCE_LEFT: "maintenance-left",
    ServerEvent.MAINTENANCE_KEPT: "maintenance-kept",
    ServerEvent.DRAIN_ENTERED: "drain-entered",
    ServerEvent.DRAIN_LEFT: "drain-left",
    ServerEvent.DRAIN_KEPT: "drain-kept",
}


@dataclass(slots=True)
class HealthNarrator:
    """Turns log records into events; remembers the last cause of each server."""

    causes: dict[tuple[str, str], HealthTransition] = field(default_factory=dict)

    def tell(self, record: Record) -> tuple[Event, ...]:
        """Return the events in a record; most records of a healthy farm hold none."""
        match record:
            case HealthTransition():
                self.causes[record.backend, record.server] = record
                return ()
            case ServerNotice():
                return (self._server(record),)
            case BackendEmpty():
                return (_empty(record),)
            case EngineNotice() if _is_alarming(record):
                return (
                    Event(
                        kind="engine-notice",
                        severity=Severity.WARNING,
                        cause=record.text,
                        at=record.stamp.at or clock.now(),
                    ),
                )
            case _:
                return ()

    def _server(self, notice: ServerNotice) -> Event:
        health = self.causes.get((notice.backend, notice.server))
        detail: dict[str, object] = {}
        cause = notice.cause
        if health is not None and notice.event in {ServerEvent.DOWN, ServerEvent.UP}:
            cause = _reason(health)
            detail = {
                "check": health.source.value,
                "code": health.code,
                "info": health.info,
                "milliseconds": health.duration_milliseconds,
            }
        if notice.active is not None:
            detail |= {"active": notice.active, "backups": notice.backups}
        return Event(
            kind=_KIND[notice.event],
            severity=_SEVERITY.get(notice.event, Severity.INFO),
            cause=cause or str(notice.event),
            target=_target(notice.backend, notice.server),
            detail=detail,
            at=_moment(notice.stamp.at),
        )


def _reason(health: HealthTransition) -> str:
    words = [health.reason]
    if health.code is not None:
        words.append(f"code {health.code}")
    if health.info:
        words.append(health.info)
    return ": ".join(words)


def _empty(record: BackendEmpty) -> Event:
    service, _, pool = record.backend.partition(".")
    return Event(
        kind="pool-empty",
        severity=Severity.ERROR,
        cause="no server is left; clients get the sorry page or server, or are refused",
        service=service,
        pool=pool or None,
        at=_moment(record.stamp.at),
    )


def _target(backend: str, server: str) -> Target:
    service, _, pool = backend.partition(".")
    return Target(service=service, pool=pool, server=server)


def _moment(at: datetime | None) -> datetime:
    return at or clock.now()


def _is_alarming(record: EngineNotice) -> bool:
    return record.stamp.severity is not None and record.stamp.severity <= 3
