"""Advice over the agent port: it lowers a share or takes a server out, for a while, and undoes itself."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
from tests.integration.platform_file import imaps, l7, platform
from tests.integration.practice_farm import NAME, SERVERS, PracticeFarm
from tests.integration.processes import eventually
from tests.integration.suite import Suite, lent_suite

from switchover import clock
from switchover.practice.http_client import HttpConnection, client_tls
from switchover.store.embedded import EmbeddedPostgres

ASKED_SECONDS = 1.0
pytestmark = pytest.mark.xdist_group("advice")


@pytest.fixture(scope="module")
def home(postgres: EmbeddedPostgres) -> Iterator[Suite]:
    with lent_suite(postgres, cycle_seconds="0.2") as found:
        yield found


@pytest.fixture
async def running(home: Suite, farm: PracticeFarm) -> Suite:
    if home.process is None or home.process.poll() is not None:
        await home.start()
    await home.apply(farm_text(farm, home), farm.files)
    for server in SERVERS:
        await home.post(f"/servers/{server}/resume")
        (await home.api("DELETE", f"/servers/{server}/advice")).good()
        (await home.api("PUT", f"/servers/{server}/weight", {})).good()
    await eventually(lambda: as_wished(home))
    return home


def farm_text(farm: PracticeFarm, at: Suite, *, edition: int = 0) -> str:
    health = {"profile": "fast"}
    return platform(
        farm,
        {
            "web": l7(at.address, SERVERS, health=health, timeouts={"owa": f"{600 + edition}s"}),
            "imap": imaps(at.address, SERVERS, health=health),
        },
        engine={"agent_interval": f"{ASKED_SECONDS:g}s"},
    )


async def advise(at: Suite, server: str, percent: int, **more: Any) -> dict[str, Any]:
    body = {"percent": percent, "seconds": 60, **more}
    answer = await at.api("PUT", f"/servers/{server}/advice", body)
    return dict(answer.good())


async def weights(at: Suite, server: str = "cas1") -> dict[str, int]:
    return {
        backend: row.weight
        for (backend, name), row in (await at.servers()).items()
        if name == server
    }


async def is_out(at: Suite, pool: str, server: str = "cas1") -> bool:
    return (await at.servers())[pool, server].operation == 0


async def weighs(at: Suite, pool: str, weight: int) -> bool:
    return (await weights(at))[pool] == weight


async def as_wished(at: Suite) -> bool:
    rows = (await at.servers()).values()
    return all((row.operation, row.weight) == (2, 100) for row in rows if row.server != "sorry")


async def drift_never_told_since(at: Suite, began: str) -> None:
    assert await at.get("/drift") == {"drift": []}
    assert await at.events(kind="drift", since=began) == []


async def test_it_lowers_the_share_everywhere_and_ends_by_itself(running: Suite) -> None:
    began = clock.now().isoformat()
    told = await advise(running, "cas1", 30, seconds=2 * ASKED_SECONDS, reason="slow probes")
    assert len(told["targets"]) == 4
    await eventually(lambda: lowered(running, 30))
    assert set((await weights(running, "cas2")).values()) == {100}
    event = await running.event(kind="advice", since=began, server="cas1")
    assert "30 %" in event["cause"]
    assert "slow probes" in event["cause"]
    await eventually(lambda: as_wished(running))
    await drift_never_told_since(running, began)


async def lowered(at: Suite, weight: int) -> bool:
    return set((await weights(at)).values()) == {weight}


async def test_it_is_given_for_one_workload_alone(running: Suite) -> None:
    told = await advise(running, "cas1", 10, service="web", workload="owa")
    assert told["targets"] == ["web.owa/cas1"]
    await eventually(lambda: weighs(running, "web.owa", 10))
    others = {
        pool: weight for pool, weight in (await weights(running)).items() if pool != "web.owa"
    }
    assert set(others.values()) == {100}


async def test_nothing_per_cent_takes_a_server_out_with_its_reason(
    running: Suite, farm: PracticeFarm
) -> None:
    began = clock.now().isoformat()
    await advise(
        running, "cas1", 0, service="web", workload="owa", seconds=3 * ASKED_SECONDS,
        reason="mailbox database dismounted",
    )  # fmt: skip
    await eventually(lambda: is_out(running, "web.owa"))
    assert await server_asked(farm, running, "/owa/") == {"cas2"}
    assert await server_asked(farm, running, "/ews/") == {"cas1", "cas2"}
    event = await running.event(kind="server-down", since=began, server="cas1", workload="owa")
    assert "mailbox database dismounted" in event["cause"]
    assert event["detail"]["check"] == "agent"
    await eventually(lambda: as_wished(running))
    await running.event(kind="server-up", since=began, server="cas1", workload="owa")
    assert "cas1" in await server_asked(farm, running, "/owa/")
    await drift_never_told_since(running, began)


async def server_asked(farm: PracticeFarm, at: Suite, path: str) -> set[str]:
    found = set()
    for _ in range(6):
        client = await HttpConnection.open(at.address, 10443, host=NAME, tls=client_tls(farm.ca))
        found.add((await client.request("GET", path)).fields["x-practice-server"])
        await client.close()
    return found


async def test_it_counts_from_the_weight_an_operator_set_and_gives_that_back(
    running: Suite,
) -> None:
    began = clock.now().isoformat()
    body = {"service": "imap", "weight": 40}
    done = (await running.api("PUT", "/servers/cas1/weight", body)).good()
    assert done["engine"]["means"] == "runtime"
    await advise(running, "cas1", 50, service="imap", seconds=2 * ASKED_SECONDS)
    await eventually(lambda: weighs(running, "imap.imaps", 20))
    await eventually(lambda: weighs(running, "imap.imaps", 40))
    await asyncio.sleep(2 * ASKED_SECONDS)  # two more questions, which must not change it
    assert await weighs(running, "imap.imaps", 40)
    await drift_never_told_since(running, began)


async def test_advice_that_changes_is_never_taken_for_drift(running: Suite) -> None:
    began = clock.now().isoformat()
    for percent in (50, 20, 80, 1):
        await advise(running, "cas1", percent, service="imap")
        await eventually(lambda weight=percent: weighs(running, "imap.imaps", weight))
    (await running.api("DELETE", "/servers/cas1/advice")).good()
    await eventually(lambda: as_wished(running))
    await drift_never_told_since(running, began)


async def test_it_outlives_a_reload(running: Suite, farm: PracticeFarm) -> None:
    began = clock.now().isoformat()
    await advise(running, "cas1", 25, service="imap")
    await advise(running, "cas1", 0, service="web", workload="owa")
    await eventually(lambda: weighs(running, "imap.imaps", 25))
    await eventually(lambda: is_out(running, "web.owa"))
    done = await running.apply(farm_text(farm, running, edition=1))
    assert done["engine"]["means"] == "reload"
    await eventually(lambda: weighs(running, "imap.imaps", 25))
    await eventually(lambda: is_out(running, "web.owa"))
    await drift_never_told_since(running, began)


async def test_a_drain_and_advice_do_not_disturb_each_other(running: Suite) -> None:
    await advise(running, "cas1", 50, service="imap", seconds=2 * ASKED_SECONDS)
    await eventually(lambda: weighs(running, "imap.imaps", 50))
    await running.post("/servers/cas1/drain", {"service": "imap"})
    await eventually(lambda: weighs(running, "imap.imaps", 100))
    assert (await running.servers())["imap.imaps", "cas1"].is_draining
    assert await running.get("/drift") == {"drift": []}


async def test_when_we_die_nothing_changes_and_the_next_start_gives_all_back(
    running: Suite, farm: PracticeFarm
) -> None:
    await advise(running, "cas1", 50, service="imap")
    await advise(running, "cas1", 0, service="web", workload="owa")
    await eventually(lambda: weighs(running, "imap.imaps", 50))
    await eventually(lambda: is_out(running, "web.owa"))
    await asyncio.sleep(1.0)  # a few cycles
    running.kill()
    await asyncio.sleep(3 * ASKED_SECONDS)  # questions that nobody answers
    assert await weighs(running, "imap.imaps", 50)
    assert await is_out(running, "web.owa")
    assert not await is_out(running, "web.owa", "cas2")
    assert await server_asked(farm, running, "/owa/") == {"cas2"}
    began = clock.now().isoformat()
    await running.start()
    await eventually(lambda: as_wished(running))
    await drift_never_told_since(running, began)


@pytest.mark.parametrize(
    "body", [{"percent": 101}, {"percent": -1}, {"percent": 50, "seconds": 0}, {"seconds": 5}]
)
async def test_advice_that_makes_no_sense_is_refused(running: Suite, body: dict[str, Any]) -> None:
    assert (await running.api("PUT", "/servers/cas1/advice", body)).status == 422
    assert await as_wished(running)
