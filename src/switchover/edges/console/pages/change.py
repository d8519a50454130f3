"""Taking a server out, bringing it back, weighing it: with what users would feel, before it is done."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated

from fastapi import APIRouter, Form, Query, Request
from fastapi.responses import HTMLResponse, Response

from switchover.balance.change_preview import Change, Preview, preview_change
from switchover.balance.overrides import AdminState
from switchover.balance.prediction import percent
from switchover.balance.revision import Origin
from switchover.balance.snapshot import Snapshot
from switchover.balance.work import revisions
from switchover.balance.work.board import require_wish
from switchover.edges.api.access import Suite
from switchover.edges.api.shapes import Reason
from switchover.edges.console.access import Operator, Person
from switchover.edges.console.done_notice import done_path
from switchover.edges.console.page import path_word, render, see_other
from switchover.errors import InvalidInput

router = APIRouter(include_in_schema=False)


class Action(StrEnum):
    """What can be done with a server."""

    DRAIN = "drain"
    MAINTAIN = "maintain"
    RESUME = "resume"
    WEIGHT = "weight"


_STATES = {
    Action.DRAIN: AdminState.DRAIN,
    Action.MAINTAIN: AdminState.MAINTENANCE,
    Action.RESUME: AdminState.READY,
    Action.WEIGHT: None,
}
ACTIONS = {
    Action.DRAIN: (
        "Drain",
        "No new clients. Who is connected stays until they leave; health checks go on.",
    ),
    Action.MAINTAIN: (
        "Maintenance",
        "No new clients and no health checks: for work on the server. Drain it first.",
    ),
    Action.RESUME: ("Resume", "Clients again, as soon as its health checks pass."),
    Action.WEIGHT: (
        "Weight",
        "Another share of the load: 0 to 256, 100 is usual. Empty takes the platform file's again.",
    ),
}

Where = Annotated[str, Query(max_length=130)]
Weight = Annotated[str, Query(max_length=3, pattern=r"^[0-9]*$")]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What the form asks for. ``where`` is empty (everywhere), ``SERVICE`` or ``SERVICE/WORKLOAD``."""

    server: str
    action: Action
    where: str
    weight: str

    @property
    def service(self) -> str | None:
        """The service that it is limited to, None everywhere."""
        return self.where.partition("/")[0] or None

    @property
    def workload(self) -> str | None:
        """The workload that it is limited to, None for all."""
        return self.where.partition("/")[2] or None

    def change(self) -> Change:
        """Return it as a change; raises InvalidInput for a weight that there is not."""
        weight = int(self.weight) if self.weight and self.action is Action.WEIGHT else None
        if weight is not None and weight > 256:
            raise InvalidInput(f"the weight {weight} is not from 0 to 256")
        return Change(
            server=self.server,
            service=self.service,
            workload=self.workload,
            state=_STATES[self.action],
            weight=weight,
        )


@router.get("/servers/{server}/change", response_class=HTMLResponse)
async def show_change(
    request: Request,
    suite: Suite,
    person: Operator,
    server: str,
    action: Action = Action.DRAIN,
    where: Where = "",
    weight: Weight = "",
) -> HTMLResponse:
    """Return the form with what the change would do now; changes nothing."""
    wanted = Wanted(server=server, action=action, where=where, weight=weight)
    return _page(request, person, await require_wish(suite.board), wanted)


def _page(
    request: Request,
    person: Person,
    snapshot: Snapshot,
    wanted: Wanted,
    *,
    reason: str = "",
    refusal: str = "",
) -> HTMLResponse:
    preview = preview_change(snapshot, wanted.change())
    return render(
        request,
        person,
        "change.html",
        status=409 if refusal else 200,
        wanted=wanted,
        preview=preview,
        actions=ACTIONS,
        places=_places(snapshot, wanted.server),
        reason=reason,
        refusal=refusal,
        percent=percent,
    )


def _places(snapshot: Snapshot, server: str) -> list[tuple[str, str]]:
    """Return where a change can apply: everywhere, in a service, in one workload of it."""
    found: dict[str, str] = {"": "everywhere"}
    for service, pool, _, _ in snapshot.roster.by_server.get(server, ()):
        found.setdefault(service.name, f"{service.name}: all workloads")
        if len(snapshot.roster.by_service[service.name]) > 1:
            found[f"{service.name}/{pool.label}"] = f"{service.name}: only {pool.label}"
    return list(found.items())


@router.post("/servers/{server}/change", response_class=HTMLResponse)
async def change_server(
    request: Request,
    suite: Suite,
    person: Operator,
    server: str,
    action: Annotated[Action, Form()],
    where: Annotated[str, Form(max_length=130)] = "",
    weight: Annotated[str, Form(max_length=3, pattern=r"^[0-9]*$")] = "",
    reason: Annotated[Reason, Form()] = "",
    sure: Annotated[str, Form(max_length=10)] = "",
) -> Response:
    """Do it, unless users would be left with nothing and nobody said to be sure of that."""
    wanted = Wanted(server=server, action=action, where=where, weight=weight)
    snapshot = await require_wish(suite.board)
    change = wanted.change()
    preview = preview_change(snapshot, change)
    if needs_care(wanted, preview) and not sure:
        refusal = (
            "Users would be left with nothing. Say below that you mean it, or choose otherwise."
        )
        return _page(request, person, snapshot, wanted, reason=reason, refusal=refusal)
    outcome = await revisions.change_servers(
        suite.balance,
        server,
        service=change.service,
        workload=change.workload,
        intent=revisions.Intent(actor=person.actor, origin=Origin.CONSOLE, reason=reason),
        state=change.state,
        weight=change.weight,
        reset_weight=change.state is None and change.weight is None,
    )
    page = (
        f"/services/{path_word(change.service)}"
        if change.service
        else f"/servers/{path_word(server)}"
    )
    return see_other(request, done_path(page, outcome))


def needs_care(wanted: Wanted, preview: Preview) -> bool:
    """True when somebody should say twice that he means it."""
    return preview.needs_care and wanted.action is not Action.RESUME
