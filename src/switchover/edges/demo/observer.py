"""Looks at verdicts and at the clients' account while the story goes on."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from switchover import clock
from switchover.edges.demo.claims import Record, Verdict, read_verdicts

if TYPE_CHECKING:
    from collections.abc import Sequence

    from switchover.edges.demo.stage import Stage
    from switchover.practice.traffic import TrafficSnapshot

LOOK_SECONDS = 0.1


class Observer:
    """Asks the API for verdicts ten times a second, and the clients what they met."""

    def __init__(self, stage: Stage) -> None:
        """Take the stage."""
        self._stage = stage

    async def account(self) -> TrafficSnapshot:
        """Return the clients' account, written after this call; that takes up to a second."""
        return await self._stage.traffic.after(clock.now())

    async def verdicts(self) -> dict[Verdict, str]:
        """Return the state of every server in every pool, as it is now."""
        return read_verdicts((await self._stage.api.get("/services"))["services"])

    async def watch(self, record: Record, began: float, *, seconds: float) -> None:
        """Write down what is seen for so long; the record's seconds count from ``began``."""
        until = clock.monotonic() + seconds
        while True:
            verdicts = await self.verdicts()
            record.see(clock.monotonic() - began, verdicts)
            if clock.monotonic() >= until:
                return
            await asyncio.sleep(LOOK_SECONDS)

    async def until_left(
        self, expected: Sequence[Verdict], began: float, *, patience_seconds: float
    ) -> Record:
        """Watch until all that is expected has left, or patience ends."""
        record = Record()
        while not record.left.keys() >= set(expected):
            await self.watch(record, began, seconds=LOOK_SECONDS)
            if clock.monotonic() - began > patience_seconds:
                break
        return record

    async def until_up(self, *, patience_seconds: float) -> tuple[Record, float]:
        """Watch until every verdict is up, or patience ends; return how long it took, in seconds."""
        record, began = Record(), clock.monotonic()
        while True:
            await self.watch(record, began, seconds=LOOK_SECONDS)
            seconds = clock.monotonic() - began
            if record.all_up or seconds > patience_seconds:
                return record, seconds


def served(account: TrafficSnapshot, server: str, workload: str = "", service: str = "") -> int:
    """Return how many answers a server gave, of all workloads and services or of one."""
    return sum(
        tally.servers.get(server, 0)
        for tally in account.tallies
        if workload in {"", tally.workload} and service in {"", tally.service}
    )
