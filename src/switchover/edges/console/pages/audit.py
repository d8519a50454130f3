"""Pages of the audit log: the list with its filters, and one entry."""

from __future__ import annotations

import json
from datetime import UTC, datetime
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
from switchover.edges.console.moment import zone_named
from switchover.edges.console.page import render
from switchover.edges.console.table import (
    Column,
    Filter,
    FilterKind,
    ListQuery,
    ListSpec,
    Table,
    read_query,
)
from switchover.errors import InvalidInput

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
        Filter(
            key="origin",
            title="From",
            kind=FilterKind.CHOICE,
            choices=tuple((door.value, door.value) for door in Door),
        ),
        Filter(
            key="outcome",
            title="Outcome",
            kind=FilterKind.CHOICE,
            choices=tuple((one.value, one.value) for one in Outcome),
        ),
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
    rows = await listing.read(_place(query), SPEC.rows + 1)
    following = str(rows[SPEC.rows - 1]["number"]) if len(rows) > SPEC.rows else None
    table = Table(query=query, rows=rows[: SPEC.rows], following=following)
    return render(request, person, "audit.html", table=table, levels=LEVELS)


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
        "since": _moment(query.get("since"), zone),
        "until": _moment(query.get("until"), zone),
    }


def _moment(text: str | None, zone: str) -> datetime | None:
    """Return the moment that a field says, in the zone of the account where it names none."""
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
        local = moment if moment.tzinfo else moment.replace(tzinfo=zone_named(zone))
        return local.astimezone(UTC)
    except (ValueError, OverflowError):
        raise InvalidInput(f"{text!r} is no moment; write it as 2026-01-31T08:30") from None


def _place(query: ListQuery) -> int | None:
    if query.place is None:
        return None
    if not (query.place.isascii() and query.place.isdigit() and len(query.place) < 19):
        raise InvalidInput(f"{query.place[:40]!r} is no place in this list; begin it anew")
    return int(query.place)
