"""Bodies read for their digests: reading is the cheap side, and the only sure answer to a doubt."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from switchover.move.canonical import digester
from switchover.wire.imap import message_commands
from switchover.wire.imap.errors import ConnectionLost
from switchover.wire.imap.responses import BodyChunk, BodyEnd, BodyStart

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Collection, Sequence

    from switchover.move.canonical import Form
    from switchover.move.reconcile import Found, Reconciled, Sent
    from switchover.wire.imap.command import Command
    from switchover.wire.imap.conversation import Request
    from switchover.wire.imap.shell import Connection

MOST_BREAKS = 3
"""A mail in the middle of which the source's connection broke so often is not read again in this run."""


def commands_for(
    connection: Connection, build: Callable[[bytes], Command], uids: Collection[int]
) -> list[Command]:
    """Return the commands that do one thing to many UIDs, none longer than the server takes."""
    line_octets = connection.conversation.profile.line_octets
    chunks = message_commands.in_chunks(build, sorted(uids), line_octets=line_octets)
    return [chunk.command for chunk in chunks]


async def read_digests(
    connection: Connection, uids: Collection[int], form: Form
) -> dict[int, bytes]:
    """Read mails of the selected folder and return their digests by UID; what is gone is left out."""
    found: dict[int, bytes] = {}
    fields = (message_commands.FetchField.UID, message_commands.FetchField.BODY)
    for command in commands_for(
        connection, lambda text: message_commands.uid_fetch(text, fields), uids
    ):
        await _read(connection, await connection.send(command), form, found)
    return found


async def _read(
    connection: Connection, request: Request, form: Form, found: dict[int, bytes]
) -> None:
    """Add the digests of the mails that one command brings; an error names the mail within which it came."""
    uid, work = 0, digester(form)
    try:
        while request.answer is None:
            match await connection.next_event():
                case BodyStart(item=item):
                    uid, work = item.uid or 0, digester(form)
                case BodyChunk(data):
                    work.update(data)
                case BodyEnd():
                    found[uid] = work.digest()
                    uid = 0
                case _:
                    pass
    except ConnectionLost as error:
        failure = replace(error.failure, uid=error.failure.uid or uid or None)
        raise ConnectionLost(failure, back_off_seconds=error.back_off_seconds) from error
    connection.require(request)


async def settle_by_reading(
    ask: Callable[[Sequence[Sent], Sequence[Found], Collection[int]], Reconciled],
    sent: Sequence[Sent],
    found: Sequence[Found],
    *,
    read_found: Callable[[Sequence[int]], Awaitable[dict[int, bytes]]],
    read_sent: Callable[[Sequence[int]], Awaitable[dict[int, bytes]]],
) -> Reconciled:
    """Return the settled answer of a matching, reading the bodies that it names.

    ``ask`` gets mails, listing and the positions that nobody can read. ``read_found`` reads UIDs of the
    listing, ``read_sent`` positions of ``sent``; what it does not return can not be read any more.
    """
    gone: set[int] = set()
    answer = ask(sent, found, gone)
    while not answer.is_settled:
        theirs = await read_found(answer.read_target) if answer.read_target else {}
        ours = await read_sent(answer.read_source) if answer.read_source else {}
        gone |= set(answer.read_source) - ours.keys()
        vanished = set(answer.read_target) - theirs.keys()
        found = [
            one._replace(digest=theirs.get(one.uid, one.digest))
            for one in found
            if one.uid not in vanished
        ]
        sent = [one._replace(digest=ours.get(at, one.digest)) for at, one in enumerate(sent)]
        answer = ask(sent, found, gone)
    return answer
