"""No request is lost over 20 reloads and 20 drains, and IMAP sessions live through all of them."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace

import pytest
from tests.integration.platform_file import imaps, l4, l4_names, l7, platform
from tests.integration.practice_farm import (
    NAME,
    OTHER_NAME,
    PATHS,
    SERVERS,
    PracticeFarm,
    playing,
)
from tests.integration.suite import Suite, lent_suite

from switchover.practice.clients import LineConnection
from switchover.practice.http_client import HttpConnection, client_tls
from switchover.practice.stories import Door, HttpStory, ImapStory, Story
from switchover.store.embedded import EmbeddedPostgres

TIMES = 20
HELD_SESSIONS = 8
pytestmark = pytest.mark.xdist_group("zero_loss")
PORT = {"web": 10443, "names": 11443, "stream": 12443, "imap": 10993}


@pytest.fixture(scope="module")
def home(postgres: EmbeddedPostgres) -> Iterator[Suite]:
    with lent_suite(postgres) as found:
        yield found


@pytest.fixture
async def running(home: Suite, farm: PracticeFarm) -> Suite:
    await home.apply(farm_text(farm, home, edition=0), farm.files)
    await home.all_up()
    return home


def farm_text(farm: PracticeFarm, at: Suite, *, edition: int) -> str:
    """A file that only a reload can bring from one edition to the next."""
    timeouts = {"owa": f"{600 + edition}s"}
    health = {"profile": "fast"}
    return platform(
        farm,
        {
            "web": l7(at.address, SERVERS, timeouts=timeouts, health=health),
            "names": l4_names(at.address, SERVERS, timeouts=timeouts, health=health),
            "stream": l4(at.address, SERVERS, timeouts=timeouts, health=health),
            "imap": imaps(
                at.address, SERVERS, timeouts={"imaps": f"{1860 + edition}s"}, health=health
            ),
        },
    )


def door(farm: PracticeFarm, at: Suite, service: str, *, host: str = NAME, kind: str = "") -> Door:
    return Door(
        service=service, workload=kind, address=at.address, port=PORT[service], host=host,
        tls=True, ca=farm.ca, timeout_seconds=8.0,
    )  # fmt: skip


def stories(farm: PracticeFarm, at: Suite) -> list[Story]:
    """Each layout with clients that keep their connection (busy and idle ones) and that do not."""
    eas = f"{PATHS['activesync']}/"
    played: list[Story] = []
    for service, second in (("web", NAME), ("names", OTHER_NAME), ("stream", NAME)):
        kept = HttpStory(
            door=door(farm, at, service, kind="kept"), path="/owa/", clients=4, rate_per_second=16
        )
        idle = replace(kept, door=replace(kept.door, workload="idle"), clients=8, rate_per_second=4)
        new = HttpStory(
            door=door(farm, at, service, host=second, kind="new"),
            path=eas, clients=3, rate_per_second=9, keep_alive=False,
        )  # fmt: skip
        played += [kept, idle, new]
    imap = ImapStory(door=door(farm, at, "imap", kind="imaps"), clients=6, noop_every_seconds=0.5)
    return [*played, imap]


class HeldSessions:
    """IMAP sessions that sign in once and never connect again."""

    def __init__(self, lines: list[LineConnection]) -> None:
        self.lines = lines

    async def all_answer(self) -> None:
        answers = await asyncio.gather(*(line.ask_tagged("NOOP") for line in self.lines))
        assert all(answer.startswith("OK") for answer in answers), answers


class IdleConnections:
    """Kept HTTP connections that happen to be idle when the worker changes.

    A client may send its next request in the very moment in which the old worker closes them, so they
    must not be closed before they have answered once more.
    """

    def __init__(self, connections: list[HttpConnection]) -> None:
        self.connections = connections

    async def all_answer_once_more(self) -> None:
        answers = [await one.request("GET", "/owa/") for one in self.connections]
        assert [answer.status for answer in answers] == [200] * len(answers)


@contextlib.asynccontextmanager
async def idle_connections(farm: PracticeFarm, at: Suite) -> AsyncIterator[IdleConnections]:
    opened = [
        await HttpConnection.open(at.address, PORT[service], host=NAME, tls=client_tls(farm.ca))
        for service in ("web", "web", "names", "stream")
    ]
    idle = IdleConnections(opened)
    try:
        await idle.all_answer_once_more()
        yield idle
    finally:
        for connection in opened:
            await connection.close()


@contextlib.asynccontextmanager
async def held_sessions(farm: PracticeFarm, at: Suite) -> AsyncIterator[HeldSessions]:
    lines = [await LineConnection.open(door(farm, at, "imap")) for _ in range(HELD_SESSIONS)]
    try:
        for number, line in enumerate(lines):
            await line.read_line()
            answer = await line.ask_tagged(f'LOGIN "held{number}@contoso.example" "practice"')
            assert answer.startswith("OK"), answer
        yield HeldSessions(lines)
    finally:
        for line in lines:
            await line.close()


async def server_of_new_client(farm: PracticeFarm, at: Suite, service: str) -> str:
    connection = await HttpConnection.open(
        at.address, PORT[service], host=NAME, tls=client_tls(farm.ca)
    )
    try:
        return (await connection.request("GET", "/owa/")).fields["x-practice-server"]
    finally:
        await connection.close()


async def test_20_reloads_under_load_lose_no_request_and_no_imap_session(
    running: Suite, farm: PracticeFarm
) -> None:
    first_worker = (await running.info()).pid
    async with (
        playing(*stories(farm, running)) as clients,
        held_sessions(farm, running) as sessions,
    ):
        await clients.flow()
        for edition in range(1, TIMES + 1):
            async with idle_connections(farm, running) as idle:
                done = await running.apply(farm_text(farm, running, edition=edition))
                assert done["engine"]["means"] == "reload", done["engine"]
                await idle.all_answer_once_more()
            await sessions.all_answer()
            await clients.flow(more=40)
        processes = await running.processes()
        assert processes.workers[0].pid != first_worker
        assert first_worker in {worker.pid for worker in processes.old_workers}
        await sessions.all_answer()
        assert clients.lost() == []
        assert clients.account.requests > TIMES * 40


async def test_20_drains_under_load_lose_no_request_and_cut_no_imap_session(
    running: Suite, farm: PracticeFarm
) -> None:
    worker = (await running.info()).pid
    async with (
        playing(*stories(farm, running)) as clients,
        held_sessions(farm, running) as sessions,
    ):
        await clients.flow()
        for number in range(TIMES):
            server = SERVERS[number % 2]
            done = await running.post(f"/servers/{server}/drain")
            assert done["engine"]["means"] == "runtime", done["engine"]
            for service in ("web", "names", "stream"):
                for _ in range(2):
                    assert await server_of_new_client(farm, running, service) != server
            await clients.flow(more=20)
            await sessions.all_answer()
            await running.post(f"/servers/{server}/resume")
            await clients.flow(more=20)
        await sessions.all_answer()
        assert clients.lost() == []
    assert (await running.info()).pid == worker
