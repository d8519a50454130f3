"""Builds the demo and takes it down: farm, switchover, platform file, traffic, in that order."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import logging
import shutil
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, TypeVar

from switchover import clock
from switchover.app import open_switchover
from switchover.edges.cli.client import Client
from switchover.edges.demo.child import Child, open_child
from switchover.edges.demo.feed import TrafficFeed
from switchover.edges.demo.plan import CERTIFICATES, SERVICES, DemoPlan
from switchover.edges.demo.ports import choose_ports
from switchover.edges.serve import bind_api, run_until
from switchover.errors import Conflict, InvalidInput, NotFound, Unavailable
from switchover.practice.control import PracticeControl

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Coroutine
    from pathlib import Path

    from switchover.settings import Settings

logger = logging.getLogger(__name__)
Result = TypeVar("Result")

START_SECONDS = 60.0
ATTEMPTS = 3
HEALTHY_SECONDS = 30.0
STOP_SECONDS = 30.0
_POLL_SECONDS = 0.1


@dataclass(slots=True, kw_only=True)
class Api:
    """The API of the demo's switchover, asked as any other client does."""

    client: Client

    async def get(self, path: str) -> Any:
        """Return what is at a path."""
        return await asyncio.to_thread(self.client.get, path)

    async def post(self, path: str, body: dict[str, Any]) -> Any:
        """Send a body and return the answer."""
        return await asyncio.to_thread(self.client.post, path, body)


@dataclass(slots=True, kw_only=True)
class Stage:
    """The running demo."""

    plan: DemoPlan
    settings: Settings
    api: Api
    farm: PracticeControl
    traffic: TrafficFeed
    parts: list[asyncio.Task[None]] = field(default_factory=list)

    @property
    def url(self) -> str:
        """Where the API is."""
        return self.api.client.url

    async def apply(self, text: str, *, reason: str) -> Any:
        """Make a platform text what runs; return the outcome as the API says it."""
        files = {
            name: base64.b64encode((self.plan.directory / name).read_bytes()).decode()
            for name in CERTIFICATES
        }
        return await self.api.post(
            "/revisions",
            {"text": text, "files": files, "reason": reason, "source": "contoso.yaml"},
        )

    async def run(self, play: Coroutine[Any, Any, Result]) -> Result:
        """Return what the coroutine ``play`` returns.

        Raises:
            Unavailable: a part of the demo ended under it.
        """
        playing = asyncio.create_task(play)
        try:
            await asyncio.wait({playing, *self.parts}, return_when=asyncio.FIRST_COMPLETED)
            for part in self.parts:
                if part.done():
                    part.result()
                    raise Unavailable(f"{part.get_name()} has ended by itself")
            return playing.result()
        finally:
            playing.cancel()
            await asyncio.wait({playing})


@contextlib.asynccontextmanager
async def open_stage(
    directory: Path, settings: Settings, tell: Callable[[str], None]
) -> AsyncIterator[Stage]:
    """Build everything, with traffic flowing; on leaving stop it in reverse order.

    Args:
        directory: empty, for the files of farm, traffic and platform.
        settings: of the switchover in the middle.
        tell: gets a sentence for each thing that is done.

    Raises:
        SwitchoverError: a part did not start; those before it are stopped.
    """
    async with contextlib.AsyncExitStack() as stack:
        # The database takes longest to start, so it starts first and the farm beside it.
        tell("starting switchover: database, engine, API")
        serving = await stack.enter_async_context(_serving(settings))
        tell("starting three practice servers")
        plan, farm = await _open_farm(stack, directory)
        api = await _until_ready(settings, serving)
        stage = Stage(
            plan=plan,
            settings=settings,
            api=api,
            farm=farm.control,
            traffic=TrafficFeed(),
            parts=[serving, farm.watch],
        )
        tell(f"applying {plan.platform_file}")
        await _apply_platform(stage)
        tell("waiting until every server is up, and sending clients")
        await _until_healthy(stage)
        stage.parts.append(await stack.enter_async_context(_traffic(stage.plan, stage.traffic)))
        yield stage


@contextlib.asynccontextmanager
async def _serving(settings: Settings) -> AsyncIterator[asyncio.Task[None]]:
    """Run switchover in this process."""
    stop = asyncio.Event()

    async def serve() -> None:
        listening = bind_api(settings)
        async with open_switchover(settings) as switchover:
            await run_until(switchover, stop, listening)

    task = asyncio.create_task(serve(), name="switchover")
    try:
        yield task
    finally:
        stop.set()
        if not _is_serving(settings):
            task.cancel()
        await asyncio.wait({task}, timeout=STOP_SECONDS)
        task.cancel()
        await asyncio.wait({task}, timeout=STOP_SECONDS)
        if task.done() and not task.cancelled() and task.exception():
            logger.error("switchover ended", exc_info=task.exception())


def _is_serving(settings: Settings) -> bool:
    return (settings.data_dir / "api.url").is_file()


async def _open_farm(stack: contextlib.AsyncExitStack, directory: Path) -> tuple[DemoPlan, _Farm]:
    """Start the farm; a port that somebody took since it was chosen is chosen anew."""
    for attempt in range(ATTEMPTS):
        plan = DemoPlan(directory=directory, ports=choose_ports())
        try:
            return plan, await stack.enter_async_context(_farm(plan))
        except Conflict:
            if attempt == ATTEMPTS - 1:
                raise
    raise AssertionError("unreachable: the last attempt returns or raises")


@dataclass(slots=True, kw_only=True)
class _Farm:
    control: PracticeControl
    watch: asyncio.Task[None]


@contextlib.asynccontextmanager
async def _farm(plan: DemoPlan) -> AsyncIterator[_Farm]:
    spec = plan.directory / "farm.json"
    spec.write_text(json.dumps(plan.farm_spec()), "utf-8")
    arguments = ("--spec", str(spec), "--directory", str(plan.farm_directory))
    async with open_child("farm", plan.directory, *arguments) as child:
        await child.read()
        async with _watching(child, lambda _line: None) as watch:
            yield _Farm(control=PracticeControl.in_directory(plan.farm_directory), watch=watch)


@contextlib.asynccontextmanager
async def _traffic(plan: DemoPlan, feed: TrafficFeed) -> AsyncIterator[asyncio.Task[None]]:
    stories = plan.directory / "stories.json"
    stories.write_text(json.dumps(plan.stories()), "utf-8")
    async with open_child("traffic", plan.directory, "--stories", str(stories)) as child:
        feed.take(await child.read())
        async with _watching(child, feed.take) as watch:
            yield watch


@contextlib.asynccontextmanager
async def _watching(
    child: Child, take: Callable[[dict[str, Any]], None]
) -> AsyncIterator[asyncio.Task[None]]:
    """Hand over each line of a child; the task fails when the child ends."""

    async def watch() -> None:
        while True:
            take(await child.read())

    task = asyncio.create_task(watch(), name=child.name)
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.wait({task})


async def _until_ready(settings: Settings, serving: asyncio.Task[None]) -> Api:
    """Return the API once it answers with the token that the first start made."""
    deadline = clock.monotonic() + START_SECONDS
    url_file = settings.data_dir / "api.url"
    while clock.monotonic() < deadline:
        if serving.done():
            serving.result()
            raise Unavailable("switchover ended while it started")
        if url_file.is_file() and settings.token_file.is_file():
            url = url_file.read_text("ascii")
            token = settings.token_file.read_text("ascii").strip()
            api = Api(client=Client(url, token))
            with contextlib.suppress(Unavailable):
                await api.get("/status")
                return api
        await asyncio.sleep(_POLL_SECONDS)
    raise Unavailable(f"switchover was not ready within {START_SECONDS:g} s")


async def _apply_platform(stage: Stage) -> None:
    """Write and apply the platform file; a port that somebody took meanwhile is chosen anew."""
    for name in CERTIFICATES:
        shutil.copy(stage.plan.farm_directory / name, stage.plan.directory / name)
    for _ in range(ATTEMPTS - 1):
        with contextlib.suppress(InvalidInput):
            await _apply_on_free_ports(stage)
            return
    await _apply_on_free_ports(stage)


async def _apply_on_free_ports(stage: Stage) -> None:
    plan = replace(stage.plan, ports={**stage.plan.ports, **choose_ports(SERVICES)})
    text = plan.platform_text(data=stage.settings.data_dir)
    plan.platform_file.write_text(text, "utf-8")
    await stage.apply(text, reason="the demo begins")
    stage.plan = plan


async def _until_healthy(stage: Stage) -> None:
    deadline = clock.monotonic() + HEALTHY_SECONDS
    while clock.monotonic() < deadline:
        with contextlib.suppress(Unavailable, NotFound):
            answer = await stage.api.get("/services")
            states = {
                server["state"]
                for service in answer["services"]
                for pool in service["pools"]
                for server in pool["servers"]
            }
            if states == {"up"}:
                return
        await asyncio.sleep(_POLL_SECONDS)
    raise Unavailable(
        f"not every server was up within {HEALTHY_SECONDS:g} s; to see why, start the demo with --keep "
        f"and read {stage.plan.directory}/switchover.log"
    )
