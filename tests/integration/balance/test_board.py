"""The board: the engine is asked once for all who look, at once when something happens, else never."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from typing import Any, cast

import pytest
from tests.builders import http_service
from tests.integration.edges.console.looking import Desk, wish_of

from switchover import clock
from switchover.balance.event import Event, Severity
from switchover.balance.overrides import Target
from switchover.balance.work import board as module
from switchover.balance.work.board import require_wish
from switchover.balance.work.cycle import NOTHING_APPLIED, CycleReport
from switchover.errors import NotFound, Unavailable

SERVICES = {"web": http_service()}
OWA = "web.owa"


@pytest.fixture
async def desk() -> AsyncIterator[Desk]:
    made = Desk(wish=wish_of(SERVICES))
    yield made
    await made.board.close()


def told(kind: str = "server-down", *, server: str = "cas1") -> Event:
    target = Target(service="web", pool="owa", server=server)
    return Event(kind=kind, severity=Severity.ERROR, cause="a test", target=target)


def word(snapshot: Any) -> str:
    return str(snapshot.service_lines[0].word)


async def test_whoever_looks_at_once_sees_the_same_answer_of_one_question(desk: Desk) -> None:
    found = await asyncio.gather(*(desk.board.look() for _ in range(50)))
    assert desk.engine.asked == 1
    assert {snapshot.number for snapshot in found} == {1}
    again = await desk.board.look()
    assert again is found[0]
    assert word(again) == "up"


async def test_what_the_engine_tells_is_seen_by_the_next_who_looks(desk: Desk) -> None:
    await desk.board.look()
    desk.engine.set(OWA, "cas1", "DOWN")
    desk.events.add(told())
    assert word(await desk.board.look()) == "degraded"


async def test_a_page_waits_for_no_engine_while_the_last_snapshot_is_of_now(desk: Desk) -> None:
    first = await desk.board.look()
    desk.engine.set(OWA, "cas1", "DOWN")
    desk.board._made_at -= module.RENEW_SECONDS + 1
    assert await desk.board.look() is first
    renewed = await asyncio.wait_for(desk.board.after(first.number), 10)
    assert word(renewed) == "degraded"


async def test_no_page_is_made_from_an_old_snapshot_nor_long_from_one_without_the_engine(
    desk: Desk,
) -> None:
    first = await desk.board.look()
    desk.board._made_at -= module.FRESH_SECONDS
    second = await desk.board.look()
    assert second.number > first.number
    desk.engine.is_away = True
    desk.events.add(told())
    assert not (await desk.board.look()).engine_answers
    desk.engine.is_away = False
    desk.board._made_at -= module.RENEW_SECONDS
    assert (await desk.board.look()).engine_answers


async def test_who_watches_gets_a_snapshot_soon_after_something_happened(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "CALM_SECONDS", 0.01)
    monkeypatch.setattr(module, "PAUSE_SECONDS", 60.0)
    async with desk.board.watching():
        first = await desk.board.after(0)
        await asyncio.sleep(0.05)
        desk.engine.set(OWA, "cas1", "DOWN")
        desk.events.add(told())
        second = await asyncio.wait_for(desk.board.after(first.number), 10)
    assert word(second) == "degraded"


async def test_a_burst_of_events_is_one_question(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PAUSE_SECONDS", 60.0)
    async with desk.board.watching():
        await desk.board.after(0)
        for _ in range(1000):
            desk.events.add(told())
        await asyncio.wait_for(desk.board.after(1), 10)
        await asyncio.sleep(2 * module.CALM_SECONDS)
    assert desk.engine.asked <= 3


async def test_while_nobody_looks_nobody_asks(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("CALM_SECONDS", "PAUSE_SECONDS", "LINGER_SECONDS"):
        monkeypatch.setattr(module, name, 0.02)
    await desk.board.look()
    await asyncio.sleep(0.3)
    asked = desk.engine.asked
    desk.events.add(told())
    await asyncio.sleep(0.2)
    assert desk.engine.asked == asked


async def test_an_engine_that_does_not_answer_leaves_what_it_told_last(desk: Desk) -> None:
    desk.engine.is_away = True
    found = await desk.board.look()
    assert not found.engine_answers
    assert word(found) == "unknown"
    assert found.is_old
    assert found.told_at is None


async def test_after_a_start_the_last_sample_tells_from_when_the_states_are(desk: Desk) -> None:
    desk.engine.is_away = True
    desk.board.observation.rows = tuple(desk.engine.rows)
    found = await desk.board.look()
    assert word(found) == "up"
    assert found.told_at is not None
    assert 4 < (found.at - found.told_at).total_seconds() < 60


async def test_what_the_engine_told_last_keeps_its_time_while_it_is_away(desk: Desk) -> None:
    first = await desk.board.look()
    desk.engine.is_away = True
    told_at = []
    for _ in range(2):
        desk.events.add(told())
        told_at.append((await desk.board.look()).told_at)
    assert told_at == [first.at, first.at]


async def test_a_cycle_that_does_not_end_is_late_after_three_of_them(desk: Desk) -> None:
    report = cast("CycleReport", desk.board.cycle.report)
    for every, seconds, is_late in (
        (0.1, 7, False),
        (2.0, 9, True),
        (5.0, 15, False),
        (5.0, 21, True),
    ):
        desk.board.cycle_seconds = every
        at = clock.now() - timedelta(seconds=seconds)
        desk.board.cycle.report = replace(report, at=at)
        desk.events.add(told())
        found = await desk.board.look()
        assert (found.cycle_at, found.is_cycle_late) == (at, is_late)


async def test_before_anything_was_applied_the_engine_is_not_missed() -> None:
    desk = Desk(wish=None)
    desk.engine.is_away = True
    for sentence, is_blank in (
        (NOTHING_APPLIED, True),
        ("what to run is not known yet; the engine goes on as it is", False),
    ):
        desk.board.cycle.report = CycleReport(at=clock.now(), sentence=sentence, revision=None)
        desk.events.add(told())
        found = await desk.board.look()
        assert (found.is_blank, found.is_old) == (is_blank, not is_blank)
    await desk.board.close()


async def test_a_changed_wish_is_seen_at_once(desk: Desk) -> None:
    await desk.board.look()
    other = wish_of({"post": http_service()})
    desk.suite.balance.wish = ((2, other.text), other)
    found = await desk.board.look()
    assert [service.name for service in found.services] == ["post"]


async def test_rates_are_measured_from_one_look_to_another(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 1000.0
    desk.board.observation.sampled = (0.0, ())
    monkeypatch.setattr(module.clock, "monotonic", lambda: now)
    await desk.board.look()
    now += 4.0
    desk.engine.set(OWA, "cas1", "UP", counted={"requests": 20})
    desk.events.add(told())
    found = await desk.board.look()
    assert found.rates[OWA, "cas1"] == 5.0


async def test_a_sample_of_the_counters_gives_the_first_who_looks_a_rate(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module.clock, "monotonic", lambda: 1000.0)
    desk.board.observation.sampled = (990.0, tuple(desk.engine.rows))
    desk.engine.set(OWA, "cas1", "UP", counted={"requests": 20})
    found = await desk.board.look()
    assert found.rates[OWA, "cas1"] == 2.0


async def test_a_drain_is_remembered_with_what_it_began_with(desk: Desk) -> None:
    starts, target = desk.board.drains.starts, Target(service="web", pool="owa", server="cas1")
    desk.events.add(replace(told("drain-entered"), detail={"connections": 12}))
    assert starts[target].connections == 12
    desk.events.add(told("drain-left"))
    assert starts == {}


async def test_a_drain_that_nobody_counted_begins_with_no_number(desk: Desk) -> None:
    desk.events.add(
        replace(told("drain-entered"), detail={"connections": 12}), told("drain-entered")
    )
    assert desk.board.drains.starts == {}


async def test_who_is_connected_is_asked_for_once_in_a_while(desk: Desk) -> None:
    line = "0x{}: proto=tcpv4 src=192.0.2.{}:9 fe=web be=web.owa srv=cas{} ts=0 age=9d\n"
    desk.engine.sessions = "".join(line.format(number, number, number) for number in (1, 2))
    (client,) = await desk.board.connections("cas1")
    told = client.body(module.clock.now().timestamp())
    assert (told["client"], told["service"], told["workload"]) == ("192.0.2.1:9", "web", "owa")
    assert 55 < told["seconds"] < 90
    desk.engine.sessions = ""
    assert len(await desk.board.connections("cas2")) == 1
    with pytest.raises(NotFound):
        await desk.board.connections("nope")


async def test_before_the_first_platform_file_a_page_says_what_is_missing() -> None:
    desk = Desk(wish=None)
    with pytest.raises(NotFound, match="nothing was applied yet"):
        await require_wish(desk.board)
    desk.suite.balance.database.is_answering = False
    desk.events.add(told())
    with pytest.raises(Unavailable):
        await require_wish(desk.board)
    await desk.board.close()
