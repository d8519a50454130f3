"""Rows of the tables of statistics, per minute and per hour, and of how connections ended. No decisions here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from psycopg.rows import dict_row

from switchover.balance.statistics.columns import COUNTERS, KEYS, MEANS, TOPS, VALUES

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from psycopg import AsyncConnection

    from switchover.balance.statistics.series import Lines
    from switchover.balance.statistics.span import Per, Position

ERRORS = "connect_errors + response_errors + http_5xx"
"""One meaning of an error everywhere, as in ``Counters.errors``."""
_TERMINATION = ("service", "workload", "server", "state")
_NARROWED = """
      and (%(service)s::text is null or service = %(service)s)
      and (%(workload)s::text is null or workload = %(workload)s)
      and (%(server)s::text is null or server = %(server)s)
"""


async def add_minutes(connection: AsyncConnection[Any], rows: Sequence[tuple[object, ...]]) -> None:
    """Add finished minutes; a minute written before (by a process that died) is added to."""
    keys = ("minute", *KEYS)
    columns = (*keys, *VALUES)
    sums = [f"{name} = stat_minute.{name} + excluded.{name}" for name in COUNTERS]
    tops = [f"{name} = greatest(stat_minute.{name}, excluded.{name})" for name in (*TOPS, *MEANS)]
    async with connection.cursor() as cursor:
        await cursor.executemany(
            f"-- add minutes; row locks\n"
            f"insert into stat_minute ({', '.join(columns)}) "
            f"values ({', '.join(['%s'] * len(columns))}) "
            f"on conflict ({', '.join(keys)}) do update set {', '.join((*sums, *tops))}",
            rows,
        )


async def roll_up_hours(connection: AsyncConnection[Any]) -> None:
    """Write hours anew from their minutes, from the last but one that was written; safe to repeat."""
    values = [f"sum({name})" for name in COUNTERS]
    values += [f"max({name})" for name in TOPS]
    values += [f"avg({name})" for name in MEANS]
    updates = ", ".join(f"{name} = excluded.{name}" for name in VALUES)
    await connection.execute(
        "-- hours from minutes; row locks\n"  # noqa: S608 - constant column lists
        f"insert into stat_hour (hour, service, workload, server, {', '.join(VALUES)}) "
        f"select date_trunc('hour', minute), service, workload, server, {', '.join(values)} "
        "from stat_minute where minute >= "
        "coalesce((select max(hour) - interval '1 hour' from stat_hour), '-infinity') "
        "group by 1, 2, 3, 4 "
        f"on conflict (hour, service, workload, server) do update set {updates}"
    )


async def list_statistics(
    connection: AsyncConnection[Any],
    per: Per,
    *,
    after: Position,
    names: Mapping[str, str | None],
    limit: int,
) -> list[dict[str, Any]]:
    """Return rows after a position, oldest first; ``names`` may hold service, workload, server."""
    time = per.value
    async with connection.cursor(row_factory=dict_row) as cursor:
        await cursor.execute(
            f"""
            -- statistics page; no lock
            select {time}, service, workload, server, {", ".join(VALUES)}
            from stat_{time}
            where ({time}, service, workload, server)
                > (%(at)s, %(after_service)s, %(after_workload)s, %(after_server)s)
            {_NARROWED}
            order by {time}, service, workload, server
            limit %(limit)s
            """,  # noqa: S608 - constant names
            _values(after, names, limit),
        )
        return await cursor.fetchall()


async def list_totals(
    connection: AsyncConnection[Any],
    per: Per,
    *,
    after: Position,
    names: Mapping[str, str | None],
    limit: int,
) -> list[dict[str, Any]]:
    """Return sums since ``after.at`` for the servers of pools after ``after``, ordered by name."""
    sums = ", ".join(f"sum({name})::bigint as {name}" for name in COUNTERS)
    tops = ", ".join(f"max({name}) as {name}" for name in TOPS)
    async with connection.cursor(row_factory=dict_row) as cursor:
        await cursor.execute(
            f"""
            -- statistics added up, page; no lock
            select service, workload, server, {sums}, {tops}
            from stat_{per.value}
            where {per.value} >= %(at)s
              and (service, workload, server)
                > (%(after_service)s, %(after_workload)s, %(after_server)s)
            {_NARROWED}
            group by service, workload, server
            order by service, workload, server
            limit %(limit)s
            """,  # noqa: S608 - constant names
            _values(after, names, limit),
        )
        return await cursor.fetchall()


async def list_errors(
    connection: AsyncConnection[Any], *, since: datetime
) -> list[tuple[datetime, tuple[str, str], int]]:
    """Return the minutes since a moment in which a server had errors: when, pool and server, how many."""
    cursor = await connection.execute(
        f"""
        -- errors of the last hour; no lock
        select minute, service || '.' || workload, server, ({ERRORS})::bigint
        from stat_minute
        where minute >= %s
          and {ERRORS} > 0
          and server <> ''
        """,  # noqa: S608 - constant names
        (since,),
    )
    return [(at, (proxy, server), count) for at, proxy, server, count in await cursor.fetchall()]


async def list_series(
    connection: AsyncConnection[Any],
    per: Per,
    *,
    service: str,
    workload: str | None,
    by: Lines,
    began: datetime,
    step: int,
) -> list[dict[str, Any]]:
    """Return what was counted in each step of so many seconds since a moment, for each line."""
    time, table = per.value, f"stat_{per.value}"
    async with connection.cursor(row_factory=dict_row) as cursor:
        await cursor.execute(
            f"""
            -- lines of a chart; no lock. A service's pairs of workload and server are found by leaping
            -- from one to the next in the index, then only the rows of the time are read of each.
            with recursive pair as (
                (
                    select workload, server
                    from {table}
                    where service = %(service)s
                    order by workload, server
                    limit 1
                )
                union all
                select following.workload, following.server
                from pair
                cross join lateral (
                    select f.workload, f.server
                    from {table} f
                    where f.service = %(service)s
                      and (f.workload, f.server) > (pair.workload, pair.server)
                    order by f.workload, f.server
                    limit 1
                ) following
            )
            select
                extract(epoch from s.moment)::bigint as moment,
                pair.{by.value} as line,
                sum(s.counted)::bigint as requests,
                sum(s.errors)::bigint as errors,
                sum(s.waited_ms) / nullif(sum(s.answers), 0) as response_ms,
                sum(s.sessions)::bigint as sessions
            from pair
            cross join lateral (
                -- all that it asks for stands in the index
                select
                    date_bin(make_interval(secs => %(step)s), t.{time}, 'epoch') as moment,
                    sum(greatest(t.requests, t.sessions)) as counted,
                    sum({ERRORS}) as errors,
                    sum(t.response_ms_avg * t.requests) as waited_ms,
                    sum(t.requests) filter (where t.response_ms_avg is not null) as answers,
                    max(t.current_sessions_max) as sessions
                from {table} t
                where t.service = %(service)s
                  and t.workload = pair.workload
                  and t.server = pair.server
                  and t.{time} >= %(began)s
                group by 1
            ) s
            where %(workload)s::text is null or pair.workload = %(workload)s
            group by s.moment, pair.{by.value}
            order by 2, 1
            """,  # noqa: S608 - constant names
            {"service": service, "workload": workload, "began": began, "step": step},
        )
        return await cursor.fetchall()


async def add_terminations(
    connection: AsyncConnection[Any], rows: Sequence[tuple[object, ...]]
) -> None:
    """Add to termination counts: (hour, service, workload, server, state, count)."""
    async with connection.cursor() as cursor:
        await cursor.executemany(
            """
            -- count termination states; row lock
            insert into termination_count (hour, service, workload, server, state, count)
            values (%s, %s, %s, %s, %s, %s)
            on conflict (hour, service, workload, server, state)
            do update set count = termination_count.count + excluded.count
            """,
            rows,
        )


async def list_terminations(
    connection: AsyncConnection[Any],
    *,
    since: datetime,
    after: tuple[str, ...],
    names: Mapping[str, str | None],
    limit: int,
) -> list[dict[str, Any]]:
    """Return counts since a moment per service, workload, server and state, those after ``after``.

    In the order of these names, because counts change while they are paged. ``names`` may hold
    service, workload, server.
    """
    async with connection.cursor(row_factory=dict_row) as cursor:
        await cursor.execute(
            """
            -- termination states, page; no lock
            select service, workload, server, state, sum(count)::bigint as count
            from termination_count
            where hour >= %(since)s
              and (service, workload, server, state)
                > (%(after_service)s, %(after_workload)s, %(after_server)s, %(after_state)s)
              and (%(service)s::text is null or service = %(service)s)
              and (%(workload)s::text is null or workload = %(workload)s)
              and (%(server)s::text is null or server = %(server)s)
            group by service, workload, server, state
            order by service, workload, server, state
            limit %(limit)s
            """,
            {
                "since": since,
                **{name: names.get(name) for name in _TERMINATION[:3]},
                **{f"after_{name}": word for name, word in zip(_TERMINATION, after, strict=True)},
                "limit": limit,
            },
        )
        return await cursor.fetchall()


def _values(after: Position, names: Mapping[str, str | None], limit: int) -> dict[str, object]:
    return {
        "at": after.at,
        "after_service": after.service,
        "after_workload": after.workload,
        "after_server": after.server,
        **{name: names.get(name) for name in KEYS},
        "limit": limit,
    }
