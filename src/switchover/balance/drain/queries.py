"""Events that tell how drains began. No decisions here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from psycopg.rows import dict_row

if TYPE_CHECKING:
    from collections.abc import Sequence

    from psycopg import AsyncConnection

    from switchover.balance.overrides import Target


async def list_last_events(
    connection: AsyncConnection[Any], targets: Sequence[Target], *, kinds: Sequence[str]
) -> list[dict[str, Any]]:
    """Return the newest event of these kinds for each target that has one."""
    async with connection.cursor(row_factory=dict_row) as cursor:
        await cursor.execute(
            """
            -- how drains began; no lock. One short walk of the index of each server's events.
            select last.at, last.kind, last.service, last.workload, last.server, last.detail
            from unnest(%(services)s::text[], %(pools)s::text[], %(servers)s::text[])
                as target (service, pool, server)
            cross join lateral (
                select e.at, e.kind, e.service, e.workload, e.server, e.detail
                from event e
                where e.server = target.server
                  and e.service = target.service
                  and e.workload = target.pool
                  and e.kind = any(%(kinds)s)
                order by e.at desc, e.id desc
                limit 1
            ) last
            """,
            {
                "services": [target.service for target in targets],
                "pools": [target.pool for target in targets],
                "servers": [target.server for target in targets],
                "kinds": list(kinds),
            },
        )
        return await cursor.fetchall()
