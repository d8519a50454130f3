"""One service: its grid of servers and workloads, its charts, its part of the engine's configuration."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, JSONResponse, Response

from switchover.balance.snapshot import Snapshot
from switchover.balance.statistics.series import SCALES, Line, Lines, Series, Span
from switchover.balance.virtual_service import RealServer, VirtualService
from switchover.balance.work import history, views
from switchover.balance.work.board import require_wish
from switchover.edges.api.access import Suite
from switchover.edges.console.access import Viewer
from switchover.edges.console.cell_row import CELL, cell_row
from switchover.edges.console.done_notice import Done, done_by
from switchover.edges.console.export import export_rows
from switchover.edges.console.gone import answer_gone
from switchover.edges.console.live import LiveHub
from switchover.edges.console.page import path_word, render
from switchover.edges.console.table import (
    Align,
    Column,
    Filter,
    FilterKind,
    ListQuery,
    ListSpec,
    Table,
    in_order,
    read_query,
    word_filter,
)
from switchover.edges.console.topic import Kind, Topic
from switchover.errors import NotFound

router = APIRouter(include_in_schema=False)

GRID_ROWS = 50
GRID_CELLS = 200
"""On one page of the grid: a service of many workloads shows fewer servers, but GRID_LEAST at the least."""
GRID_LEAST = 10
_COUNTED = ("requests", "errors", "response_ms", "sessions")
_EXPORTED = ("at", "line", *_COUNTED)


def _find(snapshot: Snapshot, name: str) -> VirtualService:
    found = snapshot.find_service(name)
    if found is None:
        raise NotFound(f"there is no service {name!r}; the list of services has all names")
    return found


@router.get("/services/{service}", response_class=HTMLResponse)
async def show_service(
    request: Request,
    suite: Suite,
    hub: LiveHub,
    person: Viewer,
    service: str,
    span: Span = Span.DAY,
    by: Lines = Lines.WORKLOAD,
    done: Done = None,
) -> Response:
    """Return a service as it is now, and where its charts come from; or its grid as a file."""
    snapshot = await require_wish(suite.board)
    found = snapshot.find_service(service)
    if found is None:
        return await answer_gone(request, suite, person, kind="service", name=service)
    pools = found.pools()
    query = read_query(_grid_spec(found, len(pools)), request.query_params)
    reals = _reals(snapshot, found, query)
    if query.form:
        cells = [cell_row(one) for real in reals for one in snapshot.cells_of(service, real.name)]
        return export_rows(f"service-{service}", CELL, cells, query.form)
    start = (query.page - 1) * query.spec.rows
    table = Table(query=query, rows=reals[start : start + query.spec.rows], total=len(reals))
    rows = [Topic(Kind.GRID, f"{service}/{real.name}") for real in table.rows]
    live = await hub.show(snapshot, Topic(Kind.SERVICE, service), *rows)
    return render(
        request,
        person,
        "service.html",
        service=found,
        pools=pools,
        live=live,
        table=table,
        span=span,
        spans=SCALES,
        by=by,
        done=await done_by(suite, person, done),
    )


def _grid_spec(service: VirtualService, pools: int) -> ListSpec:
    """Return what the grid can do; servers that fill pages begin with the worst."""
    rows = max(GRID_LEAST, min(GRID_ROWS, GRID_CELLS // pools))
    return ListSpec(
        path=f"/services/{path_word(service.name)}",
        columns=(
            Column(key="file", title="As in the file", is_sortable=True),
            Column(key="server", title="By name", is_sortable=True),
            Column(key="state", title="The worst first", is_sortable=True),
        ),
        filters=(Filter(key="q", title="Server"),),
        sort="state" if len(service.servers) > rows else "file",
        rows=rows,
    )


def _reals(snapshot: Snapshot, service: VirtualService, query: ListQuery) -> list[RealServer]:
    part = (query.get("q") or "").casefold()
    found = [real for real in service.servers if part in real.name.casefold()]
    keys: dict[str, Callable[[RealServer], Any]] = {
        "file": lambda _: 0,
        "server": lambda real: real.name,
        "state": lambda real: snapshot.rank_of(service.name, real.name),
    }
    return in_order(query, found, keys)


@router.get("/services/{service}/configuration", response_class=HTMLResponse)
async def show_configuration(
    request: Request, suite: Suite, person: Viewer, service: str
) -> HTMLResponse:
    """Return what the engine reads about a service."""
    _find(await require_wish(suite.board), service)
    text = await views.service_configuration(suite.balance, service)
    return render(request, person, "configuration.html", service=service, text=text)


@router.get("/services/{service}/series", response_class=JSONResponse)
async def get_series(
    suite: Suite,
    person: Viewer,  # noqa: ARG001 - names the role
    service: str,
    span: Span = Span.DAY,
    by: Lines = Lines.WORKLOAD,
) -> JSONResponse:
    """Return the lines of the charts."""
    _find(await require_wish(suite.board), service)
    found = await history.get_series(suite.balance, service, span=span, by=by)
    return JSONResponse(found.body())


@router.get("/services/{service}/charts", response_class=HTMLResponse)
async def list_series(request: Request, suite: Suite, person: Viewer, service: str) -> Response:
    """Return what the charts show and what they leave out as a table, or a file of it."""
    shown = _find(await require_wish(suite.board), service)
    spec = _series_spec(service, "Requests" if shown.sees_requests else "Connections")
    query = read_query(spec, request.query_params)
    span = Span(query.get("span") or Span.DAY)
    by = Lines(query.get("by") or Lines.WORKLOAD)
    found = await history.get_series(suite.balance, service, span=span, by=by, most=None)
    rows = await asyncio.to_thread(_counted, found, query)
    start = (query.page - 1) * query.spec.rows
    if query.form:
        lines = await asyncio.to_thread(lambda: [_row(found, row) for row in rows])
        return export_rows(f"charts-{service}", _EXPORTED, lines, query.form)
    table = Table(
        query=query,
        rows=[_row(found, row) for row in rows[start : start + query.spec.rows]],
        total=len(rows),
    )
    return render(request, person, "charts.html", service=service, query=query, table=table, by=by)


def _series_spec(service: str, counted: str) -> ListSpec:
    return ListSpec(
        path=f"/services/{path_word(service)}/charts",
        columns=(
            Column(key="at", title="From", is_sortable=True),
            Column(key="line", title="Of", is_sortable=True),
            Column(key="response_ms", title="Response time", is_sortable=True, align=Align.END),
            Column(key="errors", title="Errors", is_sortable=True, align=Align.END),
            Column(key="requests", title=counted, is_sortable=True, align=Align.END),
            Column(key="sessions", title="Most sessions", is_sortable=True, align=Align.END),
        ),
        filters=(
            Filter(
                key="span",
                title="How far back",
                kind=FilterKind.CHOICE,
                choices=tuple((span, scale.title) for span, scale in SCALES.items()),
            ),
            word_filter("by", "By", Lines),
            Filter(key="q", title="Only"),
        ),
        sort="-at",
    )


def _counted(series: Series, query: ListQuery) -> list[tuple[int, Line]]:
    """Return the places of each line at which something was counted: a large service has many thousands."""
    part = (query.get("q") or "").casefold()
    lines = [line for line in series.lines if part in line.name.casefold()]
    places = range(len(series.times))
    in_time = reversed(places) if query.sort == "-at" else places
    found = [
        (place, line) for place in in_time for line in lines if line.requests[place] is not None
    ]
    if query.sort_key == "at":
        return found
    key = query.sort_key
    return in_order(
        query,
        found,
        {key: lambda row: row[1].name if key == "line" else getattr(row[1], key)[row[0]]},
    )


def _row(series: Series, row: tuple[int, Line]) -> dict[str, Any]:
    place, line = row
    return {
        "at": series.moment_of(place),
        "line": line.name,
        **{key: getattr(line, key)[place] for key in _COUNTED},
    }
