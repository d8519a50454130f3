"""Routes of API tokens: create (shown once), list, revoke."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from switchover.directory.access import work
from switchover.directory.access.role import Role
from switchover.directory.access.token import Token
from switchover.edges.api.access import Admin, Suite

router = APIRouter(tags=["tokens"])


class TokenBody(BaseModel):
    """A token to make."""

    model_config = ConfigDict(extra="forbid")
    name: Annotated[str, Field(max_length=63)]
    role: Role
    valid_days: Annotated[float, Field(gt=0, le=3650)] = 90.0


def _body(token: Token) -> dict[str, Any]:
    def moment(value: Any) -> str | None:
        return value.isoformat() if value else None

    return {
        "id": token.id,
        "name": token.name,
        "role": token.role.value,
        "created_at": moment(token.created_at),
        "created_by": token.created_by,
        "expires_at": moment(token.expires_at),
        "last_used_at": moment(token.last_used_at),
        "revoked_at": moment(token.revoked_at),
    }


@router.post("/tokens")
async def create_token(suite: Suite, actor: Admin, body: TokenBody) -> dict[str, Any]:
    """Make a token; its secret is in this answer and nowhere else."""
    fresh = await work.create_token(
        suite.database, body.name, body.role, actor=actor, valid_days=body.valid_days
    )
    return {**_body(fresh.token), "secret": fresh.secret}


@router.get("/tokens")
async def list_tokens(suite: Suite, actor: Admin) -> dict[str, Any]:  # noqa: ARG001 - names the role
    """List tokens, newest first, without their secrets."""
    return {"tokens": [_body(token) for token in await work.list_tokens(suite.database)]}


@router.delete("/tokens/{token_id}")
async def revoke_token(suite: Suite, actor: Admin, token_id: str) -> dict[str, str]:  # noqa: ARG001 - names the role
    """End a token now."""
    await work.revoke_token(suite.database, suite.tokens, token_id)
    return {"revoked": token_id}
