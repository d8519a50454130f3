"""Accounts of everybody, for administrators."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Form, Request, Response
from fastapi.responses import HTMLResponse

from switchover.app import Switchover
from switchover.directory.access.account.account import Account
from switchover.directory.access.account.work import changes, reading
from switchover.directory.access.role import Role
from switchover.directory.access.session.work import list_sessions
from switchover.directory.access.work import list_tokens
from switchover.edges.api.access import Suite
from switchover.edges.api.accounts import COLUMNS, account_body
from switchover.edges.api.shapes import Reason
from switchover.edges.console.access import Admin, Person
from switchover.edges.console.export import export_rows
from switchover.edges.console.page import path_word, render, see_other
from switchover.edges.console.pages.account import require_same
from switchover.edges.console.table import (
    Column,
    Filter,
    FilterKind,
    ListQuery,
    ListSpec,
    cut,
    in_order,
    read_query,
    word_filter,
)
from switchover.errors import InvalidInput, SwitchoverError

router = APIRouter()
Field = Annotated[str, Form(max_length=4096)]
ReasonField = Annotated[Reason, Form()]
_STATES = (("enabled", "may sign in"), ("disabled", "disabled"))
_KINDS = (("local", "here"), ("provided", "identity provider"))
LIST = ListSpec(
    path="/accounts",
    columns=(
        Column(key="name", title="Name", is_sortable=True),
        Column(key="role", title="Role", is_sortable=True),
        Column(key="state", title="State", is_sortable=True),
        Column(key="kind", title="Known", is_sortable=True),
        Column(key="second_factor", title="Second factor", is_sortable=True),
        Column(key="signed_in_at", title="Last sign-in", is_sortable=True),
        Column(key="made_at", title="Made", is_sortable=True),
    ),
    filters=(
        Filter(key="q", title="Name"),
        word_filter("role", "Role", Role),
        Filter(key="state", title="State", kind=FilterKind.CHOICE, choices=_STATES),
        Filter(key="kind", title="Known", kind=FilterKind.CHOICE, choices=_KINDS),
    ),
    sort="name",
)


@router.get("/accounts", response_class=HTMLResponse)
async def show_accounts(request: Request, suite: Suite, person: Admin) -> Response:
    """List accounts; the form below makes another."""
    return await _list_page(request, suite, person)


@router.post("/accounts")
async def create_account(
    request: Request,
    suite: Suite,
    person: Admin,
    name: Field = "",
    role: Annotated[Role, Form()] = Role.VIEWER,
    password: Field = "",
    again: Field = "",
    reason: ReasonField = "",
) -> Response:
    """Make a local account."""
    try:
        require_same(password, again)
        made = await changes.create_account(
            suite.access,
            name.strip(),
            role,
            password,
            actor=person.actor,
            zone=person.zone,
            reason=reason,
        )
    except SwitchoverError as error:
        return await _list_page(request, suite, person, error=error, name=name, role=role)
    return see_other(request, f"/accounts/{path_word(made.name)}")


@router.get("/accounts/{name}", response_class=HTMLResponse)
async def show_account(request: Request, suite: Suite, person: Admin, name: str) -> Response:
    """Show one account with what can be done to it."""
    return await _account_page(request, suite, person, name)


@router.post("/accounts/{name}/password")
async def set_password(
    request: Request,
    suite: Suite,
    person: Admin,
    name: str,
    password: Field = "",
    again: Field = "",
    reason: ReasonField = "",
) -> Response:
    """Give somebody another password; their sessions end."""
    try:
        require_same(password, again)
        await changes.set_password(suite.access, name, password, actor=person.actor, reason=reason)
    except InvalidInput as error:
        return await _account_page(request, suite, person, name, error=error)
    return see_other(request, f"/accounts/{path_word(name)}")


async def _list_page(
    request: Request,
    suite: Switchover,
    person: Person,
    *,
    error: SwitchoverError | None = None,
    name: str = "",
    role: Role = Role.VIEWER,
) -> Response:
    query = read_query(LIST, request.query_params)
    found = await reading.list_accounts(
        suite.access,
        role=Role(query.filters["role"]) if query.get("role") else None,
        containing=query.get("q"),
    )
    rows = [_row(account) for account in found if _fits(account, query)]
    if query.form:
        bodies = [row["body"] for row in in_order(query, rows)]
        return export_rows("accounts", COLUMNS, bodies, query.form)
    return render(
        request,
        person,
        "accounts.html",
        status=422 if error else 200,
        query=query,
        table=cut(query, rows),
        roles=list(Role),
        error=str(error) if error else None,
        name=name,
        role=role,
    )


async def _account_page(
    request: Request,
    suite: Switchover,
    person: Person,
    name: str,
    *,
    error: SwitchoverError | None = None,
) -> Response:
    account = await reading.get_account(suite.access, name)
    return render(
        request,
        person,
        "accounts_one.html",
        status=422 if error else 200,
        account=account,
        sessions=await list_sessions(suite.access, account),
        tokens=await list_tokens(suite.database, account=account.name, is_valid=True),
        is_vouched=suite.access.is_vouched(account),
        roles=list(Role),
        error=str(error) if error else None,
    )


def _row(account: Account) -> dict[str, Any]:
    return {
        "name": account.name,
        "role": account.role.rank,
        "state": account.is_enabled,
        "kind": account.is_local,
        "second_factor": account.has_second_factor,
        "signed_in_at": account.signed_in_at and account.signed_in_at.timestamp(),
        "made_at": account.made_at.timestamp(),
        "account": account,
        "body": account_body(account),
    }


def _fits(account: Account, query: ListQuery) -> bool:
    state, kind = query.get("state"), query.get("kind")
    is_state = state is None or account.is_enabled is (state == "enabled")
    return is_state and (kind is None or account.is_local is (kind == "local"))
