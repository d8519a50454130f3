"""The proof of a copy: both mailboxes read and compared, whatever tool has copied them.

Folders are proved some at a time, the largest first, and forgotten as they are done: what is held of a mail
is some 50 bytes, and of its body nothing. Nothing is written on either side; folders are opened to look
only, but for one question about flags that do not match.
"""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, TypeAlias

from switchover import clock
from switchover.errors import Conflict, SwitchoverError
from switchover.model.wording import counted
from switchover.move.beliefs import form_of, trust_of
from switchover.move.canonical import Form
from switchover.move.date_loss import date_loss_of
from switchover.move.difference import Difference, Level
from switchover.move.flags import PermanentFlags
from switchover.move.folder_plan import Choice
from switchover.move.manifest import LeftOut, SkippedMail
from switchover.move.probes.profile_store import knowing
from switchover.move.proof import Allowance, FolderProof, MailboxProof, prove
from switchover.move.selection import Selection
from switchover.move.work.both import both
from switchover.move.work.folder_facts import target_facts
from switchover.move.work.folder_match import FolderMatch, Matching, match_folders
from switchover.move.work.folder_proof import Depth, FolderCheck
from switchover.move.work.inventory import take_inventory
from switchover.move.work.known import KnownPair, has_store
from switchover.move.work.mailbox import open_folder, open_mailbox, sign_in
from switchover.move.work.side_reader import SideReader
from switchover.store.borrowed import borrow_database

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable

    from switchover.move.ledger import FolderLedger
    from switchover.move.work.inventory import Folder, Inventory
    from switchover.move.work.mailbox import Account
    from switchover.settings import Settings
    from switchover.wire.imap.shell import Connection

Progress: TypeAlias = "Callable[[str, int, int], None]"
INTERRUPTED = "a copy of this pair was interrupted or is running; run it again first"
_AGAIN = "run the copy again"
LANES = 2
"""Connections to each side."""
_WINDOW = {Level.PAIRS: 12, Level.HEADERS: 4, Level.BODIES: 3}
_FOLDERS_AT_A_TIME = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifyOrder:
    """What to prove; the keys name the two mailboxes in the ledger.

    Mails out of the ``selection`` need not be on the target (from level 1 on). ``form`` None lets the servers' profiles decide. ``sample`` is how many mails are read at level 3, None
    for all.
    """

    source: Account
    target: Account
    source_key: str
    target_key: str
    choice: Choice = field(default_factory=Choice)
    selection: Selection = field(default_factory=Selection)
    level: Level = Level.PAIRS
    form: Form | None = None
    sample: int | None = None
    lanes: int = LANES


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifyReport:
    """What came out. ``unfinished`` are folders that could not be compared, each with its sentence."""

    proof: MailboxProof
    form: Form
    skipped: tuple[SkippedMail, ...]
    left_out: tuple[LeftOut, ...]
    unfinished: tuple[LeftOut, ...]
    has_ledger: bool
    sampled: int | None
    is_interrupted: bool = False
    """Whether a copy of these folders was cut off, or is at work: what differs may be what it has not done."""


async def verify_alone(
    settings: Settings,
    order: VerifyOrder,
    *,
    progress: Progress = lambda *_: None,
) -> VerifyReport:
    """Prove as ``verify_mailbox`` does, with the ledger of a data directory if there is one."""
    order = replace(
        order,
        source=knowing(order.source, settings.data_dir),
        target=knowing(order.target, settings.data_dir),
    )
    async with AsyncExitStack() as stack:
        # The database starts while both servers are asked what they have.
        opening = asyncio.create_task(_known(stack, settings, order))
        try:
            return await _verify(opening, order, progress)
        finally:
            await asyncio.gather(opening, return_exceptions=True)


async def _known(stack: AsyncExitStack, settings: Settings, order: VerifyOrder) -> KnownPair:
    if not has_store(settings):
        return KnownPair()
    database = await stack.enter_async_context(borrow_database(settings))
    return await KnownPair.load(database, order.source_key, order.target_key)


async def verify_mailbox(
    known: KnownPair, order: VerifyOrder, *, progress: Progress = lambda *_: None
) -> VerifyReport:
    """Return the proof of a mailbox; ``progress`` gets folder, mails and bytes of either side.

    Raises Conflict when both are one mailbox, and whatever keeps us from signing in. A folder that can
    not be read does not keep the others from being compared.
    """
    opening: asyncio.Future[KnownPair] = asyncio.get_running_loop().create_future()
    opening.set_result(known)
    return await _verify(opening, order, progress)


async def _verify(
    opening: Awaitable[KnownPair], order: VerifyOrder, progress: Progress
) -> VerifyReport:
    if order.source_key == order.target_key:
        raise Conflict(f"source and target are the same mailbox: {order.source_key}")
    async with AsyncExitStack() as stack:
        ((source, there), (target, here)), known = await both(
            both(_enter(order.source, stack), _enter(order.target, stack)), opening
        )
        matching = match_folders(
            there, here, choice=order.choice, known=known.folders, facts=target_facts(here, target)
        )
        window = _WINDOW.get(order.level, 1)
        sides = [
            await stack.enter_async_context(
                SideReader(account=account, first=first, lanes=order.lanes, window=window)
            )
            for account, first in ((order.source, source), (order.target, target))
        ]
        work = _Work(
            order=order, known=known, depth=_depth(order, source, target, matching, known.begun),
            source=sides[0], target=sides[1], progress=progress,
        )  # fmt: skip
        return await work.run(matching)


@dataclass(slots=True, kw_only=True)
class _Work:
    order: VerifyOrder
    known: KnownPair
    depth: Depth
    source: SideReader
    target: SideReader
    progress: Progress
    folders: list[FolderProof] = field(default_factory=list)
    differences: list[Difference] = field(default_factory=list)
    skipped: list[SkippedMail] = field(default_factory=list)
    unfinished: list[LeftOut] = field(default_factory=list)
    bodies: int = 0
    is_interrupted: bool = False

    async def run(self, matching: Matching) -> VerifyReport:
        waiting = sorted(matching.matches, key=_size)
        self.differences += matching.differences
        async with asyncio.TaskGroup() as group:
            for _ in range(min(_FOLDERS_AT_A_TIME, len(waiting))):
                group.create_task(self._prove_all(waiting))
        return VerifyReport(
            proof=prove(self.folders, self.differences, level=self.order.level),
            form=self.depth.form,
            skipped=tuple(sorted(self.skipped, key=lambda one: (one.folder, one.source_uid))),
            left_out=_sorted(LeftOut(folder=a, reason=b) for a, b in matching.left_out.items()),
            unfinished=_sorted(self.unfinished),
            has_ledger=bool(self.known.folders),
            sampled=None if self.depth.sampled is None else self.bodies,
            is_interrupted=self.is_interrupted,
        )

    async def _prove_all(self, waiting: list[FolderMatch]) -> None:
        while waiting:
            match = waiting.pop()
            try:
                await self._prove(match)
            except SwitchoverError as error:
                self.unfinished.append(LeftOut(folder=match.name, reason=str(error)))

    async def _prove(self, match: FolderMatch) -> None:
        check = FolderCheck(
            match=match,
            ledger=await self._ledger(match),
            source=self.source,
            target=self.target,
            depth=self.depth,
            progress=partial(self.progress, match.name),
            permanent_flags=self._permanent_flags,
        )
        proof, found = await check.run()
        self.folders.append(proof)
        self.differences += found
        self.bodies += check.bodies
        self.skipped += [
            SkippedMail(folder=match.name, source_uid=uid, reason=reason)
            for uid, reason in {**check.skipped, **check.left}.items()
        ]
        self._note_left(check, found)

    def _note_left(self, check: FolderCheck, found: list[Difference]) -> None:
        """Note what a copy has still to do in a folder."""
        left = sum(one.is_left for one in found)
        if left:
            mails = len(check.left) if self.order.level is Level.COUNTS else left
            reason = f"{counted(mails, 'mail')} {'is' if mails == 1 else 'are'} left; {_AGAIN}"
            self.unfinished.append(LeftOut(folder=check.match.name, reason=reason))
        if check.ledger is not None and check.ledger.open_rows:
            self.is_interrupted = True
            self.unfinished.append(LeftOut(folder=check.match.name, reason=INTERRUPTED))

    async def _ledger(self, match: FolderMatch) -> FolderLedger | None:
        """Return the ledger of a folder, None where there is none or its UIDs mean other mails by now."""
        if match.known is None or match.source is None or match.target is None:
            return None
        known = match.known
        is_current = _validity(match.source, known.source_uid_validity) and _validity(
            match.target, known.target_uid_validity
        )
        if not is_current:
            return None
        ledger = await self.known.ledger(known)
        ledger.segments = ()  # nothing of the mails themselves is asked of it, so nothing is held
        return ledger

    async def _permanent_flags(self, raw: bytes) -> PermanentFlags | None:
        """Return what a folder of the target keeps of flags; only opening it to write tells that."""
        connection = await open_mailbox(self.order.target)
        try:
            opened = await open_folder(connection, raw, to_write=True)
        finally:
            await connection.close()
        raw_flags = opened.permanent_flags
        return None if raw_flags is None else PermanentFlags.read(raw_flags)


async def _enter(account: Account, stack: AsyncExitStack) -> tuple[Connection, Inventory]:
    connection = await sign_in(account)
    stack.push_async_callback(connection.close, politely=False)
    return connection, await take_inventory(connection)


def _depth(
    order: VerifyOrder,
    source: Connection,
    target: Connection,
    matching: Matching,
    begun: int | None,
) -> Depth:
    profiles = source.conversation.profile, target.conversation.profile
    form = order.form or form_of(*profiles)
    sampled = None
    if order.sample is not None and order.level is Level.BODIES:
        mails = sum(_size(one) for one in matching.matches if one.source is not None)
        sampled = min(1.0, order.sample / max(1, mails))
    return Depth(
        level=order.level,
        form=form,
        compares_sizes=form is not Form.STRUCTURE
        and all(trust_of(profile, is_alone=True).sizes for profile in profiles),
        allowance=Allowance(
            dates=date_loss_of(profiles[1], now=int(clock.now().timestamp()), begun=begun),
        ),
        takes_keyword=profiles[1].takes_keyword,
        selection=order.selection,
        sampled=sampled,
        seed=clock.new_secret().encode(),
    )


def _size(match: FolderMatch) -> int:
    folder = match.source or match.target
    return (folder.status.messages or 0) if folder and folder.status else 0


def _validity(folder: Folder, known: int) -> bool:
    return folder.status is None or folder.status.uid_validity in {None, known}


def _sorted(found: Iterable[LeftOut]) -> tuple[LeftOut, ...]:
    return tuple(sorted(found, key=lambda one: one.folder))
