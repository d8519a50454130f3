"""The demo without a terminal: a few lines every five seconds."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from switchover import clock
from switchover.edges.cli.output import STATE_MARK

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import Console

    from switchover.edges.demo.scene import Board, Scene
    from switchover.edges.demo.watch import Watcher

SNAPSHOT_SECONDS = 5.0


async def tell_snapshots(watcher: Watcher, console: Console) -> None:
    """Print a snapshot every SNAPSHOT_SECONDS until cancelled."""
    while True:
        for line in snapshot_lines(await watcher.look()):
            console.print(line, markup=False, soft_wrap=True)
        console.file.flush()
        await asyncio.sleep(SNAPSHOT_SECONDS)


def snapshot_lines(scene: Scene) -> Iterator[str]:
    """Yield the snapshot's lines. Pure but for the time of day."""
    broken = f"broken on the farm: {', '.join(scene.broken)}" if scene.broken else "nothing broken"
    yield f"{clock.now().astimezone():%H:%M:%S}  {scene.per_second:.0f} requests/s  {broken}"
    for board in scene.boards:
        yield (
            f"  {board.name:<11}served {board.requests - board.failed:>7,}  "
            f"failed {board.failed:>4,}  moved {board.moved:>6,}  {_states(board)}"
        )


def _states(board: Board) -> str:
    """Return what is not up, with mark and word."""
    if board.is_whole:
        return f"{STATE_MARK['up']} every server up"
    off = []
    for row in board.rows:
        kinds = set(row.states.values())
        if board.verdicts == 1 or len(kinds) == 1:
            off += [f"{STATE_MARK[kind]} {row.server} {kind}" for kind in kinds if kind != "up"]
        else:
            off += [
                f"{STATE_MARK[state]} {row.server}/{workload} {state}"
                for workload, state in row.states.items()
                if state != "up"
            ]
    return "  ".join(off)
