"""Mails on their way: bodies come from the source and go into APPEND while they come, never held.

The source is asked for several batches ahead, and may answer them mixed: Dovecot goes on with the next FETCH
while the last one's output is stuck. So a mail belongs to the batch that named its UID, and what goes out
together is a group of its own: one MULTIAPPEND where the target knows that (RFC 3502: all of it is stored or
nothing), else one mail, several commands in flight. A group that is refused is sent again mail by mail.
"""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from switchover import clock
from switchover.errors import Unavailable
from switchover.move.canonical import digester
from switchover.move.flags import normalise
from switchover.move.segment import Skip, SkipReason
from switchover.wire.imap import message_commands, uid_set
from switchover.wire.imap.command import Command, Wait, encode_parts, is_flag
from switchover.wire.imap.conversation import Answered
from switchover.wire.imap.internal_date import InternalDate
from switchover.wire.imap.message_commands import NewMessage
from switchover.wire.imap.response_codes import AppendUid
from switchover.wire.imap.responses import BodyChunk, BodyEnd, BodyStart

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from switchover.move.append_batches import BatchLimits
    from switchover.move.canonical import Form
    from switchover.move.flags import FlagSet
    from switchover.move.pacing import Pacer
    from switchover.move.segment import Row
    from switchover.wire.imap.conversation import Request
    from switchover.wire.imap.shell import Connection

FLUSH_BYTES = 256 * 1024
ASKED_AHEAD = 3
UNANSWERED_GROUPS = 4
UNANSWERED_SINGLES = 32
_LONG_PAUSE_SECONDS = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """A mail that went out, as it turned out to be while it streamed."""

    uid: int
    size: int
    digest: bytes
    flags: FlagSet
    date: InternalDate


@dataclass(slots=True, kw_only=True, eq=False)
class Batch:
    """Source UIDs with one ledger row; every UID ends in ``stored``, in ``refused`` or in neither (gone)."""

    uids: tuple[int, ...]
    number: int
    row: Row
    sent: dict[int, Sent] = field(default_factory=dict)
    stored: dict[int, int] = field(default_factory=dict)
    refused: dict[int, Skip] = field(default_factory=dict)
    is_read: bool = False

    @property
    def is_over(self) -> bool:
        """True when nothing more can come of it."""
        return self.is_read and len(self.stored) + len(self.refused) == len(self.sent)


@dataclass(slots=True, kw_only=True, eq=False)
class _Group:
    """Mails of one command, in its order."""

    request: Request
    mails: list[tuple[Batch, Sent]] = field(default_factory=list)
    octets: int = 0


@dataclass(slots=True, kw_only=True)
class Pump:
    """Moves batches from the selected folder of ``source`` to the folder ``raw`` of ``target``.

    ``finished`` is called with each batch once all its mails are stored, refused or gone.
    """

    source: Connection
    target: Connection
    raw: bytes
    form: Form
    limits: BatchLimits
    progress: Callable[[int, int], None]
    pacer: Pacer
    finished: Callable[[Batch], None]
    _asked: dict[Request, Batch] = field(default_factory=dict)
    _owner: dict[int, Batch] = field(default_factory=dict)
    _group: _Group | None = None
    _unanswered: deque[_Group] = field(default_factory=deque)
    _again: list[tuple[Batch, int]] = field(default_factory=list)
    _unflushed: int = 0

    async def run(self, batches: AsyncIterator[Batch]) -> None:
        """Move everything that ``batches`` gives."""
        groups = "MULTIAPPEND" in self.target.conversation.capabilities
        await self._move_all(batches, in_groups=groups)
        again, self._again = self._again, []
        for batch, uid in again:
            # A mail was refused with others that did nothing wrong; alone it tells.
            batch.sent.pop(uid)
            batch.is_read = False
            self._owner[uid] = batch
            await self._ask(batch, (uid,))
            await self._read_until_answered(in_groups=False)
            await self._collect(all_of_them=True)

    async def _move_all(self, batches: AsyncIterator[Batch], *, in_groups: bool) -> None:
        is_more = True
        while is_more or self._asked:
            while is_more and len(self._asked) < ASKED_AHEAD:
                batch = await anext(batches, None)
                if batch is None:
                    is_more = False
                    break
                self._owner |= dict.fromkeys(batch.uids, batch)
                await self._ask(batch, batch.uids)
            if self._asked:
                await self._take(await self.source.next_event(), in_groups=in_groups)
        await self._collect(all_of_them=True)

    async def _read_until_answered(self, *, in_groups: bool) -> None:
        while self._asked:
            await self._take(await self.source.next_event(), in_groups=in_groups)

    async def _ask(self, batch: Batch, uids: tuple[int, ...]) -> None:
        command = message_commands.uid_fetch(uid_set.encode(uids), message_commands.body_fields())
        self._asked[await self.source.send(command)] = batch

    async def _take(self, event: object, *, in_groups: bool) -> None:
        if isinstance(event, BodyStart):
            await self._move_mail(event, in_groups=in_groups)
            await self._collect(all_of_them=False)
        elif isinstance(event, Answered) and event.request in self._asked:
            self.source.require(event.request)
            batch = self._asked.pop(event.request)
            batch.is_read = True
            if not self._asked:
                await self._close_group()
            self._tell(batch)

    async def _move_mail(self, start: BodyStart, *, in_groups: bool) -> None:
        item = start.item
        batch = self._owner.get(item.uid or 0)
        if item.uid is None or item.flags is None:
            raise Unavailable(
                f"{self.source.target.host} names UID and flags behind the body, which is not handled yet"
            )
        if batch is None or item.uid in batch.sent or start.size == 0:
            await self._skim()
            if batch is not None and start.size == 0:
                self._refuse_empty(batch, item.uid)
            return
        await self._wait_for_leave_to_send(start.size)
        date = item.internal_date
        flags = tuple(flag for flag in item.flags if is_flag(flag))
        when = date.encode() if date else b""
        group = await self._announce(
            NewMessage(start.size, flags=flags, internal_date=when), in_groups=in_groups
        )
        mail = Sent(
            uid=item.uid,
            size=start.size,
            digest=await self._stream(),
            flags=normalise(item.flags),
            date=date or InternalDate(0, 0),
        )
        batch.sent[mail.uid] = mail
        group.mails.append((batch, mail))
        group.octets += start.size
        self.progress(1, start.size)
        is_full = (
            len(group.mails) >= self.limits.mails_at_most
            or group.octets >= self.limits.bytes_at_most
        )
        if is_full or not in_groups:
            await self._close_group()

    async def _wait_for_leave_to_send(self, size: int) -> None:
        """Wait as long as the limits on mails and bytes a second demand."""
        seconds = self.pacer.wait_seconds(1, size, clock.monotonic())
        if seconds > _LONG_PAUSE_SECONDS:
            await self._close_group()  # no server should wait in the middle of a command
        if seconds:
            await asyncio.sleep(seconds)

    def _refuse_empty(self, batch: Batch, uid: int) -> None:
        batch.sent[uid] = Sent(uid=uid, size=0, digest=b"", flags=(), date=InternalDate(0, 0))
        batch.refused[uid] = Skip(SkipReason.EMPTY)

    async def _skim(self) -> None:
        while not isinstance(await self.source.next_event(), BodyEnd):
            pass

    async def _stream(self) -> bytes:
        """Pass a body on and return its digest."""
        digest = digester(self.form)
        while not isinstance(event := await self.source.next_event(), BodyEnd):
            if isinstance(event, BodyChunk):
                self.target.write(event.data)
                digest.update(bytes(event.data))
                self._unflushed += len(event.data)
                if self._unflushed >= FLUSH_BYTES:
                    await self.target.flush()
                    self._unflushed = 0
        return digest.digest()

    async def _announce(self, message: NewMessage, *, in_groups: bool) -> _Group:
        """Begin a mail, in a new command where one is needed, and return its group."""
        is_large = message.size > self.limits.alone_bytes
        if self._group is not None and (is_large or not in_groups):
            await self._close_group()
        if self._group is None:
            opening = Command(name="APPEND", parts=message_commands.append_opening(self.raw))
            request = self.target.conversation.begin(opening)
            self._group = _Group(request=request)
            for step in request.steps:
                if isinstance(step, bytes):
                    self.target.write(step.removesuffix(b"\r\n"))
        group = self._group
        parts = message_commands.append_message(message)
        for step in encode_parts(parts, self.target.conversation.literals):
            if isinstance(step, bytes):
                self.target.write(step)
            elif step is Wait.CONTINUATION:
                await self.target.flush()
                if not await self.target.wait_for_leave(group.request):
                    raise Unavailable(
                        f"{self.target.target.host} refused a mail before it was sent: "
                        f"{group.request.answer.text if group.request.answer else ''}"
                    )
        return group

    async def _close_group(self) -> None:
        if self._group is None:
            return
        self.target.write(b"\r\n")
        await self.target.flush()
        self._unflushed = 0
        self._unanswered.append(self._group)
        self._group = None

    async def _collect(self, *, all_of_them: bool) -> None:
        """Take the answers of the oldest groups, as many as keeps few enough in flight."""
        if all_of_them:
            await self._close_group()
        singles = all(len(group.mails) == 1 for group in self._unanswered)
        most = 0 if all_of_them else UNANSWERED_SINGLES if singles else UNANSWERED_GROUPS
        while len(self._unanswered) > most:
            group = self._unanswered.popleft()
            await self.target.wait(group.request)
            self._settle(group)
            for batch in {id(batch): batch for batch, _ in group.mails}.values():
                self._tell(batch)

    def _settle(self, group: _Group) -> None:
        answer = group.request.answer
        if answer is not None and group.request.is_ok:
            uids = list(answer.code.uids.numbers()) if isinstance(answer.code, AppendUid) else []
            if len(uids) != len(group.mails):
                raise Unavailable(
                    f"{self.target.target.host} did not tell where it put {len(group.mails)} mails "
                    "(no UIDPLUS); they are looked for at the next run"
                )
            for (batch, mail), uid in zip(group.mails, uids, strict=True):
                batch.stored[mail.uid] = uid
        elif len(group.mails) == 1:
            batch, mail = group.mails[0]
            words = answer.text if answer else ""
            batch.refused[mail.uid] = Skip(SkipReason.REFUSED, words)
        else:
            self._again += [(batch, mail.uid) for batch, mail in group.mails]

    def _tell(self, batch: Batch) -> None:
        if batch.is_over:
            for uid in batch.uids:
                self._owner.pop(uid, None)
            self.finished(batch)
