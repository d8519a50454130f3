"""The events page: what happened, to what and why, newest first, and live."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import HTMLResponse

from switchover.app import Switchover
from switchover.balance.work import history
from switchover.edges.api.access import Suite
from switchover.edges.api.events import event_listing
from switchover.edges.api.listing import Format
from switchover.edges.console.access import Viewer, Watcher
from switchover.edges.console.event_list import (
    SPEC,
    KnownNames,
    known_names,
    meant_names,
    read_filters,
    tell,
)
from switchover.edges.console.page import render
from switchover.edges.console.table import read_page, read_query

router = APIRouter()


@router.get("/events", response_class=HTMLResponse)
async def show_events(request: Request, suite: Suite, person: Viewer) -> Response:
    """Return a page of events by time, or all that fit the filters as a file."""
    query = read_query(SPEC, request.query_params)
    known = _known(suite)
    filters = read_filters(query, person.zone, known)
    listing = event_listing(suite, filters, oldest_first=not query.is_descending)
    if query.form:
        return await listing.file(Format(query.form))
    rows = [tell(row) for row in await listing.read(query.place_number(), SPEC.rows + 1)]
    table = read_page(query, rows, place=lambda event: event.id)
    is_live = query.is_descending and query.place is None and filters["until"] is None
    newest = max((event.id for event in table.rows), default=0)
    news = query.link(seen=newest or "0").replace(SPEC.path, f"{SPEC.path}/news", 1)
    return render(
        request,
        person,
        "events.html",
        query=query,
        table=table,
        news=news if is_live else None,
        hints=known.hints(),
        meant=meant_names(filters),
    )


@router.get("/events/news", response_class=Response)
async def show_news(
    request: Request,
    suite: Suite,
    person: Watcher,
    seen: Annotated[int, Query(ge=0, le=2**63 - 1)] = 0,
) -> Response:
    """Return the newest page of the list if there is any event after ``seen``, else nothing (204)."""
    query = read_query(SPEC, request.query_params)
    filters = {**read_filters(query, person.zone, _known(suite)), "after": seen}
    if not await history.list_events(suite.balance, filters=filters, limit=1):
        return Response(status_code=204)
    return await show_events(request, suite, person)


def _known(suite: Switchover) -> KnownNames:
    wish = suite.balance.wish
    return known_names(wish[1].balance if wish else None)
