"""Routes of what was counted: per minute or hour, and added up."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query

from switchover import clock
from switchover.balance.statistics.columns import COUNTERS, KEYS, TOPS, VALUES
from switchover.balance.statistics.span import MAX_HOURS, Per, Position, choose_per, start_of
from switchover.balance.work import history
from switchover.edges.api.access import Suite, Viewer
from switchover.edges.api.cursor import read_cursor, write_cursor
from switchover.edges.api.listing import CSV_TOO, After, Answer, Form, Format, Listing, Name, Row

router = APIRouter(tags=["statistics"])

Hours = Annotated[float, Query(gt=0, le=MAX_HOURS, description="How far back.")]
Fineness = Annotated[
    Per | None,
    Query(
        description="How fine; left out, by minutes up to 48 hours and by hours beyond. Minutes are "
        "kept for some weeks only."
    ),
]
Limit = Annotated[int | None, Query(ge=1, le=10_000, description="Of a page: 1,000.")]


@router.get("/statistics", response_model=dict[str, Any], responses=CSV_TOO)
async def list_statistics(
    suite: Suite,
    actor: Viewer,  # noqa: ARG001 - names the role
    service: Name = None,
    workload: Name = None,
    server: Name = None,
    hours: Hours = 1.0,
    per: Fineness = None,
    after: After = None,
    limit: Limit = None,
    form: Form = Format.JSON,
) -> Answer:
    """Return what was counted per minute or hour, oldest first, as `minutes` or `hours`."""
    chosen = choose_per(per, hours=hours, minute_days=suite.settings.minute_days)
    begin = Position(start_of(clock.now(), hours=hours, per=chosen))
    names = {"service": service, "workload": workload, "server": server}

    async def read(start: str | None, rows: int) -> list[Row]:
        place = _position(start) or begin
        return await history.list_statistics(
            suite.balance, chosen, after=place, names=names, limit=rows
        )

    def place(row: Row) -> str:
        return write_cursor(row[chosen.value], *(row[key] for key in KEYS))

    listing = Listing(
        name=f"{chosen}s",
        columns=(chosen.value, *KEYS, *VALUES),
        read=read,
        place=place,
        file_name=f"statistics-per-{chosen}",
    )
    return await listing.answer(form, start=after, limit=limit, default=1000, per=chosen.value)


@router.get("/statistics/totals", response_model=dict[str, Any], responses=CSV_TOO)
async def list_totals(
    suite: Suite,
    actor: Viewer,  # noqa: ARG001 - names the role
    service: Name = None,
    workload: Name = None,
    server: Name = None,
    hours: Hours = 1.0,
    per: Fineness = None,
    after: After = None,
    limit: Limit = None,
    form: Form = Format.JSON,
) -> Answer:
    """Return what the rows of `/statistics` add up to, for each server of each workload."""
    chosen = choose_per(per, hours=hours, minute_days=suite.settings.minute_days)
    # A page that goes on adds up from the same moment as the first.
    begin = _position(after) or Position(start_of(clock.now(), hours=hours, per=chosen))
    names = {"service": service, "workload": workload, "server": server}

    async def read(start: str | None, rows: int) -> list[Row]:
        place = _position(start) or begin
        return await history.list_totals(
            suite.balance, chosen, after=place, names=names, limit=rows
        )

    def place(row: Row) -> str:
        return write_cursor(begin.at, *(row[key] for key in KEYS))

    listing = Listing(
        name="totals",
        columns=(*KEYS, *COUNTERS, *TOPS),
        read=read,
        place=place,
        file_name="statistics-totals",
    )
    return await listing.answer(
        form,
        start=after,
        limit=limit,
        default=1000,
        per=chosen.value,
        since=begin.at.isoformat(),
    )


def _position(cursor: str | None) -> Position | None:
    if not cursor:
        return None
    moment, words = read_cursor(cursor, words=len(KEYS))
    return Position(moment, *words)
