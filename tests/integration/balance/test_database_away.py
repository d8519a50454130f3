"""Without the database nothing can be changed, and everything else goes on."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import psycopg
import pytest
from tests.integration.platform_file import imaps, l7, platform
from tests.integration.practice_farm import (
    NAME,
    SERVERS,
    Clients,
    PracticeFarm,
    playing,
)
from tests.integration.processes import eventually, short_directory
from tests.integration.suite import Answer, Suite, database_url_of, held, lent_database, suite

from switchover import clock
from switchover.errors import Unavailable
from switchover.practice.stories import Door, HttpStory, ImapStory
from switchover.store.embedded import EmbeddedPostgres
from switchover.store.embedded.postmaster import list_processes, mark_of

pytestmark = pytest.mark.alone


@dataclass(frozen=True, kw_only=True)
class OwnDatabase:
    """A PostgreSQL that belongs to these tests alone and may be mistreated."""

    directory: Path
    server: EmbeddedPostgres

    def signal(self, number: signal.Signals) -> None:
        for process in list_processes(mark_of(self.directory / "postgresql" / "cluster")):
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, number)

    def thaw(self) -> None:
        self.signal(signal.SIGCONT)

    def kill(self) -> None:
        """End it as by a power cut: what it was told and had not read yet is lost."""
        self.signal(signal.SIGKILL)


@pytest.fixture(scope="module")
def database() -> Iterator[OwnDatabase]:
    with short_directory() as directory:
        server = EmbeddedPostgres(directory / "postgresql", directory / "sockets")
        asyncio.run(server.start())
        try:
            yield OwnDatabase(directory=directory, server=server)
        finally:
            asyncio.run(server.stop())


@pytest.fixture(scope="module")
def home(database: OwnDatabase) -> Iterator[Suite]:
    url = database_url_of(database.server, "switchover")
    with held(suite(database=url, cycle_seconds="0.5", start=False)) as found:
        yield found


@pytest.fixture
async def running(home: Suite, farm: PracticeFarm, database: OwnDatabase) -> AsyncIterator[Suite]:
    if home.process is None or home.process.poll() is not None:
        await home.start()
    await home.apply(farm_text(farm, home), farm.files)
    await home.all_up()
    yield home
    database.thaw()
    await database.server.start()
    await farm.mend()
    await back(home)


def farm_text(farm: PracticeFarm, at: Suite, *, edition: int = 0) -> str:
    timeouts, health = {"owa": f"{600 + edition}s"}, {"profile": "fast"}
    return platform(
        farm,
        {
            "web": l7(at.address, SERVERS, timeouts=timeouts, health=health),
            "imap": imaps(at.address, SERVERS, health=health),
        },
    )


@contextlib.asynccontextmanager
async def users(farm: PracticeFarm, at: Suite) -> AsyncIterator[Clients]:
    def door(service: str, port: int) -> Door:
        return Door(
            service=service, workload=service, address=at.address, port=port, host=NAME, tls=True,
            ca=farm.ca, timeout_seconds=8.0,
        )  # fmt: skip

    kept = HttpStory(door=door("web", 10443), path="/owa/", clients=4, rate_per_second=20)
    new = HttpStory(
        door=door("web", 10443), path="/owa/", clients=3, rate_per_second=9, keep_alive=False
    )
    mail = ImapStory(door=door("imap", 10993), clients=4, noop_every_seconds=0.5)
    async with playing(kept, new, mail) as clients:
        await clients.flow(more=20)
        yield clients


async def back(at: Suite) -> None:
    """Wait until the API answers again; nobody helps it."""

    async def answers() -> bool:
        try:
            return (await at.api("GET", "/revisions", seconds=10)).status == 200
        except (aiohttp.ClientError, TimeoutError):
            return False

    await eventually(answers, seconds=20)


async def is_out(at: Suite, pool: str, server: str) -> bool:
    return (await at.servers())[pool, server].operation == 0


def assert_says_try_later(answer: Answer, *, naming: str = "database") -> None:
    assert answer.status == 503
    assert answer.content_type == "application/problem+json"
    assert answer.headers["Retry-After"] == "5"
    assert answer.body["title"] == "Unavailable"
    assert naming in answer.body["detail"]


async def timed(at: Suite, method: str, path: str, body: object = None) -> tuple[Answer, float]:
    began = clock.monotonic()
    answer = await at.api(method, path, body)
    return answer, clock.monotonic() - began


async def live_through(at: Suite, farm: PracticeFarm, database: OwnDatabase) -> None:
    """What must hold while the database is away, and once it is back."""
    began = clock.now().isoformat()
    async with users(farm, at) as clients:
        for method, path in (("GET", "/revisions"), ("POST", "/servers/cas1/drain")):
            answer, seconds = await timed(at, method, path, {} if method == "POST" else None)
            assert_says_try_later(answer)
            assert seconds < 4.0
        assert (await at.api("GET", "/health", token="")).status == 200
        status, seconds = await timed(at, "GET", "/status")
        assert (status.status, status.body["database_answers"], seconds < 4.0) == (200, False, True)
        scraped = (await at.api("GET", "/metrics")).good()
        assert "switchover_database_up 0.0" in scraped
        assert "switchover_engine_up 1.0" in scraped
        refused = await at.api("GET", "/status", token="swo_" + "a" * 43)
        assert_says_try_later(refused)
        ended = await at.cli("history")
        assert (ended.code, "database" in ended.err) == (75, True)
        await farm.break_("cas1/ews", "503")
        await eventually(lambda: is_out(at, "web.ews", "cas1"), seconds=3)
        await clients.flow(more=40)
        database.thaw()
        await database.server.start()
        await back(at)
        down = await at.event(kind="server-down", server="cas1", workload="ews", since=began)
        assert "wrong status" in down["cause"]
        assert "503" in down["cause"]
        await clients.flow(more=20)
        assert clients.lost() == []
    assert (await at.servers())["web.owa", "cas1"].is_draining is False
    assert await at.get("/drift") == {"drift": []}


async def test_frozen_database(running: Suite, farm: PracticeFarm, database: OwnDatabase) -> None:
    database.signal(signal.SIGSTOP)
    await live_through(running, farm, database)


async def test_stopped_database(running: Suite, farm: PracticeFarm, database: OwnDatabase) -> None:
    await database.server.stop()
    await live_through(running, farm, database)


async def test_slow_database_answers_503_in_time(
    running: Suite, farm: PracticeFarm, database: OwnDatabase
) -> None:
    dsn = database.server.dsn()
    async with users(farm, running) as clients:
        async with await psycopg.AsyncConnection.connect(dsn) as blocking:
            await blocking.execute("lock table api_token in access exclusive mode")
            answer, seconds = await timed(running, "GET", "/revisions")
            assert_says_try_later(answer)
            assert seconds < 7.5  # the limit of one statement is 5 s
            await clients.flow(more=40)
        assert (await running.api("GET", "/revisions")).status == 200
        assert clients.lost() == []


async def test_a_change_cut_off_by_the_database_ends_with_engine_and_history_agreeing(
    running: Suite, farm: PracticeFarm, database: OwnDatabase
) -> None:
    old = (await running.get("/revisions/0"))["number"]
    link = running.settings.engine_dir / "current"
    before = link.readlink()
    async with users(farm, running) as clients:
        change = asyncio.create_task(running.try_apply(farm_text(farm, running, edition=5)))
        await eventually(lambda: link.readlink() != before, every=0.001)
        database.signal(signal.SIGSTOP)
        answer = await change
        assert_says_try_later(answer)
        database.thaw()
        await back(running)

        async def agree() -> bool:
            latest = await running.get("/revisions/0")
            text = await running.get("/engine/configuration")
            wanted = 605 if latest["number"] > old else 600
            return (
                f"timeout server {wanted}000ms" in text
                and not (await running.get("/drift"))["drift"]
            )

        await eventually(agree)
        await clients.flow(more=20)
        assert clients.lost() == []


async def test_a_change_whose_commit_is_lost_is_undone_before_the_caller_is_told(
    running: Suite, farm: PracticeFarm, database: OwnDatabase
) -> None:
    old, link = await running.get("/revisions/0"), running.settings.engine_dir / "current"
    before, began = link.readlink(), clock.now().isoformat()
    async with users(farm, running) as clients:
        answer = await lose_the_commit(running, farm, database, edition=5)
        assert link.readlink() == before
        assert_says_try_later(answer)
        await database.server.start()
        await back(running)
        assert (await running.get("/revisions/0"))["number"] == old["number"]
        assert "timeout server 600000ms" in await running.get("/engine/configuration")
        assert await running.get("/drift") == {"drift": []}
        await clients.flow(more=20)
        assert clients.lost() == []
    # The change itself went back; had it not, a cycle would have, later, and written this.
    assert await running.events(kind="engine-changed", since=began) == []


async def lose_the_commit(
    at: Suite, farm: PracticeFarm, database: OwnDatabase, *, edition: int = 0
) -> Answer:
    """Change the platform and kill the database once the engine is told to read the new files."""
    link = at.settings.engine_dir / "current"
    before = link.readlink() if link.is_symlink() else None
    text = farm_text(farm, at, edition=edition)
    change = asyncio.create_task(at.try_apply(text, farm.files))
    await eventually(lambda: link.is_symlink() and link.readlink() != before, every=0.001)
    database.kill()
    return await change


async def test_a_first_change_whose_commit_is_lost_leaves_nothing_running(
    farm: PracticeFarm, database: OwnDatabase
) -> None:
    with lent_database(database.server) as url:
        async with suite(database=url, cycle_seconds="0.5") as at:
            assert_says_try_later(await lose_the_commit(at, farm, database))
            assert not await at.engine_process().is_alive()
            assert not (at.settings.engine_dir / "current").is_symlink()
            await database.server.start()
            await back(at)
            assert (await at.api("GET", "/revisions/0")).status == 404
            status = await at.get("/status")
            assert (status["engine"]["runs"], status["drift"]) == (False, [])
            await at.apply(farm_text(farm, at), farm.files)
            assert await at.get("/drift") == {"drift": []}


async def test_with_a_new_database_a_change_whose_commit_is_lost_leaves_the_old_files_serving(
    farm: PracticeFarm, database: OwnDatabase
) -> None:
    with lent_database(database.server) as old, lent_database(database.server) as new:
        async with suite(database=old, cycle_seconds="0.5") as at:
            await at.apply(farm_text(farm, at), farm.files)
            await at.post("/servers/cas2/drain", {"service": "web", "workload": "ews"})
            await at.all_up()
            at.kill()
            await at.start(environment={"SWITCHOVER_DATABASE_URL": new})
            before = (at.settings.engine_dir / "current").readlink()
            async with users(farm, at) as clients:
                assert_says_try_later(await lose_the_commit(at, farm, database, edition=5))
                assert (at.settings.engine_dir / "current").readlink() == before
                assert (await at.servers())["web.ews", "cas2"].is_draining
                await database.server.start()
                await back(at)
                assert (await at.api("GET", "/revisions/0")).status == 404
                assert "timeout server 600000ms" in await at.get("/engine/configuration")
                await clients.flow(more=20)
                assert clients.lost() == []
            await at.apply(farm_text(farm, at, edition=5), farm.files)
            assert await at.get("/drift") == {"drift": []}


async def test_a_first_change_cut_off_by_the_database_leaves_nothing_running_that_is_no_revision(
    farm: PracticeFarm, database: OwnDatabase
) -> None:
    with lent_database(database.server) as url:
        async with suite(database=url, cycle_seconds="0.5") as at:
            await cut_off_first(at, farm, database)


async def cut_off_first(at: Suite, farm: PracticeFarm, database: OwnDatabase) -> None:
    link = at.settings.engine_dir / "current"
    change = asyncio.create_task(at.try_apply(farm_text(farm, at), farm.files))
    await eventually(link.is_symlink, every=0.001)
    database.signal(signal.SIGSTOP)
    answer = await change
    assert_says_try_later(answer)
    database.thaw()
    await back(at)

    async def agree() -> bool:
        known = (await at.api("GET", "/revisions/0")).status == 200
        engine = (await at.get("/status"))["engine"]["runs"]
        return known == engine == link.is_symlink()

    await eventually(agree)
    await at.apply(farm_text(farm, at), farm.files)
    assert await at.get("/drift") == {"drift": []}


async def test_started_without_its_database_the_engine_serves_and_the_rest_follows(
    running: Suite, farm: PracticeFarm, database: OwnDatabase
) -> None:
    await running.post("/servers/cas2/drain", {"service": "web", "workload": "ews"})
    assert running.terminate() == 0
    await database.server.stop()
    running.launch()
    async with asyncio.timeout(20):
        while not (running.data / "api.url").exists():
            await asyncio.sleep(0.05)
    await eventually(lambda: is_up(running), seconds=10)
    assert_says_try_later((await timed(running, "GET", "/revisions"))[0])
    async with users(farm, running) as clients:
        await database.server.start()
        await back(running)
        assert (await running.servers())["web.ews", "cas2"].is_draining
        assert await running.get("/drift") == {"drift": []}
        assert clients.lost() == []
    await running.post("/servers/cas2/resume")


async def test_told_to_stop_while_the_database_is_frozen_it_ends_cleanly_and_soon(
    running: Suite, database: OwnDatabase
) -> None:
    database.signal(signal.SIGSTOP)
    began = clock.monotonic()
    assert running.terminate() == 0
    assert clock.monotonic() - began < 15
    database.thaw()
    await running.start()
    assert (await running.get("/drift")) == {"drift": []}


async def is_up(at: Suite) -> bool:
    try:
        return bool(await at.servers())
    except Unavailable:
        return False


async def test_the_embedded_database_is_started_again_when_it_dies(farm: PracticeFarm) -> None:
    async with suite(cycle_seconds="0.5") as at:
        await at.apply(farm_text(farm, at), farm.files)
        died = at.postgres().pid
        assert died is not None
        os.kill(died, signal.SIGKILL)
        await eventually(lambda: at.postgres().pid not in {None, died}, seconds=20)
        await back(at)
        assert (await at.get("/revisions/0"))["number"] == 1
