"""One life of a copier that ends before a given step; nothing in the product knows of this.

A step is a transaction of the ledger, before it and after it, a flight of commands or bodies that went out to
either server, and an answer before note is taken of it. The process is forked from one that has everything
loaded, so a life costs no more than its copy.
"""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from multiprocessing.connection import Connection as Pipe
from typing import Any

from tests.integration.move.mailboxes import Mailbox, order

from switchover.errors import SwitchoverError
from switchover.move.sync_plan import Rules
from switchover.move.work import copying
from switchover.move.work.copying import CopyReport, copy_mailbox
from switchover.move.work.ledger_store import LedgerStore
from switchover.move.work.recording import Recorder
from switchover.store.pool import Database
from switchover.wire.imap.shell import Connection


@dataclass(frozen=True, kw_only=True)
class Life:
    """What is copied; ``step`` 0 lives on, else the process ends before that step."""

    dsn: str
    source: Mailbox
    target: Mailbox
    rules: Rules
    step: int = 0
    lanes: int = 1
    is_distant: bool = False
    """Both servers are taken to be far away: folders that nobody copied yet are copied together."""


@dataclass(kw_only=True)
class Lived:
    """What a life tells before it ends."""

    steps: list[str] = field(default_factory=list)
    copied: int = 0
    found: int = 0
    deleted: int = 0
    moved: int = 0
    failures: dict[str, str] = field(default_factory=dict)
    is_complete: bool = False


async def copy(life: Life) -> CopyReport:
    async with Database(life.dsn) as database:
        what = order(life.source, life.target, life.rules, lanes=life.lanes)
        return await copy_mailbox(database, what)


def live(life: Life, pipe: Pipe) -> None:
    """Copy until the step comes; the parent sees from the exit how it ended."""
    lived = Lived()

    def at(name: str) -> None:
        lived.steps.append(name)
        if len(lived.steps) == life.step:
            pipe.send(lived)
            os.kill(os.getpid(), signal.SIGKILL)

    _stand_at(LedgerStore, "_write", at, "written", "committed")
    _stand_at(Connection, "flush", at, "sent")
    take = Recorder.take

    def noted(self: Recorder, batch: Any) -> None:
        at("answer")
        take(self, batch)

    Recorder.take = noted  # type: ignore[method-assign]
    if life.is_distant:
        copying.DISTANT_SECONDS = 0.0
    try:
        report = asyncio.run(copy(life))
    except SwitchoverError as error:
        lived.failures["all"] = str(error)
    else:
        lived.failures = report.failures
        lived.is_complete = report.is_complete
        lived.copied = sum(one.copied for one in report.folders)
        lived.found = sum(one.found for one in report.folders)
        lived.deleted = sum(one.deleted for one in report.folders)
        lived.moved = sum(one.moved for one in report.folders)
    pipe.send(lived)


def _stand_at(place: Any, name: str, at: Callable[[str], None], *steps: str) -> None:
    """Make a step behind each call, and one before it where two are named."""
    original: Callable[..., Awaitable[Any]] = getattr(place, name)

    async def door(self: Any, *given: Any) -> Any:
        for step in steps[:-1]:
            at(step)
        result = await original(self, *given)
        at(steps[-1])
        return result

    setattr(place, name, door)
