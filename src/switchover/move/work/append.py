"""Mails on their way: bodies come from the source and go into APPEND while they come, never held.

The source is asked for several batches ahead, and may answer them mixed: Dovecot goes on with the next FETCH
while the last one's output is stuck. So a mail belongs to the batch that named its UID.
"""

from __future__ import annotations

import asyncio
import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from switchover.errors import Corrupt
from switchover.move.canonical import digest_of, digester
from switchover.move.segment import Skip, SkipReason, too_large
from switchover.move.work.isolation import Suspects, take_parts
from switchover.move.work.outbox import Batch, Outbox, Sent
from switchover.move.work.reading import MOST_BREAKS, commands_for
from switchover.wire.imap import message_commands
from switchover.wire.imap.conversation import Answered, Phase
from switchover.wire.imap.errors import ConnectionLost
from switchover.wire.imap.failure import Scope
from switchover.wire.imap.internal_date import InternalDate
from switchover.wire.imap.message_commands import FetchField
from switchover.wire.imap.responses import Bodies, BodyChunk, BodyEnd, BodyStart, Fetch

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Sequence

    from switchover.move.append_batches import BatchLimits
    from switchover.move.canonical import Form
    from switchover.wire.imap.command import Command
    from switchover.wire.imap.conversation import Happening, Request
    from switchover.wire.imap.shell import Connection

__all__ = ["Batch", "Pump", "Sent"]

ASKED_AHEAD = 4
"""Batches asked of the source and not yet read: so many that a distance is never waited for."""
_MOST_UNASKED = 1_000_000
ASKED_AHEAD_MAILS = 400
"""And mails, where batches are small: large ones stand alone, and cut short what stands between them."""
_ASKED_AT_MOST = 32
_MOST_AGAIN = 3
"""Groups refused while none was stored: then their mails are tried before the others are read."""
_UNDATED = InternalDate(0, 0)
_FIELDS = (FetchField.UID, FetchField.BODY)


@dataclass(slots=True, kw_only=True)
class Pump:
    """Moves batches from the selected folder of ``source`` to the selected folder ``raw`` of ``target``.

    ``finished`` is called with each batch once all its mails are stored, refused or gone. ``progress`` gets
    mails and bytes that went out. ``pause`` gets the same and returns how many seconds to wait, for whoever
    asked for less than full speed.
    """

    source: Connection
    target: Connection
    raw: bytes
    uid_validity: int
    form: Form
    limits: BatchLimits
    progress: Callable[[int, int], None]
    finished: Callable[[Batch], None]
    pause: Callable[[int, int], float] | None = None
    unreadable: dict[int, Skip] = field(default_factory=dict)
    suspects: Suspects = field(default_factory=Suspects)
    largest: int = sys.maxsize
    """Octets of the largest mail that the target takes."""
    refused_in_a_row: list[int] = field(default_factory=list)
    """Source UIDs refused one after the other, perhaps because of the folder."""
    breaks: dict[int, int] = field(default_factory=dict)
    """How often the source's connection broke in the middle of a mail, by UID; kept from try to try."""
    _asked: dict[Request, Batch] = field(default_factory=dict)
    _waiting: dict[int, Batch] = field(default_factory=dict)
    _missing: list[Batch] = field(default_factory=list)
    _alone: tuple[Batch, int] | None = None  # asked for alone: what comes is this
    _names_late: bool = False  # the source says behind a body whose it is
    _parts: dict[int, int] = field(default_factory=dict)  # by UID: what is sent again together
    _part: int | None = None
    _mail: int | None = None  # comes at the moment
    _unasked: int = 0
    _announced: int | None = None  # goes out at the moment

    async def run(self, batches: AsyncIterator[Batch]) -> None:
        """Move everything that ``batches`` gives."""
        conversation = self.source.conversation
        outbox = self.open_outbox()
        conversation.whole_bodies = True
        try:
            await self._move_all(batches, outbox)
            await self.complete(outbox)
        except ConnectionLost as error:
            self._note_broken(error, outbox)
            raise
        finally:
            conversation.whole_bodies = False

    def open_outbox(self) -> Outbox:
        """Return what sends to the target, with nothing in it yet."""
        outbox = Outbox(
            target=self.target, raw=self.raw, uid_validity=self.uid_validity, limits=self.limits,
            told=self._tell, in_a_row=self.refused_in_a_row,
        )  # fmt: skip
        outbox.in_groups = "MULTIAPPEND" in self.target.conversation.capabilities
        return outbox

    async def ask(self, batches: Sequence[Batch]) -> None:
        """Ask for all mails of these batches, for ``read``."""
        for batch in batches:
            self._waiting |= dict.fromkeys(batch.heads, batch)
            await self._ask(batch, batch.uids)

    async def read(self, outbox: Outbox) -> None:
        """Take what was asked for and send it on."""
        while self._asked:
            await self._take(await self.source.next_event(), outbox)

    def has_left(self, outbox: Outbox) -> bool:
        """Return whether ``complete`` has something to do."""
        return bool(self._missing or outbox.again)

    async def complete(self, outbox: Outbox) -> None:
        """See to mails that did not come, and to those that were refused with others; both sides have the folder open."""
        while self.has_left(outbox):
            await self._move_missing(outbox)
            await self._move_again(outbox)

    def _note_broken(self, error: ConnectionLost, outbox: Outbox) -> None:
        """Give a mail up that breaks the source's connection: one that lies at once, others at the third time."""
        uid = error.failure.uid or self._mail or self.source.conversation.coming
        if self.source.conversation.phase is not Phase.CLOSED:
            if error.back_off_seconds is None:  # else it is not because of a mail
                under_way = outbox.under_way | ({self._announced} if self._announced else set())
                self.suspects.note(under_way, str(error))
            return
        if uid is None:
            return
        self.breaks[uid] = self.breaks.get(uid, 0) + 1
        if error.failure.scope is Scope.MESSAGE or self.breaks[uid] >= MOST_BREAKS:
            self.unreadable[uid] = Skip(SkipReason.UNREADABLE, str(error))

    async def _move_all(self, batches: AsyncIterator[Batch], outbox: Outbox) -> None:
        is_more = True
        while is_more or self._asked:
            while is_more and self._asks_more():
                batch = await anext(batches, None)
                if batch is None:
                    is_more = False
                    break
                if batch.uids[0] in self.suspects:
                    await self._move_alone(batch, outbox)
                    continue
                self._waiting |= dict.fromkeys(batch.heads, batch)
                if self._names_late:
                    self._missing.append(batch)
                else:
                    await self._ask(batch, batch.uids)
            if self._asked:
                await self._take(await self.source.next_event(), outbox)
            if not outbox.has_stored and len(outbox.again) >= _MOST_AGAIN:
                await self.read(outbox)
                await outbox.finish()
                await self._move_again(outbox)
        await outbox.finish()

    async def _move_alone(self, batch: Batch, outbox: Outbox) -> None:
        """Send a batch of suspects with nothing else under way: who breaks off then does so because of it."""
        await self.read(outbox)
        await outbox.finish()
        self._waiting |= dict.fromkeys(batch.heads, batch)
        await self._ask(batch, batch.uids)
        await self.read(outbox)
        await outbox.finish()

    def _asks_more(self) -> bool:
        if len(self._asked) < ASKED_AHEAD:
            return True
        mails = sum(len(batch.uids) for batch in self._asked.values())
        return mails < ASKED_AHEAD_MAILS and len(self._asked) < _ASKED_AT_MOST

    async def _move_missing(self, outbox: Outbox) -> None:
        """Ask once more, one by one, for mails whose bodies did not come though they are there."""
        missing, self._missing = self._missing, []
        for batch in missing:
            for uid in await self._existing([uid for uid in batch.heads if uid not in batch.sent]):
                self._alone = batch, uid
                await self._ask(batch, (uid,))
                await self.read(outbox)
                if uid not in batch.sent:
                    self._refuse(batch, uid, Skip(SkipReason.UNREADABLE))
            self._alone = None
            batch.is_read = True
            await outbox.finish()
            self._tell(batch)

    async def _move_again(self, outbox: Outbox) -> None:
        """Send mails again that were refused with others, in halves, and again halves of those refused.

        So one bad mail among n costs 2 log n commands, and its fellows are read twice or thrice.
        """
        while outbox.again:
            again: dict[Batch, list[int]] = {}
            parts = take_parts(outbox.again, has_stored=outbox.has_stored)
            for number, part in enumerate(parts):
                for batch, uid in part:
                    again.setdefault(batch, []).append(uid)
                    self._parts[uid] = number
            for batch, uids in again.items():
                for uid in uids:
                    batch.sent.pop(uid, None)
                batch.is_read = False
                self._waiting |= dict.fromkeys(uids, batch)
                await self._ask(batch, uids)
            await self.read(outbox)
            self._parts.clear()
            await outbox.finish()

    def _keep_apart(self, uid: int, outbox: Outbox) -> None:
        """Begin a new command where another part begins of what is sent again."""
        part = self._parts.get(uid)
        if part != self._part:
            outbox.close_group()
            self._part = part

    async def _existing(self, uids: list[int]) -> list[int]:
        there: set[int] = set()
        for command in commands_for(self.source, _fetch_uids, uids):
            request = await self.source.send(command)
            while request.answer is None:
                if isinstance(event := await self.source.next_event(), Fetch):
                    there |= {item.uid for item in event.items if item.uid is not None}
            self.source.require(request)
        return [uid for uid in uids if uid in there]

    async def _ask(self, batch: Batch, uids: Sequence[int]) -> None:
        for command in commands_for(self.source, _fetch_bodies, uids):
            self._asked[await self.source.send(command)] = batch

    async def _take(self, event: Happening, outbox: Outbox) -> None:
        if isinstance(event, Bodies):
            await self._move_whole(event, outbox)
        elif isinstance(event, BodyStart):
            await self._move_streaming(event, outbox)
        elif isinstance(event, Answered) and event.request in self._asked:
            self.source.require(event.request)
            batch = self._asked.pop(event.request)
            if self._alone is not None:
                pass  # who asked so looks whether it came
            elif len(batch.sent) < len(batch.uids):
                if batch not in self._asked.values():
                    self._missing.append(batch)
            else:
                batch.is_read = True
                self._tell(batch)
            if not self._asked:
                outbox.close_group()
        else:
            self._require_end()

    async def _move_whole(self, bodies: Bodies, outbox: Outbox) -> None:
        """Pass on mails that lie in memory as they came."""
        mails = octets = 0
        for item, content in zip(bodies.items, bodies.contents, strict=True):
            uid, size = item.uid or 0, len(content)
            batch = self._waiting.pop(uid, None)
            if batch is None:  # nobody asked, or it came already
                self._require_end()
                continue
            mails, octets = mails + 1, octets + size
            if size > self.largest:
                self._leave_out(batch, uid, size)
                continue
            if not outbox.takes_at_once(size):
                await self._move_slowly(batch, uid, size, _given(content), outbox)
                continue
            if self._parts:
                self._keep_apart(uid, outbox)
            flags, date, opening = batch.heads[uid]
            mail = Sent(uid, size, digest_of(self.form, content), flags, date)
            outbox.put(batch, mail, opening, content)
            if outbox.is_due:
                await outbox.relieve()
        await self._moved(mails, octets)

    async def _move_streaming(self, start: BodyStart, outbox: Outbox) -> None:
        """Pass on a mail while it comes."""
        # A server may name the UID behind the body: only of a mail asked for alone we know it then.
        uid = start.item.uid or (self._alone[1] if self._alone else 0)
        self._names_late = self._names_late or not uid
        batch = self._waiting.pop(uid, None)
        self._mail = uid or None
        if batch is None or start.size == 0 or start.size > self.largest:
            if batch is not None:
                self._leave_out(batch, uid, start.size)
            async for _ in self._coming():
                pass
        else:
            await self._move_slowly(batch, uid, start.size, self._coming(), outbox)
            await self._moved(1, start.size)
        self._mail = None

    async def _move_slowly(
        self,
        batch: Batch,
        uid: int,
        size: int,
        content: AsyncIterator[memoryview],
        outbox: Outbox,
    ) -> None:
        head = batch.heads[uid]
        self._announced = uid
        if self._parts:
            self._keep_apart(uid, outbox)
        is_taken = await outbox.announce(head, size)
        digest = digester(self.form)
        async for piece in content:
            if is_taken:
                await outbox.write(piece)
            digest.update(piece)
        mail = Sent(uid, size, digest.digest(), head.flags, head.date)
        if is_taken:
            outbox.close_mail(batch, mail)
        else:
            await outbox.refuse_mail(batch, mail)
        self._announced = None
        if outbox.is_due:
            await outbox.relieve()

    async def _coming(self) -> AsyncIterator[memoryview]:
        """Yield the body that began, up to its end and the proof that it was one.

        What a server sends behind a body shows whether its size was a lie, so a mail is not complete before.
        """
        while not isinstance(event := await self.source.next_event(), BodyEnd):
            if isinstance(event, BodyChunk):
                yield event.data
        while not isinstance(await self.source.next_event(), Fetch):
            pass

    def _require_end(self) -> None:
        """Raise Corrupt where the source tells without end what nobody asked for."""
        self._unasked += 1
        if self._unasked > _MOST_UNASKED:
            raise Corrupt(
                f"{self.source.target.host} keeps telling of mails that nobody asked it for"
            )

    def _leave_out(self, batch: Batch, uid: int, size: int) -> None:
        """Skip a mail whose literal is empty or larger than the target takes."""
        if size:
            self._refuse(batch, uid, too_large(size, self.largest))
        else:
            self._refuse(batch, uid, Skip(SkipReason.EMPTY))

    def _refuse(self, batch: Batch, uid: int, skip: Skip) -> None:
        batch.sent[uid] = Sent(uid, 0, b"", (), _UNDATED)
        batch.refused[uid] = skip

    async def _moved(self, mails: int, octets: int) -> None:
        self.progress(mails, octets)
        if mails:
            self._unasked = 0
        if self.pause is not None and (seconds := self.pause(mails, octets)) > 0:
            await self.target.flush()
            await asyncio.sleep(seconds)

    def _tell(self, batch: Batch) -> None:
        if batch.is_over and not batch.is_told:
            batch.is_told = True
            for uid in batch.uids:
                self._waiting.pop(uid, None)
            self.finished(batch)


async def _given(content: memoryview) -> AsyncIterator[memoryview]:
    yield content


def _fetch_bodies(text: bytes) -> Command:
    return message_commands.uid_fetch(text, _FIELDS)


def _fetch_uids(text: bytes) -> Command:
    return message_commands.uid_fetch(text, (FetchField.UID,))
