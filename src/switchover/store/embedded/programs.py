"""Running PostgreSQL's programs, and being the only one that starts a server."""

from __future__ import annotations

import asyncio
import fcntl
import os
import subprocess
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from switchover import clock
from switchover.errors import Unavailable

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence
    from pathlib import Path

    from switchover.store.embedded.account import Account
    from switchover.store.embedded.server_log import ServerLog

# Our own environment stays behind: it may hold passwords, and PG* variables would steer the server.
_ENVIRONMENT = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C", "TZ": "UTC"}
_POLL_SECONDS = 0.05
_FIRST_POLL_SECONDS = 0.004  # most starts and stops take a few of these


async def run_program(
    command: Sequence[str], account: Account, errors: ServerLog
) -> tuple[int, bytes]:
    """Run a program as the server's user, its errors going to the log; return code and output.

    Not through the event loop: not every loop can start a process as somebody else.
    """
    with errors.open() as log:
        process = subprocess.Popen(  # noqa: ASYNC220 - starts within a millisecond
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=log,
            cwd="/",
            env=_ENVIRONMENT,
            umask=0o077,
            start_new_session=True,
            **account.identity,
        )
        try:
            answer, _ = await asyncio.to_thread(process.communicate)
        except asyncio.CancelledError:
            process.kill()
            raise
    return process.returncode, answer


@asynccontextmanager
async def only_starter(directory: Path, deadline: float) -> AsyncIterator[None]:
    """Keep other processes from starting a server here at the same time; raises Unavailable past ``deadline``.

    Each of several commands starts a server that died. The lock is on the directory itself: a file for
    it could not be made on a full disk.
    """
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if clock.monotonic() > deadline:
                    raise Unavailable(
                        f"another process has been starting PostgreSQL in {directory} for too long; try again"
                    ) from None
                await asyncio.sleep(_POLL_SECONDS)
        yield
    finally:
        os.close(descriptor)


async def looks() -> AsyncIterator[None]:
    """Yield at once and then again and again, in pauses that grow: most things take milliseconds."""
    seconds = _FIRST_POLL_SECONDS
    while True:
        yield
        await asyncio.sleep(seconds)
        seconds = min(2 * seconds, _POLL_SECONDS)
