"""Rows of ``account`` and ``recovery_code`` to types and back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from psycopg.rows import dict_row

from switchover.directory.access.account.account import Account, Credentials
from switchover.directory.access.role import Role

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from psycopg import AsyncConnection

ACCOUNT_COLUMNS = """account.id, account.name, account.role, account.zone, account.issuer, account.subject,
                account.made_at, account.made_by, account.password_at, account.signed_in_at,
                account.disabled_at, account.totp_secret is not null as has_second_factor"""


def account_of(row: dict[str, Any]) -> Account:
    """Return the account of a row with exactly ``ACCOUNT_COLUMNS``."""
    return Account(**{**row, "id": str(row["id"]), "role": Role(row["role"])})


async def _accounts(
    connection: AsyncConnection[Any], statement: str, values: dict[str, Any]
) -> list[Account]:
    async with connection.cursor(row_factory=dict_row) as cursor:
        await cursor.execute(statement.encode(), values)
        return [account_of(row) for row in await cursor.fetchall()]


async def lock_accounts(connection: AsyncConnection[Any]) -> None:
    """Keep others from making, changing or removing accounts until the end of the transaction."""
    await connection.execute(
        """
        -- one change of accounts at a time, so that the last administrator stays; readers go on
        lock table account in share row exclusive mode
        """
    )


async def has_accounts(connection: AsyncConnection[Any]) -> bool:
    """True when there is any account."""
    cursor = await connection.execute(
        "-- is the console claimed; no lock\nselect exists (select from account)"
    )
    row = await cursor.fetchone()
    return row is not None and bool(row[0])


async def insert_account(
    connection: AsyncConnection[Any], account: Account, password_hash: str | None
) -> None:
    """Keep a new account."""
    await connection.execute(
        """
        -- keep a new account; row lock only
        insert into account (id, name, role, zone, issuer, subject, password_hash, password_at, made_at, made_by)
        values (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
        """,
        (
            account.id,
            account.name,
            account.role.value,
            account.zone,
            account.issuer,
            account.subject,
            password_hash,
            account.password_at,
            account.made_at,
            account.made_by,
        ),
    )


async def find_account(connection: AsyncConnection[Any], name: str) -> Account | None:
    """Return the account of that name, in any case of its letters."""
    found = await _accounts(
        connection,
        f"""
        -- one account by its name; no lock
        select {ACCOUNT_COLUMNS}
        from account
        where lower(name) = lower(%(name)s)
        """,  # noqa: S608 - constant names
        {"name": name},
    )
    return found[0] if found else None


async def find_provided(
    connection: AsyncConnection[Any], issuer: str, subject: str
) -> Account | None:
    """Return the account of somebody whom an identity provider knows."""
    found = await _accounts(
        connection,
        f"""
        -- one account of an identity provider; no lock
        select {ACCOUNT_COLUMNS}
        from account
        where issuer = %(issuer)s
          and subject = %(subject)s
        """,  # noqa: S608 - constant names
        {"issuer": issuer, "subject": subject},
    )
    return found[0] if found else None


async def list_names(connection: AsyncConnection[Any]) -> set[str]:
    """Return the names of all accounts, in lower case."""
    cursor = await connection.execute(
        "-- names that are taken; no lock\nselect lower(name) from account"
    )
    return {row[0] for row in await cursor.fetchall()}


async def list_accounts(
    connection: AsyncConnection[Any],
    *,
    after: str | None,
    role: str | None,
    containing: str | None,
    limit: int | None,
) -> list[Account]:
    """Return accounts by name: those after a name, of a role, with a part in their name."""
    return await _accounts(
        connection,
        f"""
        -- accounts page; no lock
        select {ACCOUNT_COLUMNS}
        from account
        where (%(after)s::text is null or lower(name) > lower(%(after)s))
          and (%(role)s::text is null or role = %(role)s)
          and (%(containing)s::text is null or strpos(lower(name), lower(%(containing)s)) > 0)
        order by lower(name)
        limit %(limit)s::bigint
        """,  # noqa: S608 - constant names
        {"after": after, "role": role, "containing": containing, "limit": limit},
    )


async def find_credentials(connection: AsyncConnection[Any], name: str) -> Credentials | None:
    """Return what proves who somebody is, by the name of the account."""
    async with connection.cursor(row_factory=dict_row) as cursor:
        await cursor.execute(
            f"""
            -- what proves a sign-in; no lock
            select {ACCOUNT_COLUMNS}, password_hash, totp_secret, totp_draft, totp_step
            from account
            where lower(name) = lower(%s)
            """,  # noqa: S608 - constant names
            (name,),
        )
        row = await cursor.fetchone()
    if row is None:
        return None
    own = {key: row.pop(key) for key in ("password_hash", "totp_secret", "totp_draft", "totp_step")}
    return Credentials(account=account_of(row), **own)


async def set_role(connection: AsyncConnection[Any], account_id: str, role: Role) -> None:
    """Give an account another role."""
    await connection.execute(
        "-- another role; row lock\nupdate account set role = %s where id = %s",
        (role.value, account_id),
    )


async def set_zone(connection: AsyncConnection[Any], account_id: str, zone: str) -> None:
    """Show times in another zone."""
    await connection.execute(
        "-- another zone; row lock\nupdate account set zone = %s where id = %s", (zone, account_id)
    )


async def set_password(
    connection: AsyncConnection[Any], account_id: str, password_hash: str, now: datetime
) -> None:
    """Keep another password."""
    await connection.execute(
        """
        -- another password; row lock
        update account set password_hash = %s, password_at = %s
        where id = %s
        """,
        (password_hash, now, account_id),
    )


async def renew_hash(
    connection: AsyncConnection[Any], account_id: str, *, old: str, new: str
) -> None:
    """Keep the same password hashed with today's parameters, unless it was changed meanwhile."""
    await connection.execute(
        """
        -- same password, better hash; row lock
        update account set password_hash = %s
        where id = %s and password_hash = %s
        """,
        (new, account_id, old),
    )


async def set_disabled(
    connection: AsyncConnection[Any], account_id: str, at: datetime | None
) -> None:
    """Keep an account from signing in, or let it again."""
    await connection.execute(
        "-- disable or enable; row lock\nupdate account set disabled_at = %s where id = %s",
        (at, account_id),
    )


async def admit(
    connection: AsyncConnection[Any],
    account_id: str,
    now: datetime,
    *,
    password_hash: str | None,
    is_whole: bool,
) -> bool:
    """Note a sign-in; False when the account was disabled, removed or got another password meanwhile.

    Waits for whoever changes accounts, so that no session opens behind a change that ends them all.
    ``is_whole`` False when a code is still to come.
    """
    cursor = await connection.execute(
        """
        -- a sign-in that is still allowed; waits for changes of accounts, row lock
        update account set signed_in_at = case when %s then %s else signed_in_at end
        where id = %s
          and disabled_at is null
          and (%s::text is null or password_hash = %s)
        """,
        (is_whole, now, account_id, password_hash, password_hash),
    )
    return cursor.rowcount == 1


async def delete_account(connection: AsyncConnection[Any], account_id: str) -> None:
    """Remove an account with its sessions and recovery codes."""
    await connection.execute(
        "-- remove an account; row locks\ndelete from account where id = %s", (account_id,)
    )


async def set_draft(
    connection: AsyncConnection[Any], account_id: str, sealed: bytes | None
) -> None:
    """Keep a second factor that is not in force yet."""
    await connection.execute(
        "-- second factor to confirm; row lock\nupdate account set totp_draft = %s where id = %s",
        (sealed, account_id),
    )


async def set_second_factor(
    connection: AsyncConnection[Any], account_id: str, sealed: bytes | None, *, step: int = 0
) -> None:
    """Put a second factor in force, None for none; ``step`` is the one that was used to confirm it."""
    await connection.execute(
        """
        -- second factor in force; row lock
        update account set totp_secret = %s, totp_draft = null, totp_step = %s
        where id = %s
        """,
        (sealed, step, account_id),
    )


async def use_step(connection: AsyncConnection[Any], account_id: str, step: int) -> bool:
    """Mark a time step as used; False when it, or a later one, was used before."""
    cursor = await connection.execute(
        """
        -- no code works twice, not even at the same moment; row lock
        update account set totp_step = %s
        where id = %s and totp_step < %s
        """,
        (step, account_id, step),
    )
    return cursor.rowcount == 1


async def replace_codes(
    connection: AsyncConnection[Any], account_id: str, hashes: Iterable[str]
) -> None:
    """Keep new recovery codes instead of the old ones."""
    await connection.execute(
        "-- old recovery codes end; row locks\ndelete from recovery_code where account_id = %s",
        (account_id,),
    )
    async with connection.cursor() as cursor:
        await cursor.executemany(
            "-- a new recovery code; row lock\ninsert into recovery_code (account_id, hash) values (%s, %s)",
            [(account_id, digest) for digest in hashes],
        )


async def use_code(
    connection: AsyncConnection[Any], account_id: str, digest: str, now: datetime
) -> bool:
    """Mark a recovery code as used; False when there is none like it that was not."""
    cursor = await connection.execute(
        """
        -- a recovery code works once; row lock
        update recovery_code set used_at = %s
        where account_id = %s and hash = %s and used_at is null
        """,
        (now, account_id, digest),
    )
    return cursor.rowcount == 1


async def count_codes(connection: AsyncConnection[Any], account_id: str) -> int:
    """Return how many recovery codes are left."""
    cursor = await connection.execute(
        """
        -- recovery codes left; no lock
        select count(*)
        from recovery_code
        where account_id = %s and used_at is null
        """,
        (account_id,),
    )
    row = await cursor.fetchone()
    return int(row[0]) if row else 0


async def has_other_administrator(connection: AsyncConnection[Any], account_id: str) -> bool:
    """True when another local account is an enabled administrator."""
    cursor = await connection.execute(
        """
        -- who else could sign in while the identity provider is away; no lock
        select exists (
            select
            from account
            where role = 'admin'
              and issuer is null
              and disabled_at is null
              and id::text <> %s
        )
        """,
        (account_id,),
    )
    row = await cursor.fetchone()
    return row is not None and bool(row[0])
