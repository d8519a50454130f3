"""Steady client traffic: many small users, and an honest account of what they met.

Nothing is retried behind the account's back: a request that failed counts as failed, even where a
browser would have tried again.
"""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Self

from switchover import clock
from switchover.practice.clients import FAILS, Outcome, User, make_user, reason_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable, Mapping
    from datetime import datetime

    from switchover.practice.stories import Story

_KEPT_FAILURES = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """One failed request: when, whose, and why (:func:`reason_of`, ``status 503``, ``answer 421``)."""

    at: datetime
    service: str
    workload: str
    client: int
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TrafficTally:
    """What the clients of one workload behind one service have met so far.

    Attributes:
        requests: all that ended, failed ones included.
        failed: those that failed.
        moved: answered by another server than the same client's request before.
        servers: answers by the server that gave them.
        reasons: failures by reason.
        answer_seconds: time until the answer, summed over those that did not fail.
        slowest_seconds: the longest of those times.
    """

    service: str
    workload: str
    requests: int
    failed: int
    moved: int
    servers: Mapping[str, int]
    reasons: Mapping[str, int]
    answer_seconds: float
    slowest_seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class TrafficSnapshot:
    """All tallies at one moment, and the latest failures (at most 500, oldest first)."""

    at: datetime
    tallies: tuple[TrafficTally, ...]
    failures: tuple[Failure, ...]

    @property
    def requests(self) -> int:
        """Requests of all clients."""
        return sum(tally.requests for tally in self.tallies)

    @property
    def failed(self) -> int:
        """Failed requests of all clients."""
        return sum(tally.failed for tally in self.tallies)

    def find(self, service: str, workload: str) -> TrafficTally | None:
        """Return one tally, None when no story is about it."""
        for tally in self.tallies:
            if (tally.service, tally.workload) == (service, workload):
                return tally
        return None


@dataclass(slots=True, kw_only=True)
class _Account:
    """Counts for one workload behind one service."""

    service: str
    workload: str
    requests: int = 0
    moved: int = 0
    servers: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    answer_seconds: float = 0.0
    slowest_seconds: float = 0.0

    def tally(self) -> TrafficTally:
        return TrafficTally(
            service=self.service,
            workload=self.workload,
            requests=self.requests,
            failed=self.reasons.total(),
            moved=self.moved,
            servers=dict(self.servers),
            reasons=dict(self.reasons),
            answer_seconds=self.answer_seconds,
            slowest_seconds=self.slowest_seconds,
        )


class _Client:
    """One user at work: asks to the beat and writes down how each request ended."""

    def __init__(
        self, story: Story, number: int, account: _Account, failures: deque[Failure]
    ) -> None:
        self._story = story
        self._number = number
        self._user: User = make_user(story, number)
        self._account = account
        self._failures = failures
        self._server: str | None = None

    async def run(self) -> None:
        """Go on until cancelled."""
        try:
            async for _ in _beats(self._story, self._number):
                if not await self._attempt():
                    await self._user.drop()
        finally:
            await self._user.drop()

    async def _attempt(self) -> bool:
        """Make one request; return whether it did well."""
        started = clock.monotonic()
        try:
            async with asyncio.timeout(self._story.door.timeout_seconds):
                outcome = await self._user.ask()
        except FAILS as error:
            outcome = Outcome(reason=reason_of(error))
        if outcome.reason:
            self._note_failure(outcome.reason)
        else:
            self._note_answer(outcome.server, clock.monotonic() - started)
        return outcome.reason is None

    def _note_failure(self, reason: str) -> None:
        account = self._account
        account.requests += 1
        account.reasons[reason] += 1
        failure = Failure(
            at=clock.now(),
            service=account.service,
            workload=account.workload,
            client=self._number,
            reason=reason,
        )
        self._failures.append(failure)

    def _note_answer(self, server: str | None, seconds: float) -> None:
        account = self._account
        account.requests += 1
        account.answer_seconds += seconds
        account.slowest_seconds = max(account.slowest_seconds, seconds)
        if server:
            account.servers[server] += 1
            account.moved += self._server not in {None, server}
            self._server = server


async def _beats(story: Story, number: int) -> AsyncIterator[None]:
    """Yield at each moment this client is due; beats missed by a slow answer are left out."""
    interval = story.interval_seconds
    due = clock.monotonic() + interval * number / story.clients
    while True:
        await asyncio.sleep(max(due - clock.monotonic(), 0))
        yield
        due = max(due + interval, clock.monotonic())


class Traffic:
    """Plays stories between ``async with``; a failing request never raises."""

    def __init__(self, stories: Iterable[Story]) -> None:
        """Take the stories; stories of one service and workload share a tally."""
        self._stories = tuple(stories)
        self._accounts: dict[tuple[str, str], _Account] = {}
        self._failures: deque[Failure] = deque(maxlen=_KEPT_FAILURES)
        self._tasks: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> Self:
        """Start all clients, spread over their intervals."""
        for story in self._stories:
            account = self._account(story.door.service, story.door.workload)
            for number in range(story.clients):
                client = _Client(story, number, account, self._failures)
                self._tasks.append(asyncio.create_task(client.run()))
        return self

    async def __aexit__(self, *_ending: object) -> None:
        """Stop all clients; requests under way are not counted.

        Raises:
            Exception: a client died of a bug, which a failing request is not.
        """
        for task in self._tasks:
            task.cancel()
        ends = await asyncio.gather(*self._tasks, return_exceptions=True)
        for end in ends:
            if isinstance(end, Exception):
                raise end

    def snapshot(self) -> TrafficSnapshot:
        """Return the account so far, in the order of the stories."""
        return TrafficSnapshot(
            at=clock.now(),
            tallies=tuple(account.tally() for account in self._accounts.values()),
            failures=tuple(self._failures),
        )

    def _account(self, service: str, workload: str) -> _Account:
        fresh = _Account(service=service, workload=workload)
        return self._accounts.setdefault((service, workload), fresh)
