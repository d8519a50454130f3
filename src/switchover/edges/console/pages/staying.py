"""How long the session of an open page lasts, and staying signed in; asked for by session.js."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse

from switchover import clock
from switchover.directory.access.session.session import Limits
from switchover.edges.api.access import find_switchover
from switchover.edges.console.access import Person, Viewer, Watcher

router = APIRouter(include_in_schema=False)


@router.get("/session")
async def tell(request: Request, person: Watcher) -> JSONResponse:
    """Tell how long the session lasts, without keeping it open, the token for forms, and whether one would do."""
    return _answer(request, person)


@router.post("/session")
async def stay(request: Request, person: Viewer) -> JSONResponse:
    """Keep the session open: that somebody asked has done it."""
    now = clock.now()
    touched = replace(person.session, seen_at=now) if person.session.is_stale(now) else None
    return _answer(request, replace(person, session=touched or person.session))


def _answer(request: Request, person: Person) -> JSONResponse:
    suite = find_switchover(request)
    settings = suite.settings
    limits = Limits(
        idle=timedelta(minutes=settings.session_idle_minutes),
        absolute=timedelta(hours=settings.session_hours),
    )
    left = person.session.left(limits, clock.now())
    return JSONResponse(
        {
            "seconds": max(0, int(left.total_seconds())),
            "name": person.actor.name,
            "csrf": person.csrf,
            "takes_changes": suite.database.is_answering,
        }
    )
