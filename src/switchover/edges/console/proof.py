"""The proof of the audit log as the console asks for it: one at a time, its progress, the last verdict.

Reading a long log takes longer than a page may: a proof is begun by a form and goes on by itself, whoever
looks meanwhile sees how far it is, and afterwards what it found and when.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from switchover import clock
from switchover.directory.audit import work
from switchover.edges.api.audit import verdict_body
from switchover.errors import SwitchoverError

if TYPE_CHECKING:
    from datetime import datetime

    from switchover.app import Switchover
    from switchover.directory.access.role import Actor
    from switchover.directory.audit.work import Verdict

logger = logging.getLogger(__name__)
_FAULT = "it was broken off by a fault of switchover's own; its log says which"


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What the last proof found; ``trouble`` says why it did not come to an end."""

    at: datetime
    seconds: float
    verdict: dict[str, Any] | None = None
    trouble: str = ""


@dataclass(slots=True, kw_only=True)
class Proof:
    """Proofs of one process; ``total`` is about how many entries the one under way will read."""

    suite: Switchover
    last: Found | None = None
    read: int = 0
    total: int = 0
    began_at: datetime | None = None
    _running: asyncio.Task[None] | None = None

    @property
    def is_running(self) -> bool:
        """True while one is under way."""
        return self._running is not None and not self._running.done()

    def begin(self, *, actor: Actor | None = None, reason: str = "") -> bool:
        """Begin one, which with an actor accepts what it finds for a reason; False while one is under way."""
        if self.is_running:
            return False
        self.read = self.total = 0
        self.began_at = clock.now()
        self._running = asyncio.create_task(self._run(actor, reason))
        return True

    async def ended(self) -> None:
        """Wait for the one under way."""
        if self._running is not None:
            await asyncio.wait({self._running})

    async def close(self) -> None:
        """Break off: the process stops. Nothing is lost, it only reads."""
        if self._running is not None:
            self._running.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._running

    async def _run(self, actor: Actor | None, reason: str) -> None:
        started = clock.monotonic()
        verdict, trouble = None, ""
        try:
            self.total = await work.count_entries(self.suite.database)
            verdict = verdict_body(await self._verdict(actor, reason))
        except SwitchoverError as error:
            trouble = str(error)
        except Exception:
            # Nobody waits for this task: without a word people would look at a bar that stands still.
            logger.exception("audit-proof=broken")
            trouble = _FAULT
        self.last = Found(
            at=clock.now(), seconds=clock.monotonic() - started, verdict=verdict, trouble=trouble
        )

    async def _verdict(self, actor: Actor | None, reason: str) -> Verdict:
        if actor is None:
            return await work.verify(self.suite.database, tell=self._hear)
        return await work.accept(self.suite.database, actor=actor, reason=reason, tell=self._hear)

    def _hear(self, read: int) -> None:
        self.read = read
