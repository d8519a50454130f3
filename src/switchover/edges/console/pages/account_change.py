"""What an administrator does to an account: the page that says what it means, and the change itself.

The page comes first, with JavaScript and without it: what takes rights away is not one slip of a finger.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated

from fastapi import APIRouter, Depends, Form, Query, Request, Response
from fastapi.responses import HTMLResponse

from switchover.app import Switchover
from switchover.directory.access.account.account import Account
from switchover.directory.access.account.work import changes, leaving, reading, second_factor
from switchover.directory.access.role import Role
from switchover.directory.access.session.work import list_sessions
from switchover.directory.access.token import Token
from switchover.directory.access.work import list_tokens
from switchover.edges.api.access import Suite
from switchover.edges.api.shapes import Reason
from switchover.edges.console.access import Admin
from switchover.edges.console.page import path_word, render, see_other

router = APIRouter()
ReasonField = Annotated[Reason, Form()]
KeepField = Annotated[bool, Form()]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What the page asks beside the action: why, and whether tokens outlive it."""

    reason: ReasonField = ""
    keep_tokens: KeepField = False


AskedWith = Annotated[Wish, Depends()]


class Action(StrEnum):
    """What can be done, by the last part of its path."""

    ROLE = "role"
    DISABLE = "disable"
    ENABLE = "enable"
    SECOND_FACTOR = "second-factor-reset"
    SIGN_OUT = "sign-out"
    REMOVE = "remove"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wording:
    """How an action is told: the title, what follows from it, the words of its button."""

    title: str
    means: str
    button: str
    is_grave: bool = True


_WORDINGS = {
    Action.ROLE: Wording(
        title="Give {name} the role {role}",
        means="The role is {old} now. Open sessions end, so that the new one holds everywhere.",
        button="Change the role",
        is_grave=False,
    ),
    Action.DISABLE: Wording(
        title="Disable {name}",
        means="Nobody signs in as {name} until the account is enabled again. Open sessions end.",
        button="Disable",
    ),
    Action.ENABLE: Wording(
        title="Enable {name}",
        means="{name} may sign in again, with the role {old}. Tokens that have ended stay so.",
        button="Enable",
        is_grave=False,
    ),
    Action.SECOND_FACTOR: Wording(
        title="Reset the second factor of {name}",
        means="Sign-in asks for the password alone until {name} adds another one. Recovery codes and open "
        "sessions end.",
        button="Reset the second factor",
    ),
    Action.SIGN_OUT: Wording(
        title="Sign {name} out everywhere",
        means="Open sessions end at once; what is written in a form there and not sent may be lost.",
        button="Sign out everywhere",
    ),
    Action.REMOVE: Wording(
        title="Remove {name}",
        means="The account goes for good, with its open sessions. Its name stays in the history.",
        button="Remove",
    ),
}


@router.get("/accounts/{name}/change", response_class=HTMLResponse)
async def show_change(
    request: Request,
    suite: Suite,
    person: Admin,
    name: str,
    action: Annotated[Action, Query()] = Action.DISABLE,
    role: Annotated[Role, Query()] = Role.VIEWER,
) -> Response:
    """Say what a change of an account would mean; changes nothing."""
    account = await reading.get_account(suite.access, name)
    wording = _WORDINGS[action]
    told = {"name": account.name, "role": role.value, "old": account.role.value}
    return render(
        request,
        person,
        "account_change.html",
        account=account,
        action=action,
        role=role,
        title=wording.title.format_map(told),
        means=wording.means.format_map(told),
        button=wording.button,
        is_grave=wording.is_grave,
        sessions=await list_sessions(suite.access, account),
        tokens=await _ending(suite, account, action, role),
        is_own=account.id == person.account.id,
    )


async def _ending(suite: Switchover, account: Account, action: Action, role: Role) -> list[Token]:
    """Return the tokens that an action would end."""
    if action not in {Action.ROLE, Action.DISABLE, Action.REMOVE}:
        return []
    made = await list_tokens(suite.database, account=account.name, is_valid=True)
    if action is not Action.ROLE:
        return made
    is_less = account.role.includes(role) and account.role is not role
    return [token for token in made if is_less and not role.includes(token.role)]


@router.post("/accounts/{name}/role")
async def change_role(
    request: Request,
    suite: Suite,
    person: Admin,
    name: str,
    role: Annotated[Role, Form()],
    wish: AskedWith,
) -> Response:
    """Give somebody another role; their sessions end, and the tokens they made above a smaller one."""
    await leaving.change_role(
        suite.access,
        name,
        role,
        actor=person.actor,
        reason=wish.reason,
        keep_tokens=wish.keep_tokens,
    )
    return _back(request, name)


@router.post("/accounts/{name}/disable")
async def disable(
    request: Request,
    suite: Suite,
    person: Admin,
    name: str,
    wish: AskedWith,
) -> Response:
    """Keep somebody from signing in; their sessions and the tokens they made end."""
    await leaving.disable_account(
        suite.access, name, actor=person.actor, reason=wish.reason, keep_tokens=wish.keep_tokens
    )
    return _back(request, name)


@router.post("/accounts/{name}/enable")
async def enable(
    request: Request, suite: Suite, person: Admin, name: str, reason: ReasonField = ""
) -> Response:
    """Let somebody sign in again."""
    await changes.enable_account(suite.access, name, actor=person.actor, reason=reason)
    return _back(request, name)


@router.post("/accounts/{name}/second-factor-reset")
async def reset_second_factor(
    request: Request, suite: Suite, person: Admin, name: str, reason: ReasonField = ""
) -> Response:
    """Take the second factor from somebody who lost it; their sessions end."""
    await second_factor.reset(suite.access, name, actor=person.actor, reason=reason)
    return _back(request, name)


@router.post("/accounts/{name}/sign-out")
async def sign_out_everywhere(
    request: Request, suite: Suite, person: Admin, name: str, reason: ReasonField = ""
) -> Response:
    """End all sessions of somebody."""
    await changes.end_sessions(suite.access, name, actor=person.actor, reason=reason)
    return _back(request, name)


@router.post("/accounts/{name}/remove")
async def remove(
    request: Request,
    suite: Suite,
    person: Admin,
    name: str,
    wish: AskedWith,
) -> Response:
    """Remove an account with the tokens it made; its name stays in the history."""
    await leaving.remove_account(
        suite.access, name, actor=person.actor, reason=wish.reason, keep_tokens=wish.keep_tokens
    )
    return see_other(request, "/accounts")


def _back(request: Request, name: str) -> Response:
    return see_other(request, f"/accounts/{path_word(name)}")
