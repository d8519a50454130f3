"""Looks at the running demo: one scene at a time, from the API, the clients and the farm."""

from __future__ import annotations

import asyncio
import shutil
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from switchover import clock
from switchover.edges.demo.scene import Choice, Scene, build_scene

if TYPE_CHECKING:
    from switchover.edges.demo.stage import Stage

EVENTS_READ = 60
_NAME = "switchover"


class Watcher:
    """Looks on from the first call; the demo's age counts from then."""

    def __init__(self, stage: Stage) -> None:
        """Take the stage."""
        self._stage = stage
        self._began = clock.monotonic()
        self._program = find_program()

    async def look(self, *, choice: Choice | None = None, note: str = "") -> Scene:
        """Return the scene as it is now.

        Raises:
            Unavailable: switchover or the farm does not answer.
        """
        stage = self._stage
        services, events, status, farm = await asyncio.gather(
            stage.api.get("/services"),
            stage.api.get(f"/events?limit={EVENTS_READ}"),
            stage.api.get("/status"),
            stage.farm.state(),
        )
        scene = build_scene(
            services=services["services"],
            events=events["events"],
            status=status,
            farm=farm,
            traffic=stage.traffic.latest,
            earlier=stage.traffic.earlier,
            url=stage.url,
            seconds=clock.monotonic() - self._began,
        )
        return replace(scene, choice=choice, note=note, program=self._program)


def find_program() -> str:
    """Return how a second terminal calls us: by name where that works, else by the path we have."""
    if shutil.which(_NAME):
        return _NAME
    path = Path(sys.argv[0])
    return str(path) if path.name == _NAME else f"{sys.executable} -m {_NAME}"
