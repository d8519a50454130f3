"""The page that explains words, signs, keys and roles."""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from switchover.edges.console.access import Viewer
from switchover.edges.console.page import render

router = APIRouter()


@router.get("/help", response_class=HTMLResponse)
async def show_help(request: Request, person: Viewer) -> HTMLResponse:
    """Return the page."""
    return render(request, person, "help.html")
