"""The live view: drawn four times a second, and keys that break, mend and drain."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from rich.live import Live
from rich.text import Text

from switchover.edges.demo.keys import Deed, choose, pressed_keys
from switchover.edges.demo.scene import Choice, Scene
from switchover.edges.demo.view import draw
from switchover.edges.demo.watch import Watcher
from switchover.errors import SwitchoverError, Unavailable

if TYPE_CHECKING:
    from rich.console import Console

    from switchover.edges.demo.stage import Stage

FRAME_SECONDS = 0.25


@dataclass(slots=True, kw_only=True)
class LiveView:
    """What the user of the live view has chosen and done."""

    stage: Stage
    watcher: Watcher
    console: Console
    choice: Choice = field(default_factory=Choice)
    note: str = ""
    scene: Scene | None = None

    async def show(self) -> None:
        """Draw until ``q`` is pressed."""
        with contextlib.ExitStack() as stack:
            keys = stack.enter_context(pressed_keys(sys.stdin.fileno()))
            live = stack.enter_context(
                Live(
                    Text(""),
                    console=self.console,
                    screen=True,
                    auto_refresh=False,
                    transient=True,
                    redirect_stdout=False,
                    redirect_stderr=False,
                )
            )
            drawing = asyncio.create_task(self._draw(live))
            try:
                await self._obey(keys, drawing)
            finally:
                drawing.cancel()
                await asyncio.wait({drawing})

    async def _draw(self, live: Live) -> None:
        while True:
            with contextlib.suppress(Unavailable):
                self.scene = await self.watcher.look(choice=self.choice, note=self.note)
                size = self.console.size
                picture = draw(self.scene, width=size.width, height=size.height)
                # A terminal that takes its time must not hold up switchover in this process.
                await asyncio.to_thread(live.update, picture, refresh=True)
            await asyncio.sleep(FRAME_SECONDS)

    async def _obey(self, keys: asyncio.Queue[str], drawing: asyncio.Task[None]) -> None:
        while True:
            waiting = asyncio.create_task(keys.get())
            await asyncio.wait({waiting, drawing}, return_when=asyncio.FIRST_COMPLETED)
            if drawing.done():
                waiting.cancel()
                drawing.result()
                return
            key = waiting.result()
            if key == Deed.QUIT:
                return
            self.choice = choose(self.choice, key)
            if key in tuple(Deed):
                self.note = "..."
                self.note = await self._do(Deed(key))

    async def _do(self, deed: Deed) -> str:
        """Do what a key asks for and return a sentence about it."""
        try:
            match deed:
                case Deed.BREAK:
                    await self.stage.farm.break_(self.choice.target, self.choice.fault)
                    return f"{self.choice.target} is broken now ({self.choice.fault})"
                case Deed.MEND:
                    await self.stage.farm.mend(self.choice.target)
                    return f"{self.choice.target} is mended"
                case Deed.MEND_ALL:
                    await self.stage.farm.mend("all")
                    return "everything is mended"
                case _:
                    return await self._drain()
        except SwitchoverError as error:
            return str(error)

    async def _drain(self) -> str:
        """Drain the chosen server in every service, or let it take clients again."""
        server = self.choice.server
        action = "resume" if self._is_drained(server) else "drain"
        body = {"reason": "a key of the demo"}
        outcome = await self.stage.api.post(f"/servers/{server}/{action}", body)
        how = outcome["engine"]["means"] if outcome["engine"] else "nothing to change"
        word = "takes clients again" if action == "resume" else "drains: it keeps who it has"
        return f"{server} {word} ({how})"

    def _is_drained(self, server: str) -> bool:
        """Return whether the last picture showed a drain, whoever ordered it."""
        boards = self.scene.boards if self.scene else ()
        return any(
            "drain" in row.states.values()
            for board in boards
            for row in board.rows
            if row.server == server
        )
