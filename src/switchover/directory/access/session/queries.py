"""Rows of ``session`` to types and back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from psycopg.rows import dict_row

from switchover.directory.access.account.queries import ACCOUNT_COLUMNS, account_of
from switchover.directory.access.session.session import Method, Session

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from psycopg import AsyncConnection

    from switchover.directory.access.account.account import Account

_COLUMNS = (
    "id, account_id, method, awaits_code, address, agent, made_at, seen_at, ended_at, ended_because"
)
_PREFIX = "session_"
_JOINED = ", ".join(f"session.{name} as {_PREFIX}{name}" for name in _COLUMNS.split(", "))


def _session(row: dict[str, Any]) -> Session:
    texts = {key: str(row[key]) for key in ("id", "account_id")}
    return Session(**{**row, **texts, "method": Method(row["method"])})


async def insert_session(connection: AsyncConnection[Any], session: Session, digest: str) -> None:
    """Keep a new session."""
    await connection.execute(
        """
        -- keep a new session; row lock only
        insert into session
            (id, hash, account_id, method, awaits_code, address, agent, made_at, seen_at)
        values (%s, %s, %s, %s, %s, %s, %s, %s, %s)
        """,
        (
            session.id,
            digest,
            session.account_id,
            session.method.value,
            session.awaits_code,
            session.address,
            session.agent,
            session.made_at,
            session.seen_at,
        ),
    )


async def find_session(
    connection: AsyncConnection[Any], digest: str
) -> tuple[Session, Account] | None:
    """Return the session with that hash and whose it is; None when there is none."""
    async with connection.cursor(row_factory=dict_row) as cursor:
        await cursor.execute(
            f"""
            -- who asks; no lock
            select {_JOINED}, {ACCOUNT_COLUMNS}
            from session
            join account on account.id = session.account_id
            where session.hash = %s
            """,  # noqa: S608 - constant names
            (digest,),
        )
        row = await cursor.fetchone()
    return None if row is None else _both(row)


async def find_sessions(
    connection: AsyncConnection[Any], ids: Iterable[str]
) -> list[tuple[Session, Account]]:
    """Return the sessions of these ids that there are, and whose they are."""
    async with connection.cursor(row_factory=dict_row) as cursor:
        await cursor.execute(
            f"""
            -- who still watches; no lock
            select {_JOINED}, {ACCOUNT_COLUMNS}
            from session
            join account on account.id = session.account_id
            where session.id = any(%s::uuid[])
            """,  # noqa: S608 - constant names
            (list(ids),),
        )
        return [_both(row) for row in await cursor.fetchall()]


def _both(row: dict[str, Any]) -> tuple[Session, Account]:
    own = {
        key.removeprefix(_PREFIX): value for key, value in row.items() if key.startswith(_PREFIX)
    }
    rest = {key: value for key, value in row.items() if not key.startswith(_PREFIX)}
    return _session(own), account_of(rest)


async def touch_session(connection: AsyncConnection[Any], session_id: str, now: datetime) -> None:
    """Note that a session was used."""
    await connection.execute(
        "-- last request; row lock\nupdate session set seen_at = %s where id = %s and ended_at is null",
        (now, session_id),
    )


async def list_sessions(
    connection: AsyncConnection[Any], account_id: str, *, seen_after: datetime, made_after: datetime
) -> list[Session]:
    """Return the sessions of an account that may still be used, newest first."""
    async with connection.cursor(row_factory=dict_row) as cursor:
        await cursor.execute(
            f"""
            -- open sessions of an account; no lock
            select {_COLUMNS}
            from session
            where account_id::text = %s
              and ended_at is null
              and not awaits_code
              and seen_at > %s
              and made_at > %s
            order by made_at desc
            """,  # noqa: S608 - constant names
            (account_id, seen_after, made_after),
        )
        return [_session(row) for row in await cursor.fetchall()]


async def end_session(
    connection: AsyncConnection[Any], account_id: str, session_id: str, because: str, now: datetime
) -> bool:
    """End one session of an account; False when there is none such that is open."""
    cursor = await connection.execute(
        """
        -- end one session; row lock
        update session set ended_at = %s, ended_because = %s
        where id::text = %s and account_id::text = %s and ended_at is null
        """,
        (now, because, session_id, account_id),
    )
    return cursor.rowcount == 1


async def end_sessions(
    connection: AsyncConnection[Any],
    account_id: str,
    because: str,
    now: datetime,
    *,
    but: str | None = None,
) -> int:
    """End all sessions of an account, except one; return how many."""
    cursor = await connection.execute(
        """
        -- end the sessions of an account; row locks
        update session set ended_at = %s, ended_because = %s
        where account_id::text = %s
          and ended_at is null
          and (%s::text is null or id::text <> %s)
        """,
        (now, because, account_id, but, but),
    )
    return cursor.rowcount


async def is_known_address(
    connection: AsyncConnection[Any], account_id: str, address: str, *, after: datetime
) -> bool:
    """True when an account signed in from this address lately."""
    cursor = await connection.execute(
        """
        -- where does an account sign in; no lock
        select exists (
            select
            from session
            where account_id = %s and address = %s and made_at > %s and not awaits_code
        )
        """,
        (account_id, address, after),
    )
    row = await cursor.fetchone()
    return row is not None and bool(row[0])


async def list_names_at(
    connection: AsyncConnection[Any], address: str, *, after: datetime
) -> list[str]:
    """Return the names of accounts that signed in from this address lately."""
    cursor = await connection.execute(
        """
        -- who signs in from an address that is paused; no lock
        select distinct account.name
        from session
        join account on account.id = session.account_id
        where session.address = %s
          and session.made_at > %s
          and not session.awaits_code
        """,
        (address, after),
    )
    return [row[0] for row in await cursor.fetchall()]


async def delete_old(connection: AsyncConnection[Any], made_before: datetime) -> int:
    """Forget sessions that began long ago; return how many."""
    cursor = await connection.execute(
        "-- old sessions go; row locks\ndelete from session where made_at < %s", (made_before,)
    )
    return cursor.rowcount
