"""Routes of accounts: who may sign in to the console, and what they may do."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field, SecretStr

from switchover.directory.access.account.account import LONGEST_NAME, Account
from switchover.directory.access.account.work import changes, leaving, reading, second_factor
from switchover.directory.access.role import Role
from switchover.edges.api.access import Admin, Suite
from switchover.edges.api.listing import CSV_TOO, After, Answer, Form, Format, Listing, Part, Row
from switchover.edges.api.shapes import Reason

router = APIRouter(tags=["accounts"])

COLUMNS = (
    "name", "role", "state", "kind", "issuer", "subject", "second_factor", "zone", "made_at", "made_by",
    "password_at", "signed_in_at", "disabled_at",
)  # fmt: skip

Password = Annotated[SecretStr, Field(max_length=4096)]
Why = Annotated[Reason, Query()]
_KEEP = "Leave the valid tokens that the account made as they are."
KeepTokens = Annotated[bool, Query(description=_KEEP)]


class AccountBody(BaseModel):
    """A local account to make."""

    model_config = ConfigDict(extra="forbid")
    name: Annotated[str, Field(max_length=LONGEST_NAME)]
    role: Role
    password: Password
    reason: Reason = ""


class ReasonBody(BaseModel):
    """Why."""

    model_config = ConfigDict(extra="forbid")
    reason: Reason = ""


class LeavingBody(ReasonBody):
    """Why, and whether tokens outlive the rights of who made them."""

    keep_tokens: Annotated[bool, Field(description=_KEEP)] = False


class RoleBody(LeavingBody):
    """Another role."""

    role: Role


class PasswordBody(ReasonBody):
    """Another password."""

    password: Password


def account_body(account: Account) -> dict[str, Any]:
    """Return an account as lists show it; nothing of it proves anything."""

    def moment(value: Any) -> str | None:
        return value.isoformat() if value else None

    return {
        "name": account.name,
        "role": account.role.value,
        "state": "enabled" if account.is_enabled else "disabled",
        "kind": "local" if account.is_local else "provided",
        "issuer": account.issuer,
        "subject": account.subject,
        "second_factor": account.has_second_factor,
        "zone": account.zone,
        "made_at": moment(account.made_at),
        "made_by": account.made_by,
        "password_at": moment(account.password_at),
        "signed_in_at": moment(account.signed_in_at),
        "disabled_at": moment(account.disabled_at),
    }


def left_body(left: leaving.Left) -> dict[str, Any]:
    """Return an account that lost rights, and which tokens of its making ended with them."""
    return {**account_body(left.account), "ended_tokens": _ended(left)}


def _ended(left: leaving.Left) -> list[dict[str, str]]:
    return [{"id": token.id, "name": token.name, "role": token.role.value} for token in left.tokens]


@router.post("/accounts")
async def create_account(suite: Suite, actor: Admin, body: AccountBody) -> dict[str, Any]:
    """Make a local account."""
    made = await changes.create_account(
        suite.access, body.name, body.role, body.password.get_secret_value(),
        actor=actor, reason=body.reason,
    )  # fmt: skip
    return account_body(made)


@router.get("/accounts", response_model=dict[str, Any], responses=CSV_TOO)
async def list_accounts(
    suite: Suite,
    actor: Admin,  # noqa: ARG001 - names the role
    q: Part = None,
    role: Role | None = None,
    after: After = None,
    limit: Annotated[int | None, Query(ge=1, le=1000, description="Of a page: 1,000.")] = None,
    form: Form = Format.JSON,
) -> Answer:
    """List accounts by name."""

    async def read(start: str | None, rows: int) -> list[Row]:
        found = await reading.list_accounts(
            suite.access, after=start, role=role, containing=q, limit=rows
        )
        return [account_body(account) for account in found]

    listing = Listing(
        name="accounts", columns=COLUMNS, read=read, place=lambda row: str(row["name"])
    )
    return await listing.answer(form, start=after, limit=limit, default=1000)


@router.get("/accounts/{account}")
async def get_account(suite: Suite, actor: Admin, account: str) -> dict[str, Any]:  # noqa: ARG001 - names the role
    """Return one account."""
    return account_body(await reading.get_account(suite.access, account))


@router.delete("/accounts/{account}")
async def remove_account(
    suite: Suite,
    actor: Admin,
    account: str,
    *,
    reason: Why = "",
    keep_tokens: KeepTokens = False,
) -> dict[str, Any]:
    """Remove an account and end the tokens it made; its name stays in the history.

    409 for the last local administrator.
    """
    gone = await leaving.remove_account(
        suite.access, account, actor=actor, reason=reason, keep_tokens=keep_tokens
    )
    return {"removed": gone.account.name, "ended_tokens": _ended(gone)}


@router.put("/accounts/{account}/role")
async def change_role(suite: Suite, actor: Admin, account: str, body: RoleBody) -> dict[str, Any]:
    """Give a local account another role; its sessions end, and the tokens it made above a smaller role."""
    left = await leaving.change_role(
        suite.access, account, body.role,
        actor=actor, reason=body.reason, keep_tokens=body.keep_tokens,
    )  # fmt: skip
    return left_body(left)


@router.put("/accounts/{account}/password")
async def set_password(
    suite: Suite, actor: Admin, account: str, body: PasswordBody
) -> dict[str, Any]:
    """Give a local account another password; its sessions end and pauses of its sign-in are lifted."""
    password = body.password.get_secret_value()
    return account_body(
        await changes.set_password(suite.access, account, password, actor=actor, reason=body.reason)
    )


@router.post("/accounts/{account}/disable")
async def disable_account(
    suite: Suite, actor: Admin, account: str, body: LeavingBody | None = None
) -> dict[str, Any]:
    """Keep an account from signing in; its sessions and the tokens it made end.

    409 for the last local administrator.
    """
    asked = body or LeavingBody()
    left = await leaving.disable_account(
        suite.access, account, actor=actor, reason=asked.reason, keep_tokens=asked.keep_tokens
    )
    return left_body(left)


@router.post("/accounts/{account}/enable")
async def enable_account(
    suite: Suite, actor: Admin, account: str, body: ReasonBody | None = None
) -> dict[str, Any]:
    """Let an account sign in again."""
    reason = body.reason if body else ""
    return account_body(
        await changes.enable_account(suite.access, account, actor=actor, reason=reason)
    )


@router.delete("/accounts/{account}/second-factor")
async def reset_second_factor(
    suite: Suite, actor: Admin, account: str, reason: Why = ""
) -> dict[str, Any]:
    """Take the second factor from somebody who lost it; their sessions end."""
    return account_body(
        await second_factor.reset(suite.access, account, actor=actor, reason=reason)
    )


@router.delete("/accounts/{account}/sessions")
async def end_sessions(
    suite: Suite, actor: Admin, account: str, reason: Why = ""
) -> dict[str, int]:
    """Sign an account out everywhere."""
    ended = await changes.end_sessions(suite.access, account, actor=actor, reason=reason)
    return {"ended": ended}
