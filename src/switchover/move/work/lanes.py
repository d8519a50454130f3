"""Lanes: folders copied beside each other, each lane over a connection of its own on either side.

A lane whose connection dies, or whose server says "not now", waits, signs in anew and goes on with the folder
where it stands: the ledger settles what is in doubt. How many lanes there are follows what they measure.
"""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING

from switchover import clock
from switchover.errors import Refused, SwitchoverError, Unavailable
from switchover.move.lane_count import LaneCount, amount, pause_seconds
from switchover.move.tally import Phase
from switchover.move.work.both import both
from switchover.move.work.folder import FolderCopy
from switchover.move.work.ledger_store import fresh_rows
from switchover.move.work.mailbox import open_mailbox
from switchover.wire.imap.conversation import Phase as ConversationPhase
from switchover.wire.imap.errors import ConnectionLost, TryLater
from switchover.wire.imap.failure import Retry, Scope

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from switchover.move.batch_tuning import BatchTuning
    from switchover.move.queries import CopyFolder
    from switchover.move.tally import Tally
    from switchover.move.work.copying import CopyOrder
    from switchover.move.work.flight import Leg, Scouted
    from switchover.move.work.inventory import Folder
    from switchover.move.work.ledger_store import FolderRows, LedgerStore
    from switchover.move.work.report import CopyReport, FolderResult
    from switchover.wire.imap.shell import Connection

_MEASURE_SECONDS = 2.0


@dataclass(slots=True, kw_only=True)
class Ends:
    """A connection on either side."""

    source: Connection
    target: Connection

    @property
    def are_usable(self) -> bool:
        """True when neither is lost or in the middle of something."""
        return all(
            one.conversation.phase is ConversationPhase.SIGNED_IN and one.conversation.is_idle
            for one in (self.source, self.target)
        )

    async def close(self) -> None:
        """Sign out on both sides at once."""
        await both(self.source.close(), self.target.close())


async def open_ends(order: CopyOrder) -> Ends:
    """Sign in on both sides; raises what either says."""
    source, target = await asyncio.gather(
        open_mailbox(order.source, waits=False),
        open_mailbox(order.target, waits=False),
        return_exceptions=True,
    )
    if isinstance(source, BaseException) or isinstance(target, BaseException):
        for one in (source, target):
            if not isinstance(one, BaseException):
                await one.close(politely=False)
        raise source if isinstance(source, BaseException) else target  # type: ignore[misc]
    return Ends(source=source, target=target)


class EarlyEnds:
    """Connections that are made while the target's folders are created: so lanes need not wait for them."""

    def __init__(self) -> None:
        """Begin with none."""
        self._tasks: list[asyncio.Task[Ends]] = []

    def open(self, order: CopyOrder, count: int) -> None:
        """Begin to make so many."""
        self._tasks += [asyncio.create_task(open_ends(order)) for _ in range(count)]

    def take(self) -> asyncio.Task[Ends] | None:
        """Return one to wait for, if there is one."""
        return self._tasks.pop() if self._tasks else None

    async def close(self) -> None:
        """Close what nobody took."""
        for ends in await asyncio.gather(*self._tasks, return_exceptions=True):
            if isinstance(ends, Ends):
                await ends.close()
        self._tasks.clear()


@dataclass(slots=True, kw_only=True, eq=False)
class Job:
    """A folder to copy; ``tries`` are those that went wrong in a row."""

    folder: Folder
    known: CopyFolder
    is_whole: bool
    result: FolderResult
    tries: int = 0

    @property
    def is_fresh(self) -> bool:
        """True when the ledger knows nothing of the folder on either side."""
        known = self.known
        return known.source_uid_validity == known.target_uid_validity == self.tries == 0


@dataclass(slots=True, kw_only=True)
class Lanes:
    """Copies folders, the largest first, so that no lane is left with it at the end.

    Folders of one group are copied together over one lane where that can be; ``scouted`` is what is known of
    the first group by now.
    """

    order: CopyOrder
    store: LedgerStore
    report: CopyReport
    tally: Tally
    begin: int
    most: int
    early: EarlyEnds
    tuning: BatchTuning
    """Of the target: how much of a folder it gets at a time."""
    scouted: Scouted | None = None
    kept: Ends | None = None
    """Connections that are still good at the end."""
    _waiting: deque[Sequence[Job]] = field(default_factory=deque)
    _alive: int = 0
    _count: LaneCount = field(default_factory=lambda: LaneCount(most=1, wanted=1))
    _amount: int = 0
    _over: asyncio.Event = field(default_factory=asyncio.Event)

    async def run(self, first: Ends, groups: Iterable[Sequence[Job]]) -> None:
        """Copy all of them in this order, the first lane over ``first``; what fails is in the report."""
        self._waiting.extend(groups)
        for group in self._waiting:
            for job in group:
                self.tally.expect(job.folder.name, messages(job.folder))
        self.tally.phase = Phase.COPYING
        self._count = LaneCount(most=self.most, wanted=self.begin)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._regulate(tasks))
            self._start(tasks, first, self.scouted)
            while self._alive < self.begin:
                self._start(tasks, None)

    def _start(
        self, group: asyncio.TaskGroup, ends: Ends | None, scouted: Scouted | None = None
    ) -> None:
        self._alive += 1
        self.report.lanes = max(self.report.lanes, self._alive)
        group.create_task(self._lane(ends, scouted))

    async def _regulate(self, group: asyncio.TaskGroup) -> None:
        """Measure every now and then, and add a lane where one more is wanted and has work."""
        while not self._over.is_set():
            before, begun = self._amount, clock.monotonic()
            try:
                async with asyncio.timeout(_MEASURE_SECONDS):
                    await self._over.wait()
            except TimeoutError:
                if self._waiting:
                    self._count.measured((self._amount - before) / (clock.monotonic() - begun))
                    if self._alive < min(self._count.wanted, self._alive + len(self._waiting)):
                        self._start(group, None)

    async def _lane(self, ends: Ends | None, scouted: Scouted | None) -> None:
        try:
            if ends is not None and not ends.are_usable:
                await ends.close()
                ends = scouted = None
            while self._waiting and self._alive <= self._count.wanted:
                group = self._waiting.popleft()
                if len(group) > 1 or scouted is not None:
                    ends, group = await self._copy_together(group, ends, scouted)
                    scouted = None
                for job in group:
                    ends = await self._copy(job, ends)
        finally:
            self._alive -= 1
            if not self._alive:
                self._over.set()
            if self.kept is None and ends is not None and ends.are_usable:
                self.kept = ends
            elif ends is not None:
                await ends.close()

    async def _copy_together(
        self, group: Sequence[Job], ends: Ends | None, scouted: Scouted | None
    ) -> tuple[Ends | None, Sequence[Job]]:
        """Copy folders in one flight; return the connections if they are still good, and what has to go alone."""
        from switchover.move.work.flight import fly, scout  # noqa: PLC0415 - start-up time

        begun = clock.monotonic()
        try:
            ends = ends or await self._open(group)
            if ends is None:
                return None, ()
            if "APPENDLIMIT" in ends.target.conversation.capabilities:
                return ends, group  # each folder is asked for its own, before it is open
            if scouted is None:
                raws = [one.known.target_name for one in group]
                scouted = await scout(ends, [one.folder for one in group], raws)
        except SwitchoverError:
            if ends is not None:
                await ends.close()
            return None, group  # each tries for itself, and tells why
        found = [(one, scouted.leg(one.folder.raw, one.known.target_name)) for one in group]
        legs = {leg: job for job, leg in found if leg is not None}
        self.report.folders += [job.result for job in legs.values()]
        copies = [
            self._folder_copy(job, ends, fresh_rows(job.known), leg).run()
            for leg, job in legs.items()
        ]
        errors = dict(
            zip(
                legs.values(),
                await fly(ends, list(legs), copies, is_open=scouted.asked == 1),
                strict=True,
            )
        )
        for job in legs.values():
            job.result.seconds += clock.monotonic() - begun
            if errors[job] is None:
                self.tally.end(job.folder.name)
        left = [job for job in group if job not in errors or errors[job] is not None]
        cause = next((job for leg, job in legs.items() if leg.is_cause), None)
        left.sort(key=lambda job: job is not cause)  # if one is given up for it, then that one
        return await self._after_flight(ends, left, errors)

    async def _after_flight(
        self, ends: Ends, left: list[Job], errors: Mapping[Job, SwitchoverError | None]
    ) -> tuple[Ends | None, Sequence[Job]]:
        """See to what did not go smoothly: as slowly as the server wants it, and from what is noted."""
        kept: Ends | None = ends
        if not ends.are_usable:
            await ends.close()
            kept = None
        if left:
            await self.store.durable()
            known = await self.store.add_folders([])
            for job in left:
                job.known = known[job.folder.raw]
        slow = [
            (job, error)
            for job in left
            if isinstance(error := errors.get(job), ConnectionLost | TryLater)
        ]
        if slow and not await self._wait_after(*slow[0]):
            left.remove(slow[0][0])
        return kept, left

    async def _copy(self, job: Job, ends: Ends | None) -> Ends | None:
        """Copy a folder, with as many tries as it takes; return the connections if they are still good."""
        if job.result not in self.report.folders:
            self.report.folders.append(job.result)
        while True:
            done, begun = job.result.progress, clock.monotonic()
            try:
                ends = ends or await self._open((job,), job.tries)
                if ends is None:
                    return None
                await self._copy_over(job, ends)
            except SwitchoverError as error:
                if ends is not None and not ends.are_usable:
                    await ends.close()
                    ends = None
                if job.result.progress > done:
                    job.tries = 0
                if not await self._wait_after(job, error):
                    self.tally.end(job.folder.name)
                    if ends is None and job.tries > 1 and _may_pass(error):
                        self._give_up(error)
                    return ends
            else:
                self.tally.end(job.folder.name)
                return ends
            finally:
                job.result.seconds += clock.monotonic() - begun

    async def _open(self, group: Sequence[Job], tries: int = 0) -> Ends | None:
        """Return new connections; None when a server wants no more of them and other lanes go on."""
        try:
            ends = await (self.early.take() or open_ends(self.order))
        except SwitchoverError:
            if self._alive == 1 or tries:
                raise
            self._count.refused(self._alive)
            self._waiting.append(group)
            return None
        self.report.connections += 2
        return ends

    async def _copy_over(self, job: Job, ends: Ends) -> None:
        if job.tries and job.known.target_uid_validity >= 0:
            await self.store.durable()
            job.known = (await self.store.add_folders([]))[job.folder.raw]
        rows = await self.store.load(job.known)
        try:
            await self._folder_copy(job, ends, rows).run()
        finally:
            if job.known.target_uid_validity < 0:  # what the folder was made anew for is done
                job.known = rows.folder

    def _folder_copy(
        self, job: Job, ends: Ends, rows: FolderRows, leg: Leg | None = None
    ) -> FolderCopy:
        return FolderCopy(
            source=ends.source,
            target=ends.target,
            store=self.store,
            folder=job.folder,
            rows=rows,
            rules=replace(self.order.rules, limits=self.tuning.limits(clock.monotonic())),
            form=self.store.form,
            progress=partial(self._tell, job.folder.name),
            tally=self.tally,
            pacer=self.order.pacer,
            result=job.result,
            looks_at_all=job.is_whole,
            leg=leg,
        )

    def _give_up(self, error: SwitchoverError) -> None:
        """Fail what waits: a server that can not be reached for so long is not asked for each folder."""
        while self._waiting:
            for job in self._waiting.popleft():
                self.report.folders.append(job.result)
                self.report.failures[job.folder.name] = f"not begun: {error}"

    def _tell(self, name: str, mails: int, octets: int) -> None:
        self._amount += amount(mails, octets)
        self.tally.move(name, mails, octets)

    async def _wait_after(self, job: Job, error: SwitchoverError) -> bool:
        """Wait before another try and return True, or note the failure and return False.

        Raises ``error`` when the ledger is lost: whatever is copied now could not be noted any more.
        """
        if self.store.has_failed:
            raise error
        job.tries += 1
        wish = getattr(error, "back_off_seconds", None)
        pause = pause_seconds(job.tries, wish) if _may_pass(error) else None
        if pause is None:
            self.report.failures[job.folder.name] = _sentence(error, job.tries, wish)
            if isinstance(error, Refused):
                self.report.refused.add(job.folder.name)
            return False
        if isinstance(error, TryLater):
            self.tuning.throttled(clock.monotonic())
            if self._alive > 1:
                self._count.refused(self._alive)
        self.report.retries += 1
        self.report.waited_seconds += pause
        self.tally.note = f"waiting {pause:.0f} s before another try: {error}"
        await asyncio.sleep(pause)
        self.tally.note = ""
        return True


def _may_pass(error: SwitchoverError) -> bool:
    if isinstance(error, ConnectionLost):
        # A mail that breaks the connection is skipped from now on; the others are worth another try.
        return error.failure.scope is Scope.MESSAGE or error.failure.retry is not Retry.NEVER
    # A folder that refuses whatever it gets is not asked again in this run.
    return isinstance(error, Unavailable) and getattr(error, "retry", None) is not Retry.NEVER


def _sentence(error: SwitchoverError, tries: int, wish_seconds: float | None) -> str:
    if not _may_pass(error):
        return str(error)
    if wish_seconds:
        return f"{error}; the server asks to come back in {wish_seconds:.0f} s"
    return f"{error}; given up after {tries} tries, run the command again later"


def messages(folder: Folder) -> int:
    """Return how many mails STATUS told of."""
    status = folder.status
    return status.messages or 0 if status else 0
