"""Mails that their owner moved to another folder: moved on the target too, instead of sent again.

Runs before the folders are copied, over folders of which STATUS says that one may have lost mails and that
another has new ones; mostly there are none and nothing is asked. It saves work and decides nothing: what it
leaves alone is sent like any new mail, and what it leaves in doubt is found when the folder is copied.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from switchover.errors import SwitchoverError
from switchover.move.moves import Arrived, Departed, Moved, Moves, may_gain, may_lose, plan_moves
from switchover.move.segment import LedgerMail, Row, RowKind, pack_mails, pack_uids, removed
from switchover.move.standing import State
from switchover.move.sync_plan import Deletions, compare
from switchover.move.work.inventory import ask_statuses, state_of
from switchover.move.work.looking import look, with_details
from switchover.move.work.mailbox import open_folder
from switchover.move.work.reading import read_digests
from switchover.wire.imap import message_commands
from switchover.wire.imap.errors import CommandRefused
from switchover.wire.imap.response_codes import CopyUid
from switchover.wire.imap.responses import Status

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from switchover.move.moves import MoveOnTarget
    from switchover.move.sync_plan import Rules
    from switchover.move.work.lanes import Ends, Job
    from switchover.move.work.ledger_store import FolderRows, LedgerStore
    from switchover.move.work.looking import Look
    from switchover.wire.imap.conversation import Request


async def move_within_target(
    ends: Ends, store: LedgerStore, jobs: Sequence[Job], rules: Rules
) -> None:
    """Give folders on the target the mails that stand in another one there; needs UIDPLUS.

    Whatever is deleted where they were is moved, else copied. A folder that a server does not open, or
    tells nonsense of, is left alone here: what becomes of it is said when it is copied.
    """
    if "UIDPLUS" not in ends.target.conversation.capabilities:
        return
    states = [(one, _before(one), state_of(one.folder.status)) for one in jobs]
    losing = [one for one, before, now in states if may_lose(before, now)]
    gaining = [one for one, before, now in states if may_gain(before, now)]
    if all(one is other for one in losing for other in gaining):
        return  # nothing moves within a folder
    work = _Moving(ends=ends, store=store, rules=rules)
    for job in {id(one): one for one in (*losing, *gaining)}.values():
        with suppress(SwitchoverError):
            await work.look_at(job)
        if not ends.are_usable:
            return  # the lanes come back by themselves
    await work.run()


def _before(job: Job) -> State:
    return State(
        uid_validity=job.known.source_uid_validity,
        uid_next=job.known.source_uid_next,
        messages=job.known.source_messages,
    )


@dataclass(slots=True, kw_only=True)
class _Seen:
    """A folder as it was looked at."""

    job: Job
    rows: FolderRows
    look: Look


@dataclass(slots=True, kw_only=True)
class _Moving:
    ends: Ends
    store: LedgerStore
    rules: Rules
    seen: dict[str, _Seen] = field(default_factory=dict)
    arrived: list[Arrived] = field(default_factory=list)
    departed: list[Departed] = field(default_factory=list)
    zones: dict[tuple[str, int], int] = field(default_factory=dict)

    async def look_at(self, job: Job) -> None:
        """Find out which mails a folder has no more, and which it has newly."""
        name, source = job.folder.name, self.ends.source
        rows = await self.store.load(job.known)
        seen = await look(source, job.folder, rows)
        if seen.is_short or not seen.adds_up(rows.ledger):
            return  # what is not listed has not gone
        known = rows.folder.source_uid_validity
        if rows.ledger.open_rows or known not in {0, seen.opened.uid_validity}:
            return  # what is in doubt there is cleared first, and that is done when it is copied
        self.seen[name] = _Seen(job=job, rows=rows, look=seen)
        changes = compare(seen.seen, rows.ledger)
        mails = await with_details(source, seen.mails, changes.new)
        columns = zip(mails.uids, mails.seconds, mails.sizes, strict=True)
        new = set(changes.new) - self.rules.selection.leave_out(columns).keys()
        for at, uid in enumerate(mails.uids):
            if uid in new:
                self.zones[name, uid] = mails.zones[at]
                self.arrived.append(
                    Arrived(name, uid, mails.sizes[at], mails.seconds[at], mails.flags[at])
                )
        may_go = self.rules.deletions is not Deletions.NEVER and not self.rules.is_in_use
        self.departed += [
            Departed(
                name, mail.source_uid, uid, mail.size, mail.epoch_seconds, mail.flags, mail.digest,
                may_go,
            )
            for mail, uid in (*rows.ledger.known(changes.gone), *rows.ledger.known_vanished())
        ]  # fmt: skip

    async def run(self) -> None:
        """Move what is to be moved."""
        moves = plan_moves(self.arrived, self.departed)
        if moves.unread:
            moves = plan_moves(await self._read(moves), await self._read_copies(moves))
        for action in moves.sure:
            if action.from_folder != action.to_folder and self.ends.are_usable:
                with suppress(SwitchoverError):
                    await self._move(action)

    async def _read(self, moves: Moves) -> list[Arrived]:
        """Return the new mails with the digests that decide."""
        digests: dict[tuple[str, int], bytes] = {}
        for name, uids in moves.unread.items():
            if not self.ends.are_usable:
                break
            with suppress(SwitchoverError):
                await open_folder(self.ends.source, self.seen[name].job.folder.raw, to_write=False)
                read = await read_digests(self.ends.source, uids, self.store.form)
                digests |= {(name, uid): digest for uid, digest in read.items()}
        return [
            one._replace(digest=digests.get((one.folder, one.source_uid), b""))
            for one in self.arrived
        ]

    async def _read_copies(self, moves: Moves) -> list[Departed]:
        """Return the mails that are gone, with digests of their copies where the ledger has none."""
        digests: dict[tuple[str, int], bytes] = {}
        for name, uids in moves.unread_copies.items():
            folder = self.seen[name].rows.folder
            if not self.ends.are_usable:
                break
            with suppress(SwitchoverError):
                opened = await open_folder(self.ends.target, folder.target_name, to_write=False)
                if opened.uid_validity == folder.target_uid_validity:
                    read = await read_digests(self.ends.target, uids, self.store.form)
                    digests |= {(name, uid): digest for uid, digest in read.items()}
        return [
            one._replace(digest=one.digest or digests.get((one.folder, one.target_uid), b""))
            for one in self.departed
        ]

    async def _move(self, action: MoveOnTarget) -> None:
        target, receives = self.ends.target, self.seen[action.to_folder]
        gives = self.seen[action.from_folder]
        name = receives.rows.folder.target_name
        opened = await open_folder(target, gives.rows.folder.target_name, to_write=True)
        told = (await ask_statuses(target, [name])).get(name)
        is_same = opened.uid_validity == gives.rows.folder.target_uid_validity
        if not is_same or told is None or not told.uid_next or not told.uid_validity:
            return
        known = receives.rows.folder.target_uid_validity
        if known not in {0, told.uid_validity} or (told.messages and not known):
            return  # what others put there is looked at first, when the folder is copied
        self.store.save_validity(
            receives.rows, receives.look.opened.uid_validity, told.uid_validity
        )
        # The ledger knows the folder from now on, so nothing may take it for one that nobody copied.
        receives.job.known = receives.rows.folder
        by_copy = {one.departed.target_uid: one for one in action.mails}
        # Without MOVE the copy that stays behind is deleted when its folder is copied.
        is_move = not action.is_copy and "MOVE" in target.conversation.capabilities
        build = message_commands.uid_move if is_move else message_commands.uid_copy
        chunks = message_commands.in_chunks(
            lambda text: build(text, name),
            sorted(by_copy),
            line_octets=target.conversation.profile.line_octets,
        )
        uids = sorted(by_copy)
        for chunk in chunks:
            mails = [by_copy[uid] for uid in uids[chunk.start : chunk.stop]]
            number = self.store.write(receives.rows, self._intent(mails, told.uid_next))
            await self.store.durable()
            try:
                request = await target.run(chunk.command)
            except CommandRefused:
                return  # MOVE may have done a part of it: found when the folder is copied
            pairs = _pairs(request, told.uid_validity, {one.departed.target_uid for one in mails})
            if pairs is None:
                return
            self._record(
                receives,
                gives,
                [(by_copy[old], new) for old, new in pairs],
                number,
                is_move=is_move,
            )

    def _record(
        self,
        receives: _Seen,
        gives: _Seen,
        pairs: Sequence[tuple[Moved, int]],
        number: int,
        *,
        is_move: bool,
    ) -> None:
        if pairs:
            ordered = sorted(pairs, key=lambda one: one[0].arrived.source_uid)
            packed = pack_mails([self._mail(one) for one, _ in ordered])
            targets = pack_uids([uid for _, uid in ordered])
            self.store.write(receives.rows, Row(RowKind.STORED, packed, targets))
            if is_move:
                gone = [one.departed.source_uid for one, _ in pairs]
                self.store.write(gives.rows, removed(gone))
        self.store.finish(receives.rows, [number])
        receives.job.result.moved += len(pairs)

    def _intent(self, mails: Iterable[Moved], floor: int) -> Row:
        ordered = sorted(mails, key=lambda one: one.arrived.source_uid)
        packed = pack_mails([self._mail(one)._replace(digest=b"") for one in ordered])
        return Row(RowKind.INTENDED, packed, floor=floor)

    def _mail(self, moved: Moved) -> LedgerMail:
        """Return what the ledger keeps: the flags are those that the copy has, until they are written."""
        new, old = moved.arrived, moved.departed
        zone = self.zones[new.folder, new.source_uid]
        return LedgerMail(new.source_uid, new.size, new.epoch_seconds, zone, old.flags, old.digest)


def _pairs(
    request: Request, uid_validity: int, asked: Collection[int]
) -> list[tuple[int, int]] | None:
    """Return old and new UIDs of what was copied or moved, None where the server does not tell.

    COPY tells in its answer, MOVE in an untagged OK before it (RFC 6851 section 4.3). Both may do without
    where none of the mails was there any more. None, too, where it names mails beyond those ``asked``.
    """
    statuses = [one for one in request.responses if isinstance(one, Status)]
    if request.answer is not None:
        statuses.append(request.answer)
    codes = [one.code for one in statuses if isinstance(one.code, CopyUid)]
    if any(code.uid_validity != uid_validity for code in codes):
        return None
    # Counted before they are spelled out: "1:4294967295" would fill the memory.
    if sum(code.source.count for code in codes) > len(asked):
        return None
    pairs = [pair for code in codes for pair in code.pairs()]
    return pairs if pairs and all(old in asked for old, _ in pairs) else None
