"""What is counted: it adds up over reloads, it is kept, and what went wrong has its cause."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from typing import Any

import psycopg
import pytest
from prometheus_client.parser import text_string_to_metric_families
from tests.integration.platform_file import imaps, l4, l7, platform
from tests.integration.practice_farm import NAME, SERVERS, PracticeFarm, playing
from tests.integration.processes import eventually
from tests.integration.suite import Suite, lent_suite

from switchover import clock
from switchover.practice.clients import LineConnection
from switchover.practice.http_client import HttpConnection, client_tls
from switchover.practice.stories import Door, HttpStory, ImapStory, Story
from switchover.store.embedded import EmbeddedPostgres

PORT = {"web": 10443, "stream": 12443, "imap": 10993}
pytestmark = pytest.mark.xdist_group("statistics")
Metrics = dict[tuple[str, ...], float]


@pytest.fixture(scope="module")
def home(postgres: EmbeddedPostgres) -> Iterator[Suite]:
    with lent_suite(postgres, cycle_seconds="0.5", sample_seconds="0.3") as found:
        yield found


@pytest.fixture
async def running(home: Suite, farm: PracticeFarm) -> Suite:
    if home.process is None or home.process.poll() is not None:
        await home.start()
    await farm.mend()
    await home.apply(farm_text(farm, home), farm.files)
    await home.all_up()
    return home


def farm_text(farm: PracticeFarm, at: Suite, *, edition: int = 0) -> str:
    health = {"profile": "fast"}
    # Short, so that a silent server becomes a termination within a test.
    timeouts = {"owa": f"{600 + edition}s", "activesync": "1s"}
    return platform(
        farm,
        {
            "web": l7(at.address, SERVERS, timeouts=timeouts, health=health),
            "stream": l4(at.address, SERVERS, health=health),
            "imap": imaps(at.address, SERVERS, health={**health, "on_down": "keep"}),
        },
    )


def door(farm: PracticeFarm, at: Suite, service: str) -> Door:
    return Door(
        service=service, workload="", address=at.address, port=PORT[service], host=NAME, tls=True,
        ca=farm.ca, timeout_seconds=8.0,
    )  # fmt: skip


async def metrics(at: Suite, name: str) -> Metrics:
    """Return the samples of a metric by service, workload, server (and state)."""
    text = (await at.api("GET", "/metrics")).good()
    found: Metrics = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            if sample.name == name:
                labels = sample.labels
                key = tuple(
                    labels[label]
                    for label in ("service", "workload", "server", "state")
                    if label in labels
                )
                found[key] = sample.value
    return found


async def requests_of(at: Suite) -> Counter[tuple[str, str]]:
    """Return what was counted so far: requests in l7, connections elsewhere."""
    counted: Counter[tuple[str, str]] = Counter()
    for name, services in (("requests", {"web"}), ("sessions", {"stream", "imap"})):
        for key, value in (await metrics(at, f"switchover_server_{name}_total")).items():
            if key[0] in services:
                counted[key[0], key[1]] += int(value)
    return counted


class Sent:
    """Counts what clients did, by the pool it must be counted in."""

    def __init__(self, farm: PracticeFarm, at: Suite) -> None:
        self.farm, self.at = farm, at
        self.counted: Counter[tuple[str, str]] = Counter()

    async def keep_asking(self, path: str, pool: tuple[str, str], stop: asyncio.Event) -> None:
        """Ask over a kept connection, and over a new one where an old worker closed it."""
        while not stop.is_set():
            async with self.connection(pool[0]) as client:
                if pool[0] == "stream":
                    self.counted[pool] += 1
                while client.is_usable and not stop.is_set():
                    assert (await client.request("GET", path)).status == 200
                    if pool[0] == "web":
                        self.counted[pool] += 1
                    await asyncio.sleep(0.01)

    async def come_and_go(self, path: str, pool: tuple[str, str], stop: asyncio.Event) -> None:
        while not stop.is_set():
            async with self.connection(pool[0]) as client:
                assert (await client.request("GET", path)).status == 200
                self.counted[pool] += 1

    @contextlib.asynccontextmanager
    async def connection(self, service: str) -> AsyncIterator[HttpConnection]:
        opened = await HttpConnection.open(
            self.at.address, PORT[service], host=NAME, tls=client_tls(self.farm.ca)
        )
        try:
            yield opened
        finally:
            await opened.close()


async def test_requests_and_connections_add_up_exactly_over_reloads(
    running: Suite, farm: PracticeFarm
) -> None:
    sent, stop = Sent(farm, running), asyncio.Event()
    before = await requests_of(running)
    async with asyncio.TaskGroup() as group:
        for _ in range(2):
            group.create_task(sent.keep_asking("/owa/", ("web", "owa"), stop))
            group.create_task(sent.come_and_go("/ews/", ("web", "ews"), stop))
            group.create_task(sent.keep_asking("/owa/", ("stream", "all"), stop))
            group.create_task(sent.come_and_go("/owa/", ("stream", "all"), stop))
        for edition in range(1, 7):
            done = await running.apply(farm_text(farm, running, edition=edition))
            assert done["engine"]["means"] == "reload"
            goal = sent.counted.total() + 30
            await eventually(lambda wanted=goal: sent.counted.total() >= wanted)
        stop.set()

    async def all_counted() -> bool:
        return await requests_of(running) - before == sent.counted

    await eventually(all_counted, seconds=12)
    await asyncio.sleep(1.0)  # nothing is counted twice by the samples that follow
    assert await requests_of(running) - before == sent.counted
    await eventually(lambda: no_old_workers(running), seconds=12)


async def no_old_workers(at: Suite) -> bool:
    """A worker that is held for its last count must be let go."""
    return not (await at.processes()).old_workers


async def test_what_an_old_worker_still_carries_is_counted(
    running: Suite, farm: PracticeFarm
) -> None:
    staying = await LineConnection.open(door(farm, running, "imap"))
    await staying.read_line()
    await staying.ask_tagged('LOGIN "stays@contoso.example" "practice"')
    done = await running.apply(farm_text(farm, running, edition=20))
    assert done["engine"]["means"] == "reload"
    assert len((await running.processes()).old_workers) == 1

    async def bytes_of_imap() -> float:
        found = await metrics(running, "switchover_server_bytes_out_total")
        return sum(value for key, value in found.items() if key[0] == "imap")

    before = await bytes_of_imap()
    for _ in range(200):
        await staying.ask_tagged("NOOP")
    await staying.close()  # the engine counts the bytes of a connection at its end
    await eventually(lambda: grown(bytes_of_imap, before + 5000), seconds=12)
    await eventually(lambda: no_old_workers(running), seconds=12)


async def grown(measure: Any, goal: float) -> bool:
    return bool(await measure() >= goal)


async def test_minutes_in_the_database_hold_everything_when_the_process_ends(
    running: Suite, farm: PracticeFarm
) -> None:
    before = await kept_requests(running)
    seen = await requests_of(running)
    sent, stop = Sent(farm, running), asyncio.Event()
    async with asyncio.TaskGroup() as group:
        group.create_task(sent.keep_asking("/owa/", ("web", "owa"), stop))
        group.create_task(sent.come_and_go("/ews/", ("web", "ews"), stop))
        await eventually(lambda: sent.counted.total() >= 100)
        stop.set()
    assert running.terminate() == 0
    kept = await kept_requests(running)
    # Requests of earlier tests may have waited for the end of their minute.
    assert kept - before >= sent.counted
    assert kept - before <= sent.counted + seen
    await running.start()
    page = await running.get("/statistics", service="web", workload="owa")
    assert sum(row["requests"] for row in page["minutes"]) >= sent.counted["web", "owa"]
    assert {row["server"] for row in page["minutes"]} <= set(SERVERS)


async def kept_requests(at: Suite) -> Counter[tuple[str, str]]:
    dsn = at.environment["SWITCHOVER_DATABASE_URL"]
    async with await psycopg.AsyncConnection.connect(dsn, autocommit=True) as connection:
        found = await connection.execute(
            "select service, workload, sum(requests)::bigint from stat_minute "
            "where service = 'web' group by 1, 2"
        )
        return Counter({(row[0], row[1]): row[2] for row in await found.fetchall()})


async def test_what_did_not_end_well_is_counted_by_who_ended_it_and_when(
    running: Suite, farm: PracticeFarm
) -> None:
    before = await metrics(running, "switchover_terminations_total")
    await running.post("/servers/cas2/drain")
    sent = Sent(farm, running)
    await farm.break_("cas1/activesync", "hang")
    async with sent.connection("web") as client:
        assert (await client.request("GET", "/Microsoft-Server-ActiveSync/")).status == 504
    await farm.break_("cas1/ews", "reset")
    async with sent.connection("web") as client:
        browser = (("User-Agent", "a browser"),)
        with pytest.raises((OSError, EOFError)):
            await client.request("GET", "/ews/", fields=browser)

    async def counted() -> bool:
        now = await metrics(running, "switchover_terminations_total")
        new = {key for key, value in now.items() if value > before.get(key, 0)}
        return {("web", "activesync", "cas1", "sH"), ("web", "ews", "cas1", "SD")} <= new

    await eventually(counted)

    async def kept() -> dict[tuple[str, str, str], str]:
        rows = (await running.get("/terminations"))["terminations"]
        found = {(row["workload"], row["server"], row["state"]): row["meaning"] for row in rows}
        return found if ("ews", "cas1", "SD") in found else {}

    meanings = await eventually(kept)
    assert meanings["activesync", "cas1", "sH"] == (
        "the server stayed silent too long while the answer's headers came"
    )
    assert meanings["ews", "cas1", "SD"] == (
        "the server refused or reset the connection while data flowed"
    )
    await running.post("/servers/cas2/resume")


async def test_every_health_transition_is_an_event_with_its_cause(
    running: Suite, farm: PracticeFarm
) -> None:
    began = clock.now().isoformat()
    for target, fault in (("owa", "503"), ("activesync", "refuse"), ("imaps", "421")):
        await farm.break_(f"cas1/{target}", fault)
    causes = {}
    for service, workload in (("web", "owa"), ("web", "activesync"), ("imap", "imaps")):
        event = await running.event(
            kind="server-down", since=began, service=service, workload=workload, server="cas1"
        )
        assert event["severity"] == "error"
        assert event["detail"]["check"] == "health"
        causes[workload] = event["cause"]
    assert "wrong status" in causes["owa"]
    assert "503" in causes["owa"]
    assert "invalid" in causes["imaps"].lower() or "421" in causes["imaps"]
    await farm.mend()
    for service, workload in (("web", "owa"), ("imap", "imaps")):
        back = await running.event(
            kind="server-up", since=began, service=service, workload=workload, server="cas1"
        )
        assert back["severity"] == "info"


async def test_a_pool_without_servers_is_an_error_event(running: Suite, farm: PracticeFarm) -> None:
    began = clock.now().isoformat()
    for server in SERVERS:
        await farm.break_(f"{server}/ews", "503")
    event = await running.event(kind="pool-empty", since=began, service="web", workload="ews")
    assert (event["severity"], event["server"]) == ("error", None)


async def test_metrics_say_what_prometheus_needs(running: Suite, farm: PracticeFarm) -> None:
    await farm.break_("cas1/owa", "503")

    async def seen() -> bool:
        return (await metrics(running, "switchover_server_up"))["web", "owa", "cas1"] == 0.0

    await eventually(seen)
    up = await metrics(running, "switchover_server_up")
    assert up["web", "owa", "cas2"] == up["web", "ews", "cas1"] == 1.0
    answer = await running.api("GET", "/metrics")
    assert answer.headers["Content-Type"].startswith("text/plain; version=")
    families = {family.name: family for family in text_string_to_metric_families(answer.body)}
    assert {
        "switchover_server_up",
        "switchover_server_connections",
        "switchover_server_requests",
        "switchover_server_went_down",
        "switchover_terminations",
        "switchover_drift",
        "switchover_revision",
        "switchover_database_up",
        "switchover_engine_up",
    } <= set(families)
    for name, family in families.items():
        assert family.documentation, name
        assert family.type in {"gauge", "counter"}, name
    assert families["switchover_engine_up"].samples[0].value == 1.0
    assert families["switchover_database_up"].samples[0].value == 1.0
    revision = (await running.get("/revisions/0"))["number"]
    assert families["switchover_revision"].samples[0].value == revision


async def test_connections_now_are_those_that_are_open(running: Suite, farm: PracticeFarm) -> None:
    imap = ImapStory(door=door(farm, running, "imap"), clients=5, noop_every_seconds=0.2)
    web = HttpStory(door=door(farm, running, "stream"), path="/owa/", clients=3, rate_per_second=9)
    stories: list[Story] = [imap, web]
    async with playing(*stories) as clients:
        await clients.flow(more=10)

        async def open_now() -> tuple[float, float]:
            found = await metrics(running, "switchover_server_connections")
            return (
                sum(value for key, value in found.items() if key[0] == "imap"),
                sum(value for key, value in found.items() if key[0] == "stream"),
            )

        async def as_many() -> bool:
            return await open_now() == (5, 3)

        await eventually(as_many)
    listed = await running.get("/servers/cas1/connections")
    assert all(one["client"].startswith("127.0.0.1:") for one in listed["connections"])
