"""Servers: the list, one server with its pools, and who is connected to it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, Response

from switchover import clock
from switchover.app import Switchover
from switchover.balance.snapshot import Snapshot
from switchover.balance.snapshot_lines import ServerLine, Word
from switchover.balance.work import history
from switchover.balance.work.board import require_wish
from switchover.edges.api.access import Suite
from switchover.edges.console.access import Viewer
from switchover.edges.console.cell_row import CELL, CELL_KEYS, RATE, cell_row, rate_columns
from switchover.edges.console.done_notice import Done, done_by
from switchover.edges.console.event_list import ToldEvent, tell
from switchover.edges.console.export import export_rows
from switchover.edges.console.gone import answer_gone
from switchover.edges.console.live import LiveHub
from switchover.edges.console.page import path_word, render
from switchover.edges.console.table import (
    Align,
    Column,
    Filter,
    Keys,
    ListSpec,
    cut,
    in_order,
    read_query,
    word_filter,
)
from switchover.edges.console.topic import Kind, Topic
from switchover.errors import NotFound, SwitchoverError, Unavailable
from switchover.model.server import Server

router = APIRouter(include_in_schema=False)
EVENTS = 15
_STATES = (Word.UP, Word.REDUCED, Word.DEGRADED, Word.DOWN, Word.TAKEN_OUT, Word.UNUSED)
SERVERS = ListSpec(
    path="/servers",
    columns=(
        Column(key="name", title="Server", is_sortable=True),
        Column(key="state", title="State", is_sortable=True),
        Column(key="address", title="Address", is_sortable=True),
        Column(key="site", title="Site", is_sortable=True),
        Column(key="runs", title="Runs"),
        Column(key="sessions", title="Sessions", is_sortable=True, align=Align.END),
        Column(key="rate", title="New", is_sortable=True, align=Align.END),
    ),
    filters=(
        Filter(key="q", title="Name, address or site"),
        word_filter("state", "State", _STATES),
    ),
    rows=50,
)
_EXPORTED = (
    "server", "state", "address", "site", "runs", "up", "pools", "taken_out", "sessions", *RATE,
    "reason",
)  # fmt: skip
_CONNECTION = ("client", "service", "workload", "age", "seconds")


@router.get("/servers", response_class=HTMLResponse)
async def list_servers(
    request: Request, suite: Suite, hub: LiveHub, person: Viewer, done: Done = None
) -> Response:
    """Return the list of servers, the worst first, or a file of it."""
    query = read_query(SERVERS, request.query_params)
    snapshot = await suite.board.look()
    found = _fitting(snapshot, query.filters)
    if not query.sort:
        found.sort(key=snapshot.server_rank)
    if query.form:
        ordered = in_order(query, found, _keys(snapshot))
        rows = await asyncio.to_thread(
            lambda: [_exported(snapshot.server_line(server)) for server in ordered]
        )
        return export_rows("servers", _EXPORTED, rows, query.form)
    # Lines are made of what is shown only: of thousands they would take a while.
    table = cut(query, found, keys=_keys(snapshot))
    table = replace(table, rows=[snapshot.server_line(server) for server in table.rows])
    topics = [Topic(Kind.SERVER_LINE, line.name) for line in table.rows]
    live = await hub.show(snapshot, *topics)
    told = await done_by(suite, person, done)
    return render(request, person, "servers.html", query=query, table=table, live=live, done=told)


def _keys(snapshot: Snapshot) -> Keys:
    """Return what the list is sorted by."""
    return {
        "name": lambda server: server.name,
        "state": snapshot.server_rank,
        "address": lambda server: server.address,
        "site": lambda server: server.site or "",
        "sessions": snapshot.server_connections,
        "rate": lambda server: snapshot.server_rate(server).total,
    }


def _fitting(snapshot: Snapshot, filters: Mapping[str, str]) -> list[Server]:
    part, state = (filters["q"] or "").casefold(), filters["state"]
    return [
        server
        for server in snapshot.servers.values()
        if part in f"{server.name} {server.address} {server.site or ''}".casefold()
        and (not state or snapshot.server_word(server) == state)
    ]


def _exported(line: ServerLine) -> dict[str, Any]:
    return {
        "server": line.name,
        "state": line.word.value,
        "address": line.address,
        "site": line.site,
        "runs": line.runs,
        "up": line.up,
        "pools": line.total,
        "taken_out": line.ordered_out,
        "sessions": line.connections,
        **rate_columns(line.rate),
        "reason": line.reason,
    }


@router.get("/servers/{server}", response_class=HTMLResponse)
async def show_server(
    request: Request,
    suite: Suite,
    hub: LiveHub,
    person: Viewer,
    server: str,
    done: Done = None,
) -> Response:
    """Return a server: its state in each pool, who drains it, what happened to it lately; or a file."""
    snapshot = await require_wish(suite.board)
    found = snapshot.servers.get(server)
    if found is None:
        return await answer_gone(request, suite, person, kind="server", name=server)
    query = read_query(_pools_spec(server), request.query_params)
    cells = snapshot.server_cells(server)
    part = (query.get("q") or "").casefold()
    fitting = [cell for cell in cells if part in f"{cell.view.service} {cell.view.pool}"]
    if query.form:
        rows = [cell_row(cell) for cell in in_order(query, fitting, CELL_KEYS)]
        return export_rows(f"server-{server}", CELL, rows, query.form)
    live = await hub.show(snapshot, Topic(Kind.SERVER, server))
    events = await _events(suite, server)
    return render(
        request,
        person,
        "server.html",
        server=found,
        cells=cells,
        query=query,
        table=cut(query, fitting, keys=CELL_KEYS),
        live=live,
        events=events,
        done=await done_by(suite, person, done),
    )


def _pools_spec(server: str) -> ListSpec:
    return ListSpec(
        path=f"/servers/{path_word(server)}",
        columns=(
            Column(key="service", title="Service", is_sortable=True),
            Column(key="workload", title="Workload", is_sortable=True),
            Column(key="state", title="State", is_sortable=True),
            Column(key="sessions", title="Now", is_sortable=True),
            Column(key="change", title="Change"),
        ),
        filters=(Filter(key="q", title="Service or workload"),),
    )


async def _events(suite: Switchover, server: str) -> list[ToldEvent] | None:
    """Return what happened to a server lately; None while the database does not answer."""
    if not suite.balance.database.is_answering:
        return None  # who asks was looked up in vain a moment ago: once is enough
    try:
        rows = await history.list_events(suite.balance, filters={"server": server}, limit=EVENTS)
    except Unavailable:
        return None
    return [tell(row) for row in rows]


@router.get("/servers/{server}/connections", response_class=HTMLResponse)
async def list_connections(request: Request, suite: Suite, person: Viewer, server: str) -> Response:
    """Return who is connected to a server now and for how long, the longest first, or a file of it."""
    spec = _connections_spec(server)
    query = read_query(spec, request.query_params)
    try:
        now = clock.now().timestamp()
        rows = [client.body(now) for client in await suite.board.connections(server)]
        failure = ""
    except NotFound:
        raise
    except SwitchoverError as error:
        rows, failure = [], str(error)
    part = (query.get("q") or "").casefold()
    fitting = [
        row
        for row in rows
        if part in f"{row['client']} {row['service']} {row['workload']}".casefold()
    ]
    if query.form:
        ordered = in_order(query, fitting)
        return export_rows(f"connections-{server}", _CONNECTION, ordered, query.form)
    table = cut(query, fitting)
    return render(
        request, person, "connections.html", server=server, query=query, table=table,
        failure=failure,
    )  # fmt: skip


def _connections_spec(server: str) -> ListSpec:
    return ListSpec(
        path=f"/servers/{path_word(server)}/connections",
        columns=(
            Column(key="client", title="Client", is_sortable=True),
            Column(key="service", title="Service", is_sortable=True),
            Column(key="workload", title="Workload", is_sortable=True),
            Column(key="seconds", title="Connected for", is_sortable=True, align=Align.END),
        ),
        filters=(Filter(key="q", title="Client, service or workload"),),
        sort="-seconds",
    )
