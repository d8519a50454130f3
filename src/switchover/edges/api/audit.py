"""Routes of the audit log: read, prove, accept what an administrator can explain."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from datetime import datetime
from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Query, Response
from fastapi.responses import JSONResponse, StreamingResponse
from pydantic import BaseModel, ConfigDict, Field

from switchover.app import Switchover
from switchover.directory.access.role import Door
from switchover.directory.audit import work
from switchover.directory.audit.chain import parse_head
from switchover.directory.audit.entry import Outcome
from switchover.directory.audit.inspection import Head, describe_span, fault_body
from switchover.directory.audit.work import Verdict
from switchover.edges.api.access import Admin, Suite
from switchover.edges.api.listing import (
    CSV_TOO,
    Answer,
    Form,
    Format,
    Listing,
    Name,
    Older,
    Word,
    list_by_time,
)
from switchover.edges.api.shapes import Reason

router = APIRouter(tags=["audit"])

COLUMNS = (
    "number", "at", "actor", "origin", "address", "client", "action", "subject", "outcome", "before",
    "after", "reason", "previous", "hash", "seal",
)  # fmt: skip
PATIENCE_SECONDS = 5.0
"""After so long a client is told that we are still at it, and again."""
Contained = Annotated[
    Word | None,
    Query(description="Only with this in actor, action, subject or reason, in any case."),
]
Action = Annotated[
    Word | None, Query(description="Only this one, or all that begin with it: `server`.")
]


class AcceptBody(BaseModel):
    """Why the log is as it is."""

    model_config = ConfigDict(extra="forbid")
    reason: Annotated[Reason, Field(min_length=1)]


@router.get("/audit", response_model=dict[str, Any], responses=CSV_TOO)
async def list_entries(
    suite: Suite,
    actor: Admin,  # noqa: ARG001 - names the role
    who: Annotated[Word | None, Query(alias="actor", description="Only what they did.")] = None,
    action: Action = None,
    subject: Name = None,
    origin: Door | None = None,
    outcome: Outcome | None = None,
    address: Name = None,
    q: Contained = None,
    since: datetime | None = None,
    until: datetime | None = None,
    before: Older = None,
    limit: Annotated[int | None, Query(ge=1, le=1000, description="Of a page: 100.")] = None,
    form: Form = Format.JSON,
) -> Answer:
    """List who did what, newest first; `before` continues after the last number of a page."""
    filters = {
        "actor": who,
        "action": action,
        "subject": subject,
        "origin": origin.value if origin else None,
        "outcome": outcome.value if outcome else None,
        "address": address,
        "part": q,
        "since": since,
        "until": until,
    }

    listing = audit_listing(suite, filters)
    return await listing.answer(form, start=before, limit=limit, default=100)


def audit_listing(
    suite: Switchover, filters: Mapping[str, object], *, oldest_first: bool = False
) -> Listing[int]:
    """Return the list of entries that fit these filters, newest first."""
    read = partial(work.list_entries, suite.database)
    return list_by_time("audit", COLUMNS, read, filters, number="number", oldest_first=oldest_first)


@router.get("/audit/verify", response_model=dict[str, Any])
async def verify(
    suite: Suite,
    actor: Admin,  # noqa: ARG001 - names the role
    head: Annotated[
        Word | None, Query(description="`NUMBER:HASH` noted earlier; the log must still have it.")
    ] = None,
) -> Response:
    """Read the whole log and say which entries were changed, removed, moved or put in.

    The answer begins with blanks while a long log is read, so that nobody takes that for silence.
    """
    noted = None
    if head is not None:
        number, digest = parse_head(head)
        noted = Head(number=number, hash=digest)
    verifying = asyncio.create_task(work.verify(suite.database, noted=noted))
    done, _ = await asyncio.wait({verifying}, timeout=PATIENCE_SECONDS)
    if done:
        return JSONResponse(verdict_body(verifying.result()))
    return StreamingResponse(_when_done(verifying), media_type="application/json")


async def _when_done(verifying: asyncio.Task[Verdict]) -> AsyncIterator[str]:
    try:
        while not verifying.done():
            yield " "
            await asyncio.wait({verifying}, timeout=PATIENCE_SECONDS)
        yield json.dumps(verdict_body(verifying.result()))
    finally:
        verifying.cancel()


@router.post("/audit/accept")
async def accept(suite: Suite, actor: Admin, body: AcceptBody) -> dict[str, Any]:
    """Say that what is wrong has an innocent reason, a restored backup for one; that is an entry too."""
    return verdict_body(await work.accept(suite.database, actor=actor, reason=body.reason))


@router.get("/audit/entries/{number}")
async def get_entry(suite: Suite, actor: Admin, number: int) -> dict[str, Any]:  # noqa: ARG001 - names the role
    """Return one entry."""
    return await work.get_entry(suite.database, number)


def verdict_body(verdict: Verdict) -> dict[str, Any]:
    """Return what a look at the whole log found."""
    inspection = verdict.inspection
    return {
        "is_whole": not verdict.faults,
        "entries": inspection.count,
        "span": describe_span(inspection),
        "end": {"number": inspection.last, "hash": inspection.previous},
        "head": None
        if verdict.head is None
        else {"number": verdict.head.number, "hash": verdict.head.hash},
        "faults": [fault_body(fault) for fault in verdict.faults],
        "more_faults": inspection.left_out,
        "accepted": [fault_body(fault) for fault in verdict.accepted],
        "accepted_by": inspection.accepted_by,
        "works_as": verdict.rights.role,
        "remarks": list(verdict.remarks),
    }
