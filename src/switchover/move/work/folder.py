"""One folder brought up to date: look, settle what is in doubt, plan, act, record."""

from __future__ import annotations

import sys
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from switchover import clock
from switchover.errors import Refused
from switchover.move.beliefs import largest_mail, trust_of
from switchover.move.flags import PermanentFlags
from switchover.move.kept_dates import mend_dates
from switchover.move.ledger import replay
from switchover.move.queries import OTHER_FOLDER
from switchover.move.segment import reflagged, removed, skipped, vanished
from switchover.move.standing import State
from switchover.move.sync_action import (
    Append,
    Delete,
    Forget,
    LeaveOut,
    PairAgain,
    RecordFlags,
    RecordVanished,
    Side,
    StoreFlags,
)
from switchover.move.sync_plan import (
    Deletions,
    Rules,
    compare,
    obstacles,
    plan_folder,
    wanted_mails,
)
from switchover.move.uid_columns import UidPairs, absent
from switchover.move.work.append import Pump
from switchover.move.work.both import both
from switchover.move.work.doubts import Doubts
from switchover.move.work.folder_facts import ask_append_limit
from switchover.move.work.looking import list_flags, look, with_details
from switchover.move.work.mailbox import Mails, list_mails, open_folder
from switchover.move.work.outbox import FolderRefused
from switchover.move.work.recording import Recorder, with_dates
from switchover.move.work.target_changes import delete_mails, store_flags

if TYPE_CHECKING:
    from array import array
    from collections.abc import Callable, Sequence

    from switchover.move.canonical import Form
    from switchover.move.pacing import Pacer
    from switchover.move.segment import Skip
    from switchover.move.sync_action import Action
    from switchover.move.sync_plan import Changes
    from switchover.move.tally import Tally
    from switchover.move.work.flight import Leg
    from switchover.move.work.inventory import Folder
    from switchover.move.work.ledger_store import FolderRows, LedgerStore
    from switchover.move.work.looking import Look
    from switchover.move.work.mailbox import Opened
    from switchover.move.work.report import FolderResult
    from switchover.wire.imap.shell import Connection


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
    tally: Tally
    pacer: Pacer
    result: FolderResult
    looks_at_all: bool = False
    leg: Leg | None = None
    """Where the folder is copied together with others."""
    _append_limit: int = 0
    """What the target folder takes in one mail, 0 where it has no limit of its own."""

    async def run(self) -> FolderResult:
        """Do everything that is to be done and return what that was."""
        seen, here = await self._open()
        self._require_writable(here)
        doubts = await self._clear(seen, here)
        here = doubts.here
        if not seen.adds_up(self.rows.ledger):
            seen = await self._whole(await look(self.source, self.folder, self.rows, is_whole=True))
        there, fingerprint, untold = seen.opened, seen.fingerprint, seen.untold
        actions, mails = await self._plan(seen, here)
        del seen  # a large folder is planned, and what it showed need be held no more
        to_send = [one for one in actions if isinstance(one, Append)]
        others = [one for one in actions if not isinstance(one, Append)]
        del actions
        self.tally.begin(
            self.result.name,
            sum(len(one.source_uids) for one in to_send),
            sum(one.size_bytes for one in to_send),
        )
        highest = await self._append(to_send, mails, doubts)
        del to_send, mails
        await self._remove_surplus(doubts)
        for action in others:
            await self._do(action)
        self._save(there, fingerprint, is_whole=not (untold or self.result.unlisted))
        self.result.target_state = State(
            uid_validity=here.uid_validity,
            uid_next=max(here.uid_next, highest + 1),
            messages=here.messages + self.result.copied - self.result.deleted,
        )
        if untold:
            from switchover.move.work.unlisted import untold_error  # noqa: PLC0415 - rare

            raise untold_error(untold, self.folder.name, self.source.target.host)
        return self.result

    async def _open(self) -> tuple[Look, Opened]:
        """Return what both sides show of the folder; where it is one of many, that is known by now."""
        if self.leg is not None:
            seen, here = self.leg.take()
            if seen is not None:
                return await self._whole(seen), here
        whole, here = await both(
            look(self.source, self.folder, self.rows, is_whole=self.looks_at_all),
            self._open_target(),
        )
        return await self._whole(whole), here

    async def _whole(self, seen: Look) -> Look:
        """Return a look with the mails of which the listing said nothing, so that none of them counts as gone."""
        if not seen.is_short:
            return seen
        from switchover.move.work.unlisted import complete, sentence_of  # noqa: PLC0415 - rare

        seen = await complete(self.source, self.folder.raw, self.rows.ledger, seen)
        if seen.unlisted:
            self.result.unlisted = sentence_of(
                seen.unlisted, self.folder.name, self.source.target.host
            )
        return seen

    async def _plan(self, seen: Look, here: Opened) -> tuple[Sequence[Action], Mails]:
        """Return what is to be done, and the mails that are to be sent with their details."""
        rules, ledger = self._rules_for(here), self.rows.ledger
        self.result.note_known(len(ledger.source_uids))
        target = None
        # What the target has matters where somebody else's doings there count.
        if rules.deletions is not Deletions.NEVER and not seen.untold:
            target = await list_flags(self.target, here)
            if len(target.uids) < here.messages:
                from switchover.move.work.unlisted import kept_there  # noqa: PLC0415 - rare

                missing = here.messages - len(target.uids)
                self.result.unlisted = kept_there(
                    missing, self.folder.name, self.target.target.host
                )
                target = None
        if target is None:
            rules = replace(rules, deletions=Deletions.NEVER)
        changes = compare(seen.seen, ledger, target)
        if seen.untold:
            changes = replace(changes, gone=())
        mails = await with_details(self.source, seen.mails, wanted_mails(changes, ledger, rules))
        changes = self._choose(changes, mails)
        sizes = UidPairs(mails.uids, mails.sizes)
        return plan_folder(changes, ledger, rules, sizes=sizes, target=target), mails

    def _save(self, there: Opened, fingerprint: bytes, *, is_whole: bool) -> None:
        self.result.listed = there.messages
        self.store.fold(self.rows)
        if not is_whole:
            self._reopen()
            return
        # What may be taken next time must be tried next time, though the source shows no change.
        if any(skip.reason.may_pass for skip in self.result.skips.values()):
            return
        self.store.save_complete(
            replace(
                self.rows.folder,
                source_uid_next=there.uid_next,
                source_mod_seq=0 if self.result.unread else there.mod_seq,
                source_messages=there.messages,
                fingerprint=b"" if self.result.unread else fingerprint,
            )
        )

    async def _open_target(self) -> Opened:
        raw = self.rows.folder.target_name
        self._append_limit = await ask_append_limit(self.target, raw)
        return await open_folder(self.target, raw, to_write=True)

    def _require_writable(self, here: Opened) -> None:
        if here.is_read_only:
            raise Refused(
                f"the target lets nobody write into {self.folder.name} (READ-ONLY): give the target's "
                "user the rights to it"
            )

    def _choose(self, changes: Changes, mails: Mails) -> Changes:
        """Leave out of the new mails those that the user does not want."""
        if self.rules.selection.is_everything:
            return changes
        new = set(changes.new)
        columns = zip(mails.uids, mails.dates, mails.sizes, strict=True)
        left = self.rules.selection.leave_out(
            (uid, date.epoch_seconds, size) for uid, date, size in columns if uid in new
        )
        self.result.not_wanted = left
        return replace(changes, new=tuple(uid for uid in changes.new if uid not in left))

    def _rules_for(self, here: Opened) -> Rules:
        conversation = self.target.conversation
        kept = here.permanent_flags
        return replace(
            self.rules,
            deletions=Deletions.NEVER if self.result.unlisted else self.rules.deletions,
            permanent_flags=None if kept is None else PermanentFlags.read(kept),
            largest_bytes=self.rules.largest_bytes
            or self._append_limit
            or largest_mail(conversation.capabilities, conversation.profile),
            sizes_hold=trust_of(self.source.conversation.profile, is_alone=True).sizes,
        )

    async def _clear(self, seen: Look, here: Opened) -> Doubts:
        """Find out what earlier runs left in doubt and what new UIDs mean; note what UIDs mean now."""
        known, there = self.rows.folder, seen.opened
        rules = replace(
            self.rules,
            source_uid_validity=known.source_uid_validity,
            target_uid_validity=known.target_uid_validity,
        )
        doubts = Doubts(
            source=self.source,
            target=self.target,
            store=self.store,
            rows=self.rows,
            here=here,
            form=self.form,
            is_in_use=self.rules.is_in_use,
            source_uids_hold=known.source_uid_validity in {0, there.uid_validity},
            breaks=self.result.breaks,
            copy_breaks=self.result.copy_breaks,
        )
        found = obstacles(there.uid_validity, here.uid_validity, self.rows.ledger, rules)
        if found:
            self._reopen()
        for one in found:
            if not isinstance(one, PairAgain):
                before = self.rows.ledger.source_uids
                self.result.found += await doubts.settle()
                self._note_redated(before, seen.mails)
            elif one.side is Side.SOURCE:
                mails = await list_mails(self.source, there)
                self.result.paired += await doubts.pair_source(mails)
            else:
                is_final = (
                    self.rules.is_in_use
                    and self.rules.deletions is not Deletions.MIRROR
                    and known.target_uid_validity != OTHER_FOLDER
                )
                paired = await doubts.pair_target(is_lost_for_good=is_final)
                self.result.paired += paired
                self.store.save_validity(self.rows, known.source_uid_validity, here.uid_validity)
        if not known.target_uid_validity and here.messages and there.messages:
            from switchover.move.work.adopting import adopt  # noqa: PLC0415 - start-up time

            await adopt(self, seen, here)
        # Nothing may be waited for between: a known UIDVALIDITY says that this was done.
        self.store.save_validity(self.rows, there.uid_validity, here.uid_validity)
        doubts.source_uids_hold = True
        return doubts

    def _note_redated(self, before: array[int], mails: Mails) -> None:
        """Note the mails found on the target that went there with another date than theirs."""
        _, former = mend_dates(mails.uids, mails.seconds, self.target.conversation.profile)
        found = absent(self.rows.ledger.source_uids, before) if former else ()
        self.result.redated |= {uid: former[uid] for uid in found if uid in former}

    def _reopen(self) -> None:
        """Note that the folder is not complete: what is taken out of the ledger, no change will tell of."""
        folder = self.rows.folder
        if folder.source_uid_next:
            self.store.save_complete(
                replace(folder, source_uid_next=0, source_mod_seq=0, fingerprint=b"")
            )

    async def _append(self, appends: list[Append], mails: Mails, doubts: Doubts) -> int:
        """Send mails and return the highest UID that the target named; ``appends`` is emptied on the way."""
        appends = self.result.suspects.cut(appends, mails, self.rules.limits)
        if not appends:
            self._judge_suspects(is_over=True)
            return 0
        # Sent again: the intent alone must say what is known of them.
        again = [uid for one in appends for uid in one.source_uids if self.rows.ledger.knows(uid)]
        if again:
            self._reopen()
            self.result.known -= sum(self.rows.ledger.position(uid) is not None for uid in again)
            self.store.write(self.rows, removed(again))
        profile = self.target.conversation.profile
        mails, former, undated = await with_dates(self.source, appends, mails, profile)
        recorder = Recorder(
            store=self.store, rows=self.rows, floor=doubts.here.uid_next,
            target=profile, former_dates=former, undated=undated,
        )  # fmt: skip
        pump = self._pump(recorder, doubts.here)
        is_over = False
        try:
            batches = recorder.intended(appends, mails)
            await (self.leg.carry(pump, batches) if self.leg else pump.run(batches))
            is_over = True
        except FolderRefused as error:
            recorder.forget(pump.refused_in_a_row)
            self.result.note_refused(error)
            raise
        finally:
            recorder.flush()
            self._leave_out(pump.unreadable)
            self.result.copied += recorder.copied
            self.tally.stored += recorder.copied + len(recorder.unknown)
            self.result.copied_bytes += recorder.copied_bytes
            self.result.unread += recorder.unread
            self.result.skips |= recorder.refused
            self.result.redated |= recorder.redated
            self.result.undated |= recorder.newly_dated
            self._judge_suspects(is_over=is_over, has_stored=bool(recorder.copied))
        if recorder.unknown:
            self.rows.ledger = replay(self.rows.rows)
            if self.leg:  # the source has the folder open that was read last
                await open_folder(self.source, self.folder.raw, to_write=False)
            self.result.copied += await doubts.settle(recorder.unknown)
        return recorder.highest

    def _pump(self, recorder: Recorder, here: Opened) -> Pump:
        return Pump(
            source=self.source, target=self.target, raw=self.rows.folder.target_name,
            uid_validity=here.uid_validity, form=self.form, limits=self.rules.limits,
            progress=self.progress, finished=recorder.take, suspects=self.result.suspects,
            breaks=self.result.breaks, largest=self._rules_for(here).largest_bytes or sys.maxsize,
            pause=lambda mails, octets: self.pacer.wait_seconds(mails, octets, clock.monotonic()),
        )  # fmt: skip

    def _judge_suspects(self, *, is_over: bool, has_stored: bool = False) -> None:
        """Skip mails at which the target broke off once it has taken others; else it is not their fault."""
        if has_stored or (is_over and self.result.copied + self.result.found):
            self._leave_out(self.result.suspects.take_left_out())
        self.result.suspects.require_others(self.target.target.host, is_over=is_over)

    def _leave_out(self, skips: dict[int, Skip]) -> None:
        if skips:
            self.store.write(self.rows, skipped(skips))
            self.result.skips |= skips

    async def _remove_surplus(self, doubts: Doubts) -> None:
        """Remove copies of ours that a session stored after we had given it up (research D.3 point 5)."""
        if self.rules.is_in_use:
            return
        surplus = await doubts.late_copies()
        if surplus:
            await delete_mails(self.target, surplus, is_alone=True)
            self.result.deleted += len(surplus)

    async def _do(self, action: Action) -> None:
        match action:
            case LeaveOut():
                self._leave_out(dict(action.skips))
            case StoreFlags():
                await store_flags(self.target, action)
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
        is_alone = not self.rules.is_in_use
        if await delete_mails(self.target, action.target_uids, is_alone=is_alone):
            self.result.deleted += len(action.target_uids)
            if action.source_uids:
                self.store.write(self.rows, removed(action.source_uids))
        else:
            self.result.marked += len(action.target_uids)
            # Their copies are there still: the next run tries again.
            ledger = self.rows.ledger
            fresh = [uid for uid in action.source_uids if uid not in ledger.vanished]
            if fresh:
                self.store.write(self.rows, vanished(fresh))
