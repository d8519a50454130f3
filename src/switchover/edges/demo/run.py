"""Runs the demo from its start to its end, whatever ends it."""

from __future__ import annotations

import asyncio
import contextlib
import io
import logging
import os
import signal
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rich.console import Console

from switchover.edges.demo.live import LiveView
from switchover.edges.demo.picture import take_picture
from switchover.edges.demo.place import demo_settings, hold_place
from switchover.edges.demo.plain import tell_snapshots
from switchover.edges.demo.stage import open_stage
from switchover.edges.demo.story import tell_story
from switchover.edges.demo.watch import Watcher

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from switchover.edges.demo.stage import Stage

INTERRUPTED = 130


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoOptions:
    """What the user asked for: ``once`` the story, ``picture`` a file, ``keep`` the files."""

    once: bool = False
    keep: bool = False
    picture: Path | None = None


class _DemoConsole(Console):
    """A console that lets us end everything first when the reader of its pipe has gone."""

    def on_broken_pipe(self) -> None:
        """Write the rest nowhere, and raise what Rich turns into the end of the process."""
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)
        raise BrokenPipeError


def run_demo(options: DemoOptions) -> int:
    """Run the demo; return 0, or 1 when a claim of the story did not hold, 130 when it was cut short.

    Raises:
        Conflict: another demo runs, or a port was taken.
        Refused: the directory cannot be used.
        Unavailable: a part did not start, or ended while it was needed.
    """
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(
            errors="replace"
        )  # a terminal without our marks still gets the words
    return asyncio.run(_run(options, _DemoConsole(highlight=False)))


async def _run(options: DemoOptions, console: Console) -> int:
    """Play until the play ends or a signal comes; take everything down either way."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, stop.set)
    with hold_place(keep=options.keep) as directory, _logging_to(directory / "switchover.log"):
        code = await _until(stop, asyncio.create_task(_play(directory, options, console)))
    if options.keep:
        console.print(f"kept: {directory}")
    if code is None:
        return INTERRUPTED if options.once or options.picture else 0
    return code


async def _until(stop: asyncio.Event, playing: asyncio.Task[int]) -> int | None:
    """Return the play's exit code, None when it was stopped before its end."""
    stopping = asyncio.create_task(stop.wait())
    await asyncio.wait({playing, stopping}, return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    if playing.done():
        return playing.result()
    playing.cancel()
    await asyncio.wait({playing})
    if not playing.cancelled() and (error := playing.exception()):
        raise error
    return None


async def _play(directory: Path, options: DemoOptions, console: Console) -> int:
    def tell(sentence: str) -> None:
        console.print(f"[dim]{sentence} ...[/dim]")

    async with open_stage(directory, demo_settings(os.environ), tell) as stage:
        try:
            return await stage.run(_show(stage, options, console))
        finally:
            tell("ending everything")


async def _show(stage: Stage, options: DemoOptions, console: Console) -> int:
    if options.once:
        return await tell_story(stage, console)
    watcher = Watcher(stage)
    if options.picture:
        await take_picture(stage, watcher, options.picture)
        console.print(f"wrote {options.picture}")
    elif console.is_terminal and not console.is_dumb_terminal and sys.stdin.isatty():
        await LiveView(stage=stage, watcher=watcher, console=console).show()
    else:
        await tell_snapshots(watcher, console)
    return 0


@contextlib.contextmanager
def _logging_to(file: Path) -> Iterator[None]:
    handler = logging.FileHandler(file, encoding="utf-8")
    handler.setFormatter(
        logging.Formatter("%(asctime)s level=%(levelname)s logger=%(name)s %(message)s")
    )
    root = logging.getLogger()
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    try:
        yield
    finally:
        root.removeHandler(handler)
        handler.close()
