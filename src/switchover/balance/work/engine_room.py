"""Brings the engine to a wanted configuration, with the least that does it: nothing, commands, reload, start."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from switchover import clock
from switchover.balance.drift import ENGINE_STATE
from switchover.balance.overrides import AdminState, Target
from switchover.balance.work.engine_files import EngineFiles
from switchover.balance.work.look import FirstShown, look, look_inside
from switchover.errors import InvalidInput, NotFound, Unavailable
from switchover.wire.haproxy.change import RuntimeChange, SetState, SetWeight, plan_change
from switchover.wire.haproxy.dispatch import send_changes
from switchover.wire.haproxy.messages import EngineMessage, Level
from switchover.wire.haproxy.render import MAIN_FILE, digest_files, render_files

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from pathlib import Path

    from switchover.balance.compile import Compiled
    from switchover.balance.drift import ObservedEngine
    from switchover.balance.work.look import EngineState
    from switchover.wire.haproxy.config import EngineConfig
    from switchover.wire.haproxy.process import EngineProcess

Meanwhile = Callable[[], Awaitable[None]]


class Means(StrEnum):
    """How the engine was brought to what is wanted."""

    NOTHING = "nothing"
    RUNTIME = "runtime"
    RELOAD = "reload"
    START = "start"


@dataclass(frozen=True, slots=True, kw_only=True)
class Brought:
    """What was done to the engine; ``because`` is the reason for a reload or start."""

    means: Means
    because: str = ""
    commands: int = 0
    seconds: float = 0.0
    messages: str = ""


class EngineRoom:
    """The one place that changes the engine; callers hold ``lock`` around a change."""

    def __init__(self, process: EngineProcess, directory: Path) -> None:
        """``directory`` is the engine's folder in the data directory."""
        self.process = process
        self.control = process.runtime
        self.files = EngineFiles(directory)
        self.lock = asyncio.Lock()
        self.loaded: Compiled | None = None
        self.first_shown = FirstShown()
        self.before_reload: Callable[[], Awaitable[None]] | None = None

    async def check(self, wanted: Compiled) -> None:
        """Have the engine read a configuration; nothing of it stays.

        Raises InvalidInput with the engine's own words when it refuses; nothing that runs changes.
        """
        draft = await self._checked(await asyncio.to_thread(render_files, wanted.config))
        await asyncio.to_thread(shutil.rmtree, draft, ignore_errors=True)

    async def _bring(self, wanted: Compiled, meanwhile: Meanwhile | None) -> Brought:
        if not await self.process.is_alive():
            return await self._start(wanted, meanwhile)
        plan = plan_change(self.loaded.config if self.loaded else None, wanted.config)
        if plan.reload_because is not None:
            return await self._reload(wanted, plan.reload_because, meanwhile)
        return await self._change(wanted, (*plan.changes, *self._state_changes(wanted)))

    async def _stage(self, wanted: Compiled, meanwhile: Meanwhile | None) -> str:
        """Check a configuration and put it among the trees; return the digest of its files."""
        files = await asyncio.to_thread(render_files, wanted.config)
        digest = digest_files(files)

        async def use_the_time(draft: Path) -> None:
            await asyncio.to_thread(self.files.settle, draft)
            await asyncio.to_thread(self.files.prune)
            if meanwhile:
                await meanwhile()

        draft = await self._checked(files, use_the_time)
        await asyncio.to_thread(self.files.place, draft, digest)
        return digest

    async def _checked(
        self,
        files: Mapping[str, bytes],
        use_the_time: Callable[[Path], Awaitable[None]] | None = None,
    ) -> Path:
        """Write files into a folder and return it once the engine has read them without complaint."""
        draft = await asyncio.to_thread(self.files.write_draft, files)
        checking = self.process.check(draft / MAIN_FILE)
        if use_the_time is None:
            result = await checking
        else:  # the engine takes a while for a thousand servers
            result, _ = await asyncio.gather(checking, use_the_time(draft))
        if not result.ok:
            await asyncio.to_thread(self.files.keep_failed, draft, digest_files(files))
            raise InvalidInput(
                f"the engine refuses this configuration; nothing was changed: {_said(result.messages)}"
            )
        return draft

    async def bring(self, wanted: Compiled, *, meanwhile: Meanwhile | None = None) -> Brought:
        """Bring the engine to ``wanted`` and return how; the caller holds ``lock``.

        ``meanwhile`` is done while the engine reads its files, and not at all if it need not read any.
        On any failure the engine keeps what it had, and so does ``current``. Raises InvalidInput when
        the engine refuses the configuration, Unavailable when it does not answer.
        """
        started = clock.monotonic()
        brought = await self._bring(wanted, meanwhile)
        self.loaded = wanted
        if brought.means is not Means.NOTHING:
            self.files.note_loaded(wanted)
        return Brought(
            means=brought.means,
            because=brought.because,
            commands=brought.commands,
            seconds=clock.monotonic() - started,
            messages=brought.messages,
        )

    async def withdraw(self, tree: str | None = None) -> None:
        """Stop the engine, what it runs was never ordered; ``tree`` is what it is to read, None nothing."""
        await self.process.stop()
        self.files.restore(tree)
        self.files.forget_loaded()
        self.loaded = None

    async def resume_accepted(self, wanted: Compiled) -> Brought:
        """Start the engine from accepted files that stand in for those of ``wanted``."""
        await self.process.start()
        commands = await self._settle(wanted)
        self.loaded = wanted
        self.files.note_loaded(wanted)
        return Brought(means=Means.START, because="the engine was not running", commands=commands)

    async def enforce(self, targets: Collection[Target], *, states: bool) -> int:
        """Give these servers the state, else the weight, that the loaded wish has for them.

        For an operator who orders what is already the wish while the engine was told otherwise behind
        our back. Return how many commands that took.
        """
        if self.loaded is None:
            return 0
        changes = [
            change
            for target, change in await self._differences(self.loaded)
            if target in targets and isinstance(change, SetState) is states
        ]
        await send_changes(self.control, changes)
        if changes:
            await self.process.save_state()
        return len(changes)

    async def _start(self, wanted: Compiled, meanwhile: Meanwhile | None) -> Brought:
        digest = await self._stage(wanted, meanwhile)
        previous = self.files.activate(digest)
        try:
            await self.process.start()
        except Unavailable as error:
            self.files.restore(previous)
            said = self.process.take_messages()
            if not any(item.level is Level.ALERT for item in said):
                raise
            # Not everything shows in a check, a limit of open files for one.
            if previous != digest[:24]:
                self.files.keep_failed(self.files.tree(digest), digest)
            raise InvalidInput(
                f"the engine can not run with this configuration; nothing was changed: {_said(said)}"
            ) from error
        except Exception:
            self.files.restore(previous)
            raise
        commands = await self._settle(wanted)
        return Brought(means=Means.START, because="the engine was not running", commands=commands)

    async def _change(self, wanted: Compiled, changes: tuple[RuntimeChange, ...]) -> Brought:
        if not changes and self._is_written(wanted):
            return Brought(means=Means.NOTHING)
        self.files.forget_loaded()
        try:
            await send_changes(self.control, changes)
        except Unavailable:
            self.loaded = None  # some commands may have been done and some not
            raise
        except (InvalidInput, NotFound) as error:
            # The engine would not take it while running; the same wish by reload.
            return await self._reload(wanted, f"a run-time command was refused ({error})")
        # From here on the engine has the change; if we fail, nobody may think it has not.
        loaded, self.loaded = self.loaded, None
        files = await asyncio.to_thread(render_files, wanted.config)
        digest = digest_files(files)
        if self.files.current_name() != digest[:24]:  # a drain does not show in the files
            draft = await asyncio.to_thread(self.files.write_draft, files)
            await asyncio.to_thread(self.files.settle, draft)
            await asyncio.to_thread(self.files.place, draft, digest)
            self.files.activate(digest)
            await asyncio.to_thread(self.files.prune)
        if any(isinstance(change, SetState | SetWeight) for change in changes):
            # An engine that crashes is started from this file.
            await self.process.save_state()
        self.loaded = loaded
        return Brought(means=Means.RUNTIME, commands=len(changes))

    def _is_written(self, wanted: Compiled) -> bool:
        return self.files.current_name() == digest_files(render_files(wanted.config))[:24]

    async def _reload(
        self, wanted: Compiled, because: str, meanwhile: Meanwhile | None = None
    ) -> Brought:
        digest = await self._stage(wanted, meanwhile)
        changes = (*self._state_changes(wanted), *self._weight_changes(wanted))
        if self.before_reload is not None:
            await self.before_reload()
        previous = self.files.activate(digest)
        try:
            result = await self.process.reload()
        except Exception:
            self.files.restore(previous)
            self.loaded = None  # nobody knows which of the two it reads
            raise
        if not result.ok:
            self.files.restore(previous)
            if previous != digest[:24]:
                self.files.keep_failed(self.files.tree(digest), digest)
            if self.loaded is not None:
                self.files.note_loaded(self.loaded)
            raise InvalidInput(
                f"the engine could not take the new configuration and keeps the old one: "
                f"{_said(result.messages)}"
            )
        try:
            if self.loaded is None:
                commands = await self._settle(wanted)
            else:
                await send_changes(self.control, changes)
                commands = len(changes)
        except Exception:
            self.loaded = None  # it reads the new files, but not all of the wish
            self.files.forget_loaded()
            raise
        return Brought(
            means=Means.RELOAD, because=because, commands=commands, messages=_said(result.messages)
        )

    async def _settle(self, wanted: Compiled) -> int:
        """Give every server the wanted state and weight, whatever a state file brought back."""
        changes = [change for _, change in await self._differences(wanted)]
        await send_changes(self.control, changes)
        return len(changes)

    async def _differences(self, wanted: Compiled) -> list[tuple[Target, SetState | SetWeight]]:
        state = await self.look()
        weights = _weights(wanted)
        found: list[tuple[Target, SetState | SetWeight]] = []
        for target, admin in wanted.states.items():
            backend, server = f"{target.service}.{target.pool}", target.server
            seen = state.servers.get((backend, server))
            if seen is None:
                continue
            if seen.state is not admin:
                mode = ENGINE_STATE[admin]
                found.append((target, SetState(backend=backend, server=server, state=mode)))
            weight = weights[backend, server]
            if seen.weight != weight:
                found.append((target, SetWeight(backend=backend, server=server, weight=weight)))
        return found

    def _state_changes(self, wanted: Compiled) -> tuple[RuntimeChange, ...]:
        before: Mapping[Target, AdminState] = self.loaded.states if self.loaded else {}
        return tuple(
            SetState(
                backend=f"{target.service}.{target.pool}",
                server=target.server,
                state=ENGINE_STATE[state],
            )
            for target, state in wanted.states.items()
            if before.get(target, AdminState.READY) is not state
        )

    def _weight_changes(self, wanted: Compiled) -> tuple[RuntimeChange, ...]:
        """Return the weights to set beside a reload.

        A new worker keeps the weight that was set at run time when the file says what it said at the
        reload before (``srv_iweight`` of the state file); the wish may have changed twice since.
        """
        before = _weights(self.loaded) if self.loaded else {}
        return tuple(
            SetWeight(backend=backend, server=server, weight=weight)
            for (backend, server), weight in _weights(wanted).items()
            if before.get((backend, server), weight) != weight
        )

    async def look(self) -> EngineState:
        """Return what the running engine says of itself; raises Unavailable when it does not."""
        return await look(self.control)

    async def look_inside(self, state: EngineState, config: EngineConfig) -> ObservedEngine:
        """Return ``state`` with the contents of what ``config`` names; what the engine does not know is left out."""
        return await look_inside(self.control, state, config, self.first_shown)


def _weights(compiled: Compiled) -> dict[tuple[str, str], int]:
    return {
        (backend.name, line.name): line.weight
        for backend in compiled.config.backends
        for line in backend.servers
    }


def _said(messages: tuple[EngineMessage, ...]) -> str:
    """What the engine complained about, in its own words; notices only when there is nothing else."""
    grave = [item for item in messages if item.level in {Level.ALERT, Level.WARNING}]
    return "; ".join(str(item) for item in (grave or messages)[:5])
