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

_COLUMNS = (
    "id, name, role, created_at, created_by, expires_at, last_used_at, revoked_at, account_id"
)


def _token(row: dict[str, Any]) -> Token:
    root = row["account_id"]
    known = {"id": str(row["id"]), "role": Role(row["role"]), "account_id": root and str(root)}
    return Token(**{**row, **known})


async def insert_token(connection: AsyncConnection[Any], token: Token, digest: str) -> None:
    """Keep a new token."""
    await connection.execute(
        """
        -- keep a new token; row lock only
        insert into api_token (id, name, role, hash, created_at, created_by, expires_at, account_id)
        values (%s, %s, %s, %s, %s, %s, %s, %s)
        """,
        (
            token.id,
            token.name,
            token.role.value,
            digest,
            token.created_at,
            token.created_by,
            token.expires_at,
            token.account_id,
        ),
    )


async def hold_token(
    connection: AsyncConnection[Any], token_id: str, roles: Iterable[str], now: datetime
) -> bool:
    """Keep others from ending a token until the end of the transaction; False when it does not work."""
    cursor = await connection.execute(
        """
        -- the token that makes another still works; row lock, waits for whoever ends it
        select from api_token
        where id = %s
          and role = any(%s)
          and revoked_at is null
          and (expires_at is null or expires_at > %s)
        for no key update
        """,
        (token_id, list(roles), now),
    )
    return cursor.rowcount == 1


async def hold_account(
    connection: AsyncConnection[Any], account_id: str, roles: Iterable[str]
) -> bool:
    """Keep an account as it is until the end of the transaction; False when it lacks role or sign-in."""
    cursor = await connection.execute(
        """
        -- who makes a token still may; row lock, waits for whoever takes rights away
        select from account
        where id = %s
          and role = any(%s)
          and disabled_at is null
        for no key update
        """,
        (account_id, list(roles)),
    )
    return cursor.rowcount == 1


async def has_twin(
    connection: AsyncConnection[Any], token: Token, *, since: datetime, now: datetime
) -> bool:
    """True when the same maker made a token of the same name since a moment, and it works."""
    cursor = await connection.execute(
        """
        -- a form that is sent twice; no lock
        select exists (
            select
            from api_token
            where name = %s
              and account_id = %s
              and created_by = %s
              and created_at > %s
              and revoked_at is null
              and (expires_at is null or expires_at > %s)
        )
        """,
        (token.name, token.account_id, token.created_by, since, now),
    )
    row = await cursor.fetchone()
    return row is not None and bool(row[0])


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
    account: str | None = None,
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
                  %(account)s::text is null
                  or account_id = (select id from account where lower(name) = lower(%(account)s))
              )
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
                "account": account,
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
    connection: AsyncConnection[Any], account_id: str, roles: Iterable[str], now: datetime
) -> list[Token]:
    """End the tokens of these roles with an account at their root that still work; return them."""
    async with connection.cursor(row_factory=dict_row) as cursor:
        await cursor.execute(
            f"""
            -- end the tokens of an account; row locks, waits for those that make another right now
            update api_token set revoked_at = %(now)s
            where account_id = %(account_id)s
              and role = any(%(roles)s)
              and revoked_at is null
              and (expires_at is null or expires_at > %(now)s)
            returning {_COLUMNS}
            """,  # noqa: S608 - constant names
            {"now": now, "account_id": account_id, "roles": list(roles)},
        )
        return [_token(row) for row in await cursor.fetchall()]
