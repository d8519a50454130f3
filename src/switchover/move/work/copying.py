"""A whole mailbox: both inventories, the mapping of folders, then every folder that changed, some at a time."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from switchover import clock
from switchover.errors import Conflict, SwitchoverError
from switchover.move import queries
from switchover.move.beliefs import form_of
from switchover.move.folder_plan import Choice, plan_folders
from switchover.move.pacing import Pacer
from switchover.move.probes.profile_store import knowing
from switchover.move.queries import CopyFolder
from switchover.move.standing import Standing, State, do_terms_hold, is_as_left, standing, terms_of
from switchover.move.sync_plan import Deletions, Rules
from switchover.move.tally import Phase, Tally
from switchover.move.work.both import both
from switchover.move.work.copied_before import load_known
from switchover.move.work.extras import copy_extras
from switchover.move.work.folder import FolderResult
from switchover.move.work.folder_facts import source_folder, target_facts
from switchover.move.work.forecast import Forecaster
from switchover.move.work.inventory import ask_statuses, state_of, take_inventory
from switchover.move.work.lanes import Ends, Job, Lanes
from switchover.move.work.ledger_store import LedgerStore
from switchover.move.work.mailbox import sign_in
from switchover.move.work.moving import move_within_target
from switchover.move.work.preparing import prepare_target
from switchover.move.work.report import CopyReport
from switchover.move.work.skipped import list_skipped
from switchover.move.work.survey import fingerprints
from switchover.move.work.two_mailboxes import require_two
from switchover.store.borrowed import borrow_database, hold_alone
from switchover.wire.imap import commands
from switchover.wire.imap.errors import ConnectionLost
from switchover.wire.imap.mailbox_name import NameEncoding, encode

if TYPE_CHECKING:
    from collections.abc import Awaitable, Mapping, Sequence

    from switchover.move.folder_plan import FolderMapping
    from switchover.move.work.inventory import Folder, Inventory
    from switchover.move.work.mailbox import Account
    from switchover.settings import Settings
    from switchover.store.pool import Database
    from switchover.wire.imap.responses import MailboxStatus
    from switchover.wire.imap.shell import Connection

__all__ = ["LANES", "CopyOrder", "CopyReport", "copy_alone", "copy_mailbox"]
LANES = 8
"""Folders copied at a time at most, each over connections of its own."""
_LEFT_FREE = 2
"""Connections of an account that stay for its user's own clients."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CopyOrder:
    """What to copy; the keys name the two mailboxes in the ledger. ``lanes`` is the limit.

    ``is_two_mailboxes`` is the user's word that both are not one, however alike they look.
    """

    source: Account
    target: Account
    source_key: str
    target_key: str
    choice: Choice = field(default_factory=Choice)
    rules: Rules = field(default_factory=Rules)
    lanes: int = LANES
    pacer: Pacer = field(default_factory=Pacer)
    is_two_mailboxes: bool = False
    with_acl: bool = False
    with_metadata: bool = False


async def copy_alone(
    settings: Settings,
    order: CopyOrder,
    *,
    tally: Tally | None = None,
    dry_run: bool = False,
) -> CopyReport:
    """Copy as ``copy_mailbox`` does, with the database of a data directory; nothing else need run."""
    order = replace(
        order,
        source=knowing(order.source, settings.data_dir),
        target=knowing(order.target, settings.data_dir),
    )
    async with AsyncExitStack() as stack:
        # The database starts while both servers are asked who they are.
        opening = asyncio.create_task(_open(stack, settings, order))
        try:
            return await _copy_mailbox(opening, order, tally or Tally(), dry_run=dry_run)
        finally:
            await asyncio.gather(opening, return_exceptions=True)


async def _open(stack: AsyncExitStack, settings: Settings, order: CopyOrder) -> Database:
    database = await stack.enter_async_context(borrow_database(settings))
    stack.enter_context(hold_alone(settings, f"copying {order.source_key} to {order.target_key}"))
    return database


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
    opening: asyncio.Future[Database] = asyncio.get_running_loop().create_future()
    opening.set_result(database)
    return await _copy_mailbox(opening, order, tally or Tally(), dry_run=dry_run)


async def _copy_mailbox(
    opening: Awaitable[Database], order: CopyOrder, tally: Tally, *, dry_run: bool
) -> CopyReport:
    if order.source_key == order.target_key:
        raise Conflict(f"source and target are the same mailbox: {order.source_key}")
    begun = clock.monotonic()
    tally.phase = Phase.CONNECTING
    around = asyncio.ensure_future(_look_around(order))
    try:
        (ends, there, here), known = await both(around, load_known(opening, order))
    except BaseException:
        if around.done() and not around.cancelled() and around.exception() is None:
            await around.result()[0].close()
        raise
    work: _Work | None = None
    tally.phase = Phase.LISTING
    try:
        require_two(order, known.folders, there, here)
        plan = plan_folders(
            [source_folder(one) for one in there.folders],
            target_facts(here, ends.target),
            source_prefix=there.prefix,
            choice=order.choice,
        )
        report = CopyReport(plan=plan, connections=2)
        work = _Work(
            database=known.database, order=order, report=report, tally=tally, ends=ends,
            there=there, here=here, known=known.folders,
        )  # fmt: skip
        if dry_run:
            await work.rehearse()
        else:
            await work.run()
            tally.phase = Phase.FINISHING
            skipping = known.skipping | {one.name for one in report.folders if one.skips}
            stay = {name: one for name, one in work.folders().items() if name in skipping}
            report.skipped = await list_skipped(known.database, stay, order.source)
        report.seconds = clock.monotonic() - begun
        return report
    finally:
        await (work.ends if work else ends).close()


async def _look_around(order: CopyOrder) -> tuple[Ends, Inventory, Inventory]:
    """Sign in on both sides and take both inventories, at once."""
    sides = await asyncio.gather(_enter(order.source), _enter(order.target), return_exceptions=True)
    good = [one for one in sides if not isinstance(one, BaseException)]
    for one in sides:
        if isinstance(one, BaseException):
            for connection, _ in good:
                await connection.close(politely=False)
            raise one
    (source, there), (target, here) = good
    return Ends(source=source, target=target), there, here


async def _enter(account: Account) -> tuple[Connection, Inventory]:
    connection = await sign_in(account)
    try:
        return connection, await take_inventory(connection)
    except BaseException:
        await connection.close(politely=False)
        raise


@dataclass(frozen=True, slots=True, kw_only=True)
class _Pair:
    """A folder with its place on the target."""

    folder: Folder
    mapping: FolderMapping
    target_raw: bytes
    target_status: MailboxStatus | None


@dataclass(slots=True, kw_only=True)
class _Work:
    database: Database
    order: CopyOrder
    report: CopyReport
    tally: Tally
    ends: Ends
    there: Inventory
    here: Inventory
    known: Mapping[bytes, CopyFolder]

    async def run(self) -> None:
        """Do everything that is to be done."""
        pairs = self._pairs()
        changed = await self._changed(pairs)
        self.report.unchanged = len(pairs) - len(changed)
        refused = await prepare_target(self.ends.target, self.report.plan, self.report)
        changed = [one for one in changed if one.mapping.target not in refused]
        if changed:
            await self._bring(pairs, changed)
        if self.order.with_acl or self.order.with_metadata:
            names = [
                (one.folder.raw, one.target_raw)
                for one in pairs
                if one.mapping.target not in refused
            ]
            await copy_extras(self.ends, self.order, names, self.report)

    async def _bring(self, pairs: Sequence[_Pair], changed: Sequence[_Pair]) -> None:
        store = await LedgerStore.open(
            self.database,
            self.order.source_key,
            self.order.target_key,
            form=form_of(
                *(one.conversation.profile for one in (self.ends.source, self.ends.target))
            ),
        )
        async with store:
            known = await store.add_folders([(one.folder.raw, one.target_raw) for one in pairs])
            self.known = known
            jobs = [self._job(one, known) for one in changed]
            with suppress(ConnectionLost):  # the lanes come back by themselves
                await move_within_target(self.ends, store, jobs, self.order.rules)
            await self._copy(store, jobs)
            await self._save_standings(jobs)

    async def rehearse(self) -> None:
        """Find out what ``run`` would do; nothing is written."""
        forecaster = Forecaster(
            source=self.ends.source, target=self.ends.target, database=self.database,
            rules=self.order.rules,
        )  # fmt: skip
        pairs = self._pairs()
        changed = await self._changed(pairs)
        self.report.unchanged = len(pairs) - len(changed)
        for one in changed:
            fresh = CopyFolder(id=0, source_name=one.folder.raw, target_name=one.target_raw)
            known = self.known.get(one.folder.raw, fresh)
            self.report.forecasts.append(
                await forecaster.look(one.folder.name, known, is_new=one.mapping.is_new)
            )

    def folders(self) -> dict[str, CopyFolder]:
        """Return what is known of the folders of the plan, by name."""
        chosen = {one.source for one in self.report.plan.mappings}
        return {
            one.name: self.known[one.raw]
            for one in self.there.folders
            if one.name in chosen and one.raw in self.known
        }

    def _pairs(self) -> list[_Pair]:
        by_name: dict[str, Folder] = {}
        for folder in self.there.folders:
            if by_name.setdefault(folder.name, folder) is not folder:
                self.report.failures[folder.name] = (
                    f"the source has two folders of this name ({by_name[folder.name].raw!r} and "
                    f"{folder.raw!r}); only the first is copied: rename one"
                )
        at_target = {folder.name: folder for folder in self.here.folders}
        pairs = []
        for mapping in self.report.plan.mappings:
            existing = at_target.get(mapping.target)
            try:
                raw = (
                    existing.raw if existing else encode(mapping.target, NameEncoding.MODIFIED_UTF7)
                )
            except SwitchoverError as error:
                self.report.failures[mapping.source] = str(error)
                continue
            pairs.append(
                _Pair(
                    folder=by_name[mapping.source],
                    mapping=mapping,
                    target_raw=raw,
                    target_status=existing.status if existing else None,
                )
            )
        return pairs

    async def _changed(self, pairs: list[_Pair]) -> list[_Pair]:
        """Return the folders that must be opened."""
        stands = [self._standing(one) for one in pairs]
        uncertain = [
            one.folder.raw
            for one, stand in zip(pairs, stands, strict=True)
            if stand is Standing.UNCERTAIN
        ]
        now = await fingerprints(self.ends.source, uncertain)
        same = {raw for raw in uncertain if now[raw] and now[raw] == self.known[raw].fingerprint}
        return [
            one
            for one, stand in zip(pairs, stands, strict=True)
            if stand is not Standing.UNCHANGED and one.folder.raw not in same
        ]

    def _standing(self, pair: _Pair) -> Standing:
        known = self.known.get(pair.folder.raw)
        is_new = known is None or pair.mapping.is_new or known.target_name != pair.target_raw
        if known is None or is_new or self.order.rules.retries_skipped:
            return Standing.CHANGED
        if not do_terms_hold(known.terms, terms_of(self.order.rules)):
            return Standing.CHANGED
        return standing(
            (
                state_of(pair.folder.status),
                State(
                    uid_validity=known.source_uid_validity,
                    uid_next=known.source_uid_next,
                    messages=known.source_messages,
                    mod_seq=known.source_mod_seq,
                ),
            ),
            (
                state_of(pair.target_status),
                State(
                    uid_validity=known.target_uid_validity,
                    uid_next=known.target_uid_next,
                    messages=known.target_messages,
                    mod_seq=known.target_mod_seq,
                ),
            ),
            deletions=self.order.rules.deletions,
            fingerprint=known.fingerprint,
        )

    def _job(self, pair: _Pair, known: Mapping[bytes, CopyFolder]) -> Job:
        row = known[pair.folder.raw]
        return Job(
            folder=pair.folder,
            known=row,
            # What was complete by other terms may have left mails out that nothing will tell of.
            is_whole=self.order.rules.retries_skipped
            or not do_terms_hold(
                row.terms, terms_of(replace(self.order.rules, deletions=Deletions.NEVER))
            ),
            result=FolderResult(name=pair.folder.name),
        )

    async def _copy(self, store: LedgerStore, jobs: list[Job]) -> None:
        lanes = Lanes(
            order=self.order,
            store=store,
            report=self.report,
            tally=self.tally,
            round_trip_seconds=max(self.there.round_trip_seconds, self.here.round_trip_seconds),
            most=self._most_lanes(),
        )
        try:
            await lanes.run(self.ends, jobs)
        except* SwitchoverError as errors:
            raise _first(errors) from None
        self.ends = lanes.kept or self.ends

    def _most_lanes(self) -> int:
        """Return how many lanes the limits allow."""
        profiles = [one.conversation.profile for one in (self.ends.source, self.ends.target)]
        allowed = min(one.connections for one in profiles) - _LEFT_FREE
        return max(1, min(self.order.lanes, allowed))

    async def _save_standings(self, jobs: list[Job]) -> None:
        """Note by which terms folders are complete, and how the target stands where that will be asked."""
        done = [one for one in jobs if one.folder.name not in self.report.failures]
        told: dict[bytes, MailboxStatus] = {}
        if self.order.rules.deletions is not Deletions.NEVER and self.ends.are_usable:
            target = self.ends.target
            if "UNSELECT" in target.conversation.capabilities:
                await target.run(commands.UNSELECT)
            told = await ask_statuses(target, [one.known.target_name for one in done])
        terms = terms_of(self.order.rules)
        rows = []
        for job in done:
            now = state_of(told.get(job.known.target_name))
            is_ours = now is not None and is_as_left(now, job.result.target_state)
            state = now if now is not None and is_ours else _NOT_TOLD
            rows.append(
                replace(
                    job.known, target_uid_next=state.uid_next, target_mod_seq=state.mod_seq,
                    target_messages=state.messages, terms=terms,
                )
            )  # fmt: skip
        async with self.database.transaction() as connection:
            await queries.save_standings(connection, rows)


_NOT_TOLD = State(uid_validity=0, uid_next=0, messages=0)


def _first(errors: BaseExceptionGroup[SwitchoverError]) -> BaseException:
    """Return one of the errors that ended the lanes."""
    error: BaseException = errors
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
