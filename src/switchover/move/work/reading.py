"""Bodies read for their digests: reading is the cheap side, and the only sure answer to a doubt."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from switchover.move.canonical import digester
from switchover.wire.imap import message_commands
from switchover.wire.imap.conversation import Answered
from switchover.wire.imap.errors import ConnectionLost
from switchover.wire.imap.responses import BodyChunk, BodyEnd, BodyStart, Fetch
from switchover.wire.imap.tokens import nil_or_string

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Collection, Sequence

    from switchover.move.canonical import Form
    from switchover.move.reconcile import Found, Reconciled, Sent
    from switchover.wire.imap.command import Command
    from switchover.wire.imap.conversation import Request
    from switchover.wire.imap.fetch import FetchItem
    from switchover.wire.imap.message_commands import FetchField
    from switchover.wire.imap.shell import Connection

_WINDOW = 3
"""Commands for headers on the way at a time: their answers are short."""
_LONGEST_HEADER = 64 * 1024
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
    for request in await _read_all(connection, uids, form, found):
        connection.require(request)
    return found


async def read_unbroken(
    connection: Connection, uids: Collection[int], form: Form, breaks: dict[int, int]
) -> dict[int, bytes]:
    """Do the same, and leave out what the server refuses to show, or again and again breaks off in.

    ``breaks`` counts, by UID, how often a connection broke in the middle of a mail.
    """
    found: dict[int, bytes] = {}
    readable = [uid for uid in uids if breaks.get(uid, 0) < MOST_BREAKS]
    try:
        await _read_all(connection, readable, form, found)
    except ConnectionLost as error:
        if uid := error.failure.uid:
            breaks[uid] = breaks.get(uid, 0) + 1
        raise
    return found


async def _read_all(
    connection: Connection, uids: Collection[int], form: Form, found: dict[int, bytes]
) -> list[Request]:
    fields = (message_commands.FetchField.UID, message_commands.FetchField.BODY)
    requests = []
    for command in commands_for(
        connection, lambda text: message_commands.uid_fetch(text, fields), uids
    ):
        requests.append(await connection.send(command))
        await _read(connection, requests[-1], form, found)
    return requests


async def _read(
    connection: Connection, request: Request, form: Form, found: dict[int, bytes]
) -> None:
    """Add the digests of the mails that one command brings; an error names the mail within which it came."""
    uid, work, digest = 0, digester(form), b""
    try:
        while request.answer is None:
            match await connection.next_event():
                case BodyStart(item=item):
                    uid, work, digest = item.uid or 0, digester(form), b""
                case BodyChunk(data):
                    work.update(data)
                case BodyEnd():
                    digest = work.digest()
                case Fetch(items=items) if digest:
                    # Some servers name the UID behind the body.
                    found[uid or items[-1].uid or 0] = digest
                    uid, digest = 0, b""
                case _:
                    pass
    except ConnectionLost as error:
        failure = replace(error.failure, uid=error.failure.uid or uid or None)
        raise ConnectionLost(failure, back_off_seconds=error.back_off_seconds) from error


async def read_headers(
    connection: Connection,
    uids: Collection[int],
    field: FetchField,
    take: Callable[[int, bytes], None],
) -> None:
    """Give ``take`` the header of each mail, or the field of it that is asked for; of a huge one the beginning.

    What is gone, or refused, is left out.
    """
    fields = (message_commands.FetchField.UID, field)
    waiting: list[Request] = []
    header = bytearray()
    commands = commands_for(connection, lambda text: message_commands.uid_fetch(text, fields), uids)
    for command in [*commands, None]:
        if command is not None:
            waiting.append(await connection.send(command))
        while len(waiting) >= (_WINDOW if command else 1):
            match await connection.next_event():
                case BodyStart():
                    header.clear()
                case BodyChunk(data):
                    header += data[: max(0, _LONGEST_HEADER - len(header))]
                case Fetch(items=items):
                    _give(items, bytes(header), take)
                    header.clear()
                case Answered():
                    waiting = [one for one in waiting if one.answer is None]
                case _:
                    pass


def _give(items: Sequence[FetchItem], header: bytes, take: Callable[[int, bytes], None]) -> None:
    for item in items:
        # A short one may come as a quoted string.
        texts = [
            header,
            *(
                nil_or_string(value) or b""
                for name, value in item.other
                if name.startswith(b"BODY[")
            ),
        ]
        if item.uid is not None and any(texts):
            take(item.uid, max(texts, key=len))


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
