"""Signing in and out: with name and password, a code, or through an identity provider.

These pages have no session yet. What binds a form, and an answer of the provider, to the browser that
asked is the visitor's cookie, a random value of its own.
"""

from __future__ import annotations

from typing import Annotated, Final
from urllib.parse import quote

from fastapi import APIRouter, Form, Query, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse

from switchover import clock
from switchover.app import Switchover
from switchover.directory.access.account.work.reading import is_claimed
from switchover.directory.access.oidc.entrance import enter_provided
from switchover.directory.access.oidc.work import IdentityProvider
from switchover.directory.access.session.session import (
    CODE_SECONDS,
    NewSession,
    form_token,
    secret_hash,
)
from switchover.directory.access.session.work import find_session
from switchover.directory.access.sign_in import work
from switchover.directory.access.sign_in.outcome import CodeNeeded, Denied, Opened
from switchover.edges.api.access import Suite, require_prepared
from switchover.edges.console.access import (
    COOKIE,
    VISITOR_COOKIE,
    Viewer,
    cookie_name,
    give_cookie,
    origin_fault,
    require_visitor_form,
    take_cookie,
    visitor_of,
)
from switchover.edges.console.page import local_path, render, see_other
from switchover.errors import NotFound, Refused

router = APIRouter()
CODE_COOKIE: Final = "switchover-code"
OIDC_COOKIE: Final = "switchover-oidc"
_OIDC_SECONDS = 600

Next = Annotated[str, Query(alias="next", max_length=2000)]
NextField = Annotated[str, Form(alias="next", max_length=2000)]
Field = Annotated[str, Form(max_length=4096)]


@router.get("/sign-in", response_class=HTMLResponse)
async def show_sign_in(request: Request, suite: Suite, back: Next = "/") -> Response:
    """Ask for name and password; lead on who is signed in, and to the first run where nobody can be."""
    require_prepared(suite)
    if not await is_claimed(suite.access) and suite.provider is None:
        return see_other(request, "/first-run")
    secret = request.cookies.get(cookie_name(request, COOKIE), "")
    if await find_session(suite.access, secret, touch=False) is not None:
        return see_other(request, local_path(back))
    return _sign_in_page(request, suite, back=back)


@router.post("/sign-in", response_class=HTMLResponse)
async def sign_in(
    request: Request, suite: Suite, name: Field = "", password: Field = "", back: NextField = "/"
) -> Response:
    """Open a session, or say that it is not right."""
    require_prepared(suite)
    refused = await _strange(request, suite, back=back, name=name)
    if refused is not None:
        return refused
    outcome = await work.sign_in(suite.access, name, password, visitor_of(request))
    match outcome:
        case Opened(new=new):
            return open_browser(request, new, back)
        case CodeNeeded(new=new):
            answer = see_other(request, f"/sign-in/code?next={quote(local_path(back), safe='')}")
            give_cookie(request, answer, CODE_COOKIE, new.secret, seconds=CODE_SECONDS)
            return answer
        case Denied():
            return _sign_in_page(request, suite, back=back, name=name, denied=outcome)


@router.get("/sign-in/code", response_class=HTMLResponse)
async def show_code(request: Request, suite: Suite, back: Next = "/") -> Response:
    """Ask for a code of the second factor; lead back whose time for it is over."""
    require_prepared(suite)
    pending = request.cookies.get(cookie_name(request, CODE_COOKIE), "")
    seconds_left = await work.code_seconds_left(suite.access, pending)
    if seconds_left <= 0:
        return see_other(request, "/sign-in")
    return _code_page(request, back=back, seconds_left=seconds_left)


@router.post("/sign-in/code", response_class=HTMLResponse)
async def confirm_code(
    request: Request, suite: Suite, code: Field = "", back: NextField = "/"
) -> Response:
    """Open the session when the code is right."""
    require_prepared(suite)
    await require_visitor_form(request, suite, _visitor_secret(request))
    pending = request.cookies.get(cookie_name(request, CODE_COOKIE), "")
    outcome = await work.confirm_code(suite.access, pending, code, visitor_of(request))
    if isinstance(outcome, Opened):
        answer = open_browser(request, outcome.new, back)
        take_cookie(request, answer, CODE_COOKIE)
        return answer
    denied = outcome if isinstance(outcome, Denied) else None
    seconds_left = await work.code_seconds_left(suite.access, pending)
    return _code_page(request, back=back, seconds_left=seconds_left, denied=denied)


@router.get("/sign-in/oidc")
async def begin_oidc(request: Request, suite: Suite, back: Next = "/") -> Response:
    """Send the browser to the identity provider.

    A link and not a form, because the content policy keeps forms from leading to other sites. Nothing is
    changed here: the try lives in the browser's cookie.
    """
    require_prepared(suite)
    address, sealed = await _provider(suite).begin(local_path(back))
    answer = RedirectResponse(address, status_code=303)
    give_cookie(request, answer, OIDC_COOKIE, sealed, seconds=_OIDC_SECONDS)
    return answer


@router.get("/sign-in/oidc/callback", response_class=HTMLResponse)
async def finish_oidc(request: Request, suite: Suite) -> Response:
    """Open a session for whom the provider vouches, if this browser asked for it."""
    require_prepared(suite)
    provider = _provider(suite)
    cookie = request.cookies.get(cookie_name(request, OIDC_COOKIE), "")
    outcome, back = await enter_provided(
        suite.access, provider, dict(request.query_params), cookie, visitor_of(request)
    )
    if isinstance(outcome, Opened):
        answer: Response = open_browser(request, outcome.new, back)
    else:
        denied = outcome if isinstance(outcome, Denied) else None
        answer = _sign_in_page(request, suite, back=back, denied=denied)
    # One answer for one try: the cookie is used up, whatever came of it.
    take_cookie(request, answer, OIDC_COOKIE)
    return answer


@router.post("/sign-out")
async def sign_out(request: Request, suite: Suite, person: Viewer) -> Response:
    """End the session; the cookie is worth nothing from then on."""
    await work.sign_out(suite.access, person.account, person.session, actor=person.actor)
    answer = see_other(request, "/sign-in")
    take_cookie(request, answer, COOKIE)
    answer.headers["Clear-Site-Data"] = '"cache"'
    return answer


def open_browser(request: Request, new: NewSession, back: str) -> Response:
    """Give a browser its session and lead it on."""
    answer = see_other(request, local_path(back))
    give_cookie(request, answer, COOKIE, new.secret)
    return answer


def give_visitor(request: Request, answer: Response, secret: str) -> None:
    """Let a browser without a session keep what binds its forms to it."""
    if secret != _visitor_secret(request):
        give_cookie(request, answer, VISITOR_COOKIE, secret)


def visitor_secret(request: Request) -> str:
    """Return the random value of a browser without a session, a new one where it has none."""
    return _visitor_secret(request) or clock.new_secret()


def _visitor_secret(request: Request) -> str:
    secret = request.cookies.get(cookie_name(request, VISITOR_COOKIE), "")
    return secret if secret_hash(secret) else ""


def _provider(suite: Switchover) -> IdentityProvider:
    if suite.provider is None:
        raise NotFound("there is no identity provider; see SWITCHOVER_OIDC_ISSUER")
    return suite.provider


async def _strange(request: Request, suite: Switchover, *, back: str, name: str) -> Response | None:
    """Return the page once more for a form that came without its token: cookies may have been off."""
    try:
        await require_visitor_form(request, suite, _visitor_secret(request))
    except Refused:
        fault = origin_fault(request)
        too_old = (
            "Nothing was sent to be checked: this page was open for too long, or your browser keeps no "
            "cookies of this console. Try again; if it says so once more, allow its cookies."
        )
        sentence = f"{fault[0].upper()}{fault[1:]}." if fault else too_old
        denied = Denied(sentence=sentence, reason="no form of ours")
        return _sign_in_page(request, suite, back=back, name=name, denied=denied, status=403)
    return None


def _sign_in_page(
    request: Request,
    suite: Switchover,
    *,
    back: str,
    name: str = "",
    denied: Denied | None = None,
    status: int | None = None,
) -> Response:
    secret = visitor_secret(request)
    answer = render(
        request,
        None,
        "sign_in.html",
        status=status or _status(denied),
        csrf=form_token(secret),
        back=local_path(back),
        name=name[:63],
        denied=denied,
        is_claimed=suite.access.is_claimed,
        provider=suite.provider.settings.name if suite.provider else None,
    )
    give_visitor(request, answer, secret)
    return _with_wait(answer, denied)


def _code_page(
    request: Request, *, back: str, seconds_left: float, denied: Denied | None = None
) -> Response:
    secret = visitor_secret(request)
    answer = render(
        request,
        None,
        "sign_in_code.html",
        status=_status(denied),
        csrf=form_token(secret),
        back=local_path(back),
        denied=denied,
        seconds_left=seconds_left,
    )
    give_visitor(request, answer, secret)
    return _with_wait(answer, denied)


def _status(denied: Denied | None) -> int:
    if denied is None:
        return 200
    return 429 if denied.wait_seconds > 0 else 401


def _with_wait(answer: HTMLResponse, denied: Denied | None) -> HTMLResponse:
    if denied is not None and denied.wait_seconds > 0:
        answer.headers["Retry-After"] = str(int(denied.wait_seconds) + 1)
    return answer
