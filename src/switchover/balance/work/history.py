"""Reading what was changed, when and by whom, what happened, and what was counted.

Lists are read in pages: a caller gives the place where the last page ended.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from switchover import clock
from switchover.balance import queries
from switchover.balance.removal import Removal, removed_line, stands_in
from switchover.balance.revision import Revision, difference
from switchover.balance.statistics import queries as statistics
from switchover.balance.statistics.series import MOST_LINES, SCALES, Series, began_at, make_series
from switchover.errors import NotFound

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from switchover.balance.statistics.series import Lines, Span
    from switchover.balance.statistics.span import Per, Position
    from switchover.balance.work.parts import BalancerParts

    Names = Mapping[str, str | None]

MOST_CANDIDATES = 5
"""Revisions that are read to find out which of them removed something."""
SUM_SECONDS = 30.0
"""How long adding up may take: a busy farm has millions of minutes in two days."""


async def list_revisions(
    parts: BalancerParts, *, filters: Mapping[str, object], limit: int, oldest_first: bool = False
) -> list[dict[str, Any]]:
    """Return revisions without text, newest first; ``filters`` are those of the query."""
    async with parts.database.transaction() as connection:
        return await queries.list_revisions(
            connection, filters=filters, limit=limit, oldest_first=oldest_first
        )


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


async def latest_number(parts: BalancerParts) -> int:
    """Return the number of the latest revision, 0 before the first."""
    async with parts.database.transaction() as connection:
        return await queries.latest_number(connection) or 0


async def get_difference(parts: BalancerParts, older: int, newer: int) -> str:
    """Return the difference from one revision to another."""
    before, after = await get_revision(parts, older), await get_revision(parts, newer)
    return await asyncio.to_thread(difference, before, after)


async def find_removal(parts: BalancerParts, section: str, name: str) -> Removal | None:
    """Return which revision took an entry out of ``servers`` or ``services``, None if none is found."""
    pattern = removed_line(name)
    if pattern is None:
        return None
    async with parts.database.transaction() as connection:
        for number in await queries.list_revisions_with(connection, pattern, limit=MOST_CANDIDATES):
            after = await queries.find_revision(connection, number)
            before = await queries.find_revision(connection, number - 1)
            if after is None or before is None:
                continue
            if stands_in(before.text, section, name) and not stands_in(after.text, section, name):
                return Removal(
                    number=number, author=after.author, at=after.created_at, reason=after.reason
                )
    return None


async def list_events(
    parts: BalancerParts, *, filters: Mapping[str, object], limit: int, oldest_first: bool = False
) -> list[dict[str, Any]]:
    """Return events, newest first; ``filters`` are those of the query."""
    async with parts.database.transaction() as connection:
        return await queries.list_events(
            connection, filters=filters, limit=limit, oldest_first=oldest_first
        )


async def list_terminations(
    parts: BalancerParts,
    *,
    since: datetime,
    after: tuple[str, ...],
    names: Names,
    limit: int,
) -> list[dict[str, Any]]:
    """Return how connections and requests ended, counted by service, workload, server and state."""
    async with parts.database.transaction() as connection:
        return await statistics.list_terminations(
            connection, since=since, after=after, names=names, limit=limit
        )


async def get_series(
    parts: BalancerParts,
    service: str,
    *,
    span: Span,
    by: Lines,
    workload: str | None = None,
    most: int | None = MOST_LINES,
) -> Series:
    """Return at most so many lines of a service's charts; without any where nothing was counted."""
    now = clock.now()
    began = began_at(span, now)
    scale = SCALES[span]
    async with parts.database.transaction() as connection:
        rows = await statistics.list_series(
            connection,
            scale.per,
            service=service,
            workload=workload,
            by=by,
            began=began,
            step=scale.step,
        )
    return await asyncio.to_thread(
        make_series, service, rows, span=span, by=by, began=began, now=now, most=most
    )


async def list_statistics(
    parts: BalancerParts, per: Per, *, after: Position, names: Names, limit: int
) -> list[dict[str, Any]]:
    """Return what was counted per minute or hour after a position, oldest first."""
    async with parts.database.transaction() as connection:
        return await statistics.list_statistics(
            connection, per, after=after, names=names, limit=limit
        )


async def list_totals(
    parts: BalancerParts, per: Per, *, after: Position, names: Names, limit: int
) -> list[dict[str, Any]]:
    """Return what was counted since ``after.at``, added up for each server of each pool."""
    async with parts.database.transaction(statement_seconds=SUM_SECONDS) as connection:
        return await statistics.list_totals(connection, per, after=after, names=names, limit=limit)
