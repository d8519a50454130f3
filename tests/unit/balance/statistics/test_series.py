"""Statistics as the lines of charts."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from switchover.balance.statistics.series import (
    MOST_LINES,
    SCALES,
    WHOLE,
    Lines,
    Span,
    began_at,
    make_series,
)

NOW = datetime(2026, 6, 1, 12, 34, 56, tzinfo=UTC)


def counted(minute: int, line: str = "owa", **values: Any) -> dict[str, Any]:
    moment = datetime(2026, 6, 1, 12, minute, tzinfo=UTC).timestamp()
    return {
        "moment": moment, "line": line, "requests": 10, "errors": 1, "response_ms": 12.34,
        "sessions": 2, **values,
    }  # fmt: skip


def series(*rows: dict[str, Any]) -> Any:
    began = began_at(Span.HOUR, NOW)
    return make_series("web", rows, span=Span.HOUR, by=Lines.WORKLOAD, began=began, now=NOW)


@pytest.mark.parametrize("span", Span)
def test_no_span_has_more_points_than_a_chart_can_show(span: Span) -> None:
    scale = SCALES[span]
    began = began_at(span, NOW)
    made = make_series("web", [], span=span, by=Lines.SERVER, began=began, now=NOW)
    assert len(made.times) == scale.seconds // scale.step <= 500
    assert all(time % scale.step == 0 for time in made.times)
    assert made.times[-1] <= NOW.timestamp() < made.times[-1] + scale.step


def test_what_nobody_counted_is_a_hole_and_no_zero() -> None:
    made = series(counted(30), counted(32), counted(30, "ews", response_ms=None))
    owa, ews = made.lines
    place = made.times.index(int(datetime(2026, 6, 1, 12, 30, tzinfo=UTC).timestamp()))
    assert owa.requests[place : place + 3] == (10, None, 10)
    assert owa.response_ms[place : place + 3] == (12.3, None, 12.3)
    # Beside others that counted, nothing counted means nothing passed.
    assert ews.requests[place : place + 3] == (10, None, 0)
    assert ews.errors[place + 2] == 0
    assert ews.sessions[place + 2] == 0
    assert ews.response_ms[place : place + 3] == (None, None, None)


def test_rows_from_outside_of_the_time_are_left_out() -> None:
    early = counted(0, moment=NOW.timestamp() - 7200)
    assert series(early, counted(30)).lines[0].requests.count(10) == 1


def test_only_the_lines_with_the_most_traffic_are_shown_in_their_order() -> None:
    rows = [
        counted(30, f"w{number:02}", requests=number, errors=0) for number in range(MOST_LINES + 3)
    ]
    made = series(*rows)
    assert [line.name for line in made.lines] == [f"w{number:02}" for number in range(3, 15)]
    assert made.left_out == 3


def test_lines_with_errors_are_shown_before_busier_ones_but_not_instead_of_all() -> None:
    rows = [
        counted(30, f"w{number:02}", requests=number, errors=max(0, 9 - number))
        for number in range(MOST_LINES + 8)
    ]
    made = series(*rows)
    names = [line.name for line in made.lines]
    assert names == [f"w{number:02}" for number in (*range(6), *range(14, 20))]
    assert made.left_out == 8


def test_a_table_has_every_line() -> None:
    rows = [counted(30, f"w{number:02}") for number in range(MOST_LINES + 3)]
    began = began_at(Span.HOUR, NOW)
    made = make_series(
        "web", rows, span=Span.HOUR, by=Lines.SERVER, began=began, now=NOW, most=None
    )
    assert (len(made.lines), made.left_out) == (MOST_LINES + 3, 0)


def test_rows_of_no_workload_are_the_whole_service_and_left_out_beside_workloads() -> None:
    assert [line.name for line in series(counted(30, "")).lines] == [WHOLE]
    beside = series(counted(30, ""), counted(30, "owa"))
    assert [line.name for line in beside.lines] == ["owa"]
    assert beside.left_out == 0


def test_a_series_is_plain_values_for_programs() -> None:
    body = series(counted(30)).body()
    assert (body["service"], body["span"], body["by"], body["step_seconds"]) == (
        "web", "1h", "workload", 60,
    )  # fmt: skip
    assert set(body["lines"][0]) == {"name", "requests", "errors", "response_ms", "sessions"}
    assert len(body["lines"][0]["errors"]) == len(body["times"]) == 60


def test_each_time_is_a_moment_in_utc() -> None:
    made = series()
    assert made.moment_of(0).timestamp() == made.times[0]
    assert made.moment_of(0).tzinfo is UTC
