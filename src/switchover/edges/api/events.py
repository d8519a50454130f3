"""Routes of events and of how connections ended."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Query

from switchover import clock
from switchover.app import Switchover
from switchover.balance.event import Severity
from switchover.balance.event_words import require_kind
from switchover.balance.statistics.span import MAX_HOURS, Per, start_of
from switchover.balance.status_words import termination_words
from switchover.balance.work import history
from switchover.edges.api.access import Suite, Viewer
from switchover.edges.api.cursor import read_cursor, write_cursor
from switchover.edges.api.listing import (
    CSV_TOO,
    After,
    Answer,
    Form,
    Format,
    Listing,
    Name,
    Older,
    Row,
    list_by_time,
)

router = APIRouter(tags=["events"])

EVENT = ("id", "at", "kind", "severity", "service", "workload", "server", "cause", "detail")
TERMINATION = ("service", "workload", "server", "state")


@router.get("/events", response_model=dict[str, Any], responses=CSV_TOO)
async def list_events(
    suite: Suite,
    actor: Viewer,  # noqa: ARG001 - names the role
    service: Name = None,
    workload: Name = None,
    server: Name = None,
    kind: Name = None,
    severity: Severity | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    before: Older = None,
    limit: Annotated[int | None, Query(ge=1, le=1000, description="Of a page: 100.")] = None,
    form: Form = Format.JSON,
) -> Answer:
    """List events, newest first; `before` continues after the last id of a page."""
    require_kind(kind)
    filters = {
        "service": service,
        "workload": workload,
        "server": server,
        "kind": kind,
        "severity": severity.value if severity else None,
        "since": since,
        "until": until,
    }
    listing = event_listing(suite, filters)
    return await listing.answer(form, start=before, limit=limit, default=100)


def event_listing(
    suite: Switchover, filters: Mapping[str, object], *, oldest_first: bool = False
) -> Listing[int]:
    """Return the list of events that fit these filters, newest first."""
    read = partial(history.list_events, suite.balance)
    return list_by_time("events", EVENT, read, filters, number="id", oldest_first=oldest_first)


@router.get("/terminations", response_model=dict[str, Any], responses=CSV_TOO)
async def list_terminations(
    suite: Suite,
    actor: Viewer,  # noqa: ARG001 - names the role
    service: Name = None,
    workload: Name = None,
    server: Name = None,
    hours: Annotated[float, Query(gt=0, le=MAX_HOURS, description="How far back.")] = 24.0,
    after: After = None,
    limit: Annotated[int | None, Query(ge=1, le=10_000, description="Of a page: 1,000.")] = None,
    form: Form = Format.JSON,
) -> Answer:
    """Count how connections and requests ended that did not end normally, per workload and server."""
    # A page that goes on counts from the same hour as the first.
    since, begin = (
        _termination_place(after)
        if after
        else (start_of(clock.now(), hours=hours, per=Per.HOUR), ("",) * len(TERMINATION))
    )
    names = {"service": service, "workload": workload, "server": server}

    async def read(start: str | None, rows: int) -> list[Row]:
        place = _termination_place(start)[1] if start else begin
        found = await history.list_terminations(
            suite.balance, since=since, after=place, names=names, limit=rows
        )
        return [{**row, "meaning": termination_words(row["state"])} for row in found]

    listing = Listing(
        name="terminations",
        columns=(*TERMINATION, "count", "meaning"),
        read=read,
        place=lambda row: write_cursor(since, *(row[key] for key in TERMINATION)),
    )
    return await listing.answer(form, start=after, limit=limit, default=1000)


def _termination_place(cursor: str) -> tuple[datetime, tuple[str, ...]]:
    return read_cursor(cursor, words=len(TERMINATION))
