"""From nothing to a running service: which step is done, and where the next one is."""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, Response

from switchover.balance.work.blocks import load_basis
from switchover.edges.api.access import Suite
from switchover.edges.console.access import Viewer
from switchover.edges.console.done_notice import Done, done_by
from switchover.edges.console.page import render

router = APIRouter()


@router.get("/start", response_class=HTMLResponse)
async def start(request: Request, suite: Suite, person: Viewer, done: Done = None) -> Response:
    """Show the steps to the first service."""
    basis = await load_basis(suite.balance)
    return render(
        request, person, "start.html", done=await done_by(suite, person, done),
        servers=tuple(basis.plain.get("servers") or ()),
        services=tuple(basis.plain.get("services") or ()),
    )  # fmt: skip
