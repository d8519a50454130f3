"""The drift page: what runs and was not ordered, and the two ways to end that."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Form, Query, Request, Response
from fastapi.responses import HTMLResponse
from pydantic import AfterValidator

from switchover.app import Switchover
from switchover.balance.drift import Drift, DriftKind
from switchover.balance.revision import Origin
from switchover.balance.work import drift
from switchover.balance.work.revisions import Intent
from switchover.directory.access.role import Role
from switchover.edges.api.access import Suite
from switchover.edges.api.shapes import one_plain_line
from switchover.edges.console.access import Operator, Person, Viewer
from switchover.edges.console.done_notice import Mark, is_ours, mark_of
from switchover.edges.console.export import export_rows
from switchover.edges.console.page import render, see_other
from switchover.edges.console.table import (
    Column,
    Filter,
    ListQuery,
    ListSpec,
    cut,
    in_order,
    read_query,
    word_filter,
)
from switchover.errors import Conflict
from switchover.model.wording import counted

router = APIRouter()
Reason = Annotated[str, Form(max_length=500), AfterValidator(one_plain_line)]
_DONE = {"repaired": "put right", "accepted": "accepted"}
SPEC = ListSpec(
    path="/drift",
    columns=(
        Column(key="kind", title="What", is_sortable=True),
        Column(key="subject", title="Where", is_sortable=True),
        Column(key="wanted", title="Should be", is_sortable=True),
        Column(key="found", title="Is", is_sortable=True),
    ),
    filters=(
        word_filter("kind", "What", DriftKind),
        Filter(key="q", title="Any word"),
    ),
)
_KEYS = {
    "kind": lambda drift: drift.kind.value,
    "subject": lambda drift: drift.subject,
    "wanted": lambda drift: drift.wanted,
    "found": lambda drift: drift.found,
}
_EXPORTED = ("kind", "subject", "service", "workload", "server", "wanted", "found")


@router.get("/drift", response_class=HTMLResponse)
async def show_drift(
    request: Request,
    suite: Suite,
    person: Viewer,
    done: Annotated[str, Query(max_length=20)] = "",
    count: Annotated[int, Query(ge=0, le=10**6)] = 0,
    mark: Mark = "",
) -> Response:
    """Return what the last cycle found; the page does not wait for another look at the engine."""
    query = read_query(SPEC, request.query_params)
    if query.form:
        report = suite.cycle.report
        found = in_order(query, _fitting(report.drifts if report else (), query), _KEYS)
        return export_rows("drift", _EXPORTED, list(map(_exported, found)), query.form)
    is_told = done in _DONE and is_ours(person, mark, done, str(count))
    told = f"{counted(count, 'difference')} {_DONE[done]}." if is_told else ""
    return _page(request, suite, person, told=told)


@router.post("/drift/repair", response_class=HTMLResponse)
async def repair(
    request: Request,
    suite: Suite,
    person: Operator,
    reason: Reason = "",
    stop_engine: Annotated[str, Form(max_length=5)] = "",
) -> Response:
    """Put every difference right."""
    intent = Intent(actor=person.actor, origin=Origin.DRIFT, reason=reason)
    try:
        repaired = await drift.repair(
            suite.balance, suite.cycle, intent=intent, stop_engine=stop_engine == "true"
        )
    except Conflict as error:
        return _page(request, suite, person, conflict=str(error))
    return see_other(request, _done(person, "repaired", len(repaired)))


@router.post("/drift/accept", response_class=HTMLResponse)
async def accept(request: Request, suite: Suite, person: Operator, reason: Reason = "") -> Response:
    """Make every difference the wish, where that can be done."""
    intent = Intent(actor=person.actor, origin=Origin.DRIFT, reason=reason or "drift accepted")
    try:
        accepted = await drift.accept(suite.balance, suite.cycle, intent=intent)
    except Conflict as error:
        return _page(request, suite, person, conflict=str(error))
    return see_other(request, _done(person, "accepted", len(accepted)))


def _done(person: Person, done: str, count: int) -> str:
    mark = mark_of(person, done, str(count))
    return f"/drift?done={done}&count={count}&mark={mark}"


def _page(
    request: Request, suite: Switchover, person: Person, *, told: str = "", conflict: str = ""
) -> HTMLResponse:
    report = suite.cycle.report
    drifts = report.drifts if report else ()
    query = read_query(SPEC, request.query_params)
    return render(
        request,
        person,
        "drift.html",
        status=409 if conflict else 200,
        report=report,
        drifts=drifts,
        query=query,
        table=cut(query, _fitting(drifts, query), keys=_KEYS),
        # Only an engine that nobody ordered has neither revision nor repair.
        is_unordered=bool(drifts) and report is not None and report.revision is None,
        can_accept=any(item.kind in _ACCEPTABLE for item in drifts),
        may_change=person.actor.role.includes(Role.OPERATOR),
        seconds=f"{suite.settings.cycle_seconds:g}",
        told=told,
        conflict=conflict,
    )


def _fitting(drifts: Sequence[Drift], query: ListQuery) -> list[Drift]:
    kind, part = query.get("kind"), (query.get("q") or "").casefold()
    return [
        drift
        for drift in drifts
        if kind in {None, drift.kind}
        and part in f"{drift.subject} {drift.wanted} {drift.found}".casefold()
    ]


def _exported(drift: Drift) -> dict[str, Any]:
    target = drift.target
    return {
        "kind": drift.kind.value,
        "subject": drift.subject,
        "service": target and target.service,
        "workload": target and target.pool,
        "server": target and target.server,
        "wanted": drift.wanted,
        "found": drift.found,
    }


_ACCEPTABLE = frozenset({DriftKind.STATE, DriftKind.WEIGHT, DriftKind.FILE})
