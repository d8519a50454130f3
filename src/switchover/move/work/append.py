"""One batch on its way: bodies come from the source and go into APPEND while they come, never held.

The source is asked for several batches ahead. On the target a batch is one MULTIAPPEND where the server
knows that (RFC 3502: all of it is stored or nothing), else one APPEND for each mail, all in flight together.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from switchover.errors import Unavailable
from switchover.move.canonical import digester
from switchover.move.flags import normalise
from switchover.wire.imap import message_commands, uid_set
from switchover.wire.imap.command import Command, Stream, Wait, encode_parts, is_flag
from switchover.wire.imap.conversation import Answered
from switchover.wire.imap.internal_date import InternalDate
from switchover.wire.imap.message_commands import NewMessage
from switchover.wire.imap.response_codes import AppendUid
from switchover.wire.imap.responses import BodyChunk, BodyEnd, BodyStart

if TYPE_CHECKING:
    from collections.abc import Callable

    from switchover.move.canonical import Form
    from switchover.move.flags import FlagSet
    from switchover.wire.imap.conversation import Request
    from switchover.wire.imap.shell import Connection

FLUSH_BYTES = 256 * 1024


@dataclass(slots=True, kw_only=True)
class Sent:
    """A mail that went out: what it turned out to be while it streamed."""

    uid: int
    size: int
    digest: bytes
    flags: FlagSet
    date: InternalDate
    request: Request | None = None


@dataclass(slots=True, kw_only=True, eq=False)
class Batch:
    """Source UIDs that are copied together; ``sent`` grows while they stream."""

    uids: tuple[int, ...]
    fetch: Request
    sent: list[Sent] = field(default_factory=list)
    requests: list[Request] = field(default_factory=list)

    @property
    def is_answered(self) -> bool:
        """True when the target has answered all of it."""
        return all(request.answer is not None for request in self.requests)

    @property
    def is_stored(self) -> bool:
        """True when the target said OK to all of it."""
        return all(request.is_ok for request in self.requests)

    def target_uids(self) -> list[int] | None:
        """Return the target's UID of each mail sent, None when it did not tell them all."""
        found: list[int] = []
        for request in self.requests:
            code = request.answer.code if request.answer else None
            if not isinstance(code, AppendUid):
                return None
            found += code.uids.numbers()
        return found if len(found) == len(self.sent) else None


@dataclass(slots=True, kw_only=True)
class Pump:
    """Moves batches from the selected folder of ``source`` to the folder ``raw`` of ``target``."""

    source: Connection
    target: Connection
    raw: bytes
    form: Form
    progress: Callable[[int, int], None]
    asked: deque[Batch] = field(default_factory=deque)
    _unflushed: int = 0

    @property
    def groups(self) -> bool:
        """True when the target takes many mails in one command."""
        return "MULTIAPPEND" in self.target.conversation.capabilities

    async def ask(self, uids: tuple[int, ...]) -> None:
        """Ask the source for a batch; its bodies come when those before it have come."""
        command = message_commands.uid_fetch(uid_set.encode(uids), message_commands.body_fields())
        self.asked.append(Batch(uids=uids, fetch=await self.source.send(command)))

    async def move_next(self) -> Batch:
        """Stream the next batch that was asked for and return it, its answers still to come."""
        batch = self.asked.popleft()
        while batch.fetch.answer is None:
            event = await self.source.next_event()
            if isinstance(event, BodyStart) and event.section.upper() == b"BODY[]":
                await self._move_mail(batch, event)
            elif isinstance(event, Answered) and event.request is batch.fetch:
                break
        if self.groups and batch.requests:
            self.target.write(b"\r\n")
        await self.target.flush()
        self._unflushed = 0
        return batch

    async def settle(self, batch: Batch) -> None:
        """Wait until the target has answered a batch."""
        for request in batch.requests:
            await self.target.wait(request)

    async def _move_mail(self, batch: Batch, start: BodyStart) -> None:
        item = start.item
        if item.uid is None or item.flags is None:
            raise Unavailable(
                "the source names UID and flags behind the body; this is not handled yet"
            )
        date = item.internal_date
        message = NewMessage(
            start.size,
            flags=tuple(flag for flag in item.flags if is_flag(flag)),
            internal_date=date.encode() if date else b"",
        )
        request = await self._open(batch, message)
        digest = digester(self.form)
        while not isinstance(event := await self.source.next_event(), BodyEnd):
            if isinstance(event, BodyChunk):
                self.target.write(event.data)
                digest.update(bytes(event.data))
                self._unflushed += len(event.data)
                if self._unflushed >= FLUSH_BYTES:
                    await self.target.flush()
                    self._unflushed = 0
        if not self.groups:
            self.target.write(b"\r\n")
        batch.sent.append(
            Sent(
                uid=item.uid, size=start.size, digest=digest.digest(),
                flags=normalise(item.flags), date=date or InternalDate(0, 0), request=request,
            )
        )  # fmt: skip
        self.progress(1, start.size)

    async def _open(self, batch: Batch, message: NewMessage) -> Request:
        """Announce a mail, in a new command where one is needed, and return its request."""
        if not batch.requests or not self.groups:
            opening = Command(name="APPEND", parts=message_commands.append_opening(self.raw))
            request = self.target.conversation.begin(opening)
            batch.requests.append(request)
            for step in request.steps:
                if isinstance(step, bytes):
                    self.target.write(step.removesuffix(b"\r\n"))
        request = batch.requests[-1]
        parts = message_commands.append_message(message)
        for step in encode_parts(parts, self.target.conversation.literals):
            match step:
                case bytes():
                    self.target.write(step)
                case Wait.CONTINUATION:
                    await self.target.flush()
                    if not await self.target.wait_for_leave(request):
                        raise Unavailable("the target refused a mail before it was sent")
                case Stream():
                    pass  # its octets follow as they come from the source
        return request
