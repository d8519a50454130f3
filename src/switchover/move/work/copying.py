"""A whole mailbox: both inventories, the mapping of folders, then every folder that changed, some at a time."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from switchover.errors import Conflict, Refused, SwitchoverError
from switchover.move.canonical import Form
from switchover.move.folder_name import TargetFacts, TargetFolder
from switchover.move.folder_plan import Choice, FolderPlan, SourceFolder, plan_folders
from switchover.move.likeness import Mark, look_like_one
from switchover.move.pacing import Pacer
from switchover.move.queries import CopyFolder
from switchover.move.sync_plan import Deletions, Rules
from switchover.move.tally import Phase, Tally
from switchover.move.work.folder import FolderCopy, FolderResult
from switchover.move.work.forecast import Forecast, Forecaster
from switchover.move.work.ledger_store import LedgerStore
from switchover.move.work.mailbox import list_folders, open_mailbox
from switchover.move.work.skipped import list_skipped
from switchover.store.borrowed import borrow_database, hold_alone
from switchover.wire.imap import commands
from switchover.wire.imap.mailbox_name import NameEncoding, encode

if TYPE_CHECKING:
    from switchover.move.work.mailbox import Account, Folder, Inventory
    from switchover.move.work.skipped import SkippedMail
    from switchover.settings import Settings
    from switchover.store.pool import Database
    from switchover.wire.imap.shell import Connection

LANES = 2
"""Folders copied at a time, each over connections of its own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CopyOrder:
    """What to copy; the keys name the two mailboxes in the ledger.

    ``is_two_mailboxes`` is the user's word that both are not one, however alike they look.
    """

    source: Account
    target: Account
    source_key: str
    target_key: str
    choice: Choice = field(default_factory=Choice)
    rules: Rules = field(default_factory=Rules)
    form: Form = Form.EXACT
    lanes: int = LANES
    pacer: Pacer = field(default_factory=Pacer)
    is_two_mailboxes: bool = False


@dataclass(slots=True, kw_only=True)
class CopyReport:
    """What was done. ``failures`` are folders that could not be finished, each with its sentence.

    ``refused`` are those of them that another run will not finish either. ``skipped`` are all mails that stay
    behind, whenever that was found. ``forecasts`` are what a dry run found out instead.
    """

    plan: FolderPlan
    folders: list[FolderResult] = field(default_factory=list)
    unchanged: int = 0
    created: list[str] = field(default_factory=list)
    failures: dict[str, str] = field(default_factory=dict)
    refused: set[str] = field(default_factory=set)
    skipped: list[SkippedMail] = field(default_factory=list)
    forecasts: list[Forecast] = field(default_factory=list)

    @property
    def is_complete(self) -> bool:
        """True when nothing is left to do."""
        return not (self.failures or self.plan.problems or self.skipped)


async def copy_alone(
    settings: Settings,
    order: CopyOrder,
    *,
    tally: Tally | None = None,
    dry_run: bool = False,
) -> CopyReport:
    """Copy as ``copy_mailbox`` does, with the database of a data directory; nothing else need run."""
    async with borrow_database(settings) as database:
        with hold_alone(settings, f"copying {order.source_key} to {order.target_key}"):
            return await copy_mailbox(database, order, tally=tally, dry_run=dry_run)


async def copy_mailbox(
    database: Database,
    order: CopyOrder,
    *,
    tally: Tally | None = None,
    dry_run: bool = False,
) -> CopyReport:
    """Copy what is not copied yet and return what was done; ``tally`` counts along.

    Raises Conflict when both are one mailbox. A folder that fails does not keep the others from being
    copied; a sign-in that fails ends it all.
    """
    if order.source_key == order.target_key:
        raise Conflict(f"source and target are the same mailbox: {order.source_key}")
    tally = tally or Tally()
    source, target = await asyncio.gather(open_mailbox(order.source), open_mailbox(order.target))
    tally.phase = Phase.LISTING
    try:
        there, here = await asyncio.gather(list_folders(source), list_folders(target))
        plan = plan_folders(
            [_source_folder(one) for one in there.folders],
            _facts(here, target),
            source_prefix=there.prefix,
            choice=order.choice,
        )
        report = CopyReport(plan=plan)
        store = await LedgerStore.open(database, order.source_key, order.target_key)
        async with store:
            await _require_two(store, order, there, here)
            if dry_run:
                forecaster = Forecaster(
                    source=source, target=target, store=store, rules=order.rules
                )
                report.forecasts = await _forecast(forecaster, plan, there)
                return report
            await _prepare(target, plan, report)
            work = _Work(order=order, store=store, report=report, tally=tally)
            known = await work.run(source, target, there)
            tally.phase = Phase.FINISHING
            report.skipped = await list_skipped(store, known, order.source)
        return report
    finally:
        await asyncio.gather(source.close(), target.close())


async def _require_two(
    store: LedgerStore, order: CopyOrder, there: Inventory, here: Inventory
) -> None:
    """Raise Conflict when both sides look like one mailbox that nothing was copied between before."""
    if order.is_two_mailboxes or not look_like_one(_marks(there), _marks(here)):
        return
    known = await store.add_folders([])
    if not any(folder.target_uid_validity for folder in known.values()):
        raise Conflict(
            f"{order.source.target.host} and {order.target.target.host} seem to be one server by two names: "
            "all folders of both mailboxes are the same; nothing was written. If they are two (a replica "
            "that keeps UIDs), say --not-same-mailbox"
        )


def _marks(inventory: Inventory) -> list[Mark]:
    return [
        Mark(
            one.name,
            one.status.uid_validity or 0,
            one.status.uid_next or 0,
            one.status.messages or 0,
        )
        for one in inventory.folders
        if one.status is not None
    ]


async def _forecast(forecaster: Forecaster, plan: FolderPlan, there: Inventory) -> list[Forecast]:
    known = await forecaster.store.add_folders([])
    raw = {folder.name: folder.raw for folder in there.folders}
    found = []
    for one in plan.mappings:
        folder = known.get(raw[one.source]) or CopyFolder(
            id=0,
            source_name=raw[one.source],
            target_name=encode(one.target, NameEncoding.MODIFIED_UTF7),
        )
        found.append(await forecaster.look(one.source, folder, is_new=one.is_new))
    return found


@dataclass(slots=True, kw_only=True)
class _Work:
    order: CopyOrder
    store: LedgerStore
    report: CopyReport
    tally: Tally

    async def run(
        self, source: Connection, target: Connection, there: Inventory
    ) -> dict[str, CopyFolder]:
        """Copy all folders and return what is known of each, by name."""
        by_name = {folder.name: folder for folder in there.folders}
        pairs = [
            (by_name[one.source], encode(one.target, NameEncoding.MODIFIED_UTF7))
            for one in self.report.plan.mappings
        ]
        known = await self.store.add_folders([(folder.raw, raw) for folder, raw in pairs])
        # Deleting looks into every folder: copies may be left of mails that went long ago.
        rules = self.order.rules
        looks_everywhere = rules.deletions is not Deletions.NEVER or rules.retries_skipped
        changed = [
            folder
            for folder, _ in pairs
            if looks_everywhere or not _is_unchanged(folder, known[folder.raw])
        ]
        self.report.unchanged = len(pairs) - len(changed)
        # The largest first, so that no lane is left with it at the end.
        changed.sort(key=lambda one: one.status.messages or 0 if one.status else 0)
        for folder in changed:
            self.tally.expect(folder.name, folder.status.messages or 0 if folder.status else 0)
        self.tally.phase = Phase.COPYING
        lanes = max(1, min(self.order.lanes, len(changed)))
        async with asyncio.TaskGroup() as group:
            group.create_task(self._lane(source, target, changed, known))
            for _ in range(lanes - 1):
                group.create_task(self._own_lane(changed, known))
        return {folder.name: known[folder.raw] for folder, _ in pairs}

    async def _own_lane(self, waiting: list[Folder], known: dict[bytes, CopyFolder]) -> None:
        source, target = await asyncio.gather(
            open_mailbox(self.order.source), open_mailbox(self.order.target)
        )
        try:
            await self._lane(source, target, waiting, known)
        finally:
            await asyncio.gather(source.close(), target.close())

    async def _lane(
        self,
        source: Connection,
        target: Connection,
        waiting: list[Folder],
        known: dict[bytes, CopyFolder],
    ) -> None:
        while waiting:
            folder = waiting.pop()
            result = FolderResult(name=folder.name)
            self.report.folders.append(result)
            try:
                copy = FolderCopy(
                    source=source,
                    target=target,
                    store=self.store,
                    folder=folder,
                    rows=await self.store.load(known[folder.raw]),
                    rules=self.order.rules,
                    form=self.order.form,
                    tally=self.tally,
                    pacer=self.order.pacer,
                    result=result,
                )
                await copy.run()
            except SwitchoverError as error:
                self.report.failures[folder.name] = str(error)
                if isinstance(error, Refused):
                    self.report.refused.add(folder.name)
                if not (source.conversation.is_idle and target.conversation.is_idle):
                    return  # the lane's connections are of no use any more; others go on
            finally:
                self.tally.end(folder.name)


async def _prepare(target: Connection, plan: FolderPlan, report: CopyReport) -> None:
    """Create what is missing and subscribe as the source is."""
    batch = []
    for one in plan.mappings:
        raw = encode(one.target, NameEncoding.MODIFIED_UTF7)
        if one.is_new:
            uses = [one.create_use] if one.create_use else []
            batch.append(commands.create(raw, uses))
            report.created.append(one.target)
        if one.needs_subscription:
            batch.append(commands.subscribe(raw))
    batch += [
        commands.subscribe(encode(name, NameEncoding.MODIFIED_UTF7)) for name in plan.subscriptions
    ]
    for request in await target.run_all(batch):
        target.require(request)


def _is_unchanged(folder: Folder, known: CopyFolder) -> bool:
    """Return whether the source says that nothing happened since the folder was complete.

    Only where HIGHESTMODSEQ tells (RFC 7162): without it flags change unseen.
    """
    status = folder.status
    return (
        status is not None
        and bool(status.highest_modseq)
        and status.highest_modseq == known.source_mod_seq
        and status.uid_validity == known.source_uid_validity
        and status.uid_next == known.source_uid_next
        and status.messages == known.source_messages
    )


def _source_folder(folder: Folder) -> SourceFolder:
    return SourceFolder(
        name=folder.name,
        separator=folder.separator,
        is_selectable=folder.is_selectable,
        is_subscribed=folder.is_subscribed,
        special_use=folder.special_use,
    )


def _facts(inventory: Inventory, target: Connection) -> TargetFacts:
    return TargetFacts(
        separator=inventory.separator,
        prefix=inventory.prefix,
        folders=tuple(
            TargetFolder(
                name=one.name,
                is_selectable=one.is_selectable,
                is_subscribed=one.is_subscribed,
                special_use=one.special_use,
            )
            for one in inventory.folders
        ),
        creates_special_use="CREATE-SPECIAL-USE" in target.conversation.capabilities,
    )
