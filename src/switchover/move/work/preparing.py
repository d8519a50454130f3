"""The target's folders before any mail goes there: created, with their special uses, and subscribed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from switchover.errors import InvalidInput
from switchover.wire.imap import commands
from switchover.wire.imap.mailbox_name import NameEncoding, encode
from switchover.wire.imap.response_codes import CodeName

if TYPE_CHECKING:
    from collections.abc import Sequence

    from switchover.move.folder_plan import FolderMapping, FolderPlan
    from switchover.move.work.report import CopyReport
    from switchover.wire.imap.conversation import Request
    from switchover.wire.imap.shell import Connection


async def prepare_target(target: Connection, plan: FolderPlan, report: CopyReport) -> set[str]:
    """Create what is missing, subscribe as the source is, and return the names that can not be had.

    Each refusal is a failure of that folder alone; a subscription that is refused is a note.
    """
    wanted = [one for one in plan.mappings if one.is_new and _raw(one.target)]
    refused = await _create(target, wanted, report)
    names = [one.target for one in plan.mappings if one.needs_subscription]
    names = [name for name in (*names, *plan.subscriptions) if name not in refused and _raw(name)]
    answers = await target.run_all([commands.subscribe(_raw(name)) for name in names])
    for name, request in zip(names, answers, strict=True):
        if not request.is_ok:
            report.notes.append(
                f"{name} is not subscribed on the target: {_words(target, request)}"
            )
    return refused


async def _create(
    target: Connection, wanted: Sequence[FolderMapping], report: CopyReport
) -> set[str]:
    """Return the target names that were refused; parents come before their children."""
    answers = await target.run_all(
        [
            commands.create(_raw(one.target), [one.create_use] if one.create_use else [])
            for one in wanted
        ]
    )
    # A use may be refused (RFC 6154 section 3, USEATTR) where the folder itself is not.
    again = [
        one
        for one, request in zip(wanted, answers, strict=True)
        if one.create_use and not _is_there(request)
    ]
    repeated = await target.run_all([commands.create(_raw(one.target)) for one in again])
    latest = {one.target: request for one, request in zip(wanted, answers, strict=True)}
    latest |= {one.target: request for one, request in zip(again, repeated, strict=True)}
    refused = set()
    for one in wanted:
        if _is_there(latest[one.target]):
            report.created.append(one.target)
        else:
            refused.add(one.target)
            report.failures[one.source] = (
                f"the target does not create {one.target!r}: {_words(target, latest[one.target])}; give it "
                "another name with --map SOURCE=TARGET, or leave it out with --exclude"
            )
    return refused


def _is_there(request: Request) -> bool:
    code = request.answer.code if request.answer else None
    return request.is_ok or (code is not None and code.name == CodeName.ALREADYEXISTS)


def _words(target: Connection, request: Request) -> str:
    return target.words(request.answer) if request.answer else "no answer"


def _raw(name: str) -> bytes:
    """Return the name on the wire, none for one that can not be written; its folder has failed already."""
    try:
        return encode(name, NameEncoding.MODIFIED_UTF7)
    except InvalidInput:
        return b""
