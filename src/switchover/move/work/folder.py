"""One folder brought up to date: look, plan, act, record.

What is in doubt from an earlier run is settled first. Intents are durable before the first byte of their
batch goes out (research D.3): a group of batches is written in one transaction, and the next group while
this one streams, so the database costs no waiting.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from switchover.errors import Conflict, Refused
from switchover.move import sync_action
from switchover.move.canonical import Form, digester
from switchover.move.flags import PermanentFlags, spelled
from switchover.move.mail_state import MailEvent
from switchover.move.reconcile import Found, Trust, reconcile
from switchover.move.reconcile import Sent as SentBefore
from switchover.move.segment import (
    LedgerMail,
    Outcome,
    Segment,
    Skip,
    acknowledge,
    intend,
    reflagged,
    removed,
    settle,
    skipped,
    vanished,
)
from switchover.move.standing import State
from switchover.move.sync_action import (
    Append,
    Delete,
    Forget,
    LeaveOut,
    RecordFlags,
    RecordVanished,
    StoreFlags,
)
from switchover.move.sync_plan import Rules, compare, plan_folder
from switchover.move.work.append import Batch, Pump
from switchover.move.work.both import both
from switchover.move.work.looking import look, with_details
from switchover.move.work.mailbox import list_mails, open_folder
from switchover.wire.imap import message_commands, uid_set
from switchover.wire.imap.message_commands import FlagChange
from switchover.wire.imap.responses import BodyChunk, BodyEnd, BodyStart

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping, Sequence

    from switchover.move.sync_action import Action
    from switchover.move.work.ledger_store import FolderRows, LedgerStore
    from switchover.move.work.mailbox import Folder, Mails, Opened
    from switchover.wire.imap.shell import Connection

_CHANGES = {
    sync_action.FlagChange.SET: FlagChange.REPLACE,
    sync_action.FlagChange.ADD: FlagChange.ADD,
    sync_action.FlagChange.REMOVE: FlagChange.REMOVE,
}
INTENTS = 16
"""Batches whose intents are made durable together."""


@dataclass(slots=True, kw_only=True)
class FolderResult:
    """What was done with one folder; ``skips`` are named by source UID."""

    name: str
    copied: int = 0
    copied_bytes: int = 0
    found: int = 0
    reflagged: int = 0
    deleted: int = 0
    vanished: int = 0
    known: int = 0
    listed: int = 0
    seconds: float = 0.0
    unread: int = 0
    """Mails that the source listed and then did not show: gone, or looked for again at the next run."""
    target_state: State | None = None
    """What the target folder must show if nobody but us was at work there."""
    skips: dict[int, Skip] = field(default_factory=dict)


@dataclass(slots=True, kw_only=True)
class FolderCopy:
    """Brings one folder up to date over one connection on each side."""

    source: Connection
    target: Connection
    store: LedgerStore
    folder: Folder
    rows: FolderRows
    rules: Rules
    form: Form
    progress: Callable[[int, int], None]
    result: FolderResult
    looks_at_all: bool = False
    _highest: int = 0

    async def run(self) -> FolderResult:
        """Do everything that is to be done and return what that was."""
        seen, here = await both(
            look(self.source, self.folder, self.rows, is_whole=self.looks_at_all),
            open_folder(self.target, self.rows.folder.target_name, to_write=True),
        )
        there = seen.opened
        self._require_writable(here)
        self._require_same(there, here)
        await self.store.save_validity(self.rows, there.uid_validity, here.uid_validity)
        await self._settle_doubts(here)
        rules = replace(
            self.rules,
            source_uid_validity=there.uid_validity,
            target_uid_validity=here.uid_validity,
            permanent_flags=PermanentFlags.read(here.permanent_flags)
            if here.permanent_flags is not None
            else None,
        )
        changes = compare(seen.seen, self.rows.ledger)
        mails = await with_details(self.source, seen.mails, (*changes.new, *changes.lost))
        sizes = dict(zip(mails.uids, mails.sizes, strict=True))
        actions = plan_folder(changes, self.rows.ledger, rules, sizes=sizes)
        self.result.known = len(self.rows.ledger.source_uids)
        await self._append([one for one in actions if isinstance(one, Append)], mails, here)
        for action in actions:
            await self._do(action)
        await self.store.save_complete(
            replace(
                self.rows.folder,
                source_uid_next=there.uid_next,
                source_mod_seq=0 if self.result.unread else there.mod_seq,
                source_messages=there.messages,
                fingerprint=b"" if self.result.unread else seen.fingerprint,
            )
        )
        self.result.listed = there.messages
        self.result.target_state = State(
            uid_validity=here.uid_validity,
            uid_next=max(here.uid_next, self._highest + 1),
            messages=here.messages + self.result.copied - self.result.deleted,
        )
        return self.result

    def _require_writable(self, here: Opened) -> None:
        if here.is_read_only:
            raise Refused(
                f"the target lets nobody write into {self.folder.name} (READ-ONLY): give the target's "
                "user the rights to it"
            )

    def _require_same(self, there: Opened, here: Opened) -> None:
        known = self.rows.folder
        changed = [
            side
            for side, before, now in (
                ("source", known.source_uid_validity, there.uid_validity),
                ("target", known.target_uid_validity, here.uid_validity),
            )
            if before not in {0, now}
        ]
        if changed:
            raise Conflict(
                f"the {' and the '.join(changed)} gave {self.folder.name} new UIDs (UIDVALIDITY changed); "
                "pairing again by digest is not built yet"
            )

    async def _append(self, appends: Sequence[Append], mails: Mails, here: Opened) -> None:
        if not appends:
            return
        pump = Pump(
            source=self.source,
            target=self.target,
            raw=self.rows.folder.target_name,
            form=self.form,
            limits=self.rules.limits,
            progress=self.progress,
            finished=self._record,
        )
        await pump.run(self._intend(appends, mails, here))

    async def _intend(
        self, appends: Sequence[Append], mails: Mails, here: Opened
    ) -> AsyncIterator[Batch]:
        """Yield the batches, each when its intent is durable; groups of them become so together."""
        places = {uid: place for place, uid in enumerate(mails.uids)}
        for begin in range(0, len(appends), INTENTS):
            group = []
            for action in appends[begin : begin + INTENTS]:
                row = intend(_intended(action, mails, places), floor=here.uid_next)
                number = self.store.write(self.rows, row)
                group.append(Batch(uids=action.source_uids, number=number, row=row))
            await self.store.settled()
            for batch in group:
                yield batch

    def _record(self, batch: Batch) -> None:
        """Have written what became of a batch; a mail that is in neither was gone before it was read."""
        stored = sorted(batch.stored)
        sent = [batch.sent[uid] for uid in stored]
        if stored:
            ledger = [
                LedgerMail(
                    one.uid, one.size, one.date.epoch_seconds, one.date.zone_minutes, one.flags,
                    one.digest,
                )
                for one in sent
            ]  # fmt: skip
            row = intend(ledger, floor=batch.row.floor)
            row = acknowledge(row, [batch.stored[uid] for uid in stored])
            self.store.write(self.rows, row, number=batch.number)
        else:
            self.store.write(self.rows, removed(batch.uids), number=batch.number)
        if batch.refused:
            self.store.write(self.rows, skipped(batch.refused))
            self.result.skips |= batch.refused
        self.result.copied += len(stored)
        self.result.unread += len(batch.uids) - len(stored) - len(batch.refused)
        self._highest = max((self._highest, *batch.stored.values()))
        self.result.copied_bytes += sum(one.size for one in sent)

    async def _settle_doubts(self, here: Opened) -> None:
        """Look for the mails of batches that an earlier run did not see the end of."""
        ledger = self.rows.ledger
        if not ledger.open_rows:
            return
        rows = [self.rows.rows[at] for at in ledger.open_rows]
        segments = [Segment(row.packed) for row in rows]
        floor = min(row.floor for row in rows)
        mails = [mail for segment in segments for mail in segment.mails()]
        listed = await list_mails(self.target, b"%d:*" % max(1, floor)) if here.messages else None
        known = set(ledger.target_uids) | set(ledger.vanished.values())
        found = (
            [
                Found(uid, size, date.epoch_seconds, flags=flags)
                for uid, size, date, flags in zip(
                    listed.uids, listed.sizes, listed.dates, listed.flags, strict=True
                )
                if uid >= floor
            ]
            if listed
            else []
        )
        sent = [SentBefore(m.size, m.epoch_seconds, m.digest, m.flags) for m in mails]
        answer = reconcile(sent, found, trust=Trust(), known=known)
        gone: set[int] = set()
        while not answer.is_settled:
            theirs = await _digests(self.target, answer.read_target, self.form)
            wanted = {at: mails[at].source_uid for at in answer.read_source}
            ours = await self._source_digests(list(wanted.values()))
            # What the source has no more can not be read, and need not be found.
            gone |= {at for at, uid in wanted.items() if uid not in ours}
            found = [one._replace(digest=theirs.get(one.uid, one.digest)) for one in found]
            sent = [
                one._replace(digest=ours.get(mail.source_uid, one.digest))
                for one, mail in zip(sent, mails, strict=True)
            ]
            answer = reconcile(sent, found, trust=Trust(), known=known, gone=gone)
        await self._record_doubts(segments, answer.stored)
        self.result.found = len(answer.stored)

    async def _source_digests(self, uids: Sequence[int]) -> dict[int, bytes]:
        return await _digests(self.source, tuple(sorted(uids)), self.form) if uids else {}

    async def _record_doubts(self, segments: Sequence[Segment], places: Mapping[int, int]) -> None:
        at = 0
        for index, segment in zip(self.rows.ledger.open_rows, segments, strict=True):
            outcomes = {
                place: Outcome(MailEvent.FOUND, places[at + place])
                if at + place in places
                else Outcome(MailEvent.NOT_FOUND)
                for place in range(segment.count)
            }
            at += segment.count
            settled = settle(self.rows.rows[index], outcomes)
            number = self.rows.numbers[index]
            for row in settled:
                self.store.write(self.rows, row, number=number)
            if not settled:
                await self.store.delete(self.rows, [number])
        await self.store.settled()
        self.rows = await self.store.load(self.rows.folder)

    async def _do(self, action: Action) -> None:
        match action:
            case LeaveOut():
                self.store.write(self.rows, skipped(action.skips))
                self.result.skips |= action.skips
            case StoreFlags():
                flags = tuple(map(spelled, action.flags))
                change = _CHANGES[action.change]
                await self.target.run(
                    message_commands.uid_store(
                        uid_set.encode(action.target_uids), change, flags, is_silent=True
                    )
                )
            case RecordFlags():
                self.store.write(self.rows, reflagged(action.changes))
                self.result.reflagged += len(action.changes)
            case RecordVanished():
                self.store.write(self.rows, vanished(action.source_uids))
                self.result.vanished += len(action.source_uids)
            case Forget():
                self.store.write(self.rows, removed(action.source_uids))
            case Delete():
                await self._delete(action)
            case _:
                pass

    async def _delete(self, action: Delete) -> None:
        uids = uid_set.encode(action.target_uids)
        await self.target.run(
            message_commands.uid_store(uids, FlagChange.ADD, (b"\\Deleted",), is_silent=True)
        )
        await self.target.run(message_commands.uid_expunge(uids))
        if action.source_uids:
            self.store.write(self.rows, removed(action.source_uids))
        self.result.deleted += len(action.target_uids)


def _intended(action: Append, mails: Mails, places: dict[int, int]) -> list[LedgerMail]:
    found = []
    for uid in action.source_uids:
        at = places[uid]
        date = mails.dates[at]
        found.append(
            LedgerMail(
                uid, mails.sizes[at], date.epoch_seconds, date.zone_minutes, mails.flags[at], b""
            )
        )
    return found


async def _digests(connection: Connection, uids: Sequence[int], form: Form) -> dict[int, bytes]:
    """Read mails of the selected folder and return their digests by UID."""
    if not uids:
        return {}
    request = await connection.send(
        message_commands.uid_fetch(uid_set.encode(uids), message_commands.body_fields())
    )
    found: dict[int, bytes] = {}
    uid, work = 0, digester(form)
    while request.answer is None:
        match await connection.next_event():
            case BodyStart(item=item):
                uid, work = item.uid or 0, digester(form)
            case BodyChunk(data):
                work.update(bytes(data))
            case BodyEnd():
                found[uid] = work.digest()
            case _:
                pass
    connection.require(request)
    return found
