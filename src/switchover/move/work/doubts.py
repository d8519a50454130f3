"""Mails of which nobody knows whether they arrived, and UIDs that mean other mails now: found out by looking.

An intent of an earlier run names mails that may lie on the target, at or above the UIDNEXT that it holds
(research D.3). A UIDVALIDITY that changed leaves the whole ledger of a folder in such a state.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import TYPE_CHECKING

from switchover import clock
from switchover.errors import Unavailable
from switchover.move.beliefs import trust_of
from switchover.move.flags import PermanentFlags, spelled, storable
from switchover.move.kept_dates import mend_dates
from switchover.move.ledger import NO_UID, KnownMail, replay
from switchover.move.pairing import pair
from switchover.move.reconcile import (
    Copy,
    Found,
    Reconciled,
    Sent,
    Written,
    reconcile,
    surplus_copies,
)
from switchover.move.segment import (
    LedgerMail,
    Row,
    RowKind,
    Segment,
    Skip,
    SkipReason,
    pack_mails,
    pack_uids,
    skipped,
    vanished,
)
from switchover.move.work.mailbox import Mails, list_mails, open_folder
from switchover.move.work.reading import (
    read_digests,
    read_unbroken,
    settle_by_reading,
)

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
    from typing import TypeAlias

    from switchover.move.canonical import Form
    from switchover.move.date_loss import DateLoss
    from switchover.move.flags import FlagSet
    from switchover.move.ledger import FolderLedger
    from switchover.move.reconcile import Trust
    from switchover.move.work.ledger_store import FolderRows, LedgerStore
    from switchover.move.work.mailbox import Opened
    from switchover.wire.imap.shell import Connection

    _Reading: TypeAlias = Callable[[Sequence[int]], Awaitable[dict[int, bytes]]]

LATE_SECONDS = 0.3
"""How long a session that was cut off may still be storing what it got."""


@dataclass(slots=True, kw_only=True)
class Doubts:
    """Settles what is in doubt in one folder, which both connections have open."""

    source: Connection
    target: Connection
    store: LedgerStore
    rows: FolderRows
    here: Opened
    form: Form
    is_in_use: bool
    source_uids_hold: bool = True
    """The source still means the same mails by its UIDs."""
    breaks: dict[int, int] = field(default_factory=dict)
    """How often the source's connection broke in the middle of a mail, by UID."""
    copy_breaks: dict[int, int] = field(default_factory=dict)
    """The same of the target's."""
    _surplus: set[int] = field(default_factory=set)
    _is_shared_in_doubt: bool = False
    """Another folder is copied into the same one, and of some of its mails nobody knows whether they arrived."""
    _late_floor: int = 0
    """From where on a copy may still come that was given up, 0 when none can."""

    async def settle(self, sent: Mapping[int, bytes] = MappingProxyType({})) -> int:
        """Find out what became of the intended mails; return how many of them are on the target.

        ``sent`` are digests by source UID, of mails that went out in this run.
        """
        doubtful, floor = self._doubtful()
        doubtful = [one._replace(digest=sent.get(one.source_uid, b"")) for one in doubtful]
        numbers = self._intents()
        if not doubtful:
            self.store.finish(self.rows, numbers)
            return 0
        answer = await self._look(doubtful, floor)
        if len(answer.stored) < len(doubtful):
            await asyncio.sleep(LATE_SECONDS)
            answer = await self._look(doubtful, floor)
        self._surplus |= set() if self._is_shared_in_doubt else set(answer.surplus)
        self._late_floor = floor if len(answer.stored) < len(doubtful) else 0
        for row in _stored([(doubtful[at], uid) for at, uid in answer.stored.items()]):
            self.store.write(self.rows, row)
        self.store.finish(self.rows, numbers)
        self.rows.ledger = replay(self.rows.rows)
        return len(answer.stored)

    async def late_copies(self) -> list[int]:
        """Return the copies of ours on the target that are there twice because a session stored late."""
        if self._late_floor:
            listed = await self._list_from(self._late_floor)
            ledger = replay(self.rows.rows)
            known = await self._known(ledger)
            unknown = {one.uid: one for one in listed if one.uid not in known}
            if unknown and not self._is_shared_in_doubt:
                self._surplus |= await self._surplus_of(unknown, ledger)
        return sorted(self._surplus)

    async def _surplus_of(self, unknown: Mapping[int, Found], ledger: FolderLedger) -> set[int]:
        digests = await read_digests(self.target, unknown, self.form)
        written = [
            Written(mail.digest, mail.epoch_seconds, self._kept(mail.flags))
            for mail, _ in (*ledger.known(), *ledger.known_vanished())
        ]
        copies = [
            Copy(uid, digest, unknown[uid].epoch_seconds or 0, unknown[uid].flags)
            for uid, digest in digests.items()
        ]
        loss = await self._date_loss()
        found = surplus_copies(
            written, copies, floor=self._late_floor, is_switched=False, loss=loss
        )
        return set(found)

    def _kept(self, flags: FlagSet) -> FlagSet:
        """Return what the target folder keeps of flags that we sent."""
        raw, profile = self.here.permanent_flags, self.target.conversation.profile
        permanent = None if raw is None else PermanentFlags.read(raw)
        kept = storable(flags, permanent)
        return tuple(one for one in kept if profile.takes_keyword(spelled(one)))

    async def _known(self, ledger: FolderLedger) -> set[int]:
        """Return the target UIDs that some ledger names: ours, or that of a folder copied into the same one."""
        others = await self.store.load_sharing(self.rows, self.here.uid_validity)
        self._is_shared_in_doubt = any(one.open_rows for one in others)
        return {
            uid for one in (ledger, *others) for uid in (*one.target_uids, *one.vanished.values())
        }

    async def _date_loss(self) -> DateLoss:
        from switchover.move.date_loss import date_loss_of  # noqa: PLC0415 - start-up time

        return date_loss_of(
            self.target.conversation.profile,
            now=int(clock.now().timestamp()),
            begun=await self.store.find_begin(),
        )

    async def _list_from(self, floor: int) -> list[Found]:
        await self._open_again()
        places = b"%d:*" % max(1, floor)
        mails = await list_mails(self.target, self.here, places)
        return _found(mails, floor)

    async def _open_again(self) -> None:
        """Open the target folder anew: what another session stored is not shown in the middle of ours."""
        here = await open_folder(self.target, self.rows.folder.target_name, to_write=True)
        if here.uid_validity != self.here.uid_validity:
            raise Unavailable(
                f"{self.target.target.host} has made a folder anew while it was copied"
            )
        self.here = here

    async def pair_target(self, *, is_lost_for_good: bool) -> int:
        """Find the copies again after the target gave new UIDs; return how many were found.

        What is in doubt is looked for with them. A copy that is not there any more is forgotten, so that
        it is sent again, or noted as deleted there if ``is_lost_for_good``.
        """
        ledger = self.rows.ledger
        gone, doubtful = ledger.known_vanished(), self._doubtful()[0]
        known = [*ledger.known(), *gone, *(KnownMail(mail, 0) for mail in doubtful)]
        mails = [one.mail for one in known]
        in_doubt = set(range(len(mails) - len(doubtful), len(mails)))

        async def read_originals(places: Sequence[int]) -> dict[int, bytes]:
            return await self._read_source(places, mails)

        async def look() -> Reconciled:
            taken = await self._known(replay([]))
            listed = _found(await list_mails(self.target, self.here))
            free = [one for one in listed if one.uid not in taken]
            return await self._pair(mails, free, self.target, read_originals)

        answer = await look()
        if in_doubt - answer.stored.keys():
            await asyncio.sleep(LATE_SECONDS)
            await self._open_again()
            answer = await look()
            if in_doubt - answer.stored.keys():
                self._late_floor = self.here.uid_next
        found = [(mails[at], uid) for at, uid in answer.stored.items()]
        lost = [mail.source_uid for at, mail in enumerate(mails) if at not in answer.stored]
        rows = _stored(found)
        there = {mail.source_uid for mail, _ in found}
        left = {one.mail.source_uid for one in gone}
        if left & there:
            rows.append(vanished(left & there))
        # A folder made anew may take what the former one refused.
        skips = {
            uid: skip
            for uid, skip in ledger.skipped.items()
            if skip.reason is not SkipReason.REFUSED
        }
        if is_lost_for_good:
            missing = Skip(SkipReason.DELETED_THERE)
            skips |= dict.fromkeys(set(lost) & set(ledger.source_uids), missing)
        if skips:
            rows.append(skipped(skips))
        self.store.replace_all(self.rows, rows)
        return len(found)

    async def pair_source(self, listed: Mails) -> int:
        """Find the mails again after the source gave new UIDs; return how many were found.

        A mail that the source has no more keeps its copy, under a name that no UID has. What was skipped
        is forgotten: nothing but its old UID is known of it.
        """
        ledger = self.rows.ledger
        known = [*ledger.known(), *ledger.known_vanished()]
        mails = [one.mail for one in known]

        async def read_copies(places: Sequence[int]) -> dict[int, bytes]:
            copies = {known[at].target_uid: at for at in places}
            digests = await read_digests(self.target, copies, self.form)
            return {copies[uid]: digest for uid, digest in digests.items()}

        # The ledger has the dates with which the copies were sent.
        sent_with, _ = mend_dates(listed.uids, listed.seconds, self.target.conversation.profile)
        listed = replace(listed, seconds=sent_with)
        answer = await self._pair(mails, _found(listed), self.source, read_copies)
        first = max([NO_UID, *(mail.source_uid for mail in mails)]) + 1
        names = {at: answer.stored.get(at, first + at) for at in range(len(mails))}
        again = [
            (one.mail._replace(source_uid=names[at]), one.target_uid)
            for at, one in enumerate(known)
        ]
        rows = _stored(again)
        left = [names[at] for at in names if at not in answer.stored]
        if left:
            rows.append(vanished(left))
        self.store.replace_all(self.rows, rows)
        return len(answer.stored)

    def _intents(self) -> list[int]:
        return [self.rows.numbers[at] for at in self.rows.ledger.open_rows]

    def _doubtful(self) -> tuple[list[LedgerMail], int]:
        """Return the mails that only intents name, in the order of sending, and the lowest floor."""
        ledger, seen = self.rows.ledger, set[int]()
        mails, floors = [], []
        for at in ledger.open_rows:
            row = self.rows.rows[at]
            for mail in Segment(row.packed).mails():
                if mail.source_uid not in seen and not ledger.knows(mail.source_uid):
                    seen.add(mail.source_uid)
                    mails.append(mail)
                    floors.append(row.floor)
        return mails, min(floors, default=0)

    async def _look(self, doubtful: Sequence[LedgerMail], floor: int) -> Reconciled:
        listed = await self._list_from(floor)
        known = await self._known(self.rows.ledger)
        trust = self._trust(self.target)

        async def read_sent(places: Sequence[int]) -> dict[int, bytes]:
            return await self._read_source(places, doubtful)

        trust = self._trust(self.target)
        if not trust.is_alone:
            trust = replace(trust, loss=await self._date_loss())
        return await settle_by_reading(
            lambda sent, found, gone: reconcile(sent, found, trust=trust, known=known, gone=gone),
            _sent(doubtful),
            listed,
            read_found=lambda uids: read_digests(self.target, uids, self.form),
            read_sent=read_sent,
        )

    def _trust(self, connection: Connection) -> Trust:
        return trust_of(connection.conversation.profile, is_alone=not self.is_in_use)

    async def _read_source(
        self, places: Sequence[int], mails: Sequence[LedgerMail]
    ) -> dict[int, bytes]:
        """Return the digests of mails by their place, as far as the source still has them."""
        if not self.source_uids_hold:
            return {}
        wanted = [at for at in places if mails[at].source_uid < NO_UID]
        uids = {mails[at].source_uid: at for at in wanted}
        digests = await read_unbroken(self.source, uids, self.form, self.breaks)
        return {uids[uid]: digest for uid, digest in digests.items()}

    async def _pair(
        self,
        mails: Sequence[LedgerMail],
        listed: Sequence[Found],
        side: Connection,
        read_sent: _Reading,
    ) -> Reconciled:
        trust = self._trust(side)
        breaks = self.breaks if side is self.source else self.copy_breaks
        return await settle_by_reading(
            lambda sent, found, gone: pair(sent, found, trust=trust, gone=gone),
            _sent(mails),
            listed,
            read_found=lambda uids: read_unbroken(side, uids, self.form, breaks),
            read_sent=read_sent,
        )


def _sent(mails: Iterable[LedgerMail]) -> list[Sent]:
    return [Sent(one.size, one.epoch_seconds, one.digest, one.flags) for one in mails]


def _found(listed: Mails, floor: int = 0) -> list[Found]:
    # "9:*" names the last mail even when its UID is lower (RFC 9051 section 9, seq-range).
    return [
        Found(uid, size, date.epoch_seconds, flags=flags)
        for uid, size, date, flags in zip(
            listed.uids, listed.sizes, listed.dates, listed.flags, strict=True
        )
        if uid >= floor
    ]


def _stored(pairs: Iterable[tuple[LedgerMail, int]]) -> list[Row]:
    """Return rows of mails with their target UIDs, those with and without digests apart."""
    ordered = sorted(pairs, key=lambda one: one[0].source_uid)
    parts = (
        [one for one in ordered if one[0].digest],
        [one for one in ordered if not one[0].digest],
    )
    return [
        Row(
            RowKind.STORED,
            pack_mails([mail for mail, _ in part]),
            pack_uids([uid for _, uid in part]),
        )
        for part in parts
        if part
    ]
