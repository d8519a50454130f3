"""What everybody who looks sees: one snapshot of the farm, made once and shared.

Asking the engine costs it and us some processor with each thousand servers, so nobody who opens a page asks
for himself. While somebody looks the board asks every two seconds, and at once when the engine or a
change tells that something is different; while nobody looks it does nothing at all.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
from collections import deque
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING

from switchover import clock
from switchover.balance.between_looks import Key, counts_of, moments_of, rates_between
from switchover.balance.client import Client
from switchover.balance.overrides import Overrides
from switchover.balance.roster import Roster, make_roster
from switchover.balance.snapshot import Snapshot
from switchover.balance.targets import unknown_name
from switchover.balance.unserved import closed_sentences, empty_pools
from switchover.balance.work import views
from switchover.balance.work.cycle import NOTHING_APPLIED
from switchover.errors import NotFound, SwitchoverError, Unavailable
from switchover.wire.haproxy import runtime
from switchover.wire.haproxy.listings import Connected, parse_accepted, parse_sessions
from switchover.wire.haproxy.statistics import Row, parse_statistics

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable
    from datetime import datetime

    from switchover.balance.drain.work import Drains
    from switchover.balance.event import Event
    from switchover.balance.work.cycle import Cycle, CycleReport
    from switchover.balance.work.observation import Observation
    from switchover.balance.work.parts import BalancerParts
    from switchover.balance.work.revisions import Wish

PAUSE_SECONDS = 2.0
"""From one look at the engine to the next, while somebody looks at us."""
CALM_SECONDS = 0.2
"""The least between two looks, however much happens: a site that fails tells of each of its servers."""
SHARE = 20
"""A look that takes long is followed by a pause of so many times that long: a twentieth of a processor."""
LINGER_SECONDS = 10.0
"""How long somebody counts as looking after opening a page."""
RENEW_SECONDS = 2 * PAUSE_SECONDS
"""A page made from an older snapshot has the next one made at once: what is live on it follows."""
FRESH_SECONDS = 10.0
"""From an older snapshot no page is made: it waits for the next, which takes a large farm a third of a second."""
ANSWER_SECONDS = 5.0
FIRST_ANSWER_SECONDS = 1.0
"""How long a page waits for an engine that does not answer, before it shows what was told last."""
RATE_SECONDS = 8.0
"""Over how long "now" is measured: shorter, and three requests a minute are now one a second, now none."""
WARNING_SECONDS = 60.0
SAMPLE_SECONDS = 30.0
"""How old a sample of the counters may be to measure "now" from, for the first who looks."""
CONNECTION_SECONDS = 2.0
MISSED_CYCLES = 3
"""So many that did not end in time are told: what is ordered or drifts is not seen meanwhile."""
LATE_SECONDS = 8.0
"""The least before they are told: a reload of a large engine holds up cycles that are set to be short."""
MOST_AGES = 500
"""Asked of the engine at once; one answer has a kilobyte and a half."""


@dataclass(slots=True, kw_only=True)
class Board:
    """Keeps the last snapshot; ``look`` returns one that is fresh, ``after`` waits for the next."""

    parts: BalancerParts
    observation: Observation
    cycle: Cycle
    cycle_seconds: float = 2.0
    drains: Drains
    _last: Snapshot | None = None
    _made_at: float = 0.0
    _told_at: datetime | None = None
    _heard: int = 0
    """Grows with each sign that something is different; a snapshot is fresh if begun after the last."""
    _seen: int = -1
    _wish: Wish | None = None
    _roster: Roster = field(default_factory=Roster)
    _past: deque[tuple[float, dict[Key, int]]] = field(default_factory=deque)
    _since: dict[Key, int] = field(default_factory=dict)
    _watchers: int = 0
    _looked_at: float = -LINGER_SECONDS
    _loop: asyncio.Task[None] | None = None
    _looking: asyncio.Task[Snapshot] | None = None
    _news: asyncio.Event = field(default_factory=asyncio.Event)
    _made: asyncio.Event = field(default_factory=asyncio.Event)
    _machine: tuple[float, object, tuple[str, ...]] = (-WARNING_SECONDS, None, ())
    _connected: tuple[float, tuple[Connected, ...]] = (-CONNECTION_SECONDS, ())
    _opened: dict[tuple[str, str], float] = field(default_factory=dict)
    _connecting: asyncio.Lock = field(default_factory=asyncio.Lock)

    def hear(self, events: Iterable[Event]) -> None:
        """Take events as signs that something is different; never blocks."""
        self.drains.hear(events)
        self._heard += 1
        self._news.set()

    async def look(self) -> Snapshot:
        """Return a snapshot that knows everything told so far; waits for one where there is none."""
        self._looked_at = clock.monotonic()
        self._keep_looking()
        last = self._last
        if last is not None and self._is_fresh(last):
            self._renew()
            return last
        while True:
            heard = self._heard
            made = await self._look_once()
            if self._seen >= heard and self._wish is self._current_wish():
                return made

    def _is_fresh(self, last: Snapshot) -> bool:
        is_sound = last.engine_answers and last.database_answers
        longest = FRESH_SECONDS if is_sound else RENEW_SECONDS
        is_young = clock.monotonic() - self._made_at < longest
        return is_young and self._seen == self._heard and self._wish is self._current_wish()

    def _renew(self) -> None:
        """End the pause of who looks on, where the last snapshot is not of now any more."""
        is_looking = self._looking is not None and not self._looking.done()
        if not is_looking and clock.monotonic() - self._made_at > RENEW_SECONDS:
            self._news.set()

    def _current_wish(self) -> Wish | None:
        return self.parts.wish[1] if self.parts.wish else None

    async def after(self, number: int) -> Snapshot:
        """Return the first snapshot later than ``number``; the caller is ``watching``."""
        while self._last is None or self._last.number <= number:
            self._keep_looking()
            await self._made.wait()
        return self._last

    @contextlib.asynccontextmanager
    async def watching(self) -> AsyncIterator[None]:
        """Have snapshots made, as long as this lasts."""
        self._watchers += 1
        self._keep_looking()
        try:
            yield
        finally:
            self._watchers -= 1

    async def close(self) -> None:
        """Stop looking."""
        await self.drains.close()
        for task in (self._loop, self._looking):
            if task is not None:
                task.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await task

    def _keep_looking(self) -> None:
        if self._loop is None or self._loop.done():
            self._loop = asyncio.create_task(self._look_on())

    def _is_watched(self) -> bool:
        return self._watchers > 0 or clock.monotonic() - self._looked_at < LINGER_SECONDS

    async def _look_on(self) -> None:
        while self._is_watched():
            started = clock.monotonic()
            self._news.clear()
            made = await self._look_once()
            # Waiting in vain for an engine costs nobody anything; that it is back is told by nothing else.
            took = clock.monotonic() - started if made.engine_answers else 0.0
            await asyncio.sleep(CALM_SECONDS)
            pause = max(PAUSE_SECONDS, SHARE * took) - CALM_SECONDS
            await self._rest(pause, made)

    async def _rest(self, seconds: float, last: Snapshot) -> None:
        """Wait for news, or so long; that the database went or came is told by nobody else."""
        ends_at = clock.monotonic() + seconds
        while (left := ends_at - clock.monotonic()) > 0:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._news.wait(), min(left, PAUSE_SECONDS))
                return
            if self._database_answers() != last.database_answers:
                return

    def _database_answers(self) -> bool:
        report = self.cycle.report
        return self.parts.database.is_answering and (report is None or report.database_answers)

    async def _look_once(self) -> Snapshot:
        """Make a snapshot; who comes while one is being made gets that one."""
        if self._looking is None or self._looking.done():
            self._looking = asyncio.create_task(self._make())
        return await asyncio.shield(self._looking)

    async def _make(self) -> Snapshot:
        heard, wish = self._heard, self._current_wish()
        rows, answers = await self._ask()
        await self._note_machine(wish)
        if wish is not None:
            await self.drains.recall(wish.overrides)
        made = await asyncio.to_thread(self._put_together, wish, rows, answers=answers)
        self._last, self._seen, self._made_at = made, heard, clock.monotonic()
        self._made.set()
        self._made = asyncio.Event()
        return made

    async def _ask(self) -> tuple[tuple[Row, ...], bool]:
        patience = ANSWER_SECONDS if self._last else FIRST_ANSWER_SECONDS
        try:
            answer = await self.parts.engine.control.ask_one(
                runtime.show_statistics(), timeout=patience
            )
            rows = await asyncio.to_thread(parse_statistics, answer)
        except SwitchoverError:
            return self.observation.rows, False
        self.observation.rows = rows
        return rows, True

    async def _note_machine(self, wish: Wish | None) -> None:
        """Ask lint about the machine once a minute: it takes longer than all the rest."""
        at, about, _ = self._machine
        now = clock.monotonic()
        if about is not wish or now - at > WARNING_SECONDS:
            found = await asyncio.to_thread(views.machine_warnings, self.parts)
            self._machine = (now, wish, tuple(found))

    def _put_together(self, wish: Wish | None, rows: tuple[Row, ...], *, answers: bool) -> Snapshot:
        at = clock.now()
        by_key = {row.key: row for row in rows}
        if wish is not self._wish:
            roster = make_roster(wish.balance) if wish else Roster()
            if roster.seen_inside != self._roster.seen_inside:
                self._past.clear()  # connections then and requests now make no rate
            self._roster = roster
            self._wish = wish
        if answers:
            self._since = moments_of(by_key, self._since, epoch=at.timestamp())
            self._told_at = at
        report = self.cycle.report
        return Snapshot(
            number=self._last.number + 1 if self._last else 1,
            at=at,
            balance=wish.balance if wish else None,
            overrides=wish.overrides if wish else Overrides(),
            rows=by_key,
            rates=self._rates(by_key) if answers else {},
            errors=self.observation.errors.counts,
            since=self._since,
            drained=self.drains.moments,
            roster=self._roster,
            sentence=report.sentence if report else "no cycle yet",
            cycle_at=report.at if report else None,
            is_cycle_late=self._is_late(report, at),
            revision=report.revision if report else None,
            warnings=(
                *views.unordered(report),
                *closed_sentences(rows),
                *empty_pools(rows),
                *self._machine[2],
            ),
            drift=tuple(drift.sentence for drift in report.drifts) if report else (),
            is_blank=wish is None and report is not None and report.sentence == NOTHING_APPLIED,
            engine_answers=answers,
            told_at=self._told(at),
            has_old_workers=self.observation.has_old_workers,
            database_answers=self._database_answers(),
        )

    def _is_late(self, report: CycleReport | None, at: datetime) -> bool:
        allowed = max(LATE_SECONDS, (MISSED_CYCLES + 1) * self.cycle_seconds)
        return report is not None and (at - report.at).total_seconds() > allowed

    def _told(self, at: datetime) -> datetime | None:
        """Return when the engine told the rows that are shown; None where it told none."""
        sampled_at, sampled = self.observation.sampled
        if sampled and self.observation.rows:
            moment = at - timedelta(seconds=clock.monotonic() - sampled_at)
            # Two clocks differ by a little in each look; only a later sample is another moment.
            if self._told_at is None or moment - self._told_at > timedelta(seconds=1):
                self._told_at = moment
        return self._told_at

    def _rates(self, rows: dict[Key, Row]) -> dict[Key, float]:
        now = clock.monotonic()
        inside = self._roster.seen_inside
        counts = counts_of(rows, inside)
        while len(self._past) > 1 and now - self._past[1][0] >= RATE_SECONDS:
            self._past.popleft()
        if self._past and now - self._past[-1][0] > LINGER_SECONDS:
            self._past.clear()  # nobody looked for a while: that would be no "now"
        sampled_at, sampled = self.observation.sampled
        if not self._past and now - sampled_at < SAMPLE_SECONDS:
            self._past.append((sampled_at, counts_of({row.key: row for row in sampled}, inside)))
        found: dict[Key, float] = {}
        if self._past:
            then, before = self._past[0]
            found = rates_between(before, counts, seconds=now - then)
        if not self._past or now - self._past[-1][0] >= PAUSE_SECONDS / 2:
            self._past.append((now, counts))
        return found

    async def connections(self, *servers: str) -> tuple[Client, ...]:
        """Return who is connected to these servers, the longest first, as told within two seconds.

        Costs the engine some 300 bytes for each session that it has, to whichever server. Since when is
        told of the first MOST_AGES of each server, which are the oldest of the engine's threads. Raises
        NotFound, and Unavailable when the engine does not answer.
        """
        known = (await self.look()).servers
        for server in servers:
            if server not in known:
                raise NotFound(unknown_name("server", server, known))
        async with self._connecting:
            listed = await self._sessions()
            chosen = [item for server in servers for item in listed if item.server == server]
            await self._ask_ages(chosen)
        found = [self._client(item) for item in chosen]
        return tuple(sorted(found, key=lambda client: client.opened_at or math.inf))

    async def _sessions(self) -> tuple[Connected, ...]:
        at, found = self._connected
        if clock.monotonic() - at <= CONNECTION_SECONDS:
            return found
        answer = await self.parts.engine.control.ask_one(
            runtime.show_sessions(), timeout=ANSWER_SECONDS
        )
        found = await asyncio.to_thread(parse_sessions, answer)
        self._connected = (clock.monotonic(), found)
        kept = {(item.number, item.source) for item in found}
        self._opened = {key: at for key, at in self._opened.items() if key in kept}
        return found

    async def _ask_ages(self, sessions: list[Connected]) -> None:
        """Learn since when sessions are open, each once: that never changes."""
        unknown = [item for item in sessions if (item.number, item.source) not in self._opened][
            :MOST_AGES
        ]
        if not unknown:
            return
        answers = await self.parts.engine.control.ask(
            [runtime.show_session(item.number) for item in unknown], timeout=ANSWER_SECONDS
        )
        for item, answer in zip(unknown, answers, strict=True):
            if (accepted := parse_accepted(answer)) is not None:
                self._opened[item.number, item.source] = accepted

    def _client(self, item: Connected) -> Client:
        service, _, workload = item.backend.partition(".")
        return Client(
            address=item.source,
            service=service,
            workload=workload,
            server=item.server,
            opened_at=self._opened.get((item.number, item.source)),
        )


async def require_wish(board: Board) -> Snapshot:
    """Return a snapshot that knows a platform file.

    Raises NotFound before the first was applied, Unavailable while it can not be read.
    """
    snapshot = await board.look()
    if snapshot.balance is None:
        if not snapshot.database_answers or snapshot.sentence == "no cycle yet":
            raise Unavailable("what is wished is not known yet: the database does not answer")
        raise NotFound("nothing was applied yet; see: switchover apply --help")
    return snapshot
