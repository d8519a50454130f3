"""The target's folders before any mail goes there: created, with their special uses, and subscribed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from switchover.errors import InvalidInput
from switchover.wire.imap import commands
from switchover.wire.imap.mailbox_name import NameEncoding, encode
from switchover.wire.imap.response_codes import CodeName

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from switchover.move.folder_plan import FolderMapping
    from switchover.move.work.report import CopyReport
    from switchover.wire.imap.command import Command
    from switchover.wire.imap.conversation import Request
    from switchover.wire.imap.shell import Connection

_NOT_THE_NAME = frozenset(
    {
        CodeName.INUSE,
        CodeName.LIMIT,
        CodeName.OVERQUOTA,
        CodeName.SERVERBUG,
        CodeName.THROTTLED,
        CodeName.UNAVAILABLE,
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """A folder that was not created; ``may_be_name`` is False where the server gave another cause."""

    sentence: str
    may_be_name: bool


def subscriptions(placed: Sequence[FolderMapping], bare: Sequence[str]) -> list[str]:
    """Return the names to subscribe, ``bare`` ones too."""
    names = [one.target for one in placed if one.needs_subscription]
    return [name for name in (*names, *bare) if _raw(name)]


def subscribe_command(name: str) -> Command:
    """Return what subscribes a folder."""
    return commands.subscribe(_raw(name))


async def mend_subscriptions(
    target: Connection, wanted: Sequence[str], done: Mapping[str, Request], report: CopyReport
) -> None:
    """Subscribe what is not subscribed yet, and take back what got another name; what is refused is a note.

    ``done`` holds the answers so far: before a folder was made they may be refusals.
    """
    missing = [name for name in wanted if name not in done or not done[name].is_ok]
    stale = [name for name, one in done.items() if one.is_ok and name not in wanted]
    answers = await target.run_all(
        [
            *(subscribe_command(name) for name in missing),
            *(commands.unsubscribe(_raw(name)) for name in stale),
        ]
    )
    for name, request in zip(missing, answers, strict=False):
        if not request.is_ok:
            report.notes.append(
                f"{name} is not subscribed on the target: {_words(target, request)}"
            )


async def create_folders(
    target: Connection, mappings: Sequence[FolderMapping], report: CopyReport
) -> dict[str, Refusal]:
    """Create what is new and return what was refused, by source names; parents come before their children."""
    refusals, _ = await create_and(target, mappings, report, [])
    return refusals


async def create_and(
    target: Connection,
    mappings: Sequence[FolderMapping],
    report: CopyReport,
    behind: Sequence[Command],
) -> tuple[dict[str, Refusal], list[Request]]:
    """Create what is new, with other commands in the same flight behind it; return refusals and their answers."""
    wanted = [one for one in mappings if one.is_new and _raw(one.target)]
    answers = await target.run_all(
        [
            *(
                commands.create(_raw(one.target), [one.create_use] if one.create_use else [])
                for one in wanted
            ),
            *behind,
        ]
    )
    answers, others = answers[: len(wanted)], answers[len(wanted) :]
    # A use may be refused (RFC 6154 section 3, USEATTR) where the folder itself is not.
    again = [
        one
        for one, request in zip(wanted, answers, strict=True)
        if one.create_use and not _is_there(request)
    ]
    repeated = await target.run_all([commands.create(_raw(one.target)) for one in again])
    latest = {one.target: request for one, request in zip(wanted, answers, strict=True)}
    latest |= {one.target: request for one, request in zip(again, repeated, strict=True)}
    refusals = {}
    for one in wanted:
        if _is_there(latest[one.target]):
            report.created.append(one.target)
        else:
            refusals[one.source] = _refusal(target, one, latest[one.target])
    return refusals, others


def _refusal(target: Connection, mapping: FolderMapping, request: Request) -> Refusal:
    code = request.answer.code if request.answer else None
    if code is not None and code.name == CodeName.NOROOM:
        target.require(request)  # raises: no other folder and no other name helps
    return Refusal(
        sentence=f"the target does not create {mapping.target!r}: {_words(target, request)}; give it "
        "another name with --map SOURCE=TARGET, or leave it out with --exclude",
        may_be_name=request.answer is not None and (code is None or code.name not in _NOT_THE_NAME),
    )


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
