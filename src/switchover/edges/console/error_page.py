"""Errors as pages: what failed, why, and where to go from there."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fastapi import HTTPException
from fastapi.exceptions import RequestValidationError

from switchover.edges.api.access import find_switchover
from switchover.edges.api.errors import STATUS
from switchover.edges.console.access import COOKIE, WATCHER, Person, cookie_name
from switchover.edges.console.page import is_htmx, render
from switchover.errors import InvalidInput, Problem, SwitchoverError

if TYPE_CHECKING:
    from fastapi import Request
    from fastapi.responses import HTMLResponse

_TITLES = {
    400: "That request can not be read",
    401: "Please sign in",
    403: "That is not allowed",
    404: "There is no such page",
    405: "That can not be done here",
    409: "Something stands in the way",
    413: "That is too large",
    415: "That is not read here",
    422: "Something in the input is wrong",
    503: "A part does not answer right now",
}
_ADVICE = {
    401: "Nothing was changed. Sign in in another tab, then go back to the page here and send it again.",
    403: "Somebody with a larger role can do it, or give you one.",
    404: "It may have been removed or renamed. Search for it, or start from the overview.",
    409: "It may have changed since you opened the page. Go back, reload, and look again.",
    413: "Nothing was changed.",
    415: "Nothing was changed.",
    422: "Nothing was changed.",
    503: "Traffic goes on without it. Try again in a few seconds.",
}
_FAULT = "A fault of switchover itself. Nothing is known to be lost; its log has the details."


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """An error as the page shows it."""

    status: int
    title: str
    detail: str
    advice: str
    problems: tuple[Problem, ...] = ()


def describe(error: Exception) -> Failure:
    """Return what to say; nothing of an unknown error, which goes to the log. Pure."""
    status, detail, problems = _parts(error)
    return Failure(
        status=status,
        title=_TITLES.get(status, "That did not work"),
        detail=detail,
        # Not every refusal is one of roles.
        advice="" if status == 403 and "this needs " not in detail else _ADVICE.get(status, ""),
        problems=problems,
    )


def _parts(error: Exception) -> tuple[int, str, tuple[Problem, ...]]:
    if isinstance(error, SwitchoverError):
        status = next((code for kind, code in STATUS.items() if isinstance(error, kind)), 500)
        return status, str(error), error.problems if isinstance(error, InvalidInput) else ()
    if isinstance(error, RequestValidationError):
        problems = tuple(
            Problem(message=fault["msg"], path=".".join(str(part) for part in fault["loc"][1:]))
            for fault in error.errors()
        )
        return 422, "The address or the form holds what can not be used.", problems
    given = getattr(error, "status_code", None)
    if isinstance(given, int):
        detail = str(getattr(error, "detail", ""))
        return given, "" if detail in {"Not Found", "Method Not Allowed"} else detail, ()
    return 500, _FAULT, ()


async def answer_on_a_page(request: Request, error: Exception) -> HTMLResponse:
    """Answer a browser with a whole page; HTMX with a notice for the top of the page it is on."""
    failure = describe(error)
    person = await _find_person(request, failure)
    is_part = is_htmx(request)
    template = "error_notice.html" if is_part else "error.html"
    answer = render(request, person, template, status=failure.status, failure=failure)
    answer.headers.update(getattr(error, "headers", None) or {})
    if is_part:
        answer.headers.update({"HX-Retarget": "#notices", "HX-Reswap": "innerHTML"})
    if failure.status == 503:
        answer.headers["Retry-After"] = "5"
    return answer


async def _find_person(request: Request, failure: Failure) -> Person | None:
    """Return who is signed in, also where no route has asked: a wrong address keeps its menu."""
    known: Person | None = getattr(request.state, "person", None)
    has_cookie = cookie_name(request, COOKIE) in request.cookies
    if known is not None or failure.status != 404 or not has_cookie:
        return known
    with contextlib.suppress(HTTPException, SwitchoverError):
        return await WATCHER(request, find_switchover(request))
    return None
