"""Routes of virtual services: list, one with its grid, statistics, what-if."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Query

from switchover import clock
from switchover.balance.work import history, views
from switchover.edges.api.access import Suite, Viewer

router = APIRouter(tags=["services"])


@router.get("/services")
async def list_services(suite: Suite, actor: Viewer) -> dict[str, Any]:  # noqa: ARG001 - names the role
    """List virtual services with the health of every workload."""
    return {"services": await views.list_services(suite.balance, suite.observation)}


@router.get("/services/{service}")
async def get_service(suite: Suite, actor: Viewer, service: str) -> dict[str, Any]:  # noqa: ARG001 - names the role
    """Return one service with its grid of servers and workloads."""
    return await views.get_service(suite.balance, suite.observation, service)


@router.get("/statistics")
async def list_statistics(
    suite: Suite,
    actor: Viewer,  # noqa: ARG001 - names the role
    service: str | None = None,
    workload: str | None = None,
    server: str | None = None,
    hours: Annotated[float, Query(gt=0, le=24 * 14)] = 1.0,
) -> dict[str, Any]:
    """Return what was counted per minute."""
    rows = await history.list_minutes(
        suite.balance,
        since=clock.now() - timedelta(hours=hours),
        service=service,
        workload=workload,
        server=server,
    )
    return {"minutes": rows}


@router.get("/what-if")
async def what_if(
    suite: Suite,
    actor: Viewer,  # noqa: ARG001 - names the role
    down: Annotated[list[str], Query()] = [],  # noqa: B006 - FastAPI copies it
) -> dict[str, Any]:
    """Say what users would feel if these servers (`cas1`) or workloads (`cas1/owa`) were gone."""
    return await views.what_if(suite.balance, tuple(down))
