from __future__ import annotations

import asyncio
import contextlib
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from tests.integration.practice.asking import door, everything_free, farm_of

from switchover.practice.farm import PracticeServer
from switchover.practice.stories import HttpStory, ImapStory, SmtpStory
from switchover.practice.traffic import Traffic, TrafficTally

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from switchover.practice.farm import Farm, ServerAddress
    from switchover.practice.stories import Door, Story


def tally(traffic: Traffic, workload: str) -> TrafficTally:
    found = traffic.snapshot().find("mail", workload)
    assert found is not None
    return found


async def until_grown(traffic: Traffic, workload: str, by: int) -> TrafficTally:
    wanted = tally(traffic, workload).requests + by
    async with asyncio.timeout(5):
        while tally(traffic, workload).requests < wanted:
            await asyncio.sleep(0.01)
    return tally(traffic, workload)


def stories(farm: Farm) -> list[Story]:
    web = replace(door(farm, "https"), workload="owa", timeout_seconds=0.5)
    fresh = replace(web, workload="ews")
    return [
        HttpStory(door=web, path="/owa/", rate_per_second=50, clients=5),
        HttpStory(door=fresh, path="/ews/", rate_per_second=30, clients=3, keep_alive=False),
        ImapStory(door=door(farm, "imaps"), clients=3, noop_every_seconds=0.1),
        SmtpStory(door=door(farm, "smtp"), rate_per_second=20, clients=2),
    ]


async def test_traffic_flows_at_its_rate_and_fails_nowhere(tmp_path: Path) -> None:
    async with farm_of(tmp_path) as farm, Traffic(stories(farm)) as traffic:
        await asyncio.sleep(1.5)
        snapshot = traffic.snapshot()
        expected = {"owa": 75, "ews": 45, "imaps": 45, "smtp": 30}
        for counted in snapshot.tallies:
            assert 0.5 < counted.requests / expected[counted.workload] < 1.2
            assert counted.servers == {"cas1": counted.requests}
            assert 0 < counted.slowest_seconds < 0.5
        assert (snapshot.failed, snapshot.failures) == (0, ())
        served = {state.workload: state for state in farm.state()}
        # A client counts when it has read the answer: up to one request each is on its way back.
        on_the_way = served["owa"].requests - tally(traffic, "owa").requests
        assert 0 <= on_the_way <= 5
        assert served["owa"].checks == 0
        assert served["imaps"].connections == 3


@pytest.mark.parametrize(
    ("target", "fault", "workload", "reason"),
    [
        ("cas1/owa", "503", "owa", "status 503"),
        ("cas1/ews", "refuse", "ews", "reset"),
        ("cas1/owa", "hang", "owa", "timeout"),
        ("cas1", "refuse", "ews", "refused"),
        ("cas1", "wrong-certificate", "ews", "certificate"),
        ("cas1/imaps", "421", "imaps", "answer BYE"),
        ("cas1/smtp", "421", "smtp", "answer 421"),
        ("cas1/smtp", "503", "smtp", "answer 451"),
    ],
)
async def test_what_fails_is_counted_with_its_reason_and_recovers(
    tmp_path: Path, target: str, fault: str, workload: str, reason: str
) -> None:
    async with farm_of(tmp_path) as farm, Traffic(stories(farm)) as traffic:
        await until_grown(traffic, workload, 2)
        farm.break_(target, fault)
        async with asyncio.timeout(5):
            while reason not in tally(traffic, workload).reasons:
                await asyncio.sleep(0.01)
        assert any(failure.reason == reason for failure in traffic.snapshot().failures)
        farm.mend("all")
        await until_grown(traffic, workload, 5)  # those who were still waiting may fail yet
        broken = tally(traffic, workload).failed
        assert (await until_grown(traffic, workload, 5)).failed == broken


@contextlib.asynccontextmanager
async def relay_to(places: list[ServerAddress], port: str) -> AsyncIterator[int]:
    """Pass each new connection on to the next place, as a balancer in round robin would."""
    turns = iter(places * 100)
    relays: set[asyncio.Future[tuple[None, None]]] = set()

    async def copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while content := await reader.read(65536):
                writer.write(content)
                await writer.drain()
        writer.close()

    async def relay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        place = next(turns)
        there = await asyncio.open_connection(place.address, place.ports[port])
        relays.add(asyncio.gather(copy(reader, there[1]), copy(there[0], writer)))

    server = await asyncio.start_server(relay, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        await asyncio.wait_for(asyncio.gather(*relays), 5)


async def test_a_client_that_changes_servers_has_moved(tmp_path: Path) -> None:
    cas1 = PracticeServer(name="cas1", ports=everything_free("http"))
    cas2 = PracticeServer(name="cas2", address="127.0.0.12", ports=everything_free("http"))
    async with farm_of(tmp_path, cas1, cas2) as farm:
        async with relay_to(list(farm.servers.values()), "http") as port:
            knock: Door = replace(door(farm, "http"), address="127.0.0.1", port=port)
            story = HttpStory(door=knock, path="/owa/", rate_per_second=50, keep_alive=False)
            async with Traffic([story]) as traffic:
                found = await until_grown(traffic, "http", 5)
        assert found.failed == 0
        assert found.moved == found.requests - 1
        assert set(found.servers) == {"cas1", "cas2"}
