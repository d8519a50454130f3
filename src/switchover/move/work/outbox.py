"""Mails on their way out: APPEND commands that grow while bodies come, several of them unanswered.

What goes out together is a group: one MULTIAPPEND where the target knows that (RFC 3502: all of it is
stored or nothing), else one mail. Mails of a group that is refused are handed back, to be sent in smaller
groups: one that is refused alone tells why. An answer that is about the folder ends the folder.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from switchover.errors import Unavailable
from switchover.move.beliefs import is_of_folder, may_be_of_folder, refusal
from switchover.move.flags import spelled
from switchover.move.segment import Skip, SkipReason
from switchover.wire.imap.command import Command, LiteralMode, Wait, flag_list, is_flag
from switchover.wire.imap.errors import ConnectionLost
from switchover.wire.imap.failure import Failure, Retry, Scope
from switchover.wire.imap.message_commands import NewMessage, append_message, append_opening
from switchover.wire.imap.quirks import GENERIC
from switchover.wire.imap.response_codes import AppendUid, CodeName, is_throttling

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from switchover.move.append_batches import BatchLimits
    from switchover.move.flags import FlagSet
    from switchover.wire.imap.conversation import Request
    from switchover.wire.imap.internal_date import InternalDate
    from switchover.wire.imap.quirks import Profile
    from switchover.wire.imap.responses import Status
    from switchover.wire.imap.shell import Connection

FLUSH_BYTES = 256 * 1024
UNANSWERED_GROUPS = 4
MOST_REFUSED = 20
"""Mails refused one after the other, none stored: then it is the folder, not the mails."""


class FolderRefused(Unavailable):
    """The target takes no mail into the folder, whatever mail it is.

    ``retry`` is NOW where the folder may only have to be opened anew, else NEVER: not in this run.
    """

    scope = Scope.MAILBOX

    def __init__(self, message: str, *, retry: Retry = Retry.NEVER) -> None:
        """Keep what to do beside the sentence."""
        super().__init__(message)
        self.retry = retry


class Head(NamedTuple):
    """What APPEND says of a mail before its bytes; ``opening`` is that on the wire, up to the literal."""

    flags: FlagSet
    date: InternalDate
    opening: bytes


def head(flags: FlagSet, date: InternalDate, target: Profile = GENERIC) -> Head:
    """Return the head of a mail.

    Flags that no command can carry, or for which the target would refuse the mail, are left out of the
    opening.
    """
    words = _flag_words(flags, target.longest_keyword, target.forbidden_in_keywords)
    return Head(flags, date, b' %b "%b" ' % (words, date.encode()))


@lru_cache(maxsize=4096)  # a mailbox knows few combinations
def _flag_words(flags: FlagSet, longest: int | None, forbidden: str) -> bytes:
    target = replace(GENERIC, longest_keyword=longest, forbidden_in_keywords=forbidden)
    return flag_list(_sendable(flags, target))


def _sendable(flags: FlagSet, target: Profile) -> tuple[bytes, ...]:
    sendable = (flag for flag in map(spelled, flags) if is_flag(flag))
    return tuple(flag for flag in sendable if target.takes_keyword(flag))


class Sent(NamedTuple):
    """A mail that went out, as it turned out to be while it streamed."""

    uid: int
    size: int
    digest: bytes
    flags: FlagSet
    date: InternalDate


@dataclass(slots=True, kw_only=True, eq=False)
class Batch:
    """Source UIDs with one ledger row; every UID ends in one of the three, or in none (it was gone).

    ``stored`` holds the UID on the target, ``unknown`` what is stored without our knowing where (no
    UIDPLUS), ``refused`` why not. A UID without a head was gone before its batch began.
    """

    uids: tuple[int, ...]
    number: int
    heads: Mapping[int, Head]
    sent: dict[int, Sent] = field(default_factory=dict)
    stored: dict[int, int] = field(default_factory=dict)
    unknown: set[int] = field(default_factory=set)
    refused: dict[int, Skip] = field(default_factory=dict)
    is_read: bool = False
    is_told: bool = False

    @property
    def is_over(self) -> bool:
        """True when nothing more can come of it."""
        settled = len(self.stored) + len(self.unknown) + len(self.refused)
        return self.is_read and settled == len(self.sent)


@dataclass(slots=True, kw_only=True, eq=False)
class Group:
    """Mails of one command, in its order."""

    request: Request
    mails: list[tuple[Batch, Sent]] = field(default_factory=list)
    octets: int = 0


@dataclass(slots=True, kw_only=True)
class Outbox:
    """Sends mails to the folder ``raw`` of ``target``, which is selected.

    ``told`` is called with each batch that an answer was about.
    """

    target: Connection
    raw: bytes
    uid_validity: int
    limits: BatchLimits
    told: Callable[[Batch], None]
    in_groups: bool = True
    again: list[list[tuple[Batch, int]]] = field(default_factory=list)
    """Groups of mails, with their source UIDs, that were refused together."""
    in_a_row: list[int] = field(default_factory=list)
    """Source UIDs refused one after the other, perhaps because of the folder."""
    has_stored: bool = False
    _group: Group | None = None
    _unanswered: deque[Group] = field(default_factory=deque)
    _pieces: list[bytes | memoryview] = field(default_factory=list)
    _unflushed: int = 0

    def takes_at_once(self, size: int) -> bool:
        """Return whether a mail of ``size`` octets may go out without the server's leave."""
        mode = self.target.conversation.literals
        return mode is LiteralMode.ANY or (mode is LiteralMode.SMALL and size <= 4096)

    @property
    def under_way(self) -> set[int]:
        """Source UIDs of the mails of which the target has not said what became of them."""
        groups = [*self._unanswered, *([self._group] if self._group else [])]
        return {
            mail.uid for group in groups if group.request.answer is None for _, mail in group.mails
        }

    @property
    def is_due(self) -> bool:
        """True when ``relieve`` has something to do."""
        most = UNANSWERED_GROUPS if self.in_groups else self.limits.unanswered_singles
        return self._unflushed >= FLUSH_BYTES or len(self._unanswered) > most

    def put(self, batch: Batch, mail: Sent, opening: bytes, content: memoryview) -> None:
        """Add a whole mail of at least a byte, and then look at ``is_due``."""
        group = self._group
        if group is None or mail.size > self.limits.alone_bytes or group.request.answer is not None:
            group = self._group_for(mail.size)
        self._pieces += (b"%b{%d+}\r\n" % (opening, mail.size), content)
        self._unflushed += mail.size
        self._add(group, batch, mail)

    async def announce(self, head: Head, size: int) -> bool:
        """Begin a mail of which the octets come with ``write``; False when the server refuses it."""
        group = self._group_for(size)
        message = NewMessage(
            size, _sendable(head.flags, self.target.conversation.profile), head.date.encode()
        )
        for step in self.target.conversation.extend(group.request, append_message(message)):
            if isinstance(step, bytes):
                self._pieces.append(step)
            elif step is Wait.CONTINUATION:
                self._write_pieces()
                if not await self.target.wait_for_leave(group.request):
                    return False
        return True

    async def write(self, data: memoryview) -> None:
        """Pass on the next octets of the mail announced."""
        self._pieces.append(data)
        self._unflushed += len(data)
        if self._unflushed >= FLUSH_BYTES:
            await self._flush()

    def close_mail(self, batch: Batch, mail: Sent) -> None:
        """Note that the mail announced is complete."""
        assert self._group is not None  # noqa: S101 - announce made it
        self._add(self._group, batch, mail)

    async def refuse_mail(self, batch: Batch, mail: Sent) -> None:
        """Note that the server refused the mail announced, and with it those before it in its group."""
        group, self._group = self._group, None
        assert group is not None  # noqa: S101 - announce made it
        batch.sent[mail.uid] = mail
        group.mails.append((batch, mail))
        self._unanswered.append(group)
        # Its answer is there, and so are those before it; what it means is judged before more is sent.
        await self._collect(0)

    async def relieve(self) -> None:
        """Send what waits, and take the answers of the oldest groups: so many that few are in flight."""
        if self._unflushed >= FLUSH_BYTES:
            await self._flush()
        most = UNANSWERED_GROUPS if self.in_groups else self.limits.unanswered_singles
        await self._collect(most)

    async def part(self) -> None:
        """Send everything, and leave all answers to ``finish``."""
        self.close_group()
        await self._flush()

    async def finish(self) -> None:
        """Send everything and wait for all answers."""
        await self.part()
        await self._collect(0)

    def close_group(self) -> None:
        """End the present command."""
        if self._group is None:
            return
        self._pieces.append(b"\r\n")
        self.target.conversation.end(self._group.request)
        self._unanswered.append(self._group)
        self._group = None

    def _group_for(self, size: int) -> Group:
        """Return the command that takes a mail of ``size`` octets, a new one where one is needed."""
        group = self._group
        if group is not None and (
            size > self.limits.alone_bytes or group.request.answer is not None
        ):
            self.close_group()
            group = None
        if group is None:
            command = Command(name="APPEND", parts=append_opening(self.raw))
            request = self.target.conversation.begin(command, grows=True)
            group = self._group = Group(request=request)
            for step in request.steps:
                if isinstance(step, bytes):
                    self._pieces.append(step)
        return group

    def _add(self, group: Group, batch: Batch, mail: Sent) -> None:
        batch.sent[mail.uid] = mail
        group.mails.append((batch, mail))
        group.octets += mail.size
        if (
            not self.in_groups
            or group.octets >= self.limits.bytes_at_most
            or len(group.mails) >= self.limits.mails_at_most
        ):
            self.close_group()

    async def _flush(self) -> None:
        self._write_pieces()
        await self.target.flush()

    def _write_pieces(self) -> None:
        self._unflushed = 0
        pieces, self._pieces = self._pieces, []
        self.target.write(*pieces)

    async def _collect(self, most: int) -> None:
        while len(self._unanswered) > most:
            group = self._unanswered[0]
            if group.request.answer is None:
                await self._flush()
                await self.target.wait(group.request)
            self._unanswered.popleft()
            self._settle(group)
            for batch in {id(batch): batch for batch, _ in group.mails}.values():
                self.told(batch)

    def _settle(self, group: Group) -> None:
        answer = group.request.answer
        if answer is not None and is_throttling(answer.code, answer.text):
            self.target.require(group.request)  # raises: the ledger knows what is in doubt
        if answer is not None and not group.request.is_ok and is_of_folder(_code_of(answer)):
            raise FolderRefused(self._why_none(answer))
        if group.request.is_ok:
            self._store(group)
        elif len(group.mails) == 1:
            batch, mail = group.mails[0]
            self._refuse(batch, mail.uid, self._words(group))
        elif group.mails:
            self.again.append([(batch, mail.uid) for batch, mail in group.mails])

    def _why_none(self, answer: Status) -> str:
        host, words = self.target.target.host, self.target.words(answer)
        if _code_of(answer) == CodeName.NOROOM:
            return f"{host} has no room left: {words}; make room there and run the command again"
        return (
            f"{host} takes no more mails into the folder: {words}; see to the folder there and run "
            "the command again"
        )

    def _refuse(self, batch: Batch, uid: int, skip: Skip) -> None:
        """Note a refusal; raises FolderRefused when it is one of many that look like the folder's."""
        batch.refused[uid] = skip
        if not may_be_of_folder(skip) or (self.has_stored and skip.reason is SkipReason.REFUSED):
            return
        self.in_a_row.append(uid)
        if len(self.in_a_row) >= MOST_REFUSED:
            # Dovecot says "internal error" where a folder was made anew behind the session's back.
            may_pass = skip.reason.may_pass
            raise FolderRefused(
                f"{self.target.target.host} refused {len(self.in_a_row)} mails one after the other and "
                f"took none between: {skip.detail}; see to the folder there and run the command again",
                retry=Retry.NOW if may_pass else Retry.NEVER,
            )

    def _store(self, group: Group) -> None:
        code = group.request.answer.code if group.request.answer else None
        self.has_stored = True
        self.in_a_row.clear()
        if not isinstance(code, AppendUid):
            for batch, mail in group.mails:
                batch.unknown.add(mail.uid)
            return
        if code.uid_validity != self.uid_validity:
            # Another folder of that name: its UIDs mean nothing to the ledger before it is paired.
            raise ConnectionLost(
                Failure(
                    message=f"{self.target.target.host} has made the folder anew while mails were sent",
                    scope=Scope.MAILBOX,
                    retry=Retry.NOW,
                )
            )
        # Counted before they are spelled out: "1:4294967295" would fill the memory.
        if code.uids.count != len(group.mails):
            raise Unavailable(
                f"{self.target.target.host} says that it stored {code.uids.count} mails where "
                f"{len(group.mails)} were sent; they are looked for at the next run"
            )
        for (batch, mail), uid in zip(group.mails, code.uids.numbers(), strict=True):
            batch.stored[mail.uid] = uid

    def _words(self, group: Group) -> Skip:
        answer = group.request.answer
        if answer is None:
            return Skip(SkipReason.REFUSED)
        return refusal(_code_of(answer), self.target.words(answer))


def _code_of(answer: Status) -> str | None:
    return answer.code.name if answer.code else None
