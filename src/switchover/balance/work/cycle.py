"""The balancer's cycle: load the wish, look at the engine, compare, act or report, say it in a sentence.

Runs every two seconds. It never needs the database to keep traffic going: without one it works with the
last wish it knows, and with none at all it starts the engine from the files on disk.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from switchover import clock
from switchover.balance import queries
from switchover.balance.drift import Drift, DriftKind
from switchover.balance.event import Event, Severity
from switchover.balance.find_drift import find_drift
from switchover.balance.work.engine_room import Means
from switchover.balance.work.revisions import compile_wish, current_wish
from switchover.errors import Conflict, InvalidInput, NotFound, SwitchoverError, Unavailable
from switchover.model.wording import counted
from switchover.wire.haproxy.dispatch import send_changes
from switchover.wire.haproxy.render import digest_files, render_files

if TYPE_CHECKING:
    from datetime import datetime

    from switchover.balance.advice import AdviceBoard
    from switchover.balance.compile import Compiled
    from switchover.balance.overrides import Target
    from switchover.balance.work.engine_room import Brought
    from switchover.balance.work.events import EventLog
    from switchover.balance.work.look import EngineState
    from switchover.balance.work.parts import BalancerParts
    from switchover.wire.haproxy.change import RuntimeChange
    from switchover.wire.haproxy.state import ServerState

Announce = Callable[[tuple[Drift, ...]], Awaitable[None]]
logger = logging.getLogger(__name__)

NOTHING_APPLIED = "no platform file was applied yet"
WAY_OUT = "apply a platform file, or stop the engine: switchover drift repair --stop-engine"


@dataclass(frozen=True, slots=True, kw_only=True)
class CycleReport:
    """What one cycle found and did."""

    at: datetime
    sentence: str
    revision: int | None
    drifts: tuple[Drift, ...] = ()
    database_answers: bool = True
    engine_runs: bool = True


@dataclass(slots=True, kw_only=True)
class Cycle:
    """Runs cycles; ``report`` is the last one, ``state`` the last look at the engine."""

    parts: BalancerParts
    events: EventLog
    advice: AdviceBoard
    report: CycleReport | None = None
    state: EngineState | None = None
    _reported: frozenset[str] = field(default_factory=frozenset)
    _digest: tuple[Compiled, str] | None = None
    _unreadable: str = ""
    _is_history_empty: bool = False
    """True once the database said that nothing was ever applied; it may be another one than before."""

    async def run(self) -> CycleReport:
        """Run one cycle and return its report; never raises for a part that does not answer."""
        async with self.parts.engine.lock:
            answers = await self._load_wish()
            try:
                report = await self._compare(database_answers=answers)
            except SwitchoverError as error:
                runs = self.parts.engine.process.master_pid is not None
                report = self._failed(error, database_answers=answers, engine_runs=runs)
        self.parts.engine.files.note_advised(map(str, self.advice.advised(clock.now())))
        # What the engine prints it also logs; read here only so that its file does not grow.
        self.parts.engine.process.take_messages()
        self._tell(report)
        self.report = report
        return report

    async def repair(
        self, *, author: str, announce: Announce, reason: str = "", stop_engine: bool = False
    ) -> tuple[Drift, ...]:
        """Put right every difference; return what was put right. The events say who and why.

        ``announce`` is told of them before anything is done. An engine that no revision ordered is
        stopped where ``stop_engine`` says so, else Conflict.
        """
        async with self.parts.engine.lock:
            answers = await self._load_wish()
            if self.parts.wanted is None and answers:
                drifts = await self._find_unordered()
                self._require_stoppable(drifts, stop_engine=stop_engine)
                await announce(drifts)
                await self.parts.engine.withdraw()
                self.state = None
            else:
                compiled = self._require_wish()
                drifts = await self._find(compiled)
                await announce(drifts)
                await self._put_right(compiled, drifts)
        self.events.add(
            *(
                Event(
                    kind="drift-repaired",
                    severity=Severity.INFO,
                    cause=f"put right by {author}: {drift.sentence}",
                    target=drift.target,
                    detail={"author": author, "reason": reason},
                )
                for drift in drifts
            )
        )
        await self.run()
        return drifts

    def _require_stoppable(self, drifts: tuple[Drift, ...], *, stop_engine: bool) -> None:
        if not drifts:
            self._require_wish()
        if not stop_engine:
            raise Conflict(f"the engine is {drifts[0].found}; {WAY_OUT}")

    async def _put_right(self, compiled: Compiled, drifts: tuple[Drift, ...]) -> None:
        engine = self.parts.engine
        try:
            await send_changes(engine.control, _repairs(drifts))
            needs_reload = any(drift.repair is None for drift in drifts)
        except (InvalidInput, NotFound) as error:
            # The engine would not take it while running, and was not told what came behind it.
            logger.info("repair by reload, because a run-time command was refused: %s", error)
            needs_reload = True
        if needs_reload:
            engine.loaded = None
            await engine.bring(compiled)
            # A new worker takes over what was done to servers, stopped checks for one.
            await send_changes(engine.control, _repairs(await self._find(compiled)))
        engine.first_shown.forget()

    async def find_drift(self) -> tuple[Drift, ...]:
        """Look now and return every difference."""
        async with self.parts.engine.lock:
            return await self.find_drift_under_lock()

    async def find_drift_under_lock(self) -> tuple[Drift, ...]:
        """Look now and return every difference; the caller holds the engine's lock."""
        await self._load_wish()
        if self.parts.wanted is None and (unordered := await self._find_unordered()):
            return unordered
        return await self._find(self._require_wish())

    def _require_wish(self) -> Compiled:
        if self.parts.wanted is None:
            raise NotFound("nothing was applied yet; see: switchover apply")
        return self.parts.wanted[1]

    async def _load_wish(self) -> bool:
        """Bring ``parts.wanted`` up to date; False when the database does not answer."""
        parts = self.parts
        if not parts.is_prepared:
            return False
        try:
            async with parts.database.transaction() as connection:
                number = await queries.latest_number(connection)
                self._is_history_empty = number is None
                if number is None or (parts.wanted and parts.wanted[0] == number):
                    self._unreadable = ""
                    return True
                latest = await queries.find_latest(connection)
                if latest is not None:
                    wish = await current_wish(parts, connection, latest)
                    compiled = await asyncio.to_thread(compile_wish, parts, wish)
                    parts.wanted = (latest.number, compiled)
        except Unavailable:
            return False
        except SwitchoverError as error:
            # A lost key, or a file that newer rules refuse: what runs goes on, and we say why.
            self._unreadable = f"; the stored wish can not be read: {error}"
            return True
        self._unreadable = ""
        return True

    async def _compare(self, *, database_answers: bool) -> CycleReport:
        parts = self.parts
        alive = await parts.engine.process.is_alive()
        if parts.wanted is None:
            return await self._without_wish(alive=alive, database_answers=database_answers)
        number, compiled = parts.wanted
        if not alive or self._is_unloaded(compiled):
            brought = await self._bring(compiled, alive=alive)
            self.state = await parts.engine.look()
            sentence = f"revision {number}: engine brought up by {brought.means}"
            if brought.because:
                sentence += f" because {brought.because}"
            if not alive:
                self.events.add(
                    Event(kind="engine-started", severity=Severity.WARNING, cause=sentence)
                )
            elif brought.means is not Means.NOTHING:
                self.events.add(
                    Event(kind="engine-changed", severity=Severity.INFO, cause=sentence)
                )
            return self._report(sentence, number, database_answers=database_answers)
        drifts = await self._find(compiled)
        words = "in order"
        if drifts:
            words = f"{counted(len(drifts), 'difference')}: {drifts[0].sentence}"
        return self._report(
            f"revision {number}: {words}", number, drifts, database_answers=database_answers
        )

    async def _bring(self, compiled: Compiled, *, alive: bool) -> Brought:
        engine = self.parts.engine
        digest = self._wanted_digest(compiled)
        is_accepted = (
            engine.files.accepted is not None and engine.files.accepted == engine.files.digest()
        )
        if not alive and is_accepted and engine.files.has_loaded(compiled, digest):
            return await engine.resume_accepted(compiled)
        return await engine.bring(compiled)

    def _is_unloaded(self, compiled: Compiled) -> bool:
        """True when the engine is not known to run this wish.

        After a restart of ours the engine room's notes say what it took up last. Files that were edited
        since are drift, to be reported and not to be overwritten.
        """
        engine = self.parts.engine
        if engine.loaded is compiled or engine.loaded == compiled:
            engine.loaded = compiled
            return False
        if engine.loaded is None and engine.files.has_loaded(
            compiled, self._wanted_digest(compiled)
        ):
            engine.loaded = compiled
            return False
        return True

    async def _without_wish(self, *, alive: bool, database_answers: bool) -> CycleReport:
        engine = self.parts.engine
        if alive:
            self.state = await engine.look()
        unordered = await self._find_unordered()
        if unordered:
            sentence = f"the engine is {unordered[0].found}; {WAY_OUT}"
        elif self._is_history_empty:
            sentence = NOTHING_APPLIED
        else:
            sentence = "what to run is not known yet; the engine goes on as it is"
        return self._report(
            sentence, None, unordered, database_answers=database_answers, engine_runs=alive
        )

    async def _find_unordered(self) -> tuple[Drift, ...]:
        """Return the engine itself as what nobody ordered, where it runs and no revision exists.

        A first change was cut off by our death, or the database is a new one: only people know which.
        """
        engine = self.parts.engine
        if not self._is_history_empty or not await engine.process.is_alive():
            return ()
        tree = engine.files.current_name()
        where = f"trees/{tree}" if tree else "its files are gone"
        return (
            Drift(
                kind=DriftKind.SURPLUS,
                subject="the engine",
                wanted="not running: nothing was applied",
                found=f"running what is no revision ({where})",
            ),
        )

    async def _find(self, compiled: Compiled) -> tuple[Drift, ...]:
        engine = self.parts.engine
        state = await engine.look()
        if self.state is not None and self.state.worker_pid != state.worker_pid:
            self.events.add(
                Event(
                    kind="engine-reloaded",
                    severity=Severity.INFO,
                    cause=f"a new worker took over (process {state.worker_pid})",
                )
            )
        self.state = state
        self.advice.weights = _weights(state.rows, compiled)
        seen = await engine.look_inside(state, compiled.config)
        advised = self.advice.advised(clock.now())
        found = await asyncio.to_thread(find_drift, compiled, seen, advised=advised)
        return (*found, *self._file_drift(compiled))

    def _file_drift(self, compiled: Compiled) -> tuple[Drift, ...]:
        digest = self.parts.engine.files.digest()
        wanted = self._wanted_digest(compiled)
        if digest in {wanted, self.parts.engine.files.accepted}:
            return ()
        return (
            Drift(
                kind=DriftKind.FILE,
                subject=str(self.parts.engine.files.current),
                wanted=f"as written (sha256 {wanted[:12]})",
                found="missing" if digest is None else f"edited by hand (sha256 {digest[:12]})",
            ),
        )

    def _wanted_digest(self, compiled: Compiled) -> str:
        """Digest of the wanted files; rendering costs milliseconds, so it is remembered."""
        if self._digest is None or self._digest[0] is not compiled:
            self._digest = (compiled, digest_files(render_files(compiled.config)))
        return self._digest[1]

    def _report(
        self,
        sentence: str,
        revision: int | None,
        drifts: tuple[Drift, ...] = (),
        *,
        database_answers: bool,
        engine_runs: bool = True,
    ) -> CycleReport:
        if not database_answers:
            sentence += (
                "; the database does not answer, so nothing can be changed"
                if self.parts.is_prepared
                else "; the database is being prepared"
            )
        sentence += self._unreadable
        return CycleReport(
            at=clock.now(),
            sentence=sentence,
            revision=revision,
            drifts=drifts,
            database_answers=database_answers,
            engine_runs=engine_runs,
        )

    def _failed(
        self, error: SwitchoverError, *, database_answers: bool, engine_runs: bool
    ) -> CycleReport:
        number = self.parts.wanted[0] if self.parts.wanted else None
        return self._report(
            f"the engine could not be brought to the wish: {error}",
            number,
            database_answers=database_answers,
            engine_runs=engine_runs,
        )

    def _tell(self, report: CycleReport) -> None:
        """Log a changed sentence and turn new drift into events, each once while it lasts."""
        if self.report is None or self.report.sentence != report.sentence:
            logger.info("cycle sentence=%r", report.sentence)
            if not report.engine_runs and report.revision is not None:
                self.events.add(
                    Event(kind="engine-failed", severity=Severity.ERROR, cause=report.sentence)
                )
        current = frozenset(drift.sentence for drift in report.drifts)
        for drift in report.drifts:
            if drift.sentence not in self._reported:
                self.events.add(
                    Event(
                        kind="drift",
                        severity=Severity.WARNING,
                        cause=drift.sentence,
                        target=drift.target,
                    )
                )
        self._reported = current


def _repairs(drifts: tuple[Drift, ...]) -> list[RuntimeChange]:
    return [drift.repair for drift in drifts if drift.repair is not None]


def _weights(rows: tuple[ServerState, ...], compiled: Compiled) -> dict[str, tuple[int, int]]:
    """Return wanted and loaded weight of every server by ``mail.owa/cas1``."""
    loaded = {(row.backend, row.server): row.configured_weight for row in rows}
    return {
        f"{backend.name}/{line.name}": (
            line.weight,
            loaded.get((backend.name, line.name), line.weight),
        )
        for backend in compiled.config.backends
        for line in backend.servers
    }


def drifted_targets(drifts: tuple[Drift, ...]) -> dict[Target, list[Drift]]:
    """Return the differences of single servers by target, for accepting them."""
    result: dict[Target, list[Drift]] = {}
    for drift in drifts:
        if drift.target is not None and drift.kind in {DriftKind.STATE, DriftKind.WEIGHT}:
            result.setdefault(drift.target, []).append(drift)
    return result
