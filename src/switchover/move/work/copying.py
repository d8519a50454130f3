"""A whole mailbox: both inventories, the mapping of folders, then every folder that changed, some at a time."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from switchover import clock
from switchover.errors import Conflict, SwitchoverError
from switchover.move.batch_tuning import BatchTuning, limits_at
from switchover.move.beliefs import form_of
from switchover.move.flight_plan import DISTANT_SECONDS, Load, plan_flights
from switchover.move.folder_plan import Choice
from switchover.move.lane_count import first_lanes
from switchover.move.pacing import Pacer
from switchover.move.probes.profile_store import knowing
from switchover.move.queries import CopyFolder
from switchover.move.standing import do_terms_hold, terms_of
from switchover.move.sync_plan import Deletions, Rules
from switchover.move.tally import Phase, Tally
from switchover.move.work.both import both, first_of
from switchover.move.work.copied_before import load_known
from switchover.move.work.extras import copy_extras
from switchover.move.work.folder_pairs import FolderPair, list_pairs
from switchover.move.work.forecast import Forecaster
from switchover.move.work.inventory import take_inventory
from switchover.move.work.lanes import EarlyEnds, Ends, Job, Lanes, messages
from switchover.move.work.ledger_store import LedgerStore
from switchover.move.work.moving import move_within_target
from switchover.move.work.planning import label_notes, plan_names, prepare_target
from switchover.move.work.renaming import Renaming
from switchover.move.work.report import CopyReport, FolderResult
from switchover.move.work.sign_in import sign_in_first
from switchover.move.work.skipped import list_skipped, name_redated
from switchover.move.work.standings import find_changed, find_short, save_standings
from switchover.move.work.two_mailboxes import require_two
from switchover.store.borrowed import borrow_database, hold_alone
from switchover.wire.imap.command import LiteralMode

if TYPE_CHECKING:
    from collections.abc import Awaitable, Mapping, Sequence

    from switchover.move.work.dsync import DsyncLane
    from switchover.move.work.early import EarlyDatabase
    from switchover.move.work.flight import Scouted
    from switchover.move.work.inventory import Folder, Inventory
    from switchover.move.work.mailbox import Account
    from switchover.move.work.planning import Naming
    from switchover.settings import Settings
    from switchover.store.pool import Database
    from switchover.wire.imap.shell import Connection

__all__ = ["LANES", "CopyOrder", "CopyReport", "copy_alone", "copy_mailbox"]
LANES = 8
"""Folders copied at a time at most, each over connections of its own."""
_LEFT_FREE = 2
"""Connections of an account that stay for its user's own clients."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CopyOrder:
    """What to copy; the keys name the two mailboxes in the ledger. ``lanes`` is the limit.

    ``is_two_mailboxes`` is the user's word that both are not one, however alike they look. ``dsync`` has
    the target's Dovecot fetch the mails.
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
    dsync: DsyncLane | None = None

    @property
    def held(self) -> tuple[str, str]:
        """What no other command may do meanwhile: two at one target could take mails of each other for theirs."""
        target = f"copying to {self.target_key}"
        return f"copying {self.source_key} to {self.target_key}", target


async def copy_alone(
    settings: Settings,
    order: CopyOrder,
    *,
    tally: Tally | None = None,
    dry_run: bool = False,
    early: EarlyDatabase | None = None,
) -> CopyReport:
    """Copy as ``copy_mailbox`` does, with the database of a data directory; nothing else need run."""
    order = replace(
        order,
        source=knowing(order.source, settings.data_dir),
        target=knowing(order.target, settings.data_dir),
    )
    if order.dsync is not None and not dry_run:
        from switchover.move.work.dsync import copy_by_dsync  # noqa: PLC0415 - start-up time

        return await copy_by_dsync(settings, order, order.dsync)
    async with AsyncExitStack() as stack:
        # The database starts while both servers are asked who they are.
        opening = asyncio.create_task(_open(stack, settings, order, early))
        try:
            return await _copy_mailbox(opening, order, tally or Tally(), dry_run=dry_run)
        finally:
            await asyncio.gather(opening, return_exceptions=True)


async def _open(
    stack: AsyncExitStack, settings: Settings, order: CopyOrder, early: EarlyDatabase | None
) -> Database:
    if early is not None:
        await early.tried()
    database = await stack.enter_async_context(borrow_database(settings))
    stack.enter_context(hold_alone(settings, *order.held))
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
        naming = plan_names((there, here), ends.target, order.choice, known.folders)
        notes = label_notes(naming.plan, there, ends.source.conversation.profile)
        report = CopyReport(plan=naming.plan, connections=2, notes=notes)
        work = _Work(
            database=known.database, order=order, report=report, tally=tally, ends=ends,
            there=there, here=here, known=known.folders,
        )  # fmt: skip
        if dry_run:
            await work.rehearse()
        else:
            await work.run(naming)
            tally.phase = Phase.FINISHING
            skipping = known.skipping | {one.name for one in report.folders if one.skips}
            stay = {name: one for name, one in work.folders().items() if name in skipping}
            report.skipped = await list_skipped(known.database, stay, order.source)
            await name_redated(report, work.folders(), order.source)
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
    connection = await sign_in_first(account)
    try:
        return connection, await take_inventory(connection)
    except BaseException:
        await connection.close(politely=False)
        raise


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
    early: EarlyEnds = field(default_factory=EarlyEnds)
    scouted: Scouted | None = None

    async def run(self, naming: Naming) -> None:
        """Do everything that is to be done."""
        pairs = self._pairs()
        if self.known and not self.order.rules.is_in_use:
            renaming = Renaming(
                database=self.database, ends=self.ends, there=self.there, here=self.here,
                report=self.report,
            )  # fmt: skip
            pairs, self.known = await renaming.follow(pairs, self.known)
        changed = await find_changed(self.ends.source, pairs, self.known, self.order.rules)
        self.report.unchanged = len(pairs) - len(changed)
        short = find_short(pairs, self.known, self.order.rules)
        groups = self._groups([(one.folder, one.folder.raw not in self.known) for one in changed])
        self.early.open(self.order, self._first_lanes(len(groups)) - 1)
        try:
            refused = await self._prepare(naming, [changed[at] for at in (groups or [[]])[0]])
            # What was refused may have got another place.
            pairs = [one for one in self._pairs() if one.mapping.source not in refused]
            raws = {one.folder.raw for one in changed}
            changed = [one for one in pairs if one.folder.raw in raws]
            if changed:
                await self._bring(pairs, changed)
        finally:
            await self.early.close()
        if short:
            from switchover.move.work.lost import note_lost  # noqa: PLC0415 - rare

            await note_lost(self.database, short, self.known, self.report)
        if self.order.with_acl or self.order.with_metadata:
            names = [(one.folder.raw, one.target_raw) for one in pairs]
            await copy_extras(self.ends, self.order, names, self.report)

    async def _prepare(self, naming: Naming, first: Sequence[FolderPair]) -> set[str]:
        """Make the target ready and return the source folders without a place.

        Where nobody copied anything yet, both sides open the folders that come first meanwhile.
        """
        if not self._is_distant or self.known:
            refused, _ = await prepare_target(self.ends.target, naming, self.report)
            return refused
        from switchover.move.work.flight import Scouted, scout_source  # noqa: PLC0415 - start-up time

        there, (refused, here) = await both(
            scout_source(self.ends.source, [one.folder for one in first]),
            prepare_target(
                self.ends.target, naming, self.report, [one.target_raw for one in first]
            ),
        )
        self.scouted = Scouted(asked=len(first), there=there, here=here)
        return refused

    async def _bring(self, pairs: Sequence[FolderPair], changed: Sequence[FolderPair]) -> None:
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
            await move_within_target(self.ends, store, jobs, self.order.rules)
            await self._copy(store, jobs)
            done = [one for one in jobs if one.folder.name not in self.report.failures]
            await save_standings(store, self.ends, done, self.order.rules)

    async def rehearse(self) -> None:
        """Find out what ``run`` would do; nothing is written."""
        forecaster = Forecaster(
            source=self.ends.source, target=self.ends.target, database=self.database,
            rules=self.order.rules,
        )  # fmt: skip
        pairs = self._pairs()
        changed = await find_changed(self.ends.source, pairs, self.known, self.order.rules)
        self.report.unchanged = len(pairs) - len(changed)
        for one in changed:
            fresh = CopyFolder(id=0, source_name=one.folder.raw, target_name=one.target_raw)
            known = self.known.get(one.folder.raw, fresh)
            self.report.forecasts.append(
                await forecaster.look(one.folder.name, known, is_new=one.mapping.is_new)
            )

    def _pairs(self) -> list[FolderPair]:
        return list_pairs(self.report.plan, self.there, self.here, self.report.failures)

    def folders(self) -> dict[str, CopyFolder]:
        """Return what is known of the folders of the plan, by name."""
        chosen = {one.source for one in self.report.plan.mappings}
        return {
            one.name: self.known[one.raw]
            for one in self.there.folders
            if one.name in chosen and one.raw in self.known
        }

    def _job(self, pair: FolderPair, known: Mapping[bytes, CopyFolder]) -> Job:
        row = known[pair.folder.raw]
        if pair.mapping.is_new and row.target_uid_validity > 0:
            # We made it a moment ago: whatever its UIDVALIDITY, what we copied before is not in it.
            row = replace(row, target_uid_validity=_NEVER_A_VALIDITY)
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
        groups = self._groups([(one.folder, one.is_fresh) for one in jobs])
        lanes = Lanes(
            order=self.order,
            store=store,
            report=self.report,
            tally=self.tally,
            begin=self._first_lanes(len(groups)),
            most=self._most_lanes(),
            early=self.early,
            tuning=BatchTuning(
                given=limits_at(self.order.rules.limits, self.here.round_trip_seconds)
            ),
            scouted=self.scouted,
        )
        try:
            await lanes.run(self.ends, [[jobs[at] for at in group] for group in groups])
        except* SwitchoverError as errors:
            raise first_of(errors) from None
        self.ends = lanes.kept or self.ends

    def _groups(self, folders: Sequence[tuple[Folder, bool]]) -> list[list[int]]:
        """Return the places of folders in groups to be copied together, the largest first.

        With each comes whether nobody copied it before.
        """
        if not self._is_distant:
            sizes = [messages(folder) for folder, _ in folders]
            return [[at] for at in sorted(range(len(sizes)), key=sizes.__getitem__, reverse=True)]
        is_possible = (
            "UIDPLUS" in self.ends.target.conversation.capabilities
            and self.ends.target.conversation.literals is LiteralMode.ANY
            and self.order.rules.deletions is Deletions.NEVER
        )
        return plan_flights(
            [
                Load(
                    messages(folder),
                    folder.status.size if folder.status else None,
                    is_possible and is_fresh and folder.status is not None,
                )
                for folder, is_fresh in folders
            ]
        )

    @property
    def _round_trip_seconds(self) -> float:
        return max(self.there.round_trip_seconds, self.here.round_trip_seconds)

    @property
    def _is_distant(self) -> bool:
        return self._round_trip_seconds >= DISTANT_SECONDS

    def _first_lanes(self, groups: int) -> int:
        return first_lanes(groups, self._round_trip_seconds, self._most_lanes())

    def _most_lanes(self) -> int:
        """Return how many lanes the limits allow."""
        profiles = [one.conversation.profile for one in (self.ends.source, self.ends.target)]
        allowed = min(one.connections for one in profiles) - _LEFT_FREE
        return max(1, min(self.order.lanes, allowed))


_NEVER_A_VALIDITY = -1
