"""Rows of ``api_token`` to types and back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from psycopg.rows import dict_row

from switchover.directory.access.role import Role
from switchover.directory.access.token import Token

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from psycopg import AsyncConnection

_COLUMNS = "id, name, role, created_at, created_by, expires_at, last_used_at, revoked_at"


def _token(row: dict[str, Any]) -> Token:
    return Token(**{**row, "id": str(row["id"]), "role": Role(row["role"])})


async def insert_token(connection: AsyncConnection[Any], token: Token, digest: str) -> None:
    """Keep a new token."""
    await connection.execute(
        """
        -- keep a new token; row lock only
        insert into api_token (id, name, role, hash, created_at, created_by, expires_at)
        values (%s, %s, %s, %s, %s, %s, %s)
        """,
        (
            token.id,
            token.name,
            token.role.value,
            digest,
            token.created_at,
            token.created_by,
            token.expires_at,
        ),
    )


async def find_token(connection: AsyncConnection[Any], digest: str) -> Token | None:
    """Return the token with that hash, None when there is none."""
    async with connection.cursor(row_factory=dict_row) as cursor:
        await cursor.execute(
            f"-- sign in with a token; no lock\nselect {_COLUMNS} from api_token where hash = %s",
            (digest,),
        )
        row = await cursor.fetchone()
    return _token(row) if row else None


async def get_token(connection: AsyncConnection[Any], token_id: str) -> Token | None:
    """Return the token with that id, None when there is none."""
    async with connection.cursor(row_factory=dict_row) as cursor:
        await cursor.execute(
            f"-- one token; no lock\nselect {_COLUMNS} from api_token where id::text = %s",
            (token_id,),
        )
        row = await cursor.fetchone()
    return _token(row) if row else None


async def list_tokens(
    connection: AsyncConnection[Any],
    *,
    before: tuple[datetime, str] | None = None,
    role: str | None = None,
    containing: str | None = None,
    maker: str | None = None,
    valid_at: datetime | None = None,
    limit: int | None = None,
) -> list[Token]:
    """Return tokens, newest first: those made before a moment and id, and with all that is given."""
    at, token_id = before or (None, None)
    async with connection.cursor(row_factory=dict_row) as cursor:
        await cursor.execute(
            f"""
            -- tokens page; no lock
            select {_COLUMNS}
            from api_token
            where (
                %(at)s::timestamptz is null
                or (created_at, id) < (%(at)s::timestamptz, %(id)s::uuid)
            )
              and (%(role)s::text is null or role = %(role)s)
              and (%(maker)s::text is null or created_by = %(maker)s)
              and (
                  %(valid_at)s::timestamptz is null
                  or (
                      revoked_at is null
                      and (expires_at is null or expires_at > %(valid_at)s)
                  )
              )
              and (
                  %(containing)s::text is null
                  or strpos(lower(name), lower(%(containing)s)) > 0
              )
            order by created_at desc, id desc
            limit %(limit)s::bigint
            """,  # noqa: S608 - constant names
            {
                "at": at,
                "id": token_id,
                "role": role,
                "containing": containing,
                "maker": maker,
                "valid_at": valid_at,
                "limit": limit,
            },
        )
        return [_token(row) for row in await cursor.fetchall()]


async def touch_token(connection: AsyncConnection[Any], token_id: str, now: datetime) -> None:
    """Note that a token was used."""
    await connection.execute(
        "-- last use; row lock\nupdate api_token set last_used_at = %s where id = %s",
        (now, token_id),
    )


async def revoke_token(
    connection: AsyncConnection[Any], token_id: str, now: datetime
) -> Token | None:
    """End a token and return it; None when there is no such token or it had ended."""
    async with connection.cursor(row_factory=dict_row) as cursor:
        await cursor.execute(
            f"""
            -- end a token; row lock
            update api_token set revoked_at = %s
            where id::text = %s and revoked_at is null
            returning {_COLUMNS}
            """,  # noqa: S608 - constant names
            (now, token_id),
        )
        row = await cursor.fetchone()
    return _token(row) if row else None


async def revoke_tokens_of(
    connection: AsyncConnection[Any], maker: str, roles: Iterable[str], now: datetime
) -> list[Token]:
    """End the tokens of these roles that somebody made and that still work; return them by name."""
    async with connection.cursor(row_factory=dict_row) as cursor:
        await cursor.execute(
            f"""
            -- end the tokens that somebody made; row locks
            update api_token set revoked_at = %(now)s
            where created_by = %(maker)s
              and role = any(%(roles)s)
              and revoked_at is null
              and (expires_at is null or expires_at > %(now)s)
            returning {_COLUMNS}
            """,  # noqa: S608 - constant names
            {"now": now, "maker": maker, "roles": list(roles)},
        )
        found = [_token(row) for row in await cursor.fetchall()]
    return sorted(found, key=lambda token: (token.name, token.id))
