"""The farm and the traffic: processes of their own, so that a busy client slows nothing else."""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
from typing import TYPE_CHECKING, Any

from switchover.errors import Conflict, Unavailable

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

_STOP_SECONDS = 5.0
_LONGEST_LINE_BYTES = 4 * 1024 * 1024
_CONFLICT_WORDS = "Address already in use"


class Child:
    """A running ``python -m switchover.practice``; it prints one JSON object a line."""

    def __init__(self, name: str, process: asyncio.subprocess.Process, errors: Path) -> None:
        """Take the started process, and the file that its complaints go to."""
        self.name = name
        self._process = process
        self._errors = errors

    async def read(self) -> dict[str, Any]:
        """Return the next object.

        Raises:
            Unavailable: the process has ended; Conflict when that was because of a taken port.
        """
        assert self._process.stdout is not None  # noqa: S101 - it was started with a pipe
        line = await self._process.stdout.readline()
        if not line:
            raise await self._obituary()
        value: dict[str, Any] = json.loads(line)
        return value

    async def _obituary(self) -> Unavailable | Conflict:
        code = await self._process.wait()
        lines = self._errors.read_text("utf-8", "replace").splitlines()
        last = lines[-1] if lines else "it said nothing"
        if _CONFLICT_WORDS in last:
            return Conflict(f"{self.name}: {last}; start the demo again in a moment")
        how = f"was ended by signal {-code}" if code < 0 else f"ended with code {code}"
        return Unavailable(f"{self.name} {how}: {last}")

    async def stop(self) -> None:
        """End it: SIGTERM, after 5 seconds SIGKILL. Idempotent."""
        with contextlib.suppress(ProcessLookupError):
            self._process.terminate()
        try:
            async with asyncio.timeout(_STOP_SECONDS):
                await self._process.wait()
        except TimeoutError:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()
            await self._process.wait()


@contextlib.asynccontextmanager
async def open_child(name: str, directory: Path, *arguments: str) -> AsyncIterator[Child]:
    """Run ``python -m switchover.practice ARGUMENTS`` until the block ends, or we do."""
    errors = directory / f"{name}.log"
    with errors.open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            # -P: a directory called switchover where the user happens to stand is not ours.
            *(sys.executable, "-P", "-m", "switchover.practice", "--follow-parent", *arguments),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=log,
            # Ctrl-C goes to the whole group: the order in which things end is ours to decide.
            start_new_session=True,
            limit=_LONGEST_LINE_BYTES,
        )
    child = Child(name, process, errors)
    try:
        yield child
    finally:
        await child.stop()
