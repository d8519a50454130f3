"""Statistics as the lines of a chart: evenly spaced moments, and what was counted at each. Pure.

Every line has a value for every moment; where nothing was counted there is a hole (None), never a zero
that nobody measured. A minute without any row of the service is a hole in all lines: nothing passed, or
we were not there to count. A line without a row beside others that have one counted nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Any, NamedTuple

from switchover.balance.statistics.span import Per

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

MOST_LINES = 12
"""More can not be told apart in a chart."""
MOST_FAILING = 6
"""Of these, lines that are shown for their errors: a broken server has little traffic."""
WHOLE = "whole service"
"""The line of rows that name no workload, or no server."""
COUNTED = ("requests", "errors")
MEASURED = ("response_ms", "sessions")


class Span(StrEnum):
    """How far back a chart reaches."""

    HOUR = "1h"
    QUARTER = "6h"
    DAY = "24h"
    WEEK = "7d"
    MONTH = "30d"
    SEASON = "90d"


class Lines(StrEnum):
    """What each line of a chart stands for."""

    WORKLOAD = "workload"
    SERVER = "server"


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """How a span is drawn: from which table, and how many seconds make a point (at most 500 do)."""

    title: str
    seconds: int
    per: Per
    step: int


SCALES: Mapping[Span, Scale] = {
    Span.HOUR: Scale(title="1 hour", seconds=3600, per=Per.MINUTE, step=60),
    Span.QUARTER: Scale(title="6 hours", seconds=6 * 3600, per=Per.MINUTE, step=60),
    Span.DAY: Scale(title="24 hours", seconds=86_400, per=Per.MINUTE, step=300),
    Span.WEEK: Scale(title="7 days", seconds=7 * 86_400, per=Per.HOUR, step=3600),
    Span.MONTH: Scale(title="30 days", seconds=30 * 86_400, per=Per.HOUR, step=2 * 3600),
    Span.SEASON: Scale(title="90 days", seconds=90 * 86_400, per=Per.HOUR, step=6 * 3600),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A workload or server: a value for each moment of the series, None for a hole.

    ``errors`` are connections and answers that failed, and answers with status 5xx; ``response_ms`` is
    the mean time to the first byte of an answer, weighed by requests; ``sessions`` the most at once.
    """

    name: str
    requests: tuple[int | None, ...]
    errors: tuple[int | None, ...]
    response_ms: tuple[float | None, ...]
    sessions: tuple[int | None, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """The lines of a service's charts. ``times`` in seconds of the epoch, each the start of a step.

    ``left_out`` counts lines that are not among those with the most errors or traffic.
    """

    service: str
    span: Span
    by: Lines
    times: tuple[int, ...]
    lines: tuple[Line, ...]
    left_out: int = 0

    @property
    def scale(self) -> Scale:
        """How the span is drawn."""
        return SCALES[self.span]

    def moment_of(self, place: int) -> datetime:
        """Return the start of a step as a moment."""
        return datetime.fromtimestamp(self.times[place], UTC)

    def body(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return {
            "service": self.service,
            "span": self.span.value,
            "by": self.by.value,
            "step_seconds": self.scale.step,
            "times": self.times,
            "lines": [
                {"name": line.name, **{key: getattr(line, key) for key in (*COUNTED, *MEASURED)}}
                for line in self.lines
            ],
            "left_out": self.left_out,
        }


def began_at(span: Span, now: datetime) -> datetime:
    """Return the first moment of a series that ends now: steps begin at whole multiples of their length."""
    scale = SCALES[span]
    last = int(now.timestamp()) // scale.step * scale.step
    first = last - scale.seconds + scale.step
    return now + timedelta(seconds=first - now.timestamp())


def make_series(
    service: str,
    rows: Iterable[Mapping[str, Any]],
    *,
    span: Span,
    by: Lines,
    began: datetime,
    now: datetime,
    most: int | None = MOST_LINES,
) -> Series:
    """Return the series of rows with ``moment`` (seconds of the epoch), ``line`` and the values.

    At most ``most`` lines, None for all.
    """
    scale = SCALES[span]
    first = round(began.timestamp())
    times = tuple(range(first, int(now.timestamp()) + 1, scale.step))
    found: dict[str, dict[int, Mapping[str, Any]]] = {}
    for row in rows:
        place = (int(row["moment"]) - first) // scale.step
        if 0 <= place < len(times):
            found.setdefault(row["line"] or WHOLE, {})[place] = row
    if len(found) > 1:
        found.pop(WHOLE, None)  # what the others count would be drawn twice
    empty = _empty({place for places in found.values() for place in places}, len(times))
    chosen = _chosen(found, len(found) if most is None else most)
    return Series(
        service=service,
        span=span,
        by=by,
        times=times,
        lines=tuple(_line(name, found[name], empty) for name in found if name in chosen),
        left_out=len(found) - len(chosen),
    )


class _Empty(NamedTuple):
    """A line without any row: 0 where others have one, holes elsewhere; and one that is nothing but holes."""

    nothing: list[int | None]
    unknown: list[float | None]


def _empty(counted: set[int], length: int) -> _Empty:
    """Return what all lines begin with: hundreds of them are mostly the same."""
    return _Empty([0 if place in counted else None for place in range(length)], [None] * length)


def _chosen(found: Mapping[str, Mapping[int, Mapping[str, Any]]], most: int) -> frozenset[str]:
    """Return the lines to show: some with the most errors, then those with the most traffic."""
    if len(found) <= most:
        return frozenset(found)
    errors = {name: _sum(places.values(), "errors") for name, places in found.items()}
    traffic = {name: _sum(places.values(), "requests") for name, places in found.items()}
    failing = sorted((name for name in found if errors[name]), key=lambda name: -errors[name])
    busiest = sorted(found, key=lambda name: (-traffic[name], name))
    return frozenset(list(dict.fromkeys((*failing[:MOST_FAILING], *busiest)))[:most])


def _sum(rows: Iterable[Mapping[str, Any]], key: str) -> int:
    return sum(row[key] for row in rows)


def _line(name: str, places: Mapping[int, Mapping[str, Any]], empty: _Empty) -> Line:
    def values(key: str, instead: list[int | None]) -> tuple[Any, ...]:
        found: list[Any] = instead.copy()
        for place, row in places.items():
            found[place] = row[key]
        return tuple(found)

    waited: list[float | None] = empty.unknown.copy()
    for place, row in places.items():
        if (value := row["response_ms"]) is not None:
            waited[place] = round(value, 1)
    return Line(
        name=name,
        **{key: values(key, empty.nothing) for key in COUNTED},
        response_ms=tuple(waited),
        sessions=values("sessions", empty.nothing),
    )
