"""Brings the engine to a wanted configuration, with the least that does it.

Each configuration is a folder of its own below ``trees``, named by its digest; ``current`` is a symbolic
link that is flipped in one step, and is what the engine reads. So what was checked is byte for byte what
is loaded, the previous one is still there, and failed ones are kept for inspection.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from switchover import clock
from switchover.balance.drift import ENGINE_STATE, ObservedServer
from switchover.balance.overrides import AdminState, Target
from switchover.errors import InvalidInput, Unavailable
from switchover.wire.haproxy import runtime
from switchover.wire.haproxy.change import RuntimeChange, SetState, SetWeight, plan_change
from switchover.wire.haproxy.dispatch import send_changes
from switchover.wire.haproxy.messages import EngineMessage, Level
from switchover.wire.haproxy.render import MAIN_FILE, digest_files, render_files
from switchover.wire.haproxy.state import (
    EngineInfo,
    ServerState,
    parse_info,
    parse_map,
    parse_servers,
)

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from switchover.balance.compile import Compiled
    from switchover.wire.haproxy.process import EngineProcess

KEPT_TREES = 10


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


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineState:
    """One look at the running engine. ``worker_pid`` changes with each reload."""

    servers: Mapping[tuple[str, str], ObservedServer]
    rows: tuple[ServerState, ...]
    info: EngineInfo

    @property
    def worker_pid(self) -> int:
        """Process id of the worker that takes new connections."""
        return self.info.pid


class EngineRoom:
    """The one place that changes the engine; callers hold ``lock`` around a change."""

    def __init__(self, process: EngineProcess, directory: Path) -> None:
        """``directory`` is the engine's folder in the data directory; made when missing."""
        self.process = process
        self.control = process.runtime
        self.directory = directory
        self.lock = asyncio.Lock()
        self.loaded: Compiled | None = None
        (directory / "trees").mkdir(parents=True, exist_ok=True, mode=0o700)

    @property
    def current(self) -> Path:
        """The link to the folder that the engine reads."""
        return self.directory / "current"

    @property
    def main_file(self) -> Path:
        """The file the engine was started with."""
        return self.current / MAIN_FILE

    async def check(self, wanted: Compiled) -> str:
        """Stage a configuration and have the engine read it; return the digest of its files.

        Raises InvalidInput with the engine's own words when it refuses; nothing that runs changes.
        """
        files = render_files(wanted.config)
        digest = digest_files(files)
        tree = await asyncio.to_thread(self._write_tree, files, digest)
        result = await self.process.check(tree / MAIN_FILE)
        if not result.ok:
            await asyncio.to_thread(self._keep_failed, tree)
            raise InvalidInput(
                f"the engine refuses this configuration; nothing was changed: {_said(result.messages)}"
            )
        return digest

    async def bring(self, wanted: Compiled) -> Brought:
        """Bring the engine to ``wanted`` and return how; the caller holds ``lock``.

        On any failure the engine keeps what it had, and so does ``current``. Raises InvalidInput when
        the engine refuses the configuration, Unavailable when it does not answer.
        """
        started = clock.monotonic()
        if not await self.process.is_alive():
            brought = await self._start(wanted)
        else:
            plan = plan_change(self.loaded.config if self.loaded else None, wanted.config)
            changes = (*plan.changes, *self._state_changes(wanted))
            if plan.reload_because is None:
                brought = await self._change(wanted, changes)
            else:
                brought = await self._reload(wanted, plan.reload_because)
        self.loaded = wanted
        return Brought(
            means=brought.means,
            because=brought.because,
            commands=brought.commands,
            seconds=clock.monotonic() - started,
            messages=brought.messages,
        )

    async def _start(self, wanted: Compiled) -> Brought:
        digest = await self.check(wanted)
        previous = self._activate(digest)
        try:
            await self.process.start()
        except Unavailable as error:
            self._restore(previous)
            said = self.process.take_messages()
            if not any(item.level is Level.ALERT for item in said):
                raise
            # Not everything shows in a check, a limit of open files for one.
            self._keep_failed(self._tree(digest))
            raise InvalidInput(
                f"the engine can not run with this configuration; nothing was changed: {_said(said)}"
            ) from error
        except Exception:
            self._restore(previous)
            raise
        commands = await self._settle(wanted)
        return Brought(means=Means.START, because="the engine was not running", commands=commands)

    async def _change(self, wanted: Compiled, changes: tuple[RuntimeChange, ...]) -> Brought:
        files = render_files(wanted.config)
        digest = digest_files(files)
        if not changes and self.current_digest_name() == digest[:24]:
            return Brought(means=Means.NOTHING)
        try:
            await send_changes(self.control, changes)
        except Unavailable:
            raise
        except InvalidInput as error:
            # The engine would not take it while running; the same wish by reload.
            return await self._reload(wanted, f"a run-time command was refused ({error})")
        await asyncio.to_thread(self._write_tree, files, digest)
        self._activate(digest)
        if any(isinstance(change, SetState | SetWeight) for change in changes):
            # An engine that crashes is started from this file.
            await self.process.save_state()
        return Brought(means=Means.RUNTIME, commands=len(changes))

    async def _reload(self, wanted: Compiled, because: str) -> Brought:
        digest = await self.check(wanted)
        changes = (*self._state_changes(wanted), *self._weight_changes(wanted))
        previous = self._activate(digest)
        try:
            result = await self.process.reload()
        except Exception:
            self._restore(previous)
            raise
        if not result.ok:
            self._restore(previous)
            self._keep_failed(self._tree(digest))
            raise InvalidInput(
                f"the engine could not take the new configuration and keeps the old one: "
                f"{_said(result.messages)}"
            )
        if self.loaded is None:
            commands = await self._settle(wanted)
        else:
            await send_changes(self.control, changes)
            commands = len(changes)
        return Brought(
            means=Means.RELOAD, because=because, commands=commands, messages=_said(result.messages)
        )

    async def _settle(self, wanted: Compiled) -> int:
        """Give every server the wanted state and weight, whatever a state file brought back."""
        state = await self.look()
        changes: list[RuntimeChange] = []
        weights = _weights(wanted)
        for target, admin in wanted.states.items():
            backend = f"{target.service}.{target.pool}"
            seen = state.servers.get((backend, target.server))
            if seen is None:
                continue
            if seen.state is not admin:
                changes.append(
                    SetState(backend=backend, server=target.server, state=ENGINE_STATE[admin])
                )
            weight = weights[backend, target.server]
            if seen.weight != weight:
                changes.append(SetWeight(backend=backend, server=target.server, weight=weight))
        await send_changes(self.control, changes)
        return len(changes)

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
        state, info = await self.control.send(
            [runtime.show_servers_state(), runtime.show_info()], timeout=5.0
        )
        rows = parse_servers(state.text)
        servers = {(row.backend, row.server): _observed(row) for row in rows}
        return EngineState(servers=servers, rows=rows, info=parse_info(info.text))

    async def look_at_maps(self, names: tuple[str, ...]) -> dict[str, tuple[tuple[str, str], ...]]:
        """Return the entries of loaded maps; one the engine does not know is left out."""
        outcomes = await self.control.send([runtime.show_map(name) for name in names], timeout=5.0)
        return {
            name: parse_map(outcome.text)
            for name, outcome in zip(names, outcomes, strict=True)
            if outcome.is_done
        }

    def current_digest_name(self) -> str | None:
        """Return the name of the folder ``current`` leads to, None before the first."""
        try:
            return self.current.readlink().name
        except OSError:
            return None

    def files_digest(self) -> str | None:
        """Return the digest of the files as they are on disk now; None when there are none."""
        root = self.current.resolve()
        if not (root / MAIN_FILE).is_file():
            return None
        return digest_files(
            {
                str(path.relative_to(root)): path.read_bytes()
                for path in root.rglob("*")
                if path.is_file()
            }
        )

    def _tree(self, digest: str) -> Path:
        return self.directory / "trees" / digest[:24]

    def _write_tree(self, files: Mapping[str, bytes], digest: str) -> Path:
        tree = self._tree(digest)
        draft = tree.with_name(f"draft-{clock.new_id()[:8]}")
        for name, content in files.items():
            path = draft / name
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                file.write(content)
        if tree.exists():
            # The same digest may stand there edited by hand; ours replaces it.
            shutil.rmtree(tree)
        draft.rename(tree)
        return tree

    def _activate(self, digest: str) -> str | None:
        previous = self.current_digest_name()
        self._restore(digest[:24])
        self._prune()
        return previous

    def _restore(self, name: str | None) -> None:
        if name is None:
            self.current.unlink(missing_ok=True)
            return
        link = self.directory / f"current-{clock.new_id()[:8]}"
        link.symlink_to(f"trees/{name}")
        link.replace(self.current)

    def _keep_failed(self, tree: Path) -> None:
        failed = self.directory / "failed"
        failed.mkdir(exist_ok=True, mode=0o700)
        target = failed / f"{clock.now():%Y%m%dT%H%M%SZ}-{tree.name}"
        with contextlib.suppress(OSError):
            tree.rename(target)
        for old in sorted(failed.iterdir())[:-KEPT_TREES]:
            shutil.rmtree(old, ignore_errors=True)

    def _prune(self) -> None:
        trees = sorted(
            (path for path in (self.directory / "trees").iterdir() if path.is_dir()),
            key=lambda path: path.stat().st_mtime,
        )
        kept = self.current_digest_name()
        for old in trees[:-KEPT_TREES]:
            if old.name != kept:
                shutil.rmtree(old, ignore_errors=True)


def _weights(compiled: Compiled) -> dict[tuple[str, str], int]:
    return {
        (backend.name, line.name): line.weight
        for backend in compiled.config.backends
        for line in backend.servers
    }


def _observed(row: ServerState) -> ObservedServer:
    state = AdminState.READY
    if row.is_maintenance:
        state = AdminState.MAINTENANCE
    elif row.is_draining:
        state = AdminState.DRAIN
    return ObservedServer(
        backend=row.backend,
        name=row.server,
        address=row.address,
        port=row.port,
        weight=row.weight,
        state=state,
    )


def _said(messages: tuple[EngineMessage, ...]) -> str:
    """What the engine complained about, in its own words; notices only when there is nothing else."""
    grave = [item for item in messages if item.level in {Level.ALERT, Level.WARNING}]
    return "; ".join(str(item) for item in (grave or messages)[:5])
