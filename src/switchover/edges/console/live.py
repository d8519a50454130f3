"""Live pages: ``/live`` sends the parts that changed, once rendered, to all who watch a topic.

While somebody watches, one task waits for the board's next snapshot, works out what each watched topic
shows, and gives the same bytes to everybody. It ends with the last watcher. A page says from which
snapshot it was made; a connection that comes late or comes back is told what changed since.

A stream ends with its session: whatever ends sessions has those of open streams looked at anew. And it ends
after a minute, to be opened again by the page, for a session that ran into a limit.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Annotated

from fastapi import APIRouter, Depends, Header, Query, Request
from fastapi.responses import StreamingResponse
from markupsafe import Markup, escape
from starlette.types import Receive, Scope, Send

from switchover import clock
from switchover.app import Switchover
from switchover.balance.client import Client
from switchover.balance.recent import Recent
from switchover.balance.snapshot import Snapshot
from switchover.balance.work.board import Board
from switchover.directory.access.session.work import find_open
from switchover.edges.console.access import Person, Watcher
from switchover.edges.console.audience import Audience, Seat
from switchover.edges.console.cells import View, parts_of
from switchover.edges.console.fragments import Fragments, Part
from switchover.edges.console.page import environment
from switchover.edges.console.topic import Kind, Topic, parse_topics
from switchover.errors import SwitchoverError, Unavailable

router = APIRouter(include_in_schema=False)
logger = logging.getLogger(__name__)

STREAM_SECONDS = 60.0
BEAT_SECONDS = 5.0
"""The longest silence: a page that hears nothing for twice as long tells that it is cut off."""
MOST_CONNECTIONS = 20_000
"""With more of them pages do not say by themselves who is still connected to a server that drains."""
MOST_WAITING = 8
"""Messages that wait for a slow reader; then it is told anew what changed since it took the last."""
HEADERS = {
    "Cache-Control": "no-store",
    "X-Accel-Buffering": "no",
}
_AGAIN = b"event: again\ndata: 1\n\n"
_BEAT = b"event: beat\ndata: 1\n\n"


def render_part(part: Part) -> str:
    """Return a part's HTML; its macro stands in ``cells.html``."""
    macro = getattr(environment.get_template("cells.html").module, part.macro)
    return str(macro(*part.values))


@dataclass(slots=True, eq=False)
class Watching:
    """One open stream: what it watches, up to which snapshot it was told, and what waits to be sent."""

    topics: tuple[Topic, ...]
    told: int
    seat: Seat
    waiting: asyncio.Queue[tuple[int, bytes]] = field(
        default_factory=lambda: asyncio.Queue(MOST_WAITING)
    )
    is_behind: bool = False

    def give(self, number: int, message: bytes) -> None:
        """Have a message sent; never waits for who reads slowly."""
        try:
            self.waiting.put_nowait((number, message))
        except asyncio.QueueFull:
            self.is_behind = True


@dataclass(frozen=True, slots=True, kw_only=True)
class LivePart:
    """What a template needs: the elements with what they show now, and what to watch for changes."""

    watched: tuple[Topic, ...]
    since: str
    parts: dict[str, Part]

    def topics(self, *kinds: str) -> str:
        """Return what to watch as ``data-live`` takes it: all, or only these kinds."""
        return ",".join(str(topic) for topic in self.watched if not kinds or topic.kind in kinds)

    def __call__(self, name: str, tag: str = "span", classes: str = "") -> Markup:
        """Return the element that is kept up to date."""
        # Hundreds on a page, and Markup's own formatting takes several times as long.
        text = f'<{tag} id="{escape(name)}" class="{escape(classes)}">{self.html(name)}</{tag}>'
        return Markup(text)  # noqa: S704 - every part of it is escaped

    def html(self, name: str) -> Markup:
        """Return what the element of that id shows now."""
        part = self.parts.get(name)
        return Markup(render_part(part)) if part else Markup("")  # noqa: S704 - rendered with escaping


@dataclass(slots=True)
class Hub:
    """All open streams of one process, and the task that feeds them while there are any."""

    suite: Switchover
    fragments: Fragments = field(default_factory=lambda: Fragments(render=render_part))
    boot: str = field(default_factory=lambda: clock.new_id()[:8])
    """Names this process: another one numbers its snapshots anew."""
    watchers: set[Watching] = field(default_factory=set)
    audience: Audience = field(default_factory=Audience)
    _looking: asyncio.Task[None] | None = None
    _must_look: bool = False
    _feeding: asyncio.Task[None] | None = None
    _told: dict[Topic, int] = field(default_factory=dict)
    _is_closed: bool = False

    async def view(self, snapshot: Snapshot, topics: Iterable[Topic]) -> View:
        """Return what the parts of these topics are made of."""
        kinds = {topic.kind for topic in topics}
        if Kind.OVERVIEW in kinds or Kind.SERVICE_LINE in kinds:
            # Thousands of servers take tens of milliseconds, during which others would wait.
            await asyncio.to_thread(_count_lines, snapshot)
        board = self.suite.board
        recent = await self.suite.recent.get() if Kind.OVERVIEW in kinds else Recent()
        return View(
            snapshot=snapshot,
            recent=recent,
            drains=board.drains.starts,
            events=self.suite.events.written,
            connected=await self._connected(snapshot, kinds),
        )

    async def _connected(self, snapshot: Snapshot, kinds: set[Kind]) -> Sequence[Client]:
        """Return who is connected where a server drains that somebody looks at, if they are not too many."""
        if not kinds & {Kind.SERVICE, Kind.SERVER} or not snapshot.draining:
            return ()
        if snapshot.connections > MOST_CONNECTIONS:
            return ()
        try:
            return await self.suite.board.connections(*snapshot.draining)
        except SwitchoverError:
            return ()

    async def show(self, snapshot: Snapshot, *topics: Topic) -> LivePart:
        """Return the parts of these topics for a page, noted as shown; each page also tells of trouble."""
        topics = (Topic(Kind.TROUBLE), *topics)
        view = await self.view(snapshot, topics)
        parts: dict[str, Part] = {}
        for topic in topics:
            found = parts_of(topic, view)
            if topic in self._told:
                self.fragments.observe(str(topic), snapshot.number, found)
            parts.update(found)
        return LivePart(watched=topics, since=f"{self.boot}.{snapshot.number}", parts=parts)

    def number_in(self, since: str) -> int:
        """Return the snapshot that a page was made from; 0 for one of another process, or none."""
        boot, _, number = since.partition(".")
        is_ours = boot == self.boot and number.isascii() and number.isdigit() and len(number) < 16
        return int(number) if is_ours else 0

    def enter(self, person: Person) -> Seat:
        """Let somebody open a stream; raises Unavailable when they, or all, have too many."""
        known = self.suite.access.sessions
        if self._look_again not in known.listeners:
            known.listeners.append(self._look_again)
        return self.audience.enter(session=person.session.id, account=person.account.id)

    def _look_again(self) -> None:
        """Sessions have ended: see whose streams these are."""
        self._must_look = True
        if self.audience.seats and (self._looking is None or self._looking.done()):
            self._looking = asyncio.get_running_loop().create_task(self._look())

    async def _look(self) -> None:
        while self._must_look:
            self._must_look = False
            asked = self.audience.sessions
            try:
                still_open = await find_open(self.suite.access, asked)
            except Unavailable:
                return  # what ended them could not be stored either, or the minute's end tells
            self.audience.end_all_but(still_open, among=asked)
            for watcher in self.watchers:
                if watcher.seat.is_over:
                    watcher.give(watcher.told, b"")

    async def stream(
        self, topics: tuple[Topic, ...], since: int, seat: Seat
    ) -> AsyncIterator[bytes]:
        """Yield messages for as long as a stream may last."""
        watcher = Watching(topics, since, seat)
        ends_at = clock.monotonic() + STREAM_SECONDS
        try:
            welcome = await self._welcome(watcher)
            if not seat.is_over:
                yield b"retry: 1000\n\n" + welcome
            while not self._is_closed and not seat.is_over and clock.monotonic() < ends_at:
                yield await self._next(watcher)
            yield _AGAIN
        finally:
            self.watchers.discard(watcher)

    async def _welcome(self, watcher: Watching) -> bytes:
        """Let a watcher in, and return what changed since its page was made."""
        snapshot = await self.suite.board.look()
        view = await self.view(snapshot, watcher.topics)
        for topic in watcher.topics:
            if topic not in self._told:
                self.fragments.observe(str(topic), snapshot.number, parts_of(topic, view))
                self._told[topic] = snapshot.number
        # From here to the watcher among the others nothing waits, so nothing is missed in between.
        number = max(watcher.told, min(self._told[topic] for topic in watcher.topics))
        self.watchers.add(watcher)
        if self._feeding is None or self._feeding.done():
            self._feeding = asyncio.create_task(self._feed())
        return self._message(watcher.topics, watcher.told, number)

    def _message(self, topics: Iterable[Topic], since: int, number: int) -> bytes:
        changed = b"".join(self.fragments.changed_since(str(topic), since) for topic in topics)
        return changed + self._mark(number)

    def _mark(self, number: int) -> bytes:
        """Return what tells a page up to which snapshot it knows all."""
        place = f"{self.boot}.{number}"
        return f"event: mark\nid: {place}\ndata: {place}\n\n".encode()

    async def _next(self, watcher: Watching) -> bytes:
        if watcher.is_behind:
            watcher.is_behind = False
            while not watcher.waiting.empty():
                number, _ = watcher.waiting.get_nowait()
            number = min(self._told.get(topic, 0) for topic in watcher.topics)
            message, watcher.told = self._message(watcher.topics, watcher.told, number), number
            return message
        try:
            watcher.told, message = await asyncio.wait_for(watcher.waiting.get(), BEAT_SECONDS)
        except TimeoutError:
            return _BEAT
        return message

    async def _feed(self) -> None:
        try:
            async with self.suite.board.watching():
                number = 0
                while self.watchers:
                    number = await self._feed_once(number)
        finally:
            self._told.clear()
            self.fragments.forget_all_but(())

    async def _feed_once(self, number: int) -> int:
        """Wait for the snapshot after ``number``, tell what changed, and return its number."""
        try:
            snapshot = await asyncio.wait_for(self.suite.board.after(number), BEAT_SECONDS)
        except TimeoutError:
            return number
        try:
            await self._tell(snapshot)
        except Exception:
            # A fault of ours with one snapshot must not end the stream of those that follow.
            logger.exception("live=broken snapshot=%s", snapshot.number)
        return snapshot.number

    async def _tell(self, snapshot: Snapshot) -> None:
        """Give everybody what changed in the topics they watch."""
        topics = {topic for watcher in self.watchers for topic in watcher.topics}
        view = await self.view(snapshot, topics)
        changed: dict[Topic, bytes] = {}
        for topic in topics:
            self.fragments.observe(str(topic), snapshot.number, parts_of(topic, view))
            found = self.fragments.changed_since(str(topic), self._told.get(topic, 0))
            self._told[topic] = snapshot.number
            if found:
                changed[topic] = found
            await asyncio.sleep(0)
        watched = {topic for watcher in self.watchers for topic in watcher.topics}
        for topic in [topic for topic in self._told if topic not in watched]:
            del self._told[topic]
        self.fragments.forget_all_but(map(str, self._told))
        self._hand_out(changed, snapshot.number)

    def _hand_out(self, changed: dict[Topic, bytes], number: int) -> None:
        mark = self._mark(number)
        whole: dict[tuple[Topic, ...], bytes] = {}
        for watcher in self.watchers:
            if watcher.topics not in whole:
                parts = [changed[topic] for topic in watcher.topics if topic in changed]
                whole[watcher.topics] = b"".join((*parts, mark)) if parts else b""
            if message := whole[watcher.topics]:
                watcher.give(number, message)

    async def close(self) -> None:
        """End every stream: the process stops."""
        self._is_closed = True
        for watcher in tuple(self.watchers):
            watcher.give(watcher.told, b"")
        for task in (self._feeding, self._looking):
            if task is not None:
                task.cancel()
                with contextlib.suppress(asyncio.CancelledError, Exception):
                    await task


async def look_counted(board: Board) -> Snapshot:
    """Return a fresh snapshot with the lines of its services, which of a large farm take a tenth of a second."""
    snapshot = await board.look()
    await asyncio.to_thread(_count_lines, snapshot)
    return snapshot


def _count_lines(snapshot: Snapshot) -> None:
    """Have the snapshot make what it keeps."""
    _ = snapshot.service_lines, snapshot.server_counts


def find_hub(request: Request) -> Hub:
    """Return the hub of this application."""
    found: Hub = request.app.state.live
    return found


LiveHub = Annotated[Hub, Depends(find_hub)]


class Stream(StreamingResponse):
    """A stream that gives its seat back, however it ends, and even if it never began."""

    def __init__(self, hub: Hub, seat: Seat, messages: AsyncIterator[bytes]) -> None:
        """Remember whose seat it is."""
        super().__init__(messages, media_type="text/event-stream", headers=HEADERS)
        self._hub = hub
        self._seat = seat

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the messages."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._hub.audience.leave(self._seat)


@router.get("/live")
async def watch(
    hub: LiveHub,
    person: Watcher,
    topics: Annotated[str, Query(max_length=20_000)],
    since: Annotated[str, Query(max_length=100)] = "",
    last_event_id: Annotated[str, Header(max_length=100)] = "",
) -> StreamingResponse:
    """Stream what changes in ``topics`` after the snapshot ``since``, for a minute."""
    number = hub.number_in(last_event_id or since)
    wanted = parse_topics(topics)
    seat = hub.enter(person)
    return Stream(hub, seat, hub.stream(wanted, number, seat))
