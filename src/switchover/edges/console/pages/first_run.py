"""The first minutes of a console: its first account, for whoever reads the log of ``switchover serve``."""

from __future__ import annotations

import math
from typing import Annotated

from fastapi import APIRouter, Form, Request, Response
from fastapi.responses import HTMLResponse

from switchover import clock
from switchover.app import Switchover
from switchover.directory.access.account.account import zones
from switchover.directory.access.account.work.changes import create_first_account
from switchover.directory.access.account.work.reading import is_claimed
from switchover.directory.access.session.session import form_token
from switchover.directory.access.sign_in import work
from switchover.directory.access.sign_in.outcome import Opened
from switchover.directory.access.sign_in.throttle import pair_key
from switchover.edges.api.access import Suite, require_prepared
from switchover.edges.console.access import require_visitor_form, visitor_of
from switchover.edges.console.page import render, see_other
from switchover.edges.console.pages.account import require_same
from switchover.edges.console.pages.sign_in import give_visitor, open_browser, visitor_secret
from switchover.errors import Conflict, InvalidInput, Refused

router = APIRouter()
AFTERWARDS = "/start"
"""Where the first administrator goes from here."""
Field = Annotated[str, Form(max_length=4096)]


@router.get("/first-run", response_class=HTMLResponse)
async def show_first_run(request: Request, suite: Suite) -> Response:
    """Ask for the code from the log and for the first account; lead on once there is one."""
    require_prepared(suite)
    if await is_claimed(suite.access):
        return see_other(request, "/sign-in")
    return _page(request)


@router.post("/first-run", response_class=HTMLResponse)
async def claim(
    request: Request,
    suite: Suite,
    code: Field = "",
    name: Field = "",
    password: Field = "",
    again: Field = "",
    zone: Field = "UTC",
) -> Response:
    """Make the first account, an administrator, and sign it in."""
    require_prepared(suite)
    if await is_claimed(suite.access):
        return see_other(request, "/sign-in")
    await require_visitor_form(request, suite, visitor_secret(request))
    visitor = visitor_of(request)
    # The code can not be guessed; who tries all the same shall not keep the hashing busy.
    key = pair_key("first run", visitor.address)
    wait = suite.access.throttle.enter((key,), clock.monotonic())
    if wait > 0:
        error = f"Too many tries. Try again in {math.ceil(wait)} s."
        return _page(request, name=name, zone=zone, error=error, status=429)
    try:
        require_same(password, again)
        account = await create_first_account(
            suite.access, name.strip(), password, code=code, visitor=visitor, zone=zone
        )
    except (InvalidInput, Refused, Conflict) as error:
        kept = code if suite.access.first_code.is_right(code) else ""
        if kept:
            # Who has the code guesses nothing: a mistyped name is no try.
            suite.access.throttle.succeeded((key,))
        return _page(request, code=kept, name=name, zone=zone, error=str(error), status=422)
    suite.access.throttle.succeeded((key,))
    return await _enter(request, suite, account.name, password)


async def _enter(request: Request, suite: Switchover, name: str, password: str) -> Response:
    outcome = await work.sign_in(suite.access, name, password, visitor_of(request))
    if isinstance(outcome, Opened):
        return open_browser(request, outcome.new, AFTERWARDS)
    return see_other(request, "/sign-in")


def _page(
    request: Request,
    *,
    code: str = "",
    name: str = "",
    zone: str | None = None,
    error: str | None = None,
    status: int = 200,
) -> Response:
    secret = visitor_secret(request)
    answer = render(
        request,
        None,
        "first_run.html",
        status=status,
        csrf=form_token(secret),
        code=code,
        name=name[:63],
        zone=zone,
        zones=sorted(zones()),
        error=error,
    )
    give_visitor(request, answer, secret)
    return answer
