"""The what-if page: click servers, workloads and sites off, and read what users would feel."""

from __future__ import annotations

import functools
import urllib.parse
from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse
from pydantic import StringConstraints

from switchover.balance.single_failures import single_failures
from switchover.balance.work.preview import OutagePreview, preview_outage
from switchover.edges.api.access import Suite
from switchover.edges.console.access import Viewer
from switchover.edges.console.outage_board import Board, lay_out
from switchover.edges.console.outage_words import Alone, tell, tell_alone, tell_briefly
from switchover.edges.console.page import render
from switchover.errors import InvalidInput, NotFound

router = APIRouter()
MOST_DOWN = 500
"""What can be off at once: a longer address would not pass every proxy."""
LEVELS_FIRST = ("bad", "warning", "ok")
Word = Annotated[str, StringConstraints(max_length=200, pattern=r"^[^\x00-\x1f\x7f]*$")]


@router.get("/what-if", response_class=HTMLResponse)
async def show_what_if(
    request: Request,
    suite: Suite,
    person: Viewer,
    down: Annotated[list[Word], Query()] = [],  # noqa: B006 - FastAPI copies it
    service: Word = "",
    q: Word = "",
) -> HTMLResponse:
    """Return the board with ``down`` off, and what that does to each service in each layout."""
    if len(down) > MOST_DOWN:
        raise InvalidInput(f"{len(down)} things at once; more than {MOST_DOWN} can not be off here")
    try:
        preview = await preview_outage(suite.balance, down, first=service)
    except NotFound:
        return render(request, person, "what_if.html", preview=None)
    known = [item.text for item in preview.outage.items]
    board = lay_out(preview.balance, known, service=service, containing=q)
    return render(
        request,
        person,
        "what_if.html",
        preview=preview,
        board=board,
        alone=[] if known else _alone(preview, board),
        answers=list(map(tell, preview.reports)),
        more=list(map(tell_briefly, preview.brief)),
        services=[(item.name, item.title) for item in preview.balance.services],
        down=known,
        chosen=service,
        containing=q,
        link=functools.partial(_link, known, {"service": service, "q": q}),
    )


def _link(off: list[str], kept: dict[str, str], /, without: str = "", **changes: str) -> str:
    """Return the address of this page with one thing less off, or another part of it shown."""
    words = [("down", text) for text in off if text != without]
    words += [pair for pair in {**kept, **changes}.items() if pair[1]]
    return f"/what-if?{urllib.parse.urlencode(words)}" if words else "/what-if"


def _alone(preview: OutagePreview, board: Board) -> list[tuple[str, Alone]]:
    """Return what the loss of each server on the board would do by itself, the worst first."""
    names = {row.server.value for row in board.rows}
    found = single_failures(preview.balance, preview.overrides, names)
    told = [(name, tell_alone(failure)) for name, failure in found.items()]
    return sorted(told, key=lambda pair: LEVELS_FIRST.index(pair[1].level))
