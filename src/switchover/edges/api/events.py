"""Routes of events and of how connections ended."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Query

from switchover import clock
from switchover.balance.status_words import termination_words
from switchover.balance.work import history
from switchover.edges.api.access import Suite, Viewer

router = APIRouter(tags=["events"])


@router.get("/events")
async def list_events(
    suite: Suite,
    actor: Viewer,  # noqa: ARG001 - names the role
    service: str | None = None,
    workload: str | None = None,
    server: str | None = None,
    kind: str | None = None,
    since: datetime | None = None,
    before: Annotated[int | None, Query(ge=1)] = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
) -> dict[str, Any]:
    """List events, newest first; `before` continues after the last id of a page."""
    filters = {
        "service": service,
        "workload": workload,
        "server": server,
        "kind": kind,
        "since": since,
        "before": before,
    }
    rows = await history.list_events(suite.balance, filters=filters, limit=limit)
    following = rows[-1]["id"] if len(rows) == limit else None
    return {"events": rows, "before": following}


@router.get("/terminations")
async def list_terminations(
    suite: Suite,
    actor: Viewer,  # noqa: ARG001 - names the role
    hours: Annotated[float, Query(gt=0, le=24 * 90)] = 24.0,
) -> dict[str, Any]:
    """Count how connections and requests ended that did not end normally, per workload and server."""
    since = clock.now() - timedelta(hours=hours)
    rows = await history.list_terminations(suite.balance, since=since)
    return {"terminations": [{**row, "meaning": termination_words(row["state"])} for row in rows]}
