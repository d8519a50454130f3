"""Counted differences gathered into minutes, as they are kept in the database. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from switchover.wire.haproxy.statistics import RowKind

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from switchover.wire.haproxy.statistics import Counters, Row


class MinuteKey(NamedTuple):
    """One server of one pool in one minute (UTC)."""

    minute: datetime
    service: str
    workload: str
    server: str


@dataclass(slots=True)
class Minute:
    """What is kept of a minute; times are averages over samples in milliseconds."""

    sessions: int = 0
    requests: int = 0
    bytes_in: int = 0
    bytes_out: int = 0
    connect_errors: int = 0
    response_errors: int = 0
    retries: int = 0
    redispatches: int = 0
    denied: int = 0
    http_2xx: int = 0
    http_3xx: int = 0
    http_4xx: int = 0
    http_5xx: int = 0
    failed_checks: int = 0
    down_seconds: int = 0
    current_sessions_max: int = 0
    queue_max: int = 0
    total_ms: list[int] = field(default_factory=list)
    response_ms: list[int] = field(default_factory=list)

    def add(self, counters: Counters, row: Row | None) -> None:
        """Add what one sample found."""
        self.sessions += counters.sessions
        self.requests += counters.requests
        self.bytes_in += counters.bytes_in
        self.bytes_out += counters.bytes_out
        self.connect_errors += counters.connect_errors
        self.response_errors += counters.response_errors
        self.retries += counters.retries
        self.redispatches += counters.redispatches
        self.denied += counters.denied
        self.http_2xx += counters.answers_2xx
        self.http_3xx += counters.answers_3xx
        self.http_4xx += counters.answers_4xx
        self.http_5xx += counters.answers_5xx
        self.failed_checks += counters.checks_failed
        self.down_seconds += counters.downtime_seconds
        if row is not None:
            self.current_sessions_max = max(self.current_sessions_max, row.sessions_now)
            self.queue_max = max(self.queue_max, row.queued_now)
            self.total_ms.append(row.total_milliseconds)
            self.response_ms.append(row.response_milliseconds)

    def values(self) -> tuple[object, ...]:
        """Return the values in the order of the table's columns."""
        return (
            self.sessions, self.requests, self.bytes_in, self.bytes_out, self.connect_errors,
            self.response_errors, self.retries, self.redispatches, self.denied, self.http_2xx,
            self.http_3xx, self.http_4xx, self.http_5xx, self.failed_checks, self.down_seconds,
            self.current_sessions_max, self.queue_max, _mean(self.total_ms), _mean(self.response_ms),
        )  # fmt: skip


def _mean(values: list[int]) -> float | None:
    return sum(values) / len(values) if values else None


class MinuteStatistics:
    """Minutes that are not written yet. Only servers that counted something take room."""

    MAX_WAITING = 500_000

    def __init__(self) -> None:
        """Start empty."""
        self.minutes: dict[MinuteKey, Minute] = {}

    def add(
        self,
        now: datetime,
        counted: Mapping[tuple[str, str], Counters],
        rows: Sequence[Row],
    ) -> None:
        """Add one round of differences; only server rows are kept."""
        minute = now.replace(second=0, microsecond=0)
        servers = {row.key: row for row in rows if row.kind is RowKind.SERVER}
        for key, counters in counted.items():
            service, _, workload = key[0].partition(".")
            if not workload or key[1] in {"FRONTEND", "BACKEND"}:
                continue
            entry = self.minutes.setdefault(MinuteKey(minute, service, workload, key[1]), Minute())
            entry.add(counters, servers.get(key))
        while len(self.minutes) > self.MAX_WAITING:
            self.minutes.pop(next(iter(self.minutes)))

    def finished(self, now: datetime | None) -> list[tuple[object, ...]]:
        """Return the rows of minutes that are over; with None of all, because nothing will follow."""
        current = now and now.replace(second=0, microsecond=0)
        return [
            (*key, *minute.values())
            for key, minute in self.minutes.items()
            if current is None or key.minute < current
        ]

    def forget(self, rows: Sequence[tuple[object, ...]]) -> None:
        """Drop rows that were written."""
        for row in rows:
            self.minutes.pop(MinuteKey._make(row[:4]), None)
