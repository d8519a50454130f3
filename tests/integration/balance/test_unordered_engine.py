"""An engine that no revision ordered is told of, and stopped only by an operator who says so."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest
from tests.integration.platform_file import l7, platform
from tests.integration.practice_farm import PracticeFarm, practice_farm
from tests.integration.processes import eventually
from tests.integration.suite import Suite, lent_database, suite

from switchover.store.embedded import EmbeddedPostgres

TELLS = "the engine is running what is no revision (trees/"


@pytest.fixture(scope="module")
def farm() -> Iterator[PracticeFarm]:
    with practice_farm(("cas1",), ports=("https",)) as running:
        yield running


@pytest.fixture
async def orphaned(farm: PracticeFarm, postgres: EmbeddedPostgres) -> AsyncIterator[Suite]:
    """Return a suite whose engine serves what its database does not know."""
    with lent_database(postgres) as old, lent_database(postgres) as new:
        async with suite(database=old, cycle_seconds="0.5") as at:
            await at.apply(text(farm, at), farm.files)
            at.kill()
            await at.start(environment={"SWITCHOVER_DATABASE_URL": new})
            yield at


def text(farm: PracticeFarm, at: Suite) -> str:
    return platform(farm, {"web": l7(at.address, ["cas1"])})


async def test_it_is_told_of_everywhere_and_goes_on(orphaned: Suite) -> None:
    tree = (orphaned.settings.engine_dir / "current").readlink().name

    async def told() -> bool:
        return TELLS + tree in (await orphaned.get("/status"))["cycle"]

    await eventually(told)
    status = await orphaned.get("/status")
    assert status["warnings"] == [status["cycle"]]
    assert (status["revision"], len(status["drift"])) == (None, 1)
    assert "switchover drift repair --stop-engine" in status["cycle"]
    assert [one["kind"] for one in (await orphaned.get("/drift"))["drift"]] == ["surplus"]
    event = await orphaned.event(kind="drift", containing=tree)
    assert event["severity"] == "warning"
    scraped = (await orphaned.api("GET", "/metrics")).good()
    for line in ("switchover_drift 1.0", "switchover_revision 0.0", "switchover_engine_up 1.0"):
        assert line in scraped
    assert len(await orphaned.events(kind="drift")) == 1
    assert (await orphaned.processes()).master.pid == status["engine"]["process"]


async def test_only_an_operator_who_says_so_stops_it(orphaned: Suite, farm: PracticeFarm) -> None:
    refused = await orphaned.cli("drift", "repair", "-m", "tidying up")
    assert (refused.code != 0, TELLS in refused.err) == (True, True)
    assert (await orphaned.api("POST", "/drift/accept", {})).status == 409
    assert (await orphaned.get("/status"))["engine"]["runs"]
    stopped = await orphaned.cli(
        *("drift", "repair", "--stop-engine", "-m", "left by a rehearsal", "-o", "json")
    )
    assert [one["kind"] for one in stopped.json["repaired"]] == ["surplus"]
    status = await orphaned.get("/status")
    assert (status["engine"]["runs"], status["drift"], status["warnings"]) == (False, [], [])
    assert status["cycle"] == "no platform file was applied yet"
    event = await orphaned.event(kind="drift-repaired", containing="what is no revision")
    assert event["detail"]["reason"] == "left by a rehearsal"
    assert (await orphaned.api("GET", "/drift")).status == 404
    await orphaned.apply(text(farm, orphaned), farm.files)
    assert await orphaned.get("/drift") == {"drift": []}


async def test_where_there_are_revisions_the_same_order_stops_nothing(
    farm: PracticeFarm, postgres: EmbeddedPostgres
) -> None:
    with lent_database(postgres) as url:
        async with suite(database=url, cycle_seconds="0.5") as at:
            await at.apply(text(farm, at), farm.files)
            engine = (await at.processes()).master.pid
            assert (await at.cli("drift", "repair", "--stop-engine", "-o", "json")).json == {
                "repaired": []
            }
            assert (await at.processes()).master.pid == engine
