"""The engine page: versions, the last cycle, limits, and the configuration in force to read and search."""

from __future__ import annotations

import asyncio
from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse, PlainTextResponse
from pydantic import StringConstraints

from switchover.balance.work.views import engine_configuration
from switchover.edges.api.access import Suite
from switchover.edges.console.access import Viewer
from switchover.edges.console.engine_sections import search
from switchover.edges.console.page import render
from switchover.errors import NotFound

router = APIRouter()
Words = Annotated[str, StringConstraints(max_length=200, pattern=r"^[^\x00-\x1f\x7f]*$")]


@router.get("/engine", response_class=HTMLResponse)
async def show_engine(
    request: Request, suite: Suite, person: Viewer, q: Annotated[Words, Query()] = ""
) -> HTMLResponse:
    """Return what runs, from the last cycle's look at it, and the sections in which ``q`` is found."""
    state = suite.cycle.state
    try:
        found = await asyncio.to_thread(search, engine_configuration(suite.balance), q)
    except NotFound:
        found = None
    return render(
        request,
        person,
        "engine.html",
        version=suite.engine_version,
        path=suite.engine_path,
        process=suite.balance.engine.process.master_pid,
        info=state.info if state else None,
        report=suite.cycle.report,
        settings=suite.settings,
        database_answers=suite.database.is_answering,
        found=found,
        words=q,
    )


@router.get("/engine/configuration", response_class=PlainTextResponse)
async def get_configuration(suite: Suite, person: Viewer) -> PlainTextResponse:  # noqa: ARG001 - names the role
    """Return the configuration as it is on disk, to keep; it holds no secrets."""
    return PlainTextResponse(
        engine_configuration(suite.balance),
        headers={"Content-Disposition": 'attachment; filename="haproxy.cfg"'},
    )
