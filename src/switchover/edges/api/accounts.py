"""Routes of accounts: who may sign in to the console, and what they may do."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field, SecretStr

from switchover.directory.access.account.account import LONGEST_NAME, Account
from switchover.directory.access.account.work import changes, reading, second_factor
from switchover.directory.access.role import Role
from switchover.edges.api.access import Admin, Suite
from switchover.edges.api.listing import CSV_TOO, After, Answer, Form, Format, Listing, Part, Row

router = APIRouter(tags=["accounts"])

COLUMNS = (
    "name", "role", "state", "kind", "issuer", "subject", "second_factor", "zone", "made_at", "made_by",
    "password_at", "signed_in_at", "disabled_at",
)  # fmt: skip

Password = Annotated[SecretStr, Field(max_length=4096)]


class AccountBody(BaseModel):
    """A local account to make."""

    model_config = ConfigDict(extra="forbid")
    name: Annotated[str, Field(max_length=LONGEST_NAME)]
    role: Role
    password: Password


class RoleBody(BaseModel):
    """Another role."""

    model_config = ConfigDict(extra="forbid")
    role: Role


class PasswordBody(BaseModel):
    """Another password."""

    model_config = ConfigDict(extra="forbid")
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


@router.post("/accounts")
async def create_account(suite: Suite, actor: Admin, body: AccountBody) -> dict[str, Any]:
    """Make a local account."""
    password = body.password.get_secret_value()
    return account_body(
        await changes.create_account(suite.access, body.name, body.role, password, actor=actor)
    )


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
async def remove_account(suite: Suite, actor: Admin, account: str) -> dict[str, str]:
    """Remove an account; its name stays in the history. 409 for the last local administrator."""
    gone = await changes.remove_account(suite.access, account, actor=actor)
    return {"removed": gone.name}


@router.put("/accounts/{account}/role")
async def change_role(suite: Suite, actor: Admin, account: str, body: RoleBody) -> dict[str, Any]:
    """Give a local account another role; its sessions end."""
    return account_body(await changes.change_role(suite.access, account, body.role, actor=actor))


@router.put("/accounts/{account}/password")
async def set_password(
    suite: Suite, actor: Admin, account: str, body: PasswordBody
) -> dict[str, Any]:
    """Give a local account another password; its sessions end and pauses of its sign-in are lifted."""
    password = body.password.get_secret_value()
    return account_body(await changes.set_password(suite.access, account, password, actor=actor))


@router.post("/accounts/{account}/disable")
async def disable_account(suite: Suite, actor: Admin, account: str) -> dict[str, Any]:
    """Keep an account from signing in; its sessions end. 409 for the last local administrator."""
    return account_body(await changes.disable_account(suite.access, account, actor=actor))


@router.post("/accounts/{account}/enable")
async def enable_account(suite: Suite, actor: Admin, account: str) -> dict[str, Any]:
    """Let an account sign in again."""
    return account_body(await changes.enable_account(suite.access, account, actor=actor))


@router.delete("/accounts/{account}/second-factor")
async def reset_second_factor(suite: Suite, actor: Admin, account: str) -> dict[str, Any]:
    """Take the second factor from somebody who lost it; their sessions end."""
    return account_body(await second_factor.reset(suite.access, account, actor=actor))


@router.delete("/accounts/{account}/sessions")
async def end_sessions(suite: Suite, actor: Admin, account: str) -> dict[str, int]:
    """Sign an account out everywhere."""
    return {"ended": await changes.end_sessions(suite.access, account, actor=actor)}
