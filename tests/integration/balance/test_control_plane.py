"""Traffic does not need our process: it may be killed at any moment, and picks up where it was."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import aiohttp
import pytest
from tests.integration.people import add_person, browser, open_session
from tests.integration.platform_file import imaps, l4, l7, platform
from tests.integration.practice_farm import NAME, SERVERS, PracticeFarm, playing
from tests.integration.processes import eventually, is_running
from tests.integration.suite import Suite, held, run_cli, suite

from switchover import clock
from switchover.directory.access.role import Role
from switchover.practice.stories import Door, HttpStory, ImapStory, Story

pytestmark = pytest.mark.xdist_group("control_plane")


@pytest.fixture(scope="module")
def home() -> Iterator[Suite]:
    with held(suite(cycle_seconds="0.5", start=False)) as found:
        yield found


@pytest.fixture
async def running(home: Suite, farm: PracticeFarm) -> Suite:
    """The same switchover for every test, brought back to life and to the same state."""
    if home.process is None or home.process.poll() is not None:
        await home.start()
    await farm.mend()
    await prepare(home, farm)
    return home


async def prepare(at: Suite, farm: PracticeFarm) -> None:
    """Apply a file, drain one server of a workload and lower the weight of another."""
    await at.apply(farm_text(farm, at), farm.files)
    await at.post("/servers/cas2/drain", {"service": "web", "workload": "ews"})
    (await at.api("PUT", "/servers/cas1/weight", {"service": "imap", "weight": 42})).good()
    await at.all_up()


def farm_text(farm: PracticeFarm, at: Suite, *, edition: int = 0) -> str:
    timeouts, health = {"owa": f"{600 + edition}s"}, {"profile": "fast"}
    return platform(
        farm,
        {
            "web": l7(at.address, SERVERS, timeouts=timeouts, health=health),
            "stream": l4(at.address, SERVERS, health=health),
            "imap": imaps(at.address, SERVERS, health=health),
        },
    )


def stories(farm: PracticeFarm, at: Suite) -> list[Story]:
    def door(service: str, port: int) -> Door:
        return Door(
            service=service, workload=service, address=at.address, port=port, host=NAME, tls=True,
            ca=farm.ca, timeout_seconds=8.0,
        )  # fmt: skip

    played: list[Story] = []
    for service, port in (("web", 10443), ("stream", 12443)):
        kept = HttpStory(door=door(service, port), path="/owa/", clients=4, rate_per_second=20)
        new = HttpStory(
            door=door(service, port), path="/owa/", clients=3, rate_per_second=9, keep_alive=False
        )
        played += [kept, new]
    return [*played, ImapStory(door=door("imap", 10993), clients=4, noop_every_seconds=0.5)]


async def modes_and_weights(at: Suite) -> dict[tuple[str, str], tuple[bool, bool, int]]:
    return {
        key: (row.is_draining, row.is_maintenance, row.weight)
        for key, row in (await at.servers()).items()
    }


def processes_of(at: Suite) -> dict[int, str]:
    """Return every process that was started for the data directory, by its arguments."""
    found = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            with contextlib.suppress(OSError):
                arguments = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode()
                if str(at.data) in arguments and is_running(int(entry.name)):
                    found[int(entry.name)] = arguments
    return found


async def test_killed_under_load_it_loses_no_request_and_finds_everything_again(
    running: Suite, farm: PracticeFarm
) -> None:
    before = await modes_and_weights(running)
    master, worker = (await running.processes()).master.pid, (await running.info()).pid
    database, revision = running.postgres().pid, await running.get("/revisions/0")
    async with playing(*stories(farm, running)) as clients:
        await clients.flow()
        running.kill()
        await clients.flow(more=60)
        await health_is_still_judged(running, farm)
        await running.start()
        await clients.flow(more=60)
        assert clients.lost() == []

    await runs(running, seconds=600)
    assert ((await running.processes()).master.pid, (await running.info()).pid) == (master, worker)
    assert running.postgres().pid == database
    assert await modes_and_weights(running) == before
    assert await running.get("/revisions/0") == revision
    assert await running.get("/drift") == {"drift": []}
    assert (await running.get("/status"))["engine"]["process"] == master

    done = await running.post("/servers/cas2/resume", {"service": "web"})
    assert done["engine"]["means"] == "runtime"
    assert (await running.servers())["web.ews", "cas2"].is_draining is False
    assert (await running.info()).pid == worker


async def health_is_still_judged(at: Suite, farm: PracticeFarm) -> None:
    """Break a workload that nobody asks for, and mend it again."""
    for change, operation in ((farm.break_("cas1/activesync", "503"), 0), (farm.mend("all"), 2)):
        await change

        async def judged(wanted: int = operation) -> bool:
            row = (await at.servers())["web.activesync", "cas1"]
            return int(row.operation) == wanted

        await eventually(judged, seconds=5)


async def test_after_a_restart_a_drain_still_counts_down_from_where_it_began(
    running: Suite, farm: PracticeFarm
) -> None:
    secret = await open_session(running, await add_person(running, "ada", Role.VIEWER))
    async with playing(stories(farm, running)[-1]) as clients:
        await clients.flow()
        async with browser(running, secret) as viewer:
            assert "draining" not in (await viewer.get("/services/imap")).words
        await running.post("/servers/cas2/drain", {"service": "imap"})
        began = await running.event(kind="drain-entered", service="imap", server="cas2")
        first = began["detail"]["connections"]
        assert first > 0
        running.kill()
        await running.start()
        async with browser(running, secret) as viewer:
            words = (await viewer.get("/services/imap")).words
        assert f"{first} of {first} connections remain" in words
        assert "too early to tell" in words
        done = await running.apply(farm_text(farm, running, edition=9))
        assert done["engine"]["means"] == "reload"
        async with browser(running, secret) as viewer:
            words = (await viewer.get("/services/imap")).words
        assert "Nobody is connected any more" not in words
        assert "Clients from before the last reload" in words
        assert clients.lost() == []


def new_tree(at: Suite) -> Callable[[], bool]:
    trees = at.settings.engine_dir / "trees"
    known = set(trees.iterdir())
    return lambda: set(trees.iterdir()) != known


def flipped_link(at: Suite) -> Callable[[], bool]:
    link = at.settings.engine_dir / "current"
    known = link.readlink()
    return lambda: link.readlink() != known


def new_worker(at: Suite) -> Callable[[], bool]:
    master = int((at.settings.engine_dir / "engine.pid").read_text())
    children = Path(f"/proc/{master}/task/{master}/children")
    known = set(children.read_text().split())
    return lambda: not set(children.read_text().split()) <= known


def wait_closely(happened: Callable[[], bool]) -> None:
    deadline = clock.monotonic() + 20
    while not happened():
        assert clock.monotonic() < deadline, "the moment never came"


@pytest.mark.parametrize("moment", [new_tree, flipped_link, new_worker])
async def test_killed_in_the_middle_of_a_change_it_starts_with_the_old_or_the_new_revision(
    running: Suite, farm: PracticeFarm, moment: Callable[[Suite], Callable[[], bool]]
) -> None:
    before = await modes_and_weights(running)
    old = (await running.get("/revisions/0"))["number"]
    async with playing(*stories(farm, running)) as clients:
        await clients.flow(more=20)
        happened = moment(running)
        change = asyncio.create_task(running.try_apply(farm_text(farm, running, edition=7)))
        await asyncio.to_thread(wait_closely, happened)
        running.kill()
        with contextlib.suppress(OSError, aiohttp.ClientError):
            await change
        await clients.flow(more=20)
        await running.start()
        latest = await running.get("/revisions/0")
        assert latest["number"] in {old, old + 1}
        await runs(running, seconds=607 if latest["number"] > old else 600)
        await clients.flow(more=20)
        assert clients.lost() == []
    assert await modes_and_weights(running) == before
    done = await running.apply(farm_text(farm, running, edition=8))
    assert done["engine"]["means"] == "reload"
    await runs(running, seconds=608)


async def runs(at: Suite, *, seconds: int) -> None:
    """Wait until the cycle is content, and see that the engine's file is the revision's."""

    async def in_order() -> bool:
        status = await at.get("/status")
        return bool(re.fullmatch(r"revision \d+: in order", status["cycle"]))

    await eventually(in_order)
    text = await at.get("/engine/configuration")
    assert f"timeout server {seconds}000ms" in text


async def test_killed_twice_in_its_first_start_it_starts_the_next_time(
    farm: PracticeFarm,
) -> None:
    async with suite(start=False) as at:
        for moment in ("cluster.new-*", "cluster/postmaster.pid"):
            at.launch()
            await asyncio.to_thread(
                wait_closely, lambda name=moment: any((at.data / "postgresql").glob(name))
            )
            at.kill()
        await at.start()
        done = await at.apply(farm_text(farm, at), farm.files)
        assert done["revision"] == 1


async def test_a_second_start_on_the_same_directory_is_refused_with_the_process_id(
    running: Suite,
) -> None:
    ended = await running.cli("serve", "--api", "127.0.0.1:0")
    assert ended.code == 4
    assert f"process id {running.pid}" in ended.err
    assert str(running.data) in ended.err
    assert (await running.get("/status"))["engine"]["runs"]


async def test_sigterm_ends_everything_and_leaves_nothing_that_names_a_process(
    running: Suite,
) -> None:
    assert len(processes_of(running)) > 3
    began = clock.monotonic()
    assert running.terminate() == 0
    assert clock.monotonic() - began < 10
    assert processes_of(running) == {}
    assert not (running.settings.engine_dir / "engine.pid").exists()
    assert list(running.data.rglob("postmaster.pid")) == []
    assert [path for path in running.data.rglob("*") if path.is_socket()] == []
    assert (running.data / "switchover.lock").read_text() == ""
    assert not (running.data / "api.url").exists()
    ended = await running.cli("status")
    assert (ended.code, "is it running?" in ended.err) == (75, True)

    await running.start()
    await runs(running, seconds=600)


async def test_sigterm_waits_only_briefly_for_clients_that_stay(
    running: Suite, farm: PracticeFarm
) -> None:
    async with playing(*stories(farm, running)) as clients:
        await clients.flow(more=20)
        began = clock.monotonic()
        assert running.terminate() == 0
        assert clock.monotonic() - began < 8
    assert processes_of(running) == {}


async def test_keep_engine_leaves_the_engine_serving_for_the_next_start(
    running: Suite, farm: PracticeFarm
) -> None:
    assert running.terminate() == 0
    await running.start("--keep-engine")
    before = await modes_and_weights(running)
    master = (await running.processes()).master.pid
    async with playing(*stories(farm, running)) as clients:
        await clients.flow()
        assert running.terminate() == 0
        assert is_running(master)
        await clients.flow(more=30)
        await running.start()
        await clients.flow(more=30)
        assert clients.lost() == []
    assert (await running.processes()).master.pid == master
    assert await modes_and_weights(running) == before
    assert running.terminate() == 0
    assert not is_running(master)


@pytest.mark.parametrize("victim", ["master", "worker"])
async def test_a_killed_engine_is_started_again_with_its_drains_and_weights(
    running: Suite, victim: str
) -> None:
    before, began = await modes_and_weights(running), clock.now().isoformat()
    master, worker = (await running.processes()).master.pid, (await running.info()).pid
    os.kill(master if victim == "master" else worker, signal.SIGKILL)
    await running.event(kind="engine-started", containing="not running", since=began)
    fresh = (await running.processes()).master.pid
    assert fresh != master
    assert await modes_and_weights(running) == before
    await runs(running, seconds=600)
    assert (await running.get("/status"))["engine"]["process"] == fresh
    assert not is_running(worker)


async def test_after_both_died_the_next_start_brings_the_engine_back_as_it_was(
    running: Suite,
) -> None:
    before = await modes_and_weights(running)
    running.kill()
    os.kill((await running.processes()).master.pid, signal.SIGKILL)
    await running.start()
    assert await modes_and_weights(running) == before
    await runs(running, seconds=600)


def test_a_command_without_a_running_switchover_says_how_to_start_it(tmp_path: Path) -> None:
    ended = run_cli("status", "--data", str(tmp_path / "nothing"))
    assert ended.code == 75
    assert "switchover serve" in ended.err
