"""Rows of the balancer's tables to types and back. No decisions here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from psycopg.rows import dict_row
from psycopg.types.json import Jsonb

from switchover.balance.overrides import Overrides
from switchover.balance.revision import Draft, Origin, Revision, Verb

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

    from psycopg import AsyncConnection

_REVISION = """
    r.number, r.parent, r.author, r.origin, r.verb, r.reason, r.created_at, r.overrides, r.diff,
    r.summary, d.content as text,
    coalesce(
        (select jsonb_object_agg(a.name, a.digest) from revision_asset a where a.number = r.number),
        '{}'::jsonb
    ) as files
"""

_EVENT_FILTERS = {
    # The row a page ended with may have grown too old meanwhile.
    "before": """(at, id) < (
        coalesce(
            (select b.at from event b where b.id <= %(before)s order by b.id desc limit 1),
            '-infinity'
        ),
        %(before)s
    )""",
    "beyond": """(at, id) > (
        coalesce(
            (select b.at from event b where b.id >= %(beyond)s order by b.id limit 1),
            'infinity'
        ),
        %(beyond)s
    )""",
    "after": "id > %(after)s",
    "since": "at >= %(since)s",
    "until": "at < %(until)s",
    "severity": "severity = %(severity)s",
    "service": "service = %(service)s",
    "workload": "workload = %(workload)s",
    "server": "server = %(server)s",
    "kind": "kind = %(kind)s",
}


def _revision(row: dict[str, Any]) -> Revision:
    return Revision(
        **{
            **row,
            "origin": Origin(row["origin"]),
            "verb": Verb(row["verb"]),
            "overrides": Overrides.from_json(row["overrides"]),
        }
    )


async def lock_revisions(connection: AsyncConnection[Any]) -> None:
    """Make changes of the wish wait for each other until the transaction ends."""
    # A transaction-level advisory lock: readers are never held up.
    await connection.execute(
        "-- one change at a time; advisory lock\nselect pg_advisory_xact_lock(7230001)"
    )


async def find_latest(connection: AsyncConnection[Any]) -> Revision | None:
    """Return the newest revision, None before the first."""
    return await _find(connection, "order by r.number desc limit 1", ())


async def find_revision(connection: AsyncConnection[Any], number: int) -> Revision | None:
    """Return one revision, None when there is none of that number."""
    return await _find(connection, "where r.number = %s", (number,))


async def _find(
    connection: AsyncConnection[Any], clause: str, arguments: tuple[object, ...]
) -> Revision | None:
    async with connection.cursor(row_factory=dict_row) as cursor:
        await cursor.execute(
            f"-- a revision with text and files; no lock\nselect {_REVISION} from revision r "
            f"join document d on d.digest = r.document_digest {clause}",
            arguments,
        )
        row = await cursor.fetchone()
    return _revision(row) if row else None


async def latest_number(connection: AsyncConnection[Any]) -> int | None:
    """Return the number of the newest revision, None before the first."""
    cursor = await connection.execute(
        "-- newest revision's number; no lock\nselect max(number) from revision"
    )
    row = await cursor.fetchone()
    return row[0] if row else None


async def list_revisions(
    connection: AsyncConnection[Any],
    *,
    filters: Mapping[str, object],
    limit: int,
    oldest_first: bool = False,
) -> list[dict[str, Any]]:
    """Return revisions without text, newest first.

    ``filters`` may hold before, beyond (later ones), author, verb, and parts of texts in any case:
    ``author_part``, and ``words`` of the reason or summary.
    """
    keys = ("before", "beyond", "author", "verb", "author_part", "words")
    values = {key: filters.get(key) for key in keys}
    async with connection.cursor(row_factory=dict_row) as cursor:
        await cursor.execute(
            f"""
            -- history page; no lock
            select number, parent, author, origin, verb, reason, created_at, summary
            from revision
            where (%(before)s::bigint is null or number < %(before)s)
              and (%(beyond)s::bigint is null or number > %(beyond)s)
              and (%(author)s::text is null or author = %(author)s)
              and (%(verb)s::text is null or verb = %(verb)s)
              and (
                %(author_part)s::text is null
                or position(lower(%(author_part)s) in lower(author)) > 0
              )
              and (
                %(words)s::text is null
                or position(lower(%(words)s) in lower(reason || ' ' || summary)) > 0
              )
            order by number {"" if oldest_first else "desc"}
            limit %(limit)s
            """,  # noqa: S608 - one of two constant words
            {**values, "limit": limit},
        )
        return await cursor.fetchall()


async def list_revisions_with(
    connection: AsyncConnection[Any], pattern: str, *, limit: int
) -> list[int]:
    """Return the newest revisions whose difference matches a pattern (POSIX)."""
    cursor = await connection.execute(
        """
        -- where something was removed; no lock
        select number
        from revision
        where diff ~ %s
        order by number desc
        limit %s
        """,
        (pattern, limit),
    )
    return [row[0] for row in await cursor.fetchall()]


async def insert_document(
    connection: AsyncConnection[Any], digest: str, text: str, now: datetime
) -> None:
    """Keep a platform file's text once."""
    await connection.execute(
        """
        -- keep a text once; row lock
        insert into document (digest, content, created_at)
        values (%s, %s, %s)
        on conflict (digest) do nothing
        """,
        (digest, text, now),
    )


async def insert_assets(
    connection: AsyncConnection[Any], sealed: Mapping[str, bytes], now: datetime
) -> None:
    """Keep sealed files once each, by the digest of what is inside."""
    async with connection.cursor() as cursor:
        await cursor.executemany(
            """
            -- keep a file once; row lock
            insert into asset (digest, sealed, created_at)
            values (%s, %s, %s)
            on conflict (digest) do nothing
            """,
            [(digest, content, now) for digest, content in sealed.items()],
        )


async def load_assets(connection: AsyncConnection[Any], digests: Iterable[str]) -> dict[str, bytes]:
    """Return sealed files by digest."""
    cursor = await connection.execute(
        "-- files of a revision; no lock\nselect digest, sealed from asset where digest = any(%s)",
        (list(digests),),
    )
    return {row[0]: bytes(row[1]) for row in await cursor.fetchall()}


async def insert_revision(
    connection: AsyncConnection[Any],
    draft: Draft,
    *,
    number: int,
    parent: int | None,
    document: str,
    diff: str,
    summary: str,
    now: datetime,
) -> None:
    """Write a revision and the files it names; the caller holds ``lock_revisions``."""
    await connection.execute(
        """
        -- a new revision; row lock
        insert into revision (
            number, parent, author, origin, verb, reason, created_at, document_digest, overrides,
            diff, summary
        )
        values (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
        """,
        (
            number,
            parent,
            draft.author,
            draft.origin.value,
            draft.verb.value,
            draft.reason,
            now,
            document,
            Jsonb(draft.overrides.to_json()),
            diff,
            summary,
        ),
    )
    async with connection.cursor() as cursor:
        await cursor.executemany(
            "-- its files; row lock\ninsert into revision_asset (number, name, digest) values (%s, %s, %s)",
            [(number, name, digest) for name, digest in draft.files.items()],
        )


async def save_engine(
    connection: AsyncConnection[Any],
    *,
    applied_revision: int | None,
    file_digest: str | None,
    loaded_digest: str | None,
    accepted_digest: str | None,
    now: datetime,
) -> None:
    """Keep what was done to the engine."""
    await connection.execute(
        """
        -- state of the engine; row lock
        insert into engine (
            id, applied_revision, file_digest, loaded_digest, accepted_digest, updated_at
        )
        values (1, %s, %s, %s, %s, %s)
        on conflict (id) do update set
            applied_revision = excluded.applied_revision,
            file_digest = excluded.file_digest,
            loaded_digest = excluded.loaded_digest,
            accepted_digest = excluded.accepted_digest,
            updated_at = excluded.updated_at
        """,
        (applied_revision, file_digest, loaded_digest, accepted_digest, now),
    )


async def insert_events(
    connection: AsyncConnection[Any], rows: Sequence[tuple[object, ...]]
) -> None:
    """Append events: (at, kind, severity, service, workload, server, cause, detail)."""
    async with connection.cursor() as cursor:
        await cursor.executemany(
            """
            -- append events; no lock beyond the rows
            insert into event (at, kind, severity, service, workload, server, cause, detail)
            values (%s, %s, %s, %s, %s, %s, %s, %s)
            """,
            [(*row[:-1], Jsonb(row[-1])) for row in rows],
        )


async def list_events(
    connection: AsyncConnection[Any],
    *,
    filters: Mapping[str, object],
    limit: int,
    oldest_first: bool = False,
) -> list[dict[str, Any]]:
    """Return events, newest first; ``filters`` may hold the keys of _EVENT_FILTERS.

    ``before`` and ``after`` are ids: of the last row of a page, of the newest row that was seen;
    ``beyond`` is that of the last row of a page whose oldest stand first. A list of names instead of one
    means any of them.
    """
    way = "" if oldest_first else "desc"
    values = {key: filters[key] for key in _EVENT_FILTERS if filters.get(key) is not None}
    clauses = "\n  and ".join(
        f"{key} = any(%({key})s)" if isinstance(value, list) else _EVENT_FILTERS[key]
        for key, value in values.items()
    )
    async with connection.cursor(row_factory=dict_row) as cursor:
        # Never prepared: which index is best depends on how common the values are. Only the clauses that
        # are asked for stand in the statement, because the planner does not see through "null or".
        await cursor.execute(
            f"""
            -- events page; no lock
            select id, at, kind, severity, service, workload, server, cause, detail
            from event
            where {clauses or "true"}
            order by at {way}, id {way}
            limit %(limit)s
            """,  # noqa: S608 - the clauses are those above; values are parameters
            {**values, "limit": limit},
            prepare=False,
        )
        return await cursor.fetchall()


async def list_health_groups(
    connection: AsyncConnection[Any],
    *,
    since: datetime,
    kinds: Sequence[str],
    events: int,
    limit: int,
) -> list[dict[str, Any]]:
    """Return the newest ``events`` of these kinds, gathered by service and server, the newest first."""
    async with connection.cursor(row_factory=dict_row) as cursor:
        await cursor.execute(
            """
            -- transitions gathered for the overview; no lock
            with told as (
                select id, at, kind, service, workload, server
                from event
                where at >= %(since)s
                  and kind = any(%(kinds)s)
                order by at desc, id desc
                limit %(events)s
            ),
            gathered as (
                select
                    service,
                    server,
                    array_agg(distinct workload) filter (where workload is not null) as workloads,
                    count(*) filter (where kind <> 'server-up') as downs,
                    max(at) as last_at,
                    max(id) as last_id,
                    max(id) filter (where kind = 'server-down') as down_id
                from told
                group by service, server
                order by max(at) desc, max(id) desc
                limit %(limit)s
            )
            select
                g.service,
                g.server,
                coalesce(g.workloads, '{}') as workloads,
                g.downs,
                g.last_at,
                last.kind as last_kind,
                down.cause
            from gathered g
            join event last on last.id = g.last_id
            left join event down on down.id = g.down_id
            order by g.last_at desc, g.last_id desc
            """,
            {"since": since, "kinds": list(kinds), "events": events, "limit": limit},
        )
        return await cursor.fetchall()
