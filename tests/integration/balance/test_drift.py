"""What was changed behind switchover's back is found within a cycle, and put right or accepted."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Iterator
from typing import Any

import pytest
from tests.integration.balance.meddling import (
    MEDDLING,
    SERVERS,
    by_hand,
    configuration,
    farm_text,
    state_of,
)
from tests.integration.practice_farm import PracticeFarm
from tests.integration.processes import eventually
from tests.integration.suite import Suite, lent_suite

from switchover import clock
from switchover.errors import Unavailable
from switchover.store.embedded import EmbeddedPostgres

pytestmark = pytest.mark.xdist_group("drift")
CYCLE_SECONDS = 0.5


@pytest.fixture(scope="module")
def home(postgres: EmbeddedPostgres) -> Iterator[Suite]:
    with lent_suite(postgres, cycle_seconds=str(CYCLE_SECONDS)) as found:
        yield found


@pytest.fixture
async def running(home: Suite, farm: PracticeFarm) -> Suite:
    if (home.settings.engine_dir / "accepted").exists():
        await home.apply(farm_text(farm, home, edition=9))  # accepted files stay until then
    await home.apply(farm_text(farm, home), farm.files)
    for server in SERVERS:
        await home.post(f"/servers/{server}/resume")
        (await home.api("PUT", f"/servers/{server}/weight", {})).good()
    await home.post("/drift/repair")
    await in_order(home)
    return home


async def in_order(at: Suite) -> None:
    async def is_in_order() -> bool:
        return bool((await at.get("/status"))["cycle"].endswith(": in order"))

    await eventually(is_in_order)


async def found_drift(at: Suite) -> dict[str, Any]:
    (one,) = (await at.get("/drift"))["drift"]
    return dict(one)


@pytest.mark.parametrize("name", MEDDLING)
async def test_it_is_found_within_one_cycle_and_told_once(running: Suite, name: str) -> None:
    meddling, began = MEDDLING[name], clock.now().isoformat()
    await meddling.change(running)
    changed = clock.monotonic()

    async def told() -> list[str]:
        return list((await running.get("/status"))["drift"])

    (sentence,) = await eventually(told, seconds=5, every=0.02)
    assert clock.monotonic() - changed < 2 * CYCLE_SECONDS  # the wait for a cycle, and the cycle
    assert meddling.subject in sentence
    assert meddling.found in sentence
    event = await running.event(kind="drift", since=began)
    assert event["cause"] == sentence
    assert event["severity"] == "warning"
    drift = await found_drift(running)
    assert (drift["kind"], drift["sentence"]) == (meddling.kind, sentence)
    if meddling.kind in {"state", "weight"}:
        service, _, rest = meddling.subject.partition(".")
        assert [event["service"], event["workload"], event["server"]] == [
            service, *rest.split("/"),
        ]  # fmt: skip
    await asyncio.sleep(2 * CYCLE_SECONDS)  # two more cycles, which must not tell it again
    assert len(await running.events(kind="drift", since=began)) == 1


@pytest.mark.parametrize("name", MEDDLING)
async def test_repair_puts_it_right(running: Suite, name: str) -> None:
    before, text = await state_of(running), configuration(running)
    began = clock.now().isoformat()
    await MEDDLING[name].change(running)
    shown = await running.cli("drift", "show", "-o", "json")
    assert [one["kind"] for one in shown.json["drift"]] == [MEDDLING[name].kind]
    repaired = await running.cli("drift", "repair", "-o", "json")
    assert [one["kind"] for one in repaired.json["repaired"]] == [MEDDLING[name].kind]
    assert await running.get("/drift") == {"drift": []}
    assert await state_of(running) == before
    assert configuration(running) == text
    event = await running.event(kind="drift-repaired", since=began)
    assert MEDDLING[name].subject in event["cause"]


@pytest.mark.parametrize("name", [name for name, one in MEDDLING.items() if one.acceptable])
async def test_accept_makes_it_the_wish_and_later_changes_work(
    running: Suite, farm: PracticeFarm, name: str
) -> None:
    revision = (await running.get("/revisions/0"))["number"]
    await MEDDLING[name].change(running)
    meant, text = await state_of(running), configuration(running)
    accepted = await running.cli("drift", "accept", "-m", "it was me", "-o", "json")
    assert [one["kind"] for one in accepted.json["accepted"]] == [MEDDLING[name].kind]
    assert await running.get("/drift") == {"drift": []}
    assert await state_of(running) == meant
    latest = await running.get("/revisions/0")
    if name == "file":
        assert latest["number"] == revision
        assert configuration(running) == text
    else:
        assert (latest["number"], latest["verb"], latest["reason"], latest["origin"]) == (
            revision + 1, "accept", "it was me", "drift",
        )  # fmt: skip
        assert MEDDLING[name].subject in latest["overrides"]
    done = await running.apply(farm_text(farm, running, edition=1))
    assert done["engine"]["means"] == "reload"
    assert await running.get("/drift") == {"drift": []}
    assert await state_of(running) == meant
    assert "timeout server 601000ms" in configuration(running)


@pytest.mark.parametrize("name", [name for name, one in MEDDLING.items() if not one.acceptable])
async def test_what_stands_in_the_file_can_not_be_accepted(running: Suite, name: str) -> None:
    await MEDDLING[name].change(running)
    answer = await running.api("POST", "/drift/accept", {})
    assert answer.status == 409
    assert "apply a changed file, or run: switchover drift repair" in answer.body["detail"]
    assert (await found_drift(running))["kind"] == MEDDLING[name].kind


async def test_an_accepted_file_outlives_our_restart_and_an_engine_that_dies(
    running: Suite,
) -> None:
    await by_hand(running)
    text = configuration(running)
    await running.post("/drift/accept", {"reason": "tuned"})
    worker = (await running.info()).pid
    running.kill()
    await running.start()
    assert await running.get("/drift") == {"drift": []}
    assert configuration(running) == text
    assert (await running.info()).pid == worker
    os.kill((await running.processes()).master.pid, signal.SIGKILL)
    await eventually(lambda: other_worker(running, worker))
    await in_order(running)
    assert configuration(running) == text


async def other_worker(at: Suite, known: int) -> bool:
    try:
        return (await at.info()).pid != known
    except Unavailable:
        return False


async def test_a_file_edited_while_we_were_away_is_reported_and_not_overwritten(
    running: Suite,
) -> None:
    worker = (await running.info()).pid
    running.kill()
    await by_hand(running)
    text = configuration(running)
    await running.start()

    async def kinds() -> list[str]:
        return [one["kind"] for one in (await running.get("/drift"))["drift"]]

    assert await kinds() == ["file"]
    assert configuration(running) == text
    assert (await running.info()).pid == worker


async def test_resuming_a_server_that_was_drained_behind_our_back_resumes_it(
    running: Suite,
) -> None:
    await MEDDLING["drain"].change(running)
    await running.post("/servers/cas1/resume", {"service": "web"})
    assert not (await running.servers())["web.owa", "cas1"].is_draining
    assert await running.get("/drift") == {"drift": []}


async def test_several_at_once_are_accepted_in_one_revision(running: Suite) -> None:
    revision = (await running.get("/revisions/0"))["number"]
    for name in ("drain", "maintenance", "weight"):
        await MEDDLING[name].change(running)
    accepted = await running.post("/drift/accept", {"reason": "all of it"})
    assert len(accepted["accepted"]) == 3
    latest = await running.get("/revisions/0")
    assert latest["number"] == revision + 1
    assert set(latest["overrides"]) == {"web.owa/cas1", "imap.imaps/cas2", "names.owa/cas2"}


async def test_a_drain_and_an_edited_file_are_accepted_together(running: Suite) -> None:
    await MEDDLING["drain"].change(running)
    await by_hand(running)
    text = configuration(running)
    accepted = await running.post("/drift/accept")
    assert {one["kind"] for one in accepted["accepted"]} == {"state", "file"}
    await running.post("/servers/cas2/drain", {"service": "imap"})
    assert configuration(running) == text
    assert await running.get("/drift") == {"drift": []}


@pytest.mark.parametrize("name", ["weight", "maintenance"])
async def test_an_edited_file_is_never_lost_by_accepting_something_else(
    running: Suite, name: str
) -> None:
    await MEDDLING[name].change(running)
    await by_hand(running)
    text, revision = configuration(running), (await running.get("/revisions/0"))["number"]
    answer = await running.api("POST", "/drift/accept", {})
    assert answer.status == 409
    assert "lose what was edited" in answer.body["detail"]
    assert configuration(running) == text
    assert (await running.get("/revisions/0"))["number"] == revision


async def test_a_dry_run_leaves_an_edited_file_alone(running: Suite, farm: PracticeFarm) -> None:
    await by_hand(running)
    text = configuration(running)
    await running.apply(farm_text(farm, running), dry_run=True)
    await running.apply(farm_text(farm, running) + "# a comment\n", dry_run=True)
    assert configuration(running) == text
    assert [path.name for path in (running.settings.engine_dir / "trees").glob("draft-*")] == []
