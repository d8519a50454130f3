"""Routes of the engine and of this process: status, drift, configuration, metrics."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Response
from fastapi.responses import PlainTextResponse
from pydantic import BaseModel, ConfigDict

from switchover.balance.revision import Origin
from switchover.balance.work import drift, views
from switchover.balance.work.revisions import Intent
from switchover.edges.api.access import Operator, Suite, Viewer, Watcher
from switchover.edges.api.shapes import Reason, drift_body
from switchover.edges.metrics import render_metrics

router = APIRouter(tags=["engine"])
metrics_router = APIRouter(tags=["engine"])


class ReasonBody(BaseModel):
    """Why."""

    model_config = ConfigDict(extra="forbid")
    reason: Reason = ""


class RepairBody(ReasonBody):
    """Why, and whether an engine that no revision ordered may be stopped."""

    stop_engine: bool = False


@router.get("/health")
async def get_health() -> dict[str, str]:
    """Say that this process lives; the only answer that needs no token."""
    return {"status": "ok"}


@router.get("/status")
async def get_status(suite: Suite, actor: Watcher) -> dict[str, Any]:  # noqa: ARG001 - names the role
    """Return versions, the last cycle's sentence, and what stands out; without the database too.

    A token that was valid within the last 24 hours will do while the database is away.
    """
    body = await views.status(suite.balance, suite.cycle, suite.observation, suite.engine_version)
    return {**body, "data": str(suite.settings.data_dir)}


@router.get("/engine/configuration", response_class=PlainTextResponse)
async def get_configuration(suite: Suite, actor: Viewer) -> str:  # noqa: ARG001 - names the role
    """Return the engine's configuration as it is on disk; it holds no secrets."""
    return views.engine_configuration(suite.balance)


@router.get("/drift")
async def list_drift(suite: Suite, actor: Watcher) -> dict[str, Any]:  # noqa: ARG001 - names the role
    """Look now: what runs and was not ordered; without the database too, as `/status`."""
    return {"drift": [drift_body(item) for item in await suite.cycle.find_drift()]}


@router.post("/drift/repair")
async def repair_drift(suite: Suite, actor: Operator, body: RepairBody) -> dict[str, Any]:
    """Put every difference right; `stop_engine` stops an engine that runs and no revision ordered."""
    intent = Intent(actor=actor, origin=Origin.DRIFT, reason=body.reason)
    repaired = await drift.repair(
        suite.balance, suite.cycle, intent=intent, stop_engine=body.stop_engine
    )
    return {"repaired": [drift_body(item) for item in repaired]}


@router.post("/drift/accept")
async def accept_drift(suite: Suite, actor: Operator, body: ReasonBody) -> dict[str, Any]:
    """Make every difference the wish: states and weights as a revision, files until the next change."""
    intent = Intent(actor=actor, origin=Origin.DRIFT, reason=body.reason or "drift accepted")
    accepted = await drift.accept(suite.balance, suite.cycle, intent=intent)
    return {"accepted": [drift_body(item) for item in accepted]}


@metrics_router.get("/metrics", response_class=PlainTextResponse)
async def get_metrics(suite: Suite, actor: Watcher) -> Response:  # noqa: ARG001 - names the role
    """Return metrics in Prometheus' text format; without the database too, as `/api/v1/status`."""
    text, content_type = render_metrics(suite.observation, suite.cycle)
    return Response(text, media_type=content_type)
