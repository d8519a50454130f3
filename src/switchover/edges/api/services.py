"""Routes of virtual services: list, one with its grid, what-if."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any

from fastapi import APIRouter, Query
from fastapi.responses import PlainTextResponse

from switchover.balance.statistics.series import Lines, Span
from switchover.balance.work import history, views
from switchover.edges.api.access import Suite, Viewer, Watcher
from switchover.edges.api.listing import (
    CSV_TOO,
    After,
    Answer,
    Form,
    Format,
    Listing,
    Name,
    Part,
    Row,
)

router = APIRouter(tags=["services"])

_SERVICE = ("title", "address", "port", "layout", "tls", "names", "scheduler", "state")
COLUMNS = ("service", *_SERVICE, "workload", "workloads", "up", "servers", "connections")


@router.get("/services", response_model=dict[str, Any], responses=CSV_TOO)
async def list_services(
    suite: Suite,
    actor: Watcher,  # noqa: ARG001 - names the role
    q: Part = None,
    after: After = None,
    limit: Annotated[int | None, Query(ge=1, le=1000, description="Of a page: 1,000.")] = None,
    form: Form = Format.JSON,
) -> Answer:
    """List virtual services with the health of every workload; in a file, a line for each workload.

    `state` is `closed` where a service takes no connections. Without the database too, as `/status`.
    """

    async def read(start: str | None, rows: int) -> list[Row]:
        return await views.list_services(
            suite.balance, suite.observation, containing=q, after=start, limit=rows
        )

    listing = Listing(
        name="services",
        columns=COLUMNS,
        read=read,
        place=lambda row: str(row["name"]),
        lines=_lines,
    )
    return await listing.answer(form, start=after, limit=limit, default=1000)


def _lines(service: Row) -> Iterable[Row]:
    for pool in service["pools"]:
        yield {
            **{name: service[name] for name in _SERVICE},
            "service": service["name"],
            "workload": pool["workload"],
            "workloads": pool["workloads"],
            "up": pool["up"],
            "servers": [server["server"] for server in pool["servers"]],
            "connections": sum(server["connections"] for server in pool["servers"]),
        }


@router.get("/services/{service}")
async def get_service(suite: Suite, actor: Watcher, service: str) -> dict[str, Any]:  # noqa: ARG001 - names the role
    """Return one service with its grid of servers and workloads; without the database too."""
    return await views.get_service(suite.balance, suite.observation, service)


@router.get("/services/{service}/series")
async def get_series(
    suite: Suite,
    actor: Viewer,  # noqa: ARG001 - names the role
    service: str,
    span: Annotated[Span, Query(description="How far back.")] = Span.DAY,
    by: Annotated[Lines, Query(description="What each line stands for.")] = Lines.WORKLOAD,
    workload: Name = None,
) -> dict[str, Any]:
    """Return the lines of a service's charts: evenly spaced `times` (seconds of the epoch, UTC) and values.

    Each of `requests`, `errors`, `response_ms` and `sessions` (the most at once) has a value for each
    time, null where nothing was counted. `left_out` counts lines beyond twelve: the six with the most errors and then those with the
    most traffic are given.
    """
    await views.require_service(suite.balance, service)
    found = await history.get_series(suite.balance, service, span=span, by=by, workload=workload)
    return found.body()


@router.get("/services/{service}/configuration", response_class=PlainTextResponse)
async def get_configuration(suite: Suite, actor: Viewer, service: str) -> str:  # noqa: ARG001 - names the role
    """Return what the engine reads about a service, with the defaults in force; it holds no secrets."""
    return await views.service_configuration(suite.balance, service)


@router.get("/what-if")
async def what_if(
    suite: Suite,
    actor: Viewer,  # noqa: ARG001 - names the role
    down: Annotated[list[str], Query()] = [],  # noqa: B006 - FastAPI copies it
) -> dict[str, Any]:
    """Say what users would feel if these servers (`cas1`) or workloads (`cas1/owa`) were gone."""
    return await views.what_if(suite.balance, tuple(down))
