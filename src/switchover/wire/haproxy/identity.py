"""Whether a process id still means our engine, and how that process is ended.

A process id comes back after its process ended. A master of ours is known by its command line, and
the same process by its start time, which the kernel keeps over the master's own re-execution.
"""

from __future__ import annotations

import asyncio
import os
import signal
from dataclasses import dataclass
from pathlib import Path

from switchover.errors import Unavailable

_PROC = Path("/proc")
_START_TIME = 19  # field 22 of /proc/PID/stat, counted after the command's closing bracket
_ENDED = frozenset("ZXx")
_KILL_SECONDS = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """One process for ever: its id, and when it started in the kernel's clock ticks since boot."""

    pid: int
    start_ticks: int


def find_identity(pid: int, master_socket: Path) -> Identity | None:
    """Return the identity of ``pid`` if it is a running master on ``master_socket``, else None."""
    try:
        arguments = (_PROC / str(pid) / "cmdline").read_bytes().split(b"\0")
    except OSError:
        return None
    named = os.fsencode(master_socket)
    if b"-W" not in arguments or not any(
        argument.split(b",", 1)[0] == named for argument in arguments
    ):
        return None
    start = _start_ticks(pid)
    return None if start is None else Identity(pid=pid, start_ticks=start)


def is_same(identity: Identity) -> bool:
    """Return whether that very process still runs."""
    return _start_ticks(identity.pid) == identity.start_ticks


def open_pidfd(identity: Identity) -> int | None:
    """Return a descriptor that can only ever mean that very process, or None if it has ended.

    The caller closes it. Signals sent through it never reach a process that got the id later.
    """
    try:
        pidfd = os.pidfd_open(identity.pid)
    except ProcessLookupError:
        return None
    if is_same(identity):  # asked after opening: from here on the id cannot change its meaning
        return pidfd
    os.close(pidfd)
    return None


def _start_ticks(pid: int) -> int | None:
    try:
        stat = (_PROC / str(pid) / "stat").read_text("ascii", "replace")
    except OSError:
        return None
    fields = stat.rpartition(")")[2].split()
    if len(fields) <= _START_TIME or fields[0] in _ENDED:
        return None
    return int(fields[_START_TIME])


async def end_process(pidfd: int, *, grace_seconds: float) -> None:
    """End a master and its workers: softly for ``grace_seconds``, then at once.

    Raises Unavailable when it cannot even be killed (a process stuck in the kernel).
    """
    # SIGUSR1: stop listening and finish; SIGTERM: cut everything; SIGKILL: it hangs.
    for sent, patience in (
        (signal.SIGUSR1, grace_seconds),
        (signal.SIGTERM, _KILL_SECONDS),
        (signal.SIGKILL, _KILL_SECONDS),
    ):
        if patience <= 0:
            continue
        try:
            signal.pidfd_send_signal(pidfd, sent)
        except ProcessLookupError:
            return
        if await _ended_within(pidfd, patience):
            return
    raise Unavailable("the engine does not end, not even when killed")


async def _ended_within(pidfd: int, seconds: float) -> bool:
    loop = asyncio.get_running_loop()
    ended = asyncio.Event()
    loop.add_reader(pidfd, ended.set)  # a pidfd becomes readable when its process ends
    try:
        async with asyncio.timeout(seconds):
            await ended.wait()
    except TimeoutError:
        return False
    finally:
        loop.remove_reader(pidfd)
    return True
