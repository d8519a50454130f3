"""The overview, and the list of services: how each workload is, the worst first."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, Response

from switchover.balance.snapshot_lines import ServiceLine, Word
from switchover.edges.api.access import Suite
from switchover.edges.console.access import Viewer
from switchover.edges.console.cell_row import RATE, rate_columns
from switchover.edges.console.done_notice import Done, done_by
from switchover.edges.console.export import export_rows
from switchover.edges.console.live import LiveHub, look_counted
from switchover.edges.console.page import render
from switchover.edges.console.table import (
    Align,
    Column,
    Filter,
    ListSpec,
    cut,
    in_order,
    read_query,
    word_filter,
)
from switchover.edges.console.topic import Kind, Topic
from switchover.model.platform_file.spec import Layout

router = APIRouter(include_in_schema=False)

ON_OVERVIEW = ListSpec(
    path="/", columns=(), filters=(Filter(key="q", title="Service"),), exports=(), rows=50
)
_STATES = (Word.UP, Word.REDUCED, Word.DEGRADED, Word.DOWN, Word.TAKEN_OUT, Word.CLOSED)
SERVICES = ListSpec(
    path="/services",
    columns=(
        Column(key="name", title="Service", is_sortable=True),
        Column(key="state", title="State", is_sortable=True),
        Column(key="workloads", title="Workloads"),
        Column(key="address", title="Address", is_sortable=True),
        Column(key="layout", title="Layout", is_sortable=True),
        Column(key="sessions", title="Sessions", is_sortable=True, align=Align.END),
        Column(key="rate", title="New", is_sortable=True, align=Align.END),
    ),
    filters=(
        Filter(key="q", title="Name, address or workload"),
        word_filter("state", "State", _STATES),
        word_filter("layout", "Layout", Layout),
    ),
    rows=50,
)
_KEYS = {
    "name": lambda line: line.name,
    "state": lambda line: line.rank,
    "address": lambda line: (line.address, line.port),
    "layout": lambda line: line.layout,
    "sessions": lambda line: line.connections,
    "rate": lambda line: line.rate.total,
}
_EXPORTED = (
    "service", "title", "state", "address", "port", "layout", "workloads", "sessions", *RATE,
)  # fmt: skip


@router.get("/", response_class=HTMLResponse)
async def show_overview(
    request: Request, suite: Suite, hub: LiveHub, person: Viewer
) -> HTMLResponse:
    """Return the overview: services, the last cycle, warnings, what changed within a day."""
    query = read_query(ON_OVERVIEW, request.query_params)
    snapshot = await look_counted(suite.board)
    found = _fitting(snapshot.service_lines, query.get("q"))
    table = cut(query, sorted(found, key=lambda line: line.rank))
    live = await hub.show(snapshot, Topic(Kind.OVERVIEW), *_line_topics(table.rows))
    return render(request, person, "overview.html", snapshot=snapshot, table=table, live=live)


@router.get("/services", response_class=HTMLResponse)
async def list_services(
    request: Request, suite: Suite, hub: LiveHub, person: Viewer, done: Done = None
) -> Response:
    """Return the list of services, or a file of it."""
    query = read_query(SERVICES, request.query_params)
    snapshot = await look_counted(suite.board)
    found = [
        line
        for line in _fitting(snapshot.service_lines, query.get("q"))
        if query.get("state") in {None, line.word} and query.get("layout") in {None, line.layout}
    ]
    if not query.sort:
        found.sort(key=lambda line: line.rank)
    if query.form:
        rows = [_exported(line) for line in in_order(query, found, _KEYS)]
        return export_rows("services", _EXPORTED, rows, query.form)
    table = cut(query, found, keys=_KEYS)
    live = await hub.show(snapshot, *_line_topics(table.rows))
    return render(
        request, person, "services.html", snapshot=snapshot, query=query, table=table, live=live,
        done=await done_by(suite, person, done),
    )  # fmt: skip


def _fitting(lines: Sequence[ServiceLine], text: str | None) -> list[ServiceLine]:
    """Return the services in whose name, title, address or workloads a text stands."""
    part = (text or "").casefold()
    return [
        line
        for line in lines
        if part in f"{line.name} {line.title} {line.address} {line.port}".casefold()
        or any(part in pool.label for pool in line.pools)
    ]


def _line_topics(lines: Sequence[ServiceLine]) -> list[Topic]:
    return [Topic(Kind.SERVICE_LINE, line.name) for line in lines]


def _exported(line: ServiceLine) -> dict[str, Any]:
    return {
        "service": line.name,
        "title": line.title,
        "state": line.word.value,
        "address": line.address,
        "port": line.port,
        "layout": line.layout,
        "workloads": [f"{pool.label}: {pool.up} of {pool.total}" for pool in line.pools],
        "sessions": line.connections,
        **rate_columns(line.rate),
    }
