"""While the database is away, what the engine and the last wish can tell is still told."""

from __future__ import annotations

import asyncio

import pytest
from tests.integration.edges.conftest import good_text
from tests.integration.people import Browser, add_person, browser, open_session
from tests.integration.practice_farm import PracticeFarm
from tests.integration.processes import eventually, short_directory
from tests.integration.suite import Suite, database_url_of, suite

from switchover import clock
from switchover.directory.access.role import Role
from switchover.store.embedded import EmbeddedPostgres

pytestmark = pytest.mark.xdist_group("from_memory")
FROM_MEMORY = ("/services", "/services/web", "/servers", "/drift", "/status")
NEEDS_DATABASE = ("/revisions", "/events", "/statistics", "/tokens")


async def test_services_servers_and_drift_are_shown_without_the_database(
    farm: PracticeFarm,
) -> None:
    with short_directory() as directory:
        server = EmbeddedPostgres(directory / "postgresql", directory / "sockets")
        await server.start()
        try:
            url = database_url_of(server, "switchover")
            async with suite(database=url, cycle_seconds="0.5") as at:
                await at.apply(good_text(farm, at), farm.files)
                cookie = await open_session(at, await add_person(at, "ada", Role.ADMIN))
                async with browser(at, cookie) as page:
                    assert (await page.get("/")).status == 200
                    await server.stop()
                    await told_from_memory(at)
                    await shown_from_memory(page)
                await server.start()
                await told_from_the_database(at)
        finally:
            await server.stop()


async def shown_from_memory(page: Browser) -> None:
    """Who was signed in goes on looking, and changes nothing."""
    for path in ("/", "/services", "/servers"):
        began = clock.monotonic()
        shown = await page.get(path)
        assert shown.status == 200, (path, shown.words)
        assert clock.monotonic() - began < 8, path
    assert (await page.post("/account/zone", zone="UTC")).status == 503
    page.take("a" * 43)
    assert (await page.get("/")).status == 503


async def told_from_memory(at: Suite) -> None:
    await at.command("disable frontend web")
    for path in FROM_MEMORY:
        began = clock.monotonic()
        answer = await at.api("GET", path)
        assert answer.status == 200, (path, answer.body)
        assert answer.headers.get("switchover-database") == "away", path
        assert clock.monotonic() - began < 8, path
    refused = await asyncio.gather(*(at.api("GET", path) for path in NEEDS_DATABASE))
    assert [answer.status for answer in refused] == [503] * len(NEEDS_DATABASE)
    assert (await at.api("GET", "/services", token="swo_" + "a" * 43)).status == 503
    assert (await at.api("POST", "/servers/cas1/drain", {})).status == 503
    listed, drift, status = await asyncio.gather(
        at.cli("service", "list"), at.cli("drift", "show"), at.cli("status")
    )
    assert (listed.code, drift.code, status.code) == (0, 0, 0)
    assert "(takes no connections)" in listed.out
    assert "paused" in drift.out
    assert "the database does not answer" in listed.err
    assert "answers" not in status.out


async def told_from_the_database(at: Suite) -> None:
    async def is_back() -> bool:
        return (await at.api("GET", "/revisions")).status == 200

    await eventually(is_back, seconds=20)
    answer = await at.api("GET", "/services")
    assert "switchover-database" not in answer.headers
    status = await at.get("/status")
    assert status["database_answers"] == ("does not answer" not in status["cycle"])
