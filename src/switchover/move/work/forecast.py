"""What a run would do, found out without writing anything on either server."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from switchover.errors import SwitchoverError
from switchover.move.sync_action import Append, Delete, LeaveOut, RecordFlags
from switchover.move.sync_plan import Deletions, Listing, compare, plan_folder
from switchover.move.work.ledger_store import LedgerStore
from switchover.move.work.mailbox import list_mails, open_folder

if TYPE_CHECKING:
    from switchover.move.queries import CopyFolder
    from switchover.move.sync_plan import Rules
    from switchover.move.work.mailbox import Mails, Opened
    from switchover.store.pool import Database
    from switchover.wire.imap.internal_date import InternalDate
    from switchover.wire.imap.shell import Connection


@dataclass(slots=True, kw_only=True)
class Forecast:
    """What would be done with one folder; ``problem`` is why that can not be told."""

    name: str
    mails: int = 0
    octets: int = 0
    reflagged: int = 0
    deleted: int = 0
    skips: Counter[str] = field(default_factory=Counter)
    problem: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecaster:
    """Looks into folders over a connection on each side, both only to read."""

    source: Connection
    target: Connection
    database: Database
    rules: Rules

    async def look(self, name: str, folder: CopyFolder, *, is_new: bool) -> Forecast:
        """Return what would be done with a folder; ``is_new`` when the target has none of its name yet."""
        found = Forecast(name=name)
        try:
            await self._look(found, folder, is_new=is_new)
        except SwitchoverError as error:
            found.problem = str(error)
        return found

    async def _look(self, found: Forecast, folder: CopyFolder, *, is_new: bool) -> None:
        there = await open_folder(self.source, folder.source_name, to_write=False)
        mails = await list_mails(self.source, there)
        ledger = (await LedgerStore(database=self.database, pair_id=0).load(folder)).ledger
        if self.rules.retries_skipped:
            ledger.skipped.clear()
        target = await self._target(folder) if not is_new else None
        changes = compare(_listing(there, mails), ledger, target)
        sizes = dict(zip(mails.uids, mails.sizes, strict=True))
        dates = {uid: date.epoch_seconds for uid, date in _dates(mails)}
        left = self.rules.selection.leave_out(
            (uid, dates.get(uid, 0), sizes.get(uid, 0)) for uid in changes.new
        )
        found.skips.update(why.value for why in left.values())
        again: set[int] = set()
        for action in plan_folder(changes, ledger, self.rules, sizes=sizes, target=target):
            match action:
                case Append():
                    sent = [uid for uid in action.source_uids if uid not in left]
                    again |= ledger.skipped.keys() & set(sent)
                    found.mails += len(sent)
                    found.octets += sum(sizes.get(uid, 0) for uid in sent)
                case LeaveOut():
                    found.skips.update(skip.reason.value for skip in action.skips.values())
                case RecordFlags():
                    found.reflagged += len(action.changes)
                case Delete():
                    found.deleted += len(action.target_uids)
                case _:
                    pass
        # Those put off are copied now, and those that the source has no more are not missed.
        found.skips.update(
            skip.reason.value
            for uid, skip in ledger.skipped.items()
            if uid in sizes and uid not in again
        )

    async def _target(self, folder: CopyFolder) -> Listing | None:
        """Return what the target folder holds, where that decides what is deleted."""
        if self.rules.deletions is Deletions.NEVER:
            return None
        here = await open_folder(self.target, folder.target_name, to_write=False)
        mails = await list_mails(self.target, here)
        return _listing(here, mails)


def _dates(mails: Mails) -> zip[tuple[int, InternalDate]]:
    return zip(mails.uids, mails.dates, strict=True)


def _listing(opened: Opened, mails: Mails) -> Listing:
    return Listing(
        uid_validity=opened.uid_validity,
        uids=mails.uids,
        flags=mails.flags,
    )
