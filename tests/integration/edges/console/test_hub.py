"""The hub: what changed, rendered once, to all who watch; nothing while nobody does."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any

import pytest
from tests.builders import http_service, mail_service
from tests.integration.edges.console.asgi import signed_in
from tests.integration.edges.console.looking import Desk, wish_of

from switchover.balance.event import Event, Severity
from switchover.balance.work import board
from switchover.directory.access.role import Role
from switchover.directory.access.session.memory import SessionMemory
from switchover.edges.console import live
from switchover.edges.console.fragments import Fragments, Part
from switchover.edges.console.live import Hub
from switchover.edges.console.topic import Kind, Topic, parse_topics

WEB = (Topic(Kind.SERVICE, "web"), Topic(Kind.GRID, "web/cas1"), Topic(Kind.GRID, "web/cas2"))
PAGE = ",".join(map(str, WEB))
OWA = "web.owa"


@pytest.fixture
async def desk(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Desk]:
    monkeypatch.setattr(board, "CALM_SECONDS", 0.02)
    monkeypatch.setattr(board, "PAUSE_SECONDS", 0.2)
    made = Desk(wish=wish_of({"web": http_service(), "imap": mail_service()}))
    yield made
    await made.board.close()


@pytest.fixture
async def hub(desk: Desk) -> AsyncIterator[Hub]:
    made = Hub(desk.suite)
    yield made
    await made.close()


class Listener:
    """A page that is open: reads its stream into the parts it shows."""

    def __init__(self, hub: Hub, topics: str = PAGE, since: str = "", session: str = "a") -> None:
        self.seat = hub.audience.enter(session=session, account="1")
        self.stream = hub.stream(parse_topics(topics), hub.number_in(since), self.seat)
        self.shown: dict[str, str] = {}
        self.heard: list[bytes] = []
        self.place = ""
        self.ended = False

    async def hear(self) -> bytes:
        """Read what comes next."""
        try:
            chunk = await asyncio.wait_for(anext(self.stream), 10)
        except StopAsyncIteration:
            self.ended = True
            return b""
        self.heard.append(chunk)
        for message in chunk.decode().split("\n\n"):
            fields = dict(line.split(": ", 1) for line in message.split("\n") if line)
            if "event" not in fields and "data" in fields:
                self.shown.update(json.loads(fields["data"]))
            self.place = fields.get("id", self.place)
        return chunk

    async def until(self, name: str, words: str) -> bytes:
        """Read until an element shows these words; return the last that was read."""
        while True:
            chunk = await self.hear()
            if words in self.shown.get(name, "") or self.ended:
                return chunk

    async def close(self) -> None:
        await self.stream.aclose()


def down(desk: Desk, status: str = "DOWN") -> None:
    desk.engine.set(OWA, "cas1", status)
    desk.events.add(Event(kind="server-down", severity=Severity.ERROR, cause="a test"))


async def test_what_changes_is_sent_alone_and_with_the_same_bytes_to_all(
    desk: Desk, hub: Hub
) -> None:
    rendered: list[Part] = []

    def render(part: Part) -> str:
        rendered.append(part)
        return live.render_part(part)

    hub.fragments = Fragments(render=render)
    listeners = [Listener(hub) for _ in range(20)]
    for one in listeners:
        await one.hear()
    rendered.clear()
    down(desk)
    chunks = [await one.until("web.owa/cas1", "down") for one in listeners]
    assert len(set(chunks)) == 1
    told = [one for one in chunks[0].split(b"\n\n") if one.startswith(b"data: {")]
    changed = [name for one in told for name in json.loads(one.removeprefix(b"data: "))]
    assert set(changed) == {"web.owa/cas1", "service:web", "service:web:pools"}
    assert len(rendered) == 3
    for one in listeners:
        await one.close()


async def test_nothing_is_sent_while_nothing_changes(
    desk: Desk, hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "BEAT_SECONDS", 0.5)
    one = Listener(hub)
    await one.hear()
    assert await one.hear() == b"event: beat\ndata: 1\n\n"
    await one.close()


async def test_a_page_that_is_up_to_date_is_told_nothing_at_first(desk: Desk, hub: Hub) -> None:
    snapshot = await desk.board.look()
    page = await hub.show(snapshot, *WEB)
    one = Listener(hub, since=page.since)
    first = await one.hear()
    assert b"data: {" not in first
    await one.close()


async def test_a_page_that_comes_late_is_told_what_it_missed(desk: Desk, hub: Hub) -> None:
    keeper = Listener(hub)
    await keeper.hear()
    page = await hub.show(await desk.board.look(), *WEB)
    down(desk)
    await keeper.until("web.owa/cas1", "down")
    one = Listener(hub, since=page.since)
    await one.hear()
    assert set(one.shown) >= {"web.owa/cas1"}
    assert "imap.imaps/cas1" not in one.shown
    assert "web.owa/cas2" not in one.shown
    await one.close()
    await keeper.close()


async def test_what_was_shown_between_two_rounds_is_put_right(desk: Desk, hub: Hub) -> None:
    keeper = Listener(hub)
    await keeper.hear()
    down(desk)
    page = await hub.show(await desk.board.look(), *WEB)
    assert "down" in page.html("web.owa/cas1")
    down(desk, "UP")
    one = Listener(hub, since=page.since)
    await one.until("web.owa/cas1", ">up<")
    await one.close()
    await keeper.close()


@pytest.mark.parametrize("since", ["", "other.3", "nonsense", "x.y.z", "\N{SUPERSCRIPT TWO}.2"])
async def test_a_page_of_another_process_is_told_everything(hub: Hub, since: str) -> None:
    one = Listener(hub, since=since)
    await one.hear()
    assert {"web.owa/cas1", "web.owa/cas2:now", "service:web:shape"} <= set(one.shown)
    await one.close()


async def test_a_reader_who_is_slow_is_told_at_last_and_holds_nobody_up(
    desk: Desk, hub: Hub
) -> None:
    slow, quick = Listener(hub), Listener(hub)
    await slow.hear()
    await quick.hear()
    for number in range(3 * live.MOST_WAITING):
        status = "DOWN" if number % 2 else "UP"
        down(desk, status)
        await quick.until("web.owa/cas1", status.lower())
    (watcher,) = [one for one in hub.watchers if one.waiting.full()]
    assert watcher.waiting.qsize() == live.MOST_WAITING
    await slow.until("web.owa/cas1", ">down<")
    while not slow.place.endswith(quick.place.rpartition(".")[2]):
        await slow.hear()
    assert slow.shown["web.owa/cas1"] == quick.shown["web.owa/cas1"]
    await slow.close()
    await quick.close()


async def test_with_the_last_watcher_everything_ends(
    desk: Desk, hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(board, "LINGER_SECONDS", 0.1)
    monkeypatch.setattr(live, "BEAT_SECONDS", 0.1)
    one = Listener(hub)
    await one.hear()
    await one.close()
    await asyncio.sleep(1)
    asked = desk.engine.asked
    await asyncio.sleep(0.5)
    assert desk.engine.asked == asked
    assert not hub.watchers
    again = Listener(hub)
    await again.hear()
    assert again.shown
    await again.close()


async def test_a_stream_is_opened_anew_in_a_while_so_that_ended_sessions_see_no_more(
    hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "STREAM_SECONDS", 0.2)
    monkeypatch.setattr(live, "BEAT_SECONDS", 0.1)
    one = Listener(hub)
    while not one.ended:
        await one.hear()
    assert one.heard[-1] == b"event: again\ndata: 1\n\n"
    assert not hub.watchers


async def test_when_the_process_stops_every_stream_ends(hub: Hub) -> None:
    one = Listener(hub)
    await one.hear()
    closing = asyncio.create_task(hub.close())
    while not one.ended:
        await one.hear()
    await closing


async def test_a_topic_that_comes_later_is_served_beside_the_others(desk: Desk, hub: Hub) -> None:
    first = Listener(hub, "overview")
    await first.hear()
    second = Listener(hub, "server:cas1,server-line:cas2,events")
    await second.hear()
    down(desk)
    await second.until("server:cas1", "degraded")
    await first.until("overview-counts", "1 degraded")
    assert "events-mark" in second.shown
    await first.close()
    await second.close()


async def test_a_fault_of_ours_ends_no_stream(
    desk: Desk, hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = live.parts_of
    one = Listener(hub)
    await one.hear()

    def broken(*_: Any) -> Any:
        raise RuntimeError("a fault")

    monkeypatch.setattr(live, "parts_of", broken)
    down(desk)
    await asyncio.sleep(0.3)
    monkeypatch.setattr(live, "parts_of", whole)
    await one.until("web.owa/cas1", "down")
    await one.close()


async def test_open_pages_are_told_when_the_engine_stops_answering_and_when_it_is_back(
    desk: Desk, hub: Hub
) -> None:
    one = Listener(hub, "trouble,service:web")
    await one.hear()
    desk.engine.is_away = True
    await one.until("trouble", "The engine does not answer")
    assert 'data-old="20' in one.shown["trouble"]
    desk.engine.is_away = False
    while one.shown["trouble"]:
        await one.hear()
    await one.close()


async def test_the_streams_of_a_session_that_ended_end_at_once_and_no_others(
    desk: Desk, hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    still_open = {"a", "b"}

    async def find_open(_: Any, ids: set[str]) -> set[str]:
        return ids & still_open

    monkeypatch.setattr(live, "find_open", find_open)
    memory = SessionMemory()
    hub.suite.access = SimpleNamespace(sessions=memory)
    person = signed_in(Role.VIEWER)
    hub.audience.leave(hub.enter(person))
    hub.audience.leave(hub.enter(person))
    assert len(memory.listeners) == 1
    first, second = Listener(hub, session="a"), Listener(hub, session="b")
    await first.hear()
    await second.hear()
    memory.forget_all()
    await asyncio.sleep(0.05)
    assert not any(seat.is_over for seat in hub.audience.seats)
    still_open.discard("a")
    memory.forget_all()
    async with asyncio.timeout(2):
        while not first.ended:
            await first.hear()
    assert b"event: again" in first.heard[-1]
    assert not second.seat.is_over
    await second.close()
