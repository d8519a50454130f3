"""Routes of changes: apply, check, history, differences, roll back, schema, what-if."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Query
from fastapi.responses import PlainTextResponse
from pydantic import BaseModel, ConfigDict, Field

from switchover.app import Switchover
from switchover.balance.revision import Origin, Verb
from switchover.balance.work import history, revisions
from switchover.edges.api.access import Admin, Suite, Viewer
from switchover.edges.api.listing import (
    CSV_TOO,
    Answer,
    Form,
    Format,
    Listing,
    Name,
    Older,
    list_by_time,
)
from switchover.edges.api.shapes import Reason, outcome_body, revision_body
from switchover.errors import InvalidInput
from switchover.model.platform_file.spec import json_schema

router = APIRouter(tags=["changes"])
MAX_FILE_BYTES = 1024 * 1024
REVISION = (
    "number", "parent", "author", "origin", "verb", "reason", "created_at", "summary",
)  # fmt: skip


class ApplyBody(BaseModel):
    """A platform file with the files it names."""

    model_config = ConfigDict(extra="forbid")
    text: Annotated[str, Field(max_length=8 * 1024 * 1024, description="The platform file (YAML).")]
    files: Annotated[
        dict[str, str],
        Field(description="Certificates and pages it names, base64; missing ones are kept."),
    ] = {}
    reason: Reason = ""
    source: Annotated[str, Field(max_length=500, description="File name for error places.")] = ""
    parent: Annotated[
        int | None,
        Field(ge=0, description="Latest revision the author saw; another is a conflict."),
    ] = None
    dry_run: Annotated[bool, Field(description="Only say what would be done.")] = False


class RollbackBody(BaseModel):
    """Why to go back."""

    model_config = ConfigDict(extra="forbid")
    reason: Reason = ""
    parent: Annotated[
        int | None,
        Field(ge=0, description="Latest revision the author saw; another is a conflict."),
    ] = None
    dry_run: bool = False


def decode_files(files: dict[str, str]) -> dict[str, bytes]:
    """Return files sent in base64; raises InvalidInput for other text and for what is too large."""
    decoded = {}
    for name, content in files.items():
        try:
            decoded[name] = base64.b64decode(content, validate=True)
        except (binascii.Error, ValueError):
            raise InvalidInput(f"the file {name!r} is not base64") from None
        if len(decoded[name]) > MAX_FILE_BYTES:
            raise InvalidInput(f"the file {name!r} is larger than {MAX_FILE_BYTES:,} bytes")
    return decoded


@router.post("/revisions")
async def apply(suite: Suite, actor: Admin, body: ApplyBody) -> dict[str, Any]:
    """Apply a platform file, or say what it would change.

    Where the file is in force already, `drift` says what runs otherwise all the same.
    """
    outcome = await revisions.apply(
        suite.balance,
        body.text,
        decode_files(body.files),
        intent=revisions.Intent(actor=actor, origin=Origin.FILE, reason=body.reason),
        source=body.source,
        parent=body.parent,
        dry_run=body.dry_run,
    )
    is_same = outcome.number is not None and not outcome.diff
    return outcome_body(outcome, drifts=await suite.cycle.find_drift() if is_same else ())


@router.get("/revisions", response_model=dict[str, Any], responses=CSV_TOO)
async def list_revisions(
    suite: Suite,
    actor: Viewer,  # noqa: ARG001 - names the role
    author: Name = None,
    verb: Verb | None = None,
    before: Older = None,
    limit: Annotated[int | None, Query(ge=1, le=500, description="Of a page: 50.")] = None,
    form: Form = Format.JSON,
) -> Answer:
    """List revisions, newest first; `before` continues after the last number of a page."""
    filters = {"author": author, "verb": verb.value if verb else None}
    listing = revision_listing(suite, filters)
    return await listing.answer(form, start=before, limit=limit, default=50)


def revision_listing(
    suite: Switchover, filters: Mapping[str, object], *, oldest_first: bool = False
) -> Listing[int]:
    """Return the list of revisions that fit these filters, newest first."""
    read = partial(history.list_revisions, suite.balance)
    return list_by_time(
        "revisions", REVISION, read, filters, number="number", oldest_first=oldest_first
    )


@router.get("/revisions/{number}")
async def get_revision(suite: Suite, actor: Viewer, number: int) -> dict[str, Any]:  # noqa: ARG001 - names the role
    """Return one revision whole; 0 is the latest."""
    return revision_body(await history.get_revision(suite.balance, number))


@router.get("/revisions/{number}/text", response_class=PlainTextResponse)
async def get_text(suite: Suite, actor: Viewer, number: int) -> str:  # noqa: ARG001 - names the role
    """Return the platform file of a revision; 0 is the latest."""
    return (await history.get_revision(suite.balance, number)).text


@router.get("/revisions/{older}/diff/{newer}")
async def get_difference(suite: Suite, actor: Viewer, older: int, newer: int) -> dict[str, str]:  # noqa: ARG001 - names the role
    """Return the difference between two revisions."""
    return {"diff": await history.get_difference(suite.balance, older, newer)}


@router.post("/revisions/{number}/rollback")
async def roll_back(suite: Suite, actor: Admin, number: int, body: RollbackBody) -> dict[str, Any]:
    """Make an earlier revision the wish again."""
    outcome = await revisions.roll_back(
        suite.balance,
        number,
        intent=revisions.Intent(actor=actor, origin=Origin.ROLLBACK, reason=body.reason),
        parent=body.parent,
        dry_run=body.dry_run,
    )
    return outcome_body(outcome)


@router.get("/schema")
async def get_schema(actor: Viewer) -> dict[str, Any]:  # noqa: ARG001 - names the role
    """Return the JSON Schema of the platform file."""
    return json_schema()
