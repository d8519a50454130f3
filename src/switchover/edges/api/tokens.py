"""Routes of API tokens: create (shown once), list, revoke."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field

from switchover.directory.access import work
from switchover.directory.access.role import Role
from switchover.directory.access.token import Token
from switchover.edges.api.access import Admin, Suite
from switchover.edges.api.cursor import NO_CURSOR, read_cursor, write_cursor
from switchover.edges.api.listing import (
    CSV_TOO,
    Answer,
    Before,
    Form,
    Format,
    Listing,
    Part,
    Row,
    Word,
)
from switchover.edges.api.shapes import Reason
from switchover.errors import InvalidInput

router = APIRouter(tags=["tokens"])

COLUMNS = (
    "id", "name", "role", "created_at", "created_by", "expires_at", "last_used_at", "revoked_at",
)  # fmt: skip

Maker = Annotated[
    Word | None, Query(description="Only those that this account or token made, to the letter.")
]
Root = Annotated[
    Word | None,
    Query(description="Only those that this account made, or a token that it made, and so on."),
]
Valid = Annotated[bool, Query(description="Only those that still work.")]


class TokenBody(BaseModel):
    """A token to make."""

    model_config = ConfigDict(extra="forbid")
    name: Annotated[str, Field(max_length=63)]
    role: Role
    valid_days: Annotated[float, Field(gt=0, le=3650)] = 90.0
    reason: Reason = ""


def token_body(token: Token) -> dict[str, Any]:
    """Return a token as lists show it."""

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
        suite.database, body.name, body.role,
        actor=actor, valid_days=body.valid_days, reason=body.reason,
    )  # fmt: skip
    return {**token_body(fresh.token), "secret": fresh.secret}


@router.get("/tokens", response_model=dict[str, Any], responses=CSV_TOO)
async def list_tokens(
    suite: Suite,
    actor: Admin,  # noqa: ARG001 - names the role
    *,
    q: Part = None,
    role: Role | None = None,
    maker: Maker = None,
    account: Root = None,
    valid: Valid = False,
    before: Before = None,
    limit: Annotated[int | None, Query(ge=1, le=1000, description="Of a page: 1,000.")] = None,
    form: Form = Format.JSON,
) -> Answer:
    """List tokens, newest first, without their secrets."""

    async def read(start: str | None, rows: int) -> list[Row]:
        found = await work.list_tokens(
            suite.database,
            before=_place(start) if start else None,
            role=role,
            containing=q,
            maker=maker,
            account=account,
            is_valid=valid,
            limit=rows,
        )
        return [token_body(token) for token in found]

    listing = Listing(
        name="tokens",
        columns=COLUMNS,
        read=read,
        place=lambda row: write_cursor(datetime.fromisoformat(row["created_at"]), row["id"]),
        cursor="before",
    )
    return await listing.answer(form, start=before, limit=limit, default=1000)


def _place(cursor: str) -> tuple[datetime, str]:
    """Return when a token was made, and its id, which any text that was not ours might not be."""
    made_at, (token_id,) = read_cursor(cursor, words=1)
    try:
        return made_at, str(UUID(token_id))
    except ValueError:
        raise InvalidInput(NO_CURSOR) from None


@router.delete("/tokens/{token_id}")
async def revoke_token(
    suite: Suite, actor: Admin, token_id: str, reason: Annotated[Reason, Query()] = ""
) -> dict[str, str]:
    """End a token now."""
    await work.revoke_token(suite.database, suite.tokens, token_id, actor=actor, reason=reason)
    return {"revoked": token_id}
