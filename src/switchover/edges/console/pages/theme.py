"""Light or dark: a choice of this browser, kept in a cookie that holds nothing else."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Form, Request
from fastapi.responses import Response

from switchover.edges.console.access import Viewer, is_secure
from switchover.edges.console.page import THEME_COOKIE, THEMES, local_path, see_other

router = APIRouter()
_YEAR_SECONDS = 365 * 86_400


@router.post("/theme")
async def choose_theme(
    request: Request,
    person: Viewer,  # noqa: ARG001 - names the role
    theme: Annotated[str, Form(max_length=10)],
    back: Annotated[str, Form(max_length=2000)] = "/",
) -> Response:
    """Remember the choice and go back; anything but light and dark follows the system."""
    answer = see_other(request, local_path(back))
    if theme in THEMES:
        answer.set_cookie(
            THEME_COOKIE,
            theme,
            max_age=_YEAR_SECONDS,
            httponly=True,
            samesite="lax",
            secure=is_secure(request),
        )
    else:
        answer.delete_cookie(THEME_COOKIE)
    return answer
