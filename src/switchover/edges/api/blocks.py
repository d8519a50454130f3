"""Routes that change one service or server: the same revisions as a whole file makes."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Path, Query
from pydantic import BaseModel, ConfigDict, Field

from switchover.balance.revision import Origin
from switchover.balance.work.blocks import BlockOutcome, Change, change_block
from switchover.balance.work.revisions import Intent
from switchover.directory.access.role import Actor
from switchover.edges.api.access import Admin, Suite
from switchover.edges.api.revisions import decode_files
from switchover.edges.api.shapes import Reason, outcome_body
from switchover.model.platform_file.edit import PutBlock, RemoveBlock, Section

router = APIRouter(tags=["changes"])
BlockName = Annotated[str, Path(max_length=100, description="Its name in the platform file.")]
Parent = Annotated[
    int | None, Query(ge=0, description="Latest revision the author saw; another is a conflict.")
]
DryRun = Annotated[bool, Query(description="Only say what would be done.")]


class BlockBody(BaseModel):
    """A service or server with the files it names."""

    model_config = ConfigDict(extra="forbid")
    value: Annotated[
        dict[str, Any], Field(description="Its keys as in the platform file; see `/schema`.")
    ]
    old_name: Annotated[
        str | None,
        Field(max_length=100, description="Its name until now, where it gets another one."),
    ] = None
    is_new: Annotated[bool, Field(description="Refuse a name that is taken.")] = False
    platform: Annotated[
        str, Field(max_length=100, description="Name of the platform, in its first revision.")
    ] = "mail"
    files: Annotated[
        dict[str, str],
        Field(description="Certificates and pages it names, base64; missing ones are kept."),
    ] = {}
    reason: Reason = ""
    parent: Annotated[
        int | None,
        Field(ge=0, description="Latest revision the author saw; another is a conflict."),
    ] = None
    dry_run: Annotated[bool, Field(description="Only say what would be done.")] = False


@router.put("/services/{service}")
async def put_service(
    suite: Suite, actor: Admin, service: BlockName, body: BlockBody
) -> dict[str, Any]:
    """Add or change a service; the rest of the platform file stays as it is written."""
    return await _put(suite, actor, Section.SERVICES, service, body)


@router.put("/servers/{server}")
async def put_server(
    suite: Suite, actor: Admin, server: BlockName, body: BlockBody
) -> dict[str, Any]:
    """Add or change a server; the rest of the platform file stays as it is written."""
    return await _put(suite, actor, Section.SERVERS, server, body)


@router.delete("/services/{service}")
async def delete_service(
    suite: Suite,
    actor: Admin,
    service: BlockName,
    *,
    reason: Annotated[Reason, Query()] = "",
    parent: Parent = None,
    everywhere: Annotated[
        bool, Query(description="Internal names that lead to it go as well.")
    ] = False,
    dry_run: DryRun = False,
) -> dict[str, Any]:
    """Remove a service from the platform file."""
    removal = RemoveBlock(section=Section.SERVICES, name=service, everywhere=everywhere)
    return await _change(suite, actor, removal, reason=reason, parent=parent, dry_run=dry_run)


@router.delete("/servers/{server}")
async def delete_server(
    suite: Suite,
    actor: Admin,
    server: BlockName,
    *,
    reason: Annotated[Reason, Query()] = "",
    parent: Parent = None,
    everywhere: Annotated[bool, Query(description="Take it out of services as well.")] = False,
    dry_run: DryRun = False,
) -> dict[str, Any]:
    """Remove a server from the platform file."""
    removal = RemoveBlock(section=Section.SERVERS, name=server, everywhere=everywhere)
    return await _change(suite, actor, removal, reason=reason, parent=parent, dry_run=dry_run)


async def _put(
    suite: Suite, actor: Actor, section: Section, name: str, body: BlockBody
) -> dict[str, Any]:
    change = PutBlock(
        section=section,
        name=name,
        value=body.value,
        old_name=body.old_name,
        is_new=body.is_new,
        platform=body.platform,
    )
    return await _change(
        suite, actor, change, files=decode_files(body.files), reason=body.reason,
        parent=body.parent, dry_run=body.dry_run,
    )  # fmt: skip


async def _change(
    suite: Suite,
    actor: Actor,
    change: Change,
    *,
    reason: str,
    parent: int | None,
    dry_run: bool,
    files: dict[str, bytes] | None = None,
) -> dict[str, Any]:
    done = await change_block(
        suite.balance,
        change,
        files or {},
        intent=Intent(actor=actor, origin=Origin.API, reason=reason),
        parent=parent,
        dry_run=dry_run,
    )
    return block_body(done)


def block_body(done: BlockOutcome) -> dict[str, Any]:
    """Return what a change of one block did."""
    return {
        **outcome_body(done.outcome),
        "lost_comments": list(done.lost_comments),
        "written_out": list(done.written_out),
    }
