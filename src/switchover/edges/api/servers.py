"""Routes of real servers: list, drain, maintain, resume, weight, who is connected, advice."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field

from switchover import clock
from switchover.app import Switchover
from switchover.balance.overrides import AdminState
from switchover.balance.revision import Origin
from switchover.balance.work import advising, revisions, views
from switchover.edges.api.access import Operator, Suite, Viewer, Watcher
from switchover.edges.api.listing import CSV_TOO, After, Answer, Form, Format, Listing, Part, Row
from switchover.edges.api.shapes import Reason, outcome_body

router = APIRouter(tags=["servers"])

_SERVER = ("address", "site", "runs")
_POOL = (
    "service", "workload", "state", "wanted", "since_seconds", "connections", "requests", "weight",
    "response_milliseconds", "errors", "reason",
)  # fmt: skip
COLUMNS = ("server", *_SERVER, *_POOL)


class Action(StrEnum):
    """What to do with a server."""

    DRAIN = "drain"
    MAINTAIN = "maintain"
    RESUME = "resume"


_STATE = {
    Action.DRAIN: AdminState.DRAIN,
    Action.MAINTAIN: AdminState.MAINTENANCE,
    Action.RESUME: AdminState.READY,
}


class ScopeBody(BaseModel):
    """Where: everywhere, or in one service or one workload; and why."""

    model_config = ConfigDict(extra="forbid")
    service: Annotated[str | None, Field(max_length=63)] = None
    workload: Annotated[str | None, Field(max_length=80)] = None
    reason: Reason = ""


class WeightBody(ScopeBody):
    """A weight, or None to take the platform file's again."""

    weight: Annotated[int | None, Field(ge=0, le=256)] = None


class AdviceBody(ScopeBody):
    """Advice from a part of the suite that knows more than a health check."""

    percent: Annotated[int, Field(ge=0, le=100)]
    seconds: Annotated[float, Field(gt=0, le=86400)] = 60.0


@router.get("/servers", response_model=dict[str, Any], responses=CSV_TOO)
async def list_servers(
    suite: Suite,
    actor: Watcher,  # noqa: ARG001 - names the role
    q: Part = None,
    after: After = None,
    limit: Annotated[int | None, Query(ge=1, le=1000, description="Of a page: 1,000.")] = None,
    form: Form = Format.JSON,
) -> Answer:
    """List real servers with their state in every pool; in a file, a line for each pool.

    Without the database too, as `/status`.
    """

    async def read(start: str | None, rows: int) -> list[Row]:
        return await views.list_servers(
            suite.balance, suite.observation, containing=q, after=start, limit=rows
        )

    listing = Listing(
        name="servers", columns=COLUMNS, read=read, place=lambda row: str(row["name"]), lines=_lines
    )
    return await listing.answer(form, start=after, limit=limit, default=1000)


def _lines(server: Row) -> Iterable[Row]:
    own = {"server": server["name"], **{name: server[name] for name in _SERVER}}
    for pool in server["pools"] or [dict.fromkeys(_POOL)]:
        yield {**own, **{name: pool[name] for name in _POOL}}


@router.get("/servers/{server}/connections")
async def list_connections(suite: Suite, actor: Viewer, server: str) -> dict[str, Any]:  # noqa: ARG001 - names the role
    """List who is still connected to a server, the longest first; `seconds` is null where that is not known."""
    now = clock.now().timestamp()
    found = await suite.board.connections(server)
    return {"connections": [client.body(now) for client in found]}


def _warnings(suite: Switchover, server: str, body: ScopeBody) -> list[str]:
    return views.warnings_after(suite.balance, server, service=body.service, workload=body.workload)


@router.post("/servers/{server}/{action}")
async def change_state(
    suite: Suite, actor: Operator, server: str, action: Action, body: ScopeBody
) -> dict[str, Any]:
    """Drain (no new clients), maintain (no traffic, no checks) or resume a server.

    `warnings` names the workloads for which no server is left.
    """
    outcome = await revisions.change_servers(
        suite.balance,
        server,
        service=body.service,
        workload=body.workload,
        intent=revisions.Intent(actor=actor, origin=Origin.API, reason=body.reason),
        state=_STATE[action],
    )
    return outcome_body(outcome, warnings=_warnings(suite, server, body))


@router.put("/servers/{server}/weight")
async def change_weight(
    suite: Suite, actor: Operator, server: str, body: WeightBody
) -> dict[str, Any]:
    """Give a server another weight, or the platform file's again."""
    outcome = await revisions.change_servers(
        suite.balance,
        server,
        service=body.service,
        workload=body.workload,
        intent=revisions.Intent(actor=actor, origin=Origin.API, reason=body.reason),
        weight=body.weight,
        reset_weight=body.weight is None,
    )
    return outcome_body(outcome, warnings=_warnings(suite, server, body))


@router.put("/servers/{server}/advice")
async def give_advice(
    suite: Suite, actor: Operator, server: str, body: AdviceBody
) -> dict[str, Any]:
    """Lower a server's share, or take it out with 0 percent, for a while."""
    targets, until = await advising.give(
        suite.balance,
        suite.cycle,
        server,
        service=body.service,
        workload=body.workload,
        percent=body.percent,
        seconds=body.seconds,
        intent=revisions.Intent(actor=actor, origin=Origin.API, reason=body.reason),
    )
    return {"targets": [str(target) for target in targets], "until": until.isoformat()}


@router.delete("/servers/{server}/advice")
async def withdraw_advice(
    suite: Suite,
    actor: Operator,
    server: str,
    service: str | None = None,
    workload: str | None = None,
) -> dict[str, Any]:
    """Take advice back; the engine restores the full share at its next question."""
    targets = await advising.withdraw(
        suite.balance,
        suite.cycle,
        server,
        service=service,
        workload=workload,
        intent=revisions.Intent(actor=actor, origin=Origin.API),
    )
    return {"targets": [str(target) for target in targets]}
