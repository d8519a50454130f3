"""Reads the mails of one side over several connections: a queue of sets of UIDs, and who works it off.

A connection asks for several sets ahead and may pass from folder to folder without waiting: a server ends
the commands of one folder before it opens the next. Nothing is held of a mail but what its ``Sink`` makes
of it. A connection that breaks is opened again and its open sets are asked for once more, so a sink must
bear to see a mail twice.
"""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from switchover.errors import Corrupt, SwitchoverError, Unavailable
from switchover.move.work.mailbox import most_mails, open_mailbox
from switchover.wire.imap import commands, message_commands
from switchover.wire.imap.conversation import Answered
from switchover.wire.imap.errors import ConnectionLost, TryLater
from switchover.wire.imap.responses import BodyChunk, BodyEnd, BodyStart, Exists, Fetch

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from switchover.move.work.mailbox import Account
    from switchover.wire.imap.conversation import Request
    from switchover.wire.imap.fetch import FetchItem
    from switchover.wire.imap.message_commands import FetchField
    from switchover.wire.imap.shell import Connection

ATTEMPTS = 3
_LONGEST_BACK_OFF = 60.0
_RECONNECT_SECONDS = 0.5


class MailReader(Protocol):
    """Takes the mails of a folder as one connection brings them."""

    def begin(self) -> None:
        """Begin a body or a header."""

    def update(self, data: memoryview) -> None:
        """Take the next bytes of it."""

    def end(self) -> None:
        """Note that it is complete; the mail that it belongs to follows."""

    def take(self, items: Sequence[FetchItem]) -> None:
        """Take what is told of mails; a body or header stands for the last of them."""


class Sink(Protocol):
    """Where the mails of a folder go; several connections may fill it at a time."""

    def open(self) -> MailReader:
        """Return what one connection reads into it with, from now on."""


@dataclass(slots=True, kw_only=True, eq=False)
class _Job:
    """A set of UIDs of one folder to be read."""

    raw: bytes
    uids: bytes
    fields: Sequence[FetchField]
    sink: Sink
    done: asyncio.Future[int]
    attempts: int = 0

    def fail(self, error: BaseException) -> None:
        if not self.done.done():
            self.done.set_exception(error)

    def finish(self, exists: int) -> None:
        if not self.done.done():
            self.done.set_result(exists)


@dataclass(slots=True, kw_only=True, eq=False)
class SideReader:
    """Reads folders of one account; use as a context. ``first`` is a connection that is open already.

    At most ``lanes`` connections, each with ``window`` commands on the way. A server that lets fewer in is
    read over those.
    """

    account: Account
    first: Connection
    lanes: int
    window: int
    _queue: asyncio.Queue[_Job] = field(default_factory=asyncio.Queue)
    _tasks: list[asyncio.Task[None]] = field(default_factory=list)
    _working: int = 0
    _failure: BaseException | None = None

    async def __aenter__(self) -> SideReader:
        """Let the lanes wait for work."""
        self._working = self.lanes
        for number in range(self.lanes):
            connection = self.first if number == 0 else None
            self._tasks.append(asyncio.create_task(self._lane(connection)))
        return self

    async def __aexit__(self, *_reason: object) -> None:
        """End the lanes and their connections."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def read(
        self, raw: bytes, uids: Sequence[bytes], fields: Sequence[FetchField], sink: Sink
    ) -> int:
        """Read sets of UIDs of a folder into ``sink`` and return how many mails the folder has.

        Raises what the server says against it, and Unavailable when it can not be reached any more.
        """
        if self._failure is not None:
            raise self._failure
        loop = asyncio.get_running_loop()
        jobs = [
            _Job(raw=raw, uids=one, fields=fields, sink=sink, done=loop.create_future())
            for one in uids
        ]
        for job in jobs:
            self._queue.put_nowait(job)
        try:
            return max(await asyncio.gather(*(job.done for job in jobs)), default=0)
        finally:
            for job in jobs:
                job.done.cancel()

    async def _lane(self, connection: Connection | None) -> None:
        try:
            while True:
                job = await self._queue.get()
                if job.done.done():
                    continue
                try:
                    connection = connection or await open_mailbox(self.account)
                except SwitchoverError as error:
                    self._queue.put_nowait(job)
                    if await self._give_up(job, error):
                        return
                    continue
                if not await _Lane(connection, self._queue, self.window).run(job):
                    await connection.close(politely=False)
                    connection = None
                    await asyncio.sleep(_RECONNECT_SECONDS)
        except Exception as error:
            self._fail_all(error)
            raise
        finally:
            if connection is not None:
                with contextlib.suppress(SwitchoverError):
                    await connection.close()

    async def _give_up(self, job: _Job, error: SwitchoverError) -> bool:
        """End a lane that can not connect, unless it is the last: that one tries some times more."""
        if self._working > 1:
            self._working -= 1
            return True
        job.attempts += 1
        if job.attempts >= ATTEMPTS or not isinstance(error, Unavailable):
            self._fail_all(error)
            return True
        await asyncio.sleep(_RECONNECT_SECONDS * 2**job.attempts)
        return False

    def _fail_all(self, error: BaseException) -> None:
        self._failure = error
        while not self._queue.empty():
            self._queue.get_nowait().fail(error)


class _Lane:
    """One connection at work until the queue is empty."""

    def __init__(self, connection: Connection, queue: asyncio.Queue[_Job], window: int) -> None:
        self.connection = connection
        self.queue = queue
        self.window = window
        self.asked: dict[Request, _Job] = {}
        self.opening: dict[Request, _Job] = {}
        self.asked_sink: Sink | None = None
        self.reader: MailReader | None = None
        self.read_sink: Sink | None = None
        self.exists = 0
        self.told = 0

    async def run(self, first: _Job) -> bool:
        """Work off the queue; False when the connection is of no use any more."""
        try:
            await self._ask(first)
            while self.asked:
                for job in self._following():
                    await self._ask(job)
                await self._take(await self.connection.next_event())
        except ConnectionLost as error:
            for job in {*self.asked.values(), first}:
                self._again(job, error)
            return False
        except Corrupt as error:
            for job in {*self.asked.values(), first}:
                if job.sink is self.read_sink:
                    job.fail(error)
                else:
                    self._again(job, error)
            return False
        except Exception as error:
            for job in (*self.asked.values(), first):
                job.fail(error)
            raise
        return True

    def _following(self) -> Iterator[_Job]:
        while len(self.asked) < self.window and not self.queue.empty():
            job = self.queue.get_nowait()
            if not job.done.done():
                yield job

    async def _ask(self, job: _Job) -> None:
        if job.sink is not self.asked_sink:
            capable = "CONDSTORE" in self.connection.conversation.capabilities
            request = await self.connection.send(commands.examine(job.raw, condstore=capable))
            self.opening[request] = job
            self.asked_sink = job.sink
        self.asked[await self.connection.send(message_commands.uid_fetch(job.uids, job.fields))] = (
            job
        )

    async def _take(self, event: object) -> None:
        match event:
            case BodyChunk(data) if self.reader is not None:
                self.reader.update(data)
            case BodyStart() if self.reader is not None:
                self.reader.begin()
            case BodyEnd() if self.reader is not None:
                self.reader.end()
            case Fetch(items=items) if self.reader is not None:
                self._require_end(len(items))
                self.reader.take(items)
            case Answered(request=request) if request in self.opening:
                self._opened(request)
            case Answered(request=request) if request in self.asked:
                await self._read(request)
            case _:
                pass

    def _require_end(self, items: int) -> None:
        """Raise Corrupt where a server tells of mails without end."""
        self.told += items
        if self.told > ATTEMPTS * most_mails(self.exists):
            raise Corrupt(
                f"{self.connection.target.host} lists more than {self.told:,} mails in a folder of which "
                f"it says that it has {self.exists:,}"
            )

    def _opened(self, request: Request) -> None:
        job = self.opening.pop(request)
        try:
            self.connection.require(request)
        except SwitchoverError as error:
            self.reader = None
            if self.asked_sink is job.sink:
                self.asked_sink = None
            for one in self.asked.values():
                if one.sink is job.sink:
                    one.fail(error)
            return
        self.reader, self.read_sink, self.told = job.sink.open(), job.sink, 0
        exists = [event.count for event in request.responses if isinstance(event, Exists)]
        self.exists = max(exists, default=0)

    async def _read(self, request: Request) -> None:
        job = self.asked.pop(request)
        try:
            self.connection.require(request)
        except TryLater as error:
            await asyncio.sleep(min(error.back_off_seconds or 1.0, _LONGEST_BACK_OFF))
            self._again(job, error)
        except SwitchoverError as error:
            job.fail(error)
        else:
            job.finish(self.exists)

    def _again(self, job: _Job, error: SwitchoverError) -> None:
        if job.done.done():
            return
        job.attempts += 1
        if job.attempts >= ATTEMPTS:
            job.fail(error)
        else:
            self.queue.put_nowait(job)
