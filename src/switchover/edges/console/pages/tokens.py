"""Tokens of programs, for administrators: made, shown once, ended."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Form, Request, Response
from fastapi.responses import HTMLResponse

from switchover import clock
from switchover.app import Switchover
from switchover.directory.access import work
from switchover.directory.access.role import Role
from switchover.directory.access.token import NewToken, Token
from switchover.edges.api.access import Suite
from switchover.edges.api.shapes import Reason
from switchover.edges.api.tokens import COLUMNS, token_body
from switchover.edges.console.access import Admin, Person
from switchover.edges.console.export import export_rows
from switchover.edges.console.page import render, see_other
from switchover.edges.console.table import (
    Column,
    Filter,
    ListSpec,
    cut,
    in_order,
    read_query,
    word_filter,
)
from switchover.errors import SwitchoverError

router = APIRouter()
ReasonField = Annotated[Reason, Form()]
_STATES = ("valid", "expired", "revoked")
_ONCE_WITHIN = timedelta(minutes=10)
"""The page that shows a secret sends its form anew when it is loaded again: that makes no second token."""
LIST = ListSpec(
    path="/tokens",
    columns=(
        Column(key="name", title="Name", is_sortable=True),
        Column(key="role", title="Role", is_sortable=True),
        Column(key="state", title="State", is_sortable=True),
        Column(key="last_used_at", title="Last used", is_sortable=True),
        Column(key="expires_at", title="Until", is_sortable=True),
        Column(key="created_at", title="Made", is_sortable=True),
        Column(key="end", title="End"),
    ),
    filters=(
        Filter(key="q", title="Name"),
        Filter(key="maker", title="Made by"),
        Filter(key="account", title="Account behind it"),
        word_filter("role", "Role", Role),
        word_filter("state", "State", _STATES),
    ),
    sort="-created_at",
)


@router.get("/tokens", response_class=HTMLResponse)
async def show_tokens(request: Request, suite: Suite, person: Admin) -> Response:
    """List tokens without their secrets; the form below makes another."""
    return await _page(request, suite, person)


@router.post("/tokens", response_class=HTMLResponse)
async def create_token(
    request: Request,
    suite: Suite,
    person: Admin,
    name: Annotated[str, Form(max_length=200)] = "",
    role: Annotated[Role, Form()] = Role.VIEWER,
    days: Annotated[float, Form(ge=0.01, le=3650)] = 90.0,
    reason: ReasonField = "",
) -> Response:
    """Make a token and show it, this once."""
    try:
        fresh = await work.create_token(
            suite.database,
            name.strip(),
            role,
            actor=person.actor,
            valid_days=days,
            reason=reason,
            once_within=_ONCE_WITHIN,
        )
    except SwitchoverError as error:
        return await _page(request, suite, person, error=error, name=name, role=role)
    return await _page(request, suite, person, fresh=fresh)


@router.get("/tokens/{token_id}/revoke", response_class=HTMLResponse)
async def show_end(request: Request, suite: Suite, person: Admin, token_id: str) -> Response:
    """Say what ending a token means; changes nothing."""
    token = await work.get_token(suite.database, token_id)
    return render(request, person, "token_end.html", token=token, state=_state(token))


@router.post("/tokens/{token_id}/revoke")
async def revoke_token(
    request: Request, suite: Suite, person: Admin, token_id: str, reason: ReasonField = ""
) -> Response:
    """End a token now."""
    await work.revoke_token(
        suite.database, suite.tokens, token_id, actor=person.actor, reason=reason
    )
    return see_other(request, "/tokens")


async def _page(
    request: Request,
    suite: Switchover,
    person: Person,
    *,
    fresh: NewToken | None = None,
    error: SwitchoverError | None = None,
    name: str = "",
    role: Role = Role.VIEWER,
) -> Response:
    query = read_query(LIST, request.query_params)
    found = await work.list_tokens(
        suite.database,
        role=Role(query.filters["role"]) if query.get("role") else None,
        containing=query.get("q"),
        maker=query.get("maker"),
        account=query.get("account"),
    )
    wanted = query.get("state")
    rows = [row for row in map(_row, found) if wanted in (None, row["state"])]
    if query.form:
        bodies = [row["body"] for row in in_order(query, rows)]
        return export_rows("tokens", COLUMNS, bodies, query.form)
    return render(
        request,
        person,
        "tokens.html",
        status=422 if error else 200,
        query=query,
        table=cut(query, rows),
        roles=list(Role),
        fresh=fresh,
        error=str(error) if error else None,
        name=name,
        role=role,
    )


def _state(token: Token) -> str:
    if token.revoked_at is not None:
        return "revoked"
    return "valid" if token.is_valid(clock.now()) else "expired"


def _row(token: Token) -> dict[str, Any]:
    return {
        "name": token.name,
        "role": token.role.rank,
        "state": _state(token),
        "last_used_at": token.last_used_at and token.last_used_at.timestamp(),
        "expires_at": token.expires_at and token.expires_at.timestamp(),
        "created_at": token.created_at.timestamp(),
        "token": token,
        "body": token_body(token),
    }
