"""Pages of the audit log: the list with its filters, and one entry."""

from __future__ import annotations

import json
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, Response

from switchover.directory.access.role import Door
from switchover.directory.audit import work
from switchover.directory.audit.entry import Outcome
from switchover.edges.api.access import Suite
from switchover.edges.api.audit import audit_listing
from switchover.edges.api.listing import Format
from switchover.edges.console.access import Admin
from switchover.edges.console.moment import read_moment
from switchover.edges.console.page import render
from switchover.edges.console.table import (
    Column,
    Filter,
    FilterKind,
    ListQuery,
    ListSpec,
    read_page,
    read_query,
    word_filter,
)

router = APIRouter()

SPEC = ListSpec(
    path="/audit",
    columns=(
        Column(key="at", title="Time", is_sortable=True),
        Column(key="actor", title="Who"),
        Column(key="action", title="What"),
        Column(key="subject", title="To what"),
        Column(key="outcome", title="Outcome"),
        Column(key="origin", title="From"),
        Column(key="reason", title="Reason"),
    ),
    filters=(
        Filter(key="actor", title="Who"),
        Filter(key="action", title="What"),
        Filter(key="subject", title="To what"),
        word_filter("origin", "From", Door),
        word_filter("outcome", "Outcome", Outcome),
        Filter(key="since", title="From moment", kind=FilterKind.MOMENT),
        Filter(key="until", title="Until", kind=FilterKind.MOMENT),
        Filter(key="q", title="Any word"),
    ),
    sort="-at",
)
LEVELS = {Outcome.DONE.value: "ok", Outcome.REFUSED.value: "warning", Outcome.FAILED.value: "bad"}


@router.get("/audit", response_class=HTMLResponse)
async def list_entries(request: Request, suite: Suite, person: Admin) -> Response:
    """Show who did what, newest first, or oldest first."""
    query = read_query(SPEC, request.query_params)
    listing = audit_listing(
        suite, _filters(query, person.zone), oldest_first=not query.is_descending
    )
    if query.form:
        return await listing.file(Format(query.form))
    rows = await listing.read(query.place_number(), SPEC.rows + 1)
    table = read_page(query, rows, place=listing.place)
    return render(
        request, person, "audit.html", table=table, levels=LEVELS, exposure=suite.audit_exposure
    )


@router.get("/audit/{number}", response_class=HTMLResponse)
async def show_entry(request: Request, suite: Suite, person: Admin, number: int) -> HTMLResponse:
    """Show one entry with what was before and after."""
    entry = await work.get_entry(suite.database, number)
    after = dict(entry["after"] or {})
    return render(
        request, person, "audit_entry.html", entry=entry, levels=LEVELS,
        diff=after.pop("diff", None), before=_lines(entry["before"]), after=_lines(after),
    )  # fmt: skip


def _lines(detail: dict[str, Any] | None) -> str:
    return json.dumps(detail, indent=2, ensure_ascii=False) if detail else ""


def _filters(query: ListQuery, zone: str) -> dict[str, object]:
    return {
        **{f"{key}_part": query.get(key) for key in ("actor", "action", "subject")},
        **{key: query.get(key) for key in ("origin", "outcome")},
        "part": query.get("q"),
        "since": read_moment(query.get("since"), zone),
        "until": read_moment(query.get("until"), zone),
    }
