"""Somebody's own account: password, second factor, sessions, time zone."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Form, Request, Response
from fastapi.responses import HTMLResponse

from switchover.app import Switchover
from switchover.directory.access.account import second_factor as factor
from switchover.directory.access.account.account import zones
from switchover.directory.access.account.work import changes, proof, second_factor
from switchover.directory.access.account.work.reading import count_codes
from switchover.directory.access.session import work as sessions
from switchover.directory.access.session.session import Session
from switchover.edges.api.access import Suite
from switchover.edges.console.access import Person, Viewer
from switchover.edges.console.done_notice import is_ours, mark_of
from switchover.edges.console.export import export_rows
from switchover.edges.console.page import render, see_other
from switchover.edges.console.picture import code_picture
from switchover.edges.console.table import (
    Column,
    Filter,
    ListQuery,
    ListSpec,
    cut,
    in_order,
    read_query,
)
from switchover.errors import InvalidInput, NotFound, SwitchoverError, Unavailable

router = APIRouter()
Field = Annotated[str, Form(max_length=4096)]
_ISSUER = "switchover"
SESSIONS = ListSpec(
    path="/account",
    columns=(
        Column(key="address", title="From", is_sortable=True),
        Column(key="agent", title="Browser", is_sortable=True),
        Column(key="made_at", title="Signed in", is_sortable=True),
        Column(key="seen_at", title="Last request", is_sortable=True),
        Column(key="end", title="End"),
    ),
    filters=(Filter(key="q", title="From, or browser"),),
    sort="-made_at",
    rows=20,
)
_KEYS = {
    "address": lambda session: session.address,
    "agent": lambda session: session.agent,
    "made_at": lambda session: session.made_at,
    "seen_at": lambda session: session.seen_at,
}
_EXPORTED = ("address", "agent", "method", "made_at", "seen_at", "is_this")


@router.get("/account", response_class=HTMLResponse)
async def show_account(request: Request, suite: Suite, person: Viewer) -> Response:
    """Show the account of who asks, or a file of its open sessions."""
    query = read_query(SESSIONS, request.query_params)
    if query.form:
        found = _fitting(await sessions.list_sessions(suite.access, person.account), query)
        rows = [_exported(one, person.session) for one in in_order(query, found, _KEYS)]
        return export_rows("sessions", _EXPORTED, rows, query.form)
    return await _page(request, suite, person)


@router.post("/account/zone")
async def change_zone(
    request: Request, suite: Suite, person: Viewer, zone: Annotated[str, Form(max_length=100)]
) -> Response:
    """Show times in another zone from now on."""
    try:
        await changes.change_zone(suite.access, person.account, zone, actor=person.actor)
    except InvalidInput as error:
        return await _page(request, suite, person, error=error, about="zone")
    return see_other(request, _done(person, "zone"))


@router.post("/account/password")
async def change_password(
    request: Request,
    suite: Suite,
    person: Viewer,
    old: Field = "",
    new: Field = "",
    again: Field = "",
) -> Response:
    """Change the password; every other session of the account ends."""
    try:
        require_same(new, again)
        await proof.change_own_password(
            suite.access,
            person.account,
            old=old,
            new=new,
            keep_session=person.session.id,
            actor=person.actor,
        )
    except (InvalidInput, Unavailable) as error:
        return await _page(request, suite, person, error=error, about="password")
    return see_other(request, _done(person, "password"))


@router.post("/account/second-factor")
async def begin_second_factor(request: Request, suite: Suite, person: Viewer) -> Response:
    """Make a secret for an authenticator; a code of it puts it in force."""
    await second_factor.begin(suite.access, person.account)
    return see_other(request, "/account/second-factor")


@router.get("/account/second-factor", response_class=HTMLResponse)
async def show_second_factor(request: Request, suite: Suite, person: Viewer) -> Response:
    """Show the secret that waits for its first code."""
    return await _enrolment_page(request, suite, person)


@router.post("/account/second-factor/confirm", response_class=HTMLResponse)
async def confirm_second_factor(
    request: Request, suite: Suite, person: Viewer, code: Field = "", password: Field = ""
) -> Response:
    """Put the second factor in force and show the recovery codes, this once."""
    try:
        codes = await second_factor.confirm(
            suite.access,
            person.account,
            code,
            password,
            keep_session=person.session.id,
            actor=person.actor,
        )
    except (InvalidInput, Unavailable) as error:
        return await _enrolment_page(request, suite, person, error=error)
    return _codes_page(request, person, codes)


@router.post("/account/second-factor/codes", response_class=HTMLResponse)
async def renew_codes(
    request: Request, suite: Suite, person: Viewer, password: Field = ""
) -> Response:
    """Show new recovery codes, this once; the old ones end."""
    try:
        codes = await second_factor.renew_codes(
            suite.access, person.account, password, actor=person.actor
        )
    except (InvalidInput, Unavailable) as error:
        return await _page(request, suite, person, error=error, about="second-factor")
    return _codes_page(request, person, codes)


@router.post("/account/second-factor/remove")
async def remove_second_factor(
    request: Request, suite: Suite, person: Viewer, password: Field = ""
) -> Response:
    """Go back to the password alone."""
    try:
        await second_factor.remove(suite.access, person.account, password, actor=person.actor)
    except (InvalidInput, Unavailable) as error:
        return await _page(request, suite, person, error=error, about="second-factor")
    return see_other(request, _done(person, "second-factor"))


@router.post("/account/sessions/{session}/end")
async def end_session(request: Request, suite: Suite, person: Viewer, session: str) -> Response:
    """End one of one's own sessions."""
    await sessions.end_session(suite.access, person.account, session, actor=person.actor)
    return see_other(request, "/account#sessions")


@router.post("/account/sessions/end-others")
async def end_other_sessions(request: Request, suite: Suite, person: Viewer) -> Response:
    """End every session but this one."""
    await sessions.end_others(suite.access, person.account, person.session.id, actor=person.actor)
    return see_other(request, "/account#sessions")


def require_same(password: str, again: str) -> None:
    """Raise InvalidInput unless a new password was typed twice alike."""
    if password != again:
        raise InvalidInput("the two passwords are not the same; type them again")


async def _page(
    request: Request,
    suite: Switchover,
    person: Person,
    *,
    error: SwitchoverError | None = None,
    about: str = "",
) -> Response:
    has_factor = person.account.has_second_factor
    done, mark = (request.query_params.get(key, "") for key in ("done", "mark"))
    query = read_query(SESSIONS, request.query_params)
    opened = await sessions.list_sessions(suite.access, person.account)
    return render(
        request,
        person,
        "account.html",
        status=422 if error else 200,
        account=person.account,
        session=person.session,
        sessions=len(opened),
        query=query,
        table=cut(query, _fitting(opened, query), keys=_KEYS),
        codes=await count_codes(suite.access, person.account) if has_factor else 0,
        zones=sorted(zones()),
        limits=suite.access.limits,
        done=done if is_ours(person, mark, done) else "",
        error=str(error) if error else None,
        about=about,
    )


def _done(person: Person, done: str) -> str:
    return f"/account?done={done}&mark={mark_of(person, done)}"


def _fitting(opened: list[Session], query: ListQuery) -> list[Session]:
    part = (query.get("q") or "").casefold()
    return [one for one in opened if part in f"{one.address} {one.agent}".casefold()]


def _exported(one: Session, this: Session) -> dict[str, object]:
    return {
        "address": one.address,
        "agent": one.agent,
        "method": one.method.value,
        "made_at": one.made_at,
        "seen_at": one.seen_at,
        "is_this": one.id == this.id,
    }


async def _enrolment_page(
    request: Request, suite: Switchover, person: Person, *, error: SwitchoverError | None = None
) -> Response:
    secret = await second_factor.find_draft(suite.access, person.account)
    if secret is None:
        raise NotFound("there is no second factor to confirm; begin on the page of your account")
    uri = factor.enrolment_uri(secret, person.account.name, _ISSUER)
    return render(
        request,
        person,
        "second_factor.html",
        status=422 if error else 200,
        picture=code_picture(uri),
        uri=uri,
        spelled=factor.spelled(secret),
        error=str(error) if error else None,
    )


def _codes_page(request: Request, person: Person, codes: tuple[str, ...]) -> Response:
    return render(request, person, "recovery_codes.html", codes=codes)
