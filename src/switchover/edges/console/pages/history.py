"""The history: revisions, one whole, what differs between two, and the way back to one."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Form, Path, Query, Request, Response
from fastapi.responses import HTMLResponse, PlainTextResponse
from pydantic import AfterValidator

from switchover.app import Switchover
from switchover.balance.revision import Origin, Verb
from switchover.balance.work import history, revisions
from switchover.balance.work.preview import preview_rollback
from switchover.directory.access.role import Role
from switchover.edges.api.access import Suite
from switchover.edges.api.listing import Format
from switchover.edges.api.revisions import revision_listing
from switchover.edges.api.shapes import one_plain_line
from switchover.edges.console.access import Admin, Person, Viewer
from switchover.edges.console.done_notice import done_by
from switchover.edges.console.numbered_diff import read_diff
from switchover.edges.console.page import render, see_other
from switchover.edges.console.table import (
    Column,
    Filter,
    ListSpec,
    read_page,
    read_query,
    word_filter,
)
from switchover.errors import Conflict
from switchover.model.wording import plain

router = APIRouter()

SPEC = ListSpec(
    path="/history",
    columns=(
        Column(key="choice", title="Compare"),
        Column(key="number", title="Revision"),
        Column(key="created_at", title="When", is_sortable=True),
        Column(key="author", title="Who"),
        Column(key="summary", title="What"),
        Column(key="reason", title="Why"),
    ),
    filters=(
        Filter(key="author", title="Who"),
        word_filter("verb", "What", Verb),
        Filter(key="words", title="Says"),
    ),
    sort="-created_at",
    rows=50,
)
_DOORS = {
    Origin.FILE: "with a platform file",
    Origin.API: "over the API",
    Origin.CONSOLE: "in the console",
    Origin.CLI: "by command line",
    Origin.DRIFT: "accepting drift",
    Origin.ROLLBACK: "by rollback",
}
MOST_TEXT = 100_000
"""Characters of a platform file on a page; the whole can be fetched."""
Number = Annotated[int, Path(ge=1, le=2**63 - 1)]
Older = Annotated[int | None, Query(alias="from", ge=1, le=2**63 - 1)]
Newer = Annotated[int | None, Query(alias="to", ge=1, le=2**63 - 1)]
Word = Annotated[str, Query(max_length=10)]
Reason = Annotated[str, Form(max_length=500), AfterValidator(one_plain_line)]


@router.get("/history", response_class=HTMLResponse)
async def show_history(request: Request, suite: Suite, person: Viewer) -> Response:
    """Return a page of revisions by time, or all that fit the filters as a file."""
    query = read_query(SPEC, request.query_params)
    filters = {
        "author_part": query.get("author"),
        "verb": query.get("verb"),
        "words": query.get("words"),
    }
    listing = revision_listing(suite, filters, oldest_first=not query.is_descending)
    if query.form:
        return await listing.file(Format(query.form))
    rows = await listing.read(query.place_number(), SPEC.rows + 1)
    table = read_page(query, rows, place=listing.place)
    pair = sorted(row["number"] for row in table.rows[:2])
    return render(
        request,
        person,
        "history.html",
        query=query,
        table=table,
        # What most people want to see: the last change.
        to_number=pair[-1] if pair else None,
        from_number=pair[0] if pair else None,
        origins=_DOORS,
    )


@router.get("/history/difference", response_class=HTMLResponse)
async def show_difference(
    request: Request, suite: Suite, person: Viewer, older: Older = None, newer: Newer = None
) -> HTMLResponse:
    """Return what differs between two revisions, in the direction that was asked for; else the last change."""
    after = newer or await history.latest_number(suite.balance)
    before = older or max(1, after - 1)
    diff = await history.get_difference(suite.balance, before, after)
    return render(
        request, person, "difference.html", older=before, newer=after, diff=read_diff(diff)
    )


@router.get("/history/{number}", response_class=HTMLResponse)
async def show_revision(
    request: Request, suite: Suite, person: Viewer, number: Number, done: Word = ""
) -> HTMLResponse:
    """Return one revision: who, when and why, what it changed, its files and its text."""
    revision = await history.get_revision(suite.balance, number)
    return render(
        request,
        person,
        "revision.html",
        revision=revision,
        latest=await history.latest_number(suite.balance),
        diff=read_diff(revision.diff),
        wishes=sorted(revision.overrides.by_target.items()),
        text=plain(revision.text[:MOST_TEXT], keep="\n\t"),
        is_cut=len(revision.text) > MOST_TEXT,
        may_roll_back=person.actor.role.includes(Role.ADMIN),
        origins=_DOORS,
        done=done == "true" and await done_by(suite, person, number) is not None,
    )


@router.get("/history/{number}/file", response_class=PlainTextResponse)
async def get_file(suite: Suite, person: Viewer, number: Number) -> PlainTextResponse:  # noqa: ARG001 - names the role
    """Return the platform file of a revision, to keep."""
    revision = await history.get_revision(suite.balance, number)
    name = f"platform-revision-{number}.yaml"
    return PlainTextResponse(
        revision.text, headers={"Content-Disposition": f'attachment; filename="{name}"'}
    )


@router.get("/history/{number}/rollback", response_class=HTMLResponse)
async def show_rollback(
    request: Request, suite: Suite, person: Admin, number: Number
) -> HTMLResponse:
    """Return what would change; what it does to users is worked out by the preview, which takes longer."""
    latest = await history.latest_number(suite.balance)
    diff = await history.get_difference(suite.balance, latest, number)
    return render(
        request,
        person,
        "rollback.html",
        revision=await history.get_revision(suite.balance, number),
        latest=latest,
        diff=read_diff(diff),
        preview=None,
        reason="",
        conflict="",
    )


@router.post("/history/{number}/preview", response_class=HTMLResponse)
async def preview(
    request: Request, suite: Suite, person: Admin, number: Number, reason: Reason = ""
) -> HTMLResponse:
    """Return what going back would change, find and do to users; changes nothing."""
    return await _preview(request, suite, person, number, reason=reason)


@router.post("/history/{number}/rollback", response_class=HTMLResponse)
async def roll_back(
    request: Request,
    suite: Suite,
    person: Admin,
    number: Number,
    parent: Annotated[int, Form(ge=0, le=2**63 - 1)],
    reason: Reason = "",
) -> Response:
    """Go back; when somebody changed something since the preview, show a new preview instead."""
    intent = revisions.Intent(actor=person.actor, origin=Origin.ROLLBACK, reason=reason)
    try:
        outcome = await revisions.roll_back(suite.balance, number, intent=intent, parent=parent)
    except Conflict as error:
        return await _preview(request, suite, person, number, reason=reason, conflict=str(error))
    return see_other(request, f"/history/{outcome.number}?done=true")


async def _preview(
    request: Request,
    suite: Switchover,
    person: Person,
    number: int,
    *,
    reason: str = "",
    conflict: str = "",
) -> HTMLResponse:
    intent = revisions.Intent(actor=person.actor, origin=Origin.ROLLBACK)
    found = await preview_rollback(suite.balance, number, intent=intent)
    return render(
        request,
        person,
        "rollback.html",
        status=409 if conflict else 200,
        revision=await history.get_revision(suite.balance, number),
        latest=found.latest,
        diff=read_diff(found.outcome.diff),
        preview=found,
        reason=reason,
        conflict=conflict,
    )
