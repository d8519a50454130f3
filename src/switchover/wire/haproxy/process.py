"""The life of one HAProxy: checked, started, found again, reloaded, stopped.

The engine is a master with workers (``-W``) in a session of its own: neither Ctrl-C nor our death
reaches it. So what we know of it may be old, and nothing here trusts a process id alone: a master is
ours if its command line names our master socket, and stays ours while its start time is the same.

Facts behind this module, all seen on 2.8.25 (the integration tests repeat them): the engine answers
``reload`` after the new worker is ready; a failed reload keeps the old worker; a worker that dies
takes the master with it (exit-on-failure), and so does the master its workers.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from switchover.errors import Conflict, Corrupt, InvalidInput, Refused, Unavailable
from switchover.wire.haproxy import runtime
from switchover.wire.haproxy.binary import engine_environment, run_engine
from switchover.wire.haproxy.binds import configured_listens, find_bind_faults
from switchover.wire.haproxy.identity import (
    Identity,
    end_process,
    find_identity,
    is_same,
    open_pidfd,
)
from switchover.wire.haproxy.messages import (
    CheckResult,
    EngineMessage,
    Level,
    describe,
    parse_messages,
)
from switchover.wire.haproxy.socket import Runtime
from switchover.wire.haproxy.state import (
    configured_ports,
    parse_info,
    parse_processes,
    parse_servers,
    render_state_file,
)

if TYPE_CHECKING:
    from pathlib import Path

    from switchover.wire.haproxy.binds import BindFault
    from switchover.wire.haproxy.state import Processes, ServerState, Worker

# HAProxy binds a UNIX socket under a longer name first, so it refuses paths over 97 bytes.
_MAX_SOCKET_PATH = 97
_POLL_SECONDS = 0.01
_ANSWER_SECONDS = 2.0
_STATE_SECONDS = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ReloadResult:
    """How a reload went. When not ``ok`` the old worker serves on with the old configuration.

    ``seconds`` is from the call to the new worker's first answer, ``state_seconds`` its part for
    saving the servers' state.
    """

    ok: bool
    messages: tuple[EngineMessage, ...]
    seconds: float
    state_seconds: float
    processes: Processes

    @property
    def text(self) -> str:
        """The gravest messages as one line for people."""
        return describe(self.messages)


class EngineProcess:
    """One HAProxy with its files. Calls that change it wait for each other."""

    def __init__(
        self,
        binary: Path,
        configuration: Path,
        *,
        master_socket: Path,
        admin_socket: Path,
        state_file: Path,
        pid_file: Path,
    ) -> None:
        """Prepare; nothing is started or looked for yet. All paths are absolute.

        ``configuration`` must name ``admin_socket`` and ``state_file``; it is read again under this
        same path at each reload. What the engine prints goes beside ``pid_file``. Raises
        InvalidInput when a socket's path is too long.
        """
        for path in (master_socket, admin_socket):
            if len(os.fsencode(path)) > _MAX_SOCKET_PATH:
                raise InvalidInput(
                    f"{path} is longer than the {_MAX_SOCKET_PATH} bytes of a UNIX socket's path; "
                    "choose a shorter data directory"
                )
        self.binary = binary
        self.configuration = configuration
        self.state_file = state_file
        self.pid_file = pid_file
        self.messages_file = pid_file.with_suffix(".messages")
        self.runtime = Runtime(admin_socket)
        self.master = Runtime(master_socket)
        self._identity: Identity | None = None
        self._child: int | None = None
        self._changing = asyncio.Lock()

    @property
    def master_pid(self) -> int | None:
        """The master's process id while it is known and runs."""
        self._reap()
        return self._identity.pid if self._identity and is_same(self._identity) else None

    async def is_alive(self) -> bool:
        """Return whether our engine's master runs, started by us or by a process before us.

        A master that runs but does not answer counts as alive: do not start another beside it.
        """
        if self.master_pid is not None:
            return True
        try:
            return await self.attach() is not None
        except Unavailable:
            return True

    async def check(self, file: Path, *, timeout: float = 30.0) -> CheckResult:
        """Return what the engine says of ``file`` with everything it names; changes nothing.

        It looks neither at addresses (``find_bind_faults`` does) nor at the limit of open files.
        """
        code, output = await run_engine([str(self.binary), "-c", "-f", str(file)], timeout=timeout)
        return CheckResult(ok=code == 0, messages=parse_messages(output))

    async def start(self, *, timeout: float = 15.0) -> tuple[EngineMessage, ...]:
        """Start the engine and return its messages once its worker answers.

        Drains, weights and check results are taken over from the state file of the last run.
        Raises Conflict when it runs already, Unavailable when it does not come up in time (then it
        is not left running).
        """
        async with self._changing:
            if await self._find():
                raise Conflict(f"the engine already runs as process {self.master_pid}")
            self._carry_state_over()
            self._spawn()
            try:
                async with asyncio.timeout(timeout):
                    await self._until_up()
            except TimeoutError as error:
                await self._end(grace_seconds=0)
                raise Unavailable(f"the engine was not up within {timeout:g} s") from error
            return self._read_messages()

    async def attach(self, *, timeout: float = _ANSWER_SECONDS) -> Processes | None:
        """Return the processes of our engine if it runs, else None; nothing is changed.

        Raises Unavailable when it runs but does not answer: then do not start another.
        """
        async with self._changing:
            return await self._find(timeout=timeout)

    async def reload(self, *, timeout: float = 30.0) -> ReloadResult:
        """Have the configuration at its path taken up, with the servers' state, and say how it went.

        Nothing is asked of the engine if a new address cannot be had. Raises Unavailable when the
        state cannot be saved (nothing has changed) or the master does not answer in ``timeout``
        seconds (then ask ``attach`` what runs).
        """
        async with self._changing:
            began = _now()
            faults = find_bind_faults(configured_listens(self._configuration()))
            if faults:
                return ReloadResult(
                    ok=False,
                    messages=tuple(map(self._bind_message, faults)),
                    seconds=_now() - began,
                    state_seconds=0.0,
                    processes=await self.processes(),
                )
            await self._save_state()
            saved = _now()
            answer = await self.master.reload(timeout=timeout)
            ok = answer.startswith("Success=1")
            try:
                async with asyncio.timeout(timeout):
                    processes = await self._until_current() if ok else await self.processes()
            except TimeoutError as error:
                raise Unavailable(f"no worker answered within {timeout:g} s of a reload") from error
            return ReloadResult(
                ok=ok,
                messages=parse_messages(answer),
                seconds=_now() - began,
                state_seconds=saved - began,
                processes=processes,
            )

    async def save_state(self) -> tuple[ServerState, ...]:
        """Write the servers' state for the next start and return it.

        Call this after each change of mode or weight: an engine that crashes restarts from it.
        """
        async with self._changing:
            return await self._save_state()

    async def processes(self, *, timeout: float = _ANSWER_SECONDS) -> Processes:
        """Return master, worker and old workers; raises Unavailable when the master is silent."""
        return parse_processes(await self.master.ask_one(runtime.show_processes(), timeout=timeout))

    async def old_workers(self) -> tuple[Worker, ...]:
        """Return the workers that only finish their connections."""
        return (await self.processes()).old_workers

    async def stop(self, *, grace_seconds: float = 5.0) -> None:
        """Stop the engine: no new clients, ``grace_seconds`` for those it has, then all are cut.

        The servers' state is saved first if the engine still answers. Stopping twice is no error.
        """
        async with self._changing:
            if not await self._find_to_stop():
                return
            with contextlib.suppress(Unavailable, Corrupt, Refused):
                await self._save_state()
            await self._end(grace_seconds=grace_seconds)

    def take_messages(self) -> tuple[EngineMessage, ...]:
        """Return what the engine printed since the last call, and empty the file it prints to.

        Call this in each cycle: every health transition is printed too, so the file grows.
        """
        messages = self._read_messages()
        with contextlib.suppress(FileNotFoundError):
            os.truncate(self.messages_file, 0)  # the engine appends: it goes on at the start
        return messages

    def _read_messages(self) -> tuple[EngineMessage, ...]:
        try:
            printed = self.messages_file.read_text("utf-8", "replace")
        except FileNotFoundError:
            return ()
        return parse_messages(printed)

    def _configuration(self) -> str:
        try:
            return self.configuration.read_text("utf-8", "surrogateescape")
        except OSError as error:
            raise Unavailable(f"{self.configuration}: {error.strerror}") from error

    def _bind_message(self, fault: BindFault) -> EngineMessage:
        return EngineMessage(
            level=Level.ALERT,
            text=fault.reason,
            file=str(self.configuration),
            line=fault.listen.line,
        )

    async def _find(self, *, timeout: float = _ANSWER_SECONDS) -> Processes | None:
        known = self._identity_in_pid_file() if self.master_pid is None else self._identity
        try:
            processes = await self.processes(timeout=timeout)
        except Unavailable:
            if known is None:
                self._identity = None
                return None
            self._identity = known
            raise
        identity = find_identity(processes.master.pid, self.master.path)
        if identity is None:
            raise Unavailable(
                f"process {processes.master.pid} answers on {self.master.path} but was not "
                "started by us; stop it, or choose another data directory"
            )
        self._identity = identity
        return processes

    async def _find_to_stop(self) -> bool:
        with contextlib.suppress(Unavailable):
            return await self._find() is not None
        return self._identity is not None and is_same(self._identity)

    def _identity_in_pid_file(self) -> Identity | None:
        try:
            pid = int(self.pid_file.read_text("ascii"))
        except (OSError, ValueError):
            return None
        return find_identity(pid, self.master.path)

    def _carry_state_over(self) -> None:
        """Make the last run's state fit the configuration that starts now (see ``state``)."""
        try:
            rows = parse_servers(self.state_file.read_text("utf-8", "replace"))
        except (FileNotFoundError, Corrupt):
            rows = ()  # a first start, or a file cut short by a full disk: health checks decide
        self._write_state(rows)

    async def _save_state(self) -> tuple[ServerState, ...]:
        answer = await self.runtime.ask_one(runtime.show_servers_state(), timeout=_STATE_SECONDS)
        rows = parse_servers(answer)
        self._write_state(rows)
        return rows

    def _write_state(self, rows: tuple[ServerState, ...]) -> None:
        fresh = self.state_file.with_name(f"{self.state_file.name}.new")
        fresh.write_text(render_state_file(rows, configured_ports(self._configuration())), "utf-8")
        fresh.rename(self.state_file)

    def _spawn(self) -> None:
        self.pid_file.unlink(missing_ok=True)
        self.messages_file.unlink(missing_ok=True)
        arguments = [
            str(self.binary),
            "-W",
            "-S",
            f"{self.master.path},mode,600",
            "-p",
            str(self.pid_file),
            "-f",
            str(self.configuration),
        ]
        printed = os.O_CREAT | os.O_WRONLY | os.O_APPEND
        try:
            # Not asyncio's subprocess: that one kills its children when our event loop closes.
            self._child = os.posix_spawn(
                arguments[0],
                arguments,
                engine_environment(),
                file_actions=[
                    (os.POSIX_SPAWN_OPEN, 0, "/dev/null", os.O_RDONLY, 0),
                    (os.POSIX_SPAWN_OPEN, 1, str(self.messages_file), printed, 0o600),
                    (os.POSIX_SPAWN_DUP2, 1, 2),
                ],
                setsid=True,
            )
        except OSError as error:
            raise Unavailable(f"{self.binary} does not run: {error.strerror}") from error

    async def _until_up(self) -> None:
        while True:
            self._reap()
            if self._child is None:
                self._identity = None
                raise Unavailable(f"the engine did not start: {describe(self._read_messages())}")
            self._identity = find_identity(self._child, self.master.path)
            with contextlib.suppress(Unavailable):
                await self._until_current()
                return
            await asyncio.sleep(_POLL_SECONDS)

    async def _until_current(self) -> Processes:
        """Return the processes once the admin socket is answered by the current worker."""
        while True:
            with contextlib.suppress(Unavailable):
                processes = await self.processes()
                info = parse_info(
                    await self.runtime.ask_one(runtime.show_info(), timeout=_ANSWER_SECONDS)
                )
                if any(worker.pid == info.pid for worker in processes.workers):
                    return processes
            if self.master_pid is None:
                raise Unavailable(f"the engine ended: {describe(self._read_messages())}")
            await asyncio.sleep(_POLL_SECONDS)

    async def _end(self, *, grace_seconds: float) -> None:
        identity = self._identity
        pidfd = open_pidfd(identity) if identity else None
        if pidfd is not None:
            try:
                await end_process(pidfd, grace_seconds=grace_seconds)
            finally:
                os.close(pidfd)
        self._reap()
        self._identity = None
        for path in (self.pid_file, self.master.path, self.runtime.path):
            path.unlink(missing_ok=True)

    def _reap(self) -> None:
        """Let the kernel forget our child when it has ended; a master we attached to is not ours."""
        if self._child is None:
            return
        try:
            ended, _ = os.waitpid(self._child, os.WNOHANG)
        except ChildProcessError:
            ended = self._child
        if ended:
            self._child = None


def _now() -> float:
    # The event loop's own clock: it measures a wait of ours and is never stored.
    return asyncio.get_running_loop().time()
