"""Rows of ``audit`` to links and back. Nothing here changes a row: the application's role may not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from psycopg.rows import class_row

from switchover.directory.audit.chain import START, Link

if TYPE_CHECKING:
    from collections.abc import Mapping

    from psycopg import AsyncConnection

_COLUMNS = (
    "number, at, actor, origin, address, client, action, subject, outcome, before::text, after::text, "
    "reason, previous, hash, seal"
)
_CONDITIONS = {
    "before": "number < %(before)s",
    "beyond": "number > %(beyond)s",
    "actor": "actor = %(actor)s",
    # All that begin with these words; "/" comes right after ".".
    "action": "(action = %(action)s or (action > %(action)s || '.' and action < %(action)s || '/'))",
    "subject": "subject = %(subject)s",
    "origin": "origin = %(origin)s",
    "outcome": "outcome = %(outcome)s",
    "address": "address = %(address)s",
    "since": "at >= %(since)s",
    "until": "at < %(until)s",
    # As people write it into a filter: a part of it, in any case.
    "actor_part": "strpos(lower(actor), lower(%(actor_part)s)) > 0",
    "action_part": "strpos(lower(action), lower(%(action_part)s)) > 0",
    "subject_part": "strpos(lower(subject), lower(%(subject_part)s)) > 0",
    "part": "strpos(lower(concat_ws(' ', actor, action, subject, reason)), lower(%(part)s)) > 0",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Tip:
    """Where the log ends, and the hash of one entry before that (None where there is none)."""

    number: int
    hash: str
    hash_at: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Rights:
    """What the session may do: the role it works as, and whether that owns the table."""

    role: str
    is_owner: bool
    may_change: bool


async def lock_tip(connection: AsyncConnection[Any], *, at: int) -> Tip:
    """Keep others from adding until this transaction ends; return where the log ends.

    The hash at ``at`` comes with it.
    """
    cursor = await connection.execute(
        "-- where the audit log ends; advisory lock until the end of the transaction\n"
        "select last_number, last_hash, other_hash from audit_lock_end(%s)",
        (at,),
    )
    row = await cursor.fetchone()
    if row is None:
        return Tip(number=0, hash=START, hash_at=START if at == 0 else None)
    return Tip(number=row[0], hash=row[1], hash_at=START if at == 0 else row[2])


async def insert_link(connection: AsyncConnection[Any], link: Link) -> None:
    """Add a link at the end; the caller holds ``lock_tip``."""
    await connection.execute(
        """
        -- an entry of the audit log; row lock
        insert into audit (
            number, at, actor, origin, address, client, action, subject, outcome, before, after, reason,
            previous, hash, seal
        )
        values (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s::json, %s::json, %s, %s, %s, %s)
        """,
        (
            link.number,
            link.at,
            link.actor,
            link.origin,
            link.address,
            link.client,
            link.action,
            link.subject,
            link.outcome,
            link.before,
            link.after,
            link.reason,
            link.previous,
            link.hash,
            link.seal,
        ),
    )


async def list_links(
    connection: AsyncConnection[Any],
    *,
    filters: Mapping[str, object],
    limit: int,
    oldest_first: bool = False,
) -> list[Link]:
    """Return links, newest first; ``filters`` may hold the keys of _CONDITIONS.

    Only what is asked for stands in the statement: then the planner can choose an index for it.
    """
    values = {key: filters[key] for key in _CONDITIONS if filters.get(key) is not None}
    conditions = " and ".join(_CONDITIONS[key] for key in values) or "true"
    async with connection.cursor(row_factory=class_row(Link)) as cursor:
        await cursor.execute(
            f"""
            -- audit page; no lock
            select {_COLUMNS}
            from audit
            where {conditions}
            order by number {"" if oldest_first else "desc"}
            limit %(limit)s
            """,  # noqa: S608 - constant names
            {**values, "limit": limit},
        )
        return await cursor.fetchall()


async def find_link(connection: AsyncConnection[Any], number: int) -> Link | None:
    """Return one link, None when there is none of that number."""
    async with connection.cursor(row_factory=class_row(Link)) as cursor:
        await cursor.execute(
            f"-- an audit entry; no lock\nselect {_COLUMNS} from audit where number = %s",
            (number,),
        )
        return await cursor.fetchone()


async def list_from(connection: AsyncConnection[Any], *, after: int, limit: int) -> list[Link]:
    """Return the links after a number, oldest first."""
    async with connection.cursor(row_factory=class_row(Link)) as cursor:
        await cursor.execute(
            f"""
            -- audit entries in their order; no lock
            select {_COLUMNS}
            from audit
            where number > %s
            order by number
            limit %s
            """,  # noqa: S608 - constant names
            (after, limit),
        )
        return await cursor.fetchall()


async def find_rights(connection: AsyncConnection[Any]) -> Rights:
    """Return what this session may do to the audit log."""
    cursor = await connection.execute(
        """
        -- our rights; no lock
        select current_user::text,
               pg_has_role(c.relowner, 'USAGE'),
               has_table_privilege('audit', 'UPDATE, DELETE, TRUNCATE')
        from pg_class c
        where c.oid = 'audit'::regclass
        """
    )
    row = await cursor.fetchone()
    assert row is not None  # noqa: S101 - the table is there, or the statement fails
    return Rights(role=row[0], is_owner=row[1], may_change=row[2])
