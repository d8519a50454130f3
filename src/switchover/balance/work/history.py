"""Reading what was changed, when and by whom."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from switchover.balance import queries
from switchover.balance.revision import Revision, difference
from switchover.errors import NotFound

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from switchover.balance.work.parts import BalancerParts


async def list_revisions(
    parts: BalancerParts, *, before: int | None, limit: int
) -> list[dict[str, Any]]:
    """Return revisions without text, newest first."""
    async with parts.database.transaction() as connection:
        return await queries.list_revisions(connection, before=before, limit=limit)


async def get_revision(parts: BalancerParts, number: int) -> Revision:
    """Return a revision; 0 is the latest. Raises NotFound."""
    async with parts.database.transaction() as connection:
        if number == 0:
            found = await queries.find_latest(connection)
        else:
            found = await queries.find_revision(connection, number)
    if found is None:
        what = "nothing was applied yet" if number == 0 else f"there is no revision {number}"
        raise NotFound(f"{what}; see: switchover history")
    return found


async def get_difference(parts: BalancerParts, older: int, newer: int) -> str:
    """Return the difference from one revision to another."""
    return difference(await get_revision(parts, older), await get_revision(parts, newer))


async def list_events(
    parts: BalancerParts, *, filters: Mapping[str, object], limit: int
) -> list[dict[str, Any]]:
    """Return events, newest first."""
    async with parts.database.transaction() as connection:
        return await queries.list_events(connection, filters=filters, limit=limit)


async def list_terminations(parts: BalancerParts, *, since: datetime) -> list[dict[str, Any]]:
    """Return how connections and requests ended, counted per workload and server."""
    async with parts.database.transaction() as connection:
        return await queries.list_terminations(connection, since=since)


async def list_minutes(
    parts: BalancerParts,
    *,
    since: datetime,
    service: str | None = None,
    workload: str | None = None,
    server: str | None = None,
) -> list[dict[str, Any]]:
    """Return statistics per minute, oldest first."""
    async with parts.database.transaction() as connection:
        return await queries.list_minutes(
            connection, since=since, service=service, workload=workload, server=server
        )
