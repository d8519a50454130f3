"""What the engine says, turned into events, termination counts, statistics and current numbers.

Health lines become events with their cause. Session lines arrive only for connections that did not end
normally (``option dontlog-normal``); the normal ones are counted by the statistics. Statistics are kept
as differences between samples of each worker. At a reload the old worker is held until its last client
has gone and its last count was read, so a reload loses nothing.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import defaultdict
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from switchover import clock
from switchover.balance.drain.start import CONNECTIONS, ENTERED
from switchover.balance.health_events import HealthNarrator
from switchover.balance.minutes import MinuteStatistics
from switchover.balance.recent_errors import RecentErrors, since
from switchover.balance.statistics import queries
from switchover.errors import SwitchoverError, Unavailable
from switchover.wire.haproxy import runtime
from switchover.wire.haproxy.log import Session, parse_log
from switchover.wire.haproxy.socket import HeldWorker
from switchover.wire.haproxy.state import parse_info, parse_processes
from switchover.wire.haproxy.statistics import (
    NOTHING,
    Counters,
    Row,
    Sample,
    WorkerId,
    count_between,
    parse_statistics,
    take_sample,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from switchover.balance.event import Event
    from switchover.balance.work.events import EventLog
    from switchover.balance.work.parts import BalancerParts
    from switchover.wire.haproxy.state import EngineInfo

logger = logging.getLogger(__name__)

ANSWER_SECONDS = 5.0
FAREWELL_SECONDS = 0.1
LONGEST_FAREWELL_SECONDS = 5.0
"""How often a retired worker is asked whether its clients have gone: soon at first, then seldom, since
mail sessions may stay for hours."""


@dataclass(slots=True, kw_only=True)
class Observation:
    """Consumes the engine's log and samples its counters.

    ``rows`` are the last statistics of the current worker, ``totals`` everything counted since this
    process started, by proxy and name: both are what ``/metrics`` and pages show.
    """

    parts: BalancerParts
    events: EventLog
    narrator: HealthNarrator = field(default_factory=HealthNarrator)
    rows: tuple[Row, ...] = ()
    totals: dict[tuple[str, str], Counters] = field(default_factory=dict)
    terminations: dict[tuple[str, str, str, str], int] = field(
        default_factory=lambda: defaultdict(int)
    )
    sampled: tuple[float, tuple[Row, ...]] = (0.0, ())
    """The rows of the last sample, and when (monotonic) they were read."""
    minutes: MinuteStatistics = field(default_factory=MinuteStatistics)
    errors: RecentErrors = field(default_factory=RecentErrors)
    _has_recalled: bool = False
    _old_workers_left: set[WorkerId] = field(default_factory=set)
    _by_key: tuple[tuple[Row, ...], dict[tuple[str, str], Row]] = ((), {})
    _samples: dict[WorkerId, Sample] = field(default_factory=dict)
    _has_baseline: bool = False
    _sampling: asyncio.Lock = field(default_factory=asyncio.Lock)
    _farewells: dict[WorkerId, asyncio.Task[None]] = field(default_factory=dict)

    def take_session(self, line: bytes) -> None:
        """Take a line of the datagram log; only sessions count, the rest comes by the ring too."""
        record = parse_log(line)
        if isinstance(record, Session):
            self._count(record)

    def take_event(self, line: bytes) -> None:
        """Take a line of the ring: health and servers, which must not be lost in a burst of sessions.

        Never raises, whatever the line holds.
        """
        self.events.add(*map(self._with_connections, self.narrator.tell(parse_log(line))))

    def _with_connections(self, event: Event) -> Event:
        """Return the event with how many were connected, where a server begins to drain.

        That is what a drain counts down from, also after a restart of this process.
        """
        if event.kind != ENTERED or event.target is None:
            return event
        row = self._rows_by_key().get(
            (f"{event.target.service}.{event.target.pool}", event.target.server)
        )
        if row is None:
            return event
        return replace(event, detail={**event.detail, CONNECTIONS: row.sessions_now})

    def _rows_by_key(self) -> Mapping[tuple[str, str], Row]:
        """Return the last rows by their key; made once for the many events of a server in many pools."""
        about, found = self._by_key
        if about is not self.rows:
            found = {row.key: row for row in self.rows}
            self._by_key = (self.rows, found)
        return found

    def _count(self, session: Session) -> None:
        service, _, pool = session.backend.partition(".")
        if session.backend == session.frontend:
            # No server was chosen: the frontend may be the redirector or one with an own address.
            pool = ""
        state = session.termination[:2]
        self.terminations[service, pool, session.server, state] += 1
        self.events.count_termination(service, pool, session.server, state)

    @property
    def has_old_workers(self) -> bool:
        """True while clients of before a reload may be connected still: ``rows`` do not count them."""
        return bool(self._farewells or self._old_workers_left)

    def count_from_start(self) -> None:
        """Take the first counters for new: the engine did not run when we came."""
        self._has_baseline = True

    async def sample(self) -> None:
        """Read the counters of every worker and add what is new to the minute."""
        if self.parts.engine.process.master_pid is None:
            self.count_from_start()
            return
        async with self._sampling:
            await self._sample()

    async def _sample(self) -> None:
        now: dict[WorkerId, Sample] = {}
        answers = await self.parts.engine.control.send(
            [runtime.show_info(), runtime.show_statistics()], timeout=10.0
        )
        rows = await asyncio.to_thread(parse_statistics, answers[1].text)
        info = parse_info(answers[0].text)
        current = WorkerId(info.pid, info.started_at_epoch)
        now[current] = take_sample(current, rows)
        # A worker that did not answer this once keeps its last sample, else all it ever counted would
        # count again when it does.
        now = {**await self._old_workers(current), **now}
        self._old_workers_left = now.keys() - {current}
        if self._has_baseline:
            self._add(await asyncio.to_thread(count_between, self._samples, now), rows)
        self._has_baseline = True
        self._samples = now
        self.rows = rows
        self.sampled = (clock.monotonic(), rows)

    def _add(self, counted: Mapping[tuple[str, str], Counters], rows: tuple[Row, ...]) -> None:
        for key, counters in counted.items():
            self.totals[key] = self.totals.get(key, NOTHING).plus(counters)
        now_at = clock.now()
        self.minutes.add(now_at, counted, rows)
        self.errors.add(now_at, counted)

    async def hold_worker(self) -> None:
        """Hold the worker that a reload is about to retire, until its last count was read."""
        try:
            held = await HeldWorker.open(self.parts.engine.control.path, timeout=ANSWER_SECONDS)
            info = await _ask_info(held)
        except SwitchoverError as error:
            logger.debug("the old worker could not be held: %s", error)
            return
        worker = WorkerId(info.pid, info.started_at_epoch)
        if worker in self._farewells:  # a reload before this one failed
            held.close()
            return
        self._farewells[worker] = asyncio.create_task(self._see_off(worker, held))

    async def _see_off(self, worker: WorkerId, held: HeldWorker) -> None:
        """Wait until a retired worker has no client any more, count for the last time, let it go."""
        pause = FAREWELL_SECONDS
        try:
            while not await _is_done(held):
                await asyncio.sleep(pause)
                pause = min(2 * pause, LONGEST_FAREWELL_SECONDS)
            async with self._sampling:
                await self._count_last(worker, held)
        except SwitchoverError as error:
            logger.debug("an old worker's last count is lost: %s", error)
        finally:
            held.close()
            del self._farewells[worker]
            self._old_workers_left.discard(worker)

    async def _count_last(self, worker: WorkerId, held: HeldWorker) -> None:
        answer = await held.ask(runtime.show_statistics(), timeout=ANSWER_SECONDS)
        last = take_sample(worker, await asyncio.to_thread(parse_statistics, answer.text))
        if self._has_baseline:
            self._add(count_between(self._samples, {worker: last}), ())
        self._samples[worker] = last

    async def _old_workers(self, current: WorkerId) -> dict[WorkerId, Sample]:
        """Sample the workers that only finish their connections; one may end while we ask."""
        found = {worker: sample for worker, sample in self._samples.items() if worker != current}
        master = self.parts.engine.process.master
        try:
            (processes,) = await master.send([runtime.show_processes()], timeout=5.0)
            listed = parse_processes(processes.text).old_workers
            alive = {worker.pid for worker in listed}
            found = {worker: sample for worker, sample in found.items() if worker.pid in alive}
            for worker in listed:
                commands = [
                    runtime.to_worker(worker.pid, runtime.show_info()),
                    runtime.to_worker(worker.pid, runtime.show_statistics()),
                ]
                info_answer, answer = await master.send(commands, timeout=5.0)
                if not (info_answer.is_done and answer.is_done):
                    continue
                info = parse_info(info_answer.text)
                worker_id = WorkerId(info.pid, info.started_at_epoch)
                found[worker_id] = take_sample(worker_id, parse_statistics(answer.text))
        except SwitchoverError as error:
            logger.debug("old workers could not be sampled: %s", error)
        return found

    async def flush(self) -> None:
        """Write events, terminations and finished minutes; what can not be written now is kept."""
        await self._write(self.minutes.finished(clock.now()))

    async def finish(self) -> None:
        """Count once more and write everything, the minute under way too: the process ends."""
        farewells = tuple(self._farewells.values())
        for task in farewells:
            task.cancel()
        await asyncio.gather(*farewells, return_exceptions=True)
        with contextlib.suppress(SwitchoverError):
            await self.sample()
        await self._write(self.minutes.finished(None))

    async def _write(self, minutes: list[tuple[object, ...]]) -> None:
        try:
            await self.events.flush(self.parts.database)
            await self._recall()
            if minutes:
                async with self.parts.database.transaction() as connection:
                    await queries.add_minutes(connection, minutes)
                self.minutes.forget(minutes)
        except Unavailable:
            return

    async def _recall(self) -> None:
        """Read once which errors of the last hour were counted before this process wrote any."""
        if self._has_recalled or not self.parts.is_prepared:  # else there may be no table yet
            return
        now = clock.now()
        async with self.parts.database.transaction() as connection:
            rows = await queries.list_errors(connection, since=since(now))
        self.errors.recall(rows, now=now)
        self._has_recalled = True


async def _ask_info(held: HeldWorker) -> EngineInfo:
    return parse_info((await held.ask(runtime.show_info(), timeout=ANSWER_SECONDS)).text)


async def _is_done(held: HeldWorker) -> bool:
    info = await _ask_info(held)
    return info.is_stopping and info.connections == 0
