"""One life of a control plane: it finds what the last one left, finishes it, begins a change and dies.

Runs in a process of its own, which ends by SIGKILL before a given step: a file or link that is made, moved or
removed, a conversation with the engine or with the database. Nothing in the product knows of this; steps are
seen by the interpreter's audit hook and at the drivers' own doors.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, NoReturn

from switchover.app import Switchover, open_switchover, prepare_database
from switchover.balance.overrides import AdminState
from switchover.balance.revision import Origin
from switchover.balance.work import history, revisions, views
from switchover.balance.work.revisions import Intent, Outcome
from switchover.directory.access.role import Actor, Role
from switchover.directory.audit import work as audit
from switchover.errors import NotFound
from switchover.practice.http_client import HttpConnection, client_tls
from switchover.settings import read_settings
from switchover.store import pool

WHO = Intent(actor=Actor(name="operator", role=Role.ADMIN), origin=Origin.API)
FILE_CHANGES = frozenset(
    {"os.mkdir", "os.rename", "os.symlink", "os.remove", "os.rmdir", "os.truncate", "shutil.rmtree"}
)


class Kind(StrEnum):
    """Which change is made, from one edition to the next."""

    RELOAD = "reload"
    RUNTIME = "runtime"
    DRAIN = "drain"


@dataclass(frozen=True, kw_only=True)
class Edition:
    """One of two states the platform goes back and forth between."""

    text: str
    files: Mapping[str, bytes]
    is_drained: bool


@dataclass(frozen=True, kw_only=True)
class Doors:
    """Where clients find the services: port and host name; every answer names its server."""

    address: str
    ports: Mapping[str, int]
    host: str
    ca: Path


@dataclass(frozen=True, kw_only=True)
class Order:
    """What to do in this life. ``step`` 0 means to live until the change is made.

    In a first life nothing was applied before; one that follows it has no ``step``.
    """

    data: Path
    environment: Mapping[str, str]
    doors: Doors
    kind: Kind
    left_over: Edition
    next: Edition
    step: int


@dataclass(kw_only=True)
class Report:
    """What this life saw; sent when it is about to die.

    ``orphaned`` is what clients were served before it began, ``served`` after it had looked around,
    ``finished`` the number and means of two attempts to finish what the last life began, ``steps``
    what the change did until the end, the last of them not done. ``unaccounted`` is what the audit log
    that the last life left has wrong: a broken chain, a change without entry, an entry without change.
    """

    orphaned: dict[str, str] = field(default_factory=dict)
    sentences: list[str] = field(default_factory=list)
    drift: list[str] = field(default_factory=list)
    unaccounted: list[str] = field(default_factory=list)
    number: int = 0
    served: dict[str, str] = field(default_factory=dict)
    finished: list[tuple[int | None, str]] = field(default_factory=list)
    runs: bool = False
    warnings: list[str] = field(default_factory=list)
    workers: list[int] = field(default_factory=list)
    steps: list[str] = field(default_factory=list)
    is_done: bool = False


POLL = "connect master.sock"


class Steps:
    """Counts the steps of a change from ``begin`` on and ends the process before the last."""

    def __init__(self, data: Path, report: Report, reports: Connection) -> None:
        self.data = data
        self.report = report
        self.reports = reports
        self.last = 0
        self.task: asyncio.Task[Any] | None = None
        sys.addaudithook(self._hear)
        self._stand_at(pool.Connection, "wait", "database")
        self._stand_at(asyncio.StreamReader, "read", "answer")

    def begin(self, last: int) -> None:
        """From now on each step of this task counts."""
        self.last = last
        self.task = asyncio.current_task()

    def die(self) -> NoReturn:
        """End as by a power cut, after the report is out."""
        self.task = None
        self.reports.send(self.report)
        os.kill(os.getpid(), signal.SIGKILL)
        raise AssertionError("nobody survives SIGKILL")

    def _take(self, step: str) -> None:
        if step == POLL and self.report.steps[-1:] == [POLL]:
            return  # how often it is asked whether the engine is there says how busy the machine is
        self.report.steps.append(step)
        if len(self.report.steps) == self.last:
            self.die()

    def _stand_at(self, owner: Any, name: str, step: str) -> None:
        """Count calls of a driver's method by the task that makes the change."""
        inner = getattr(owner, name)

        async def counted(*given: Any, **named: Any) -> Any:
            if self.task is not None and asyncio.current_task() is self.task:
                self._take(step)
            return await inner(*given, **named)

        setattr(owner, name, counted)

    def _hear(self, event: str, arguments: tuple[Any, ...]) -> None:
        """Count what the operating system is asked for; threads work for the change too."""
        if self.task is None:
            return
        if event == "open" and _is_for_writing(arguments):
            self._take_file("write", arguments[0])
        elif event in FILE_CHANGES:
            self._take_file(event, arguments[event == "os.symlink"])  # after what it leads to
        elif event == "socket.connect":
            self._take(f"connect {Path(str(arguments[1])).name}")
        elif event == "subprocess.Popen":
            self._take("check")

    def _take_file(self, what: str, path: Any) -> None:
        """Count a change of ours; what is inside a folder that nothing names yet counts once."""
        place = Path(os.fsdecode(path)) if isinstance(path, str | bytes | Path) else Path()
        if not place.is_relative_to(self.data):
            return
        is_inside_draft = any(part.startswith("draft-") for part in place.parent.parts)
        if not is_inside_draft or place.name == "haproxy.cfg":
            self._take(f"{what} {place.name}")


def _is_for_writing(arguments: tuple[Any, ...]) -> bool:
    return bool(arguments[2] & (os.O_WRONLY | os.O_RDWR))


def live(order: Order, reports: Connection) -> None:
    """Live this life; never returns."""
    asyncio.run(_live(order, reports))


async def _served_at_rest(doors: Doors) -> dict[str, str]:
    """Return what clients are served once that is the same twice.

    The life before may have died with its order to reload just given: then one worker follows the other
    while we ask door after door, and what counts is where that leads.
    """
    before: dict[str, str] = {}
    for _ in range(20):
        seen = await served(doors)
        if seen == before:
            break
        before = seen
        await asyncio.sleep(0.2)
    return before


async def _live(order: Order, reports: Connection) -> None:
    report = Report(orphaned=await _served_at_rest(order.doors))
    steps = Steps(order.data, report, reports)
    settings = read_settings(order.environment, data=order.data)
    async with open_switchover(settings) as switchover:
        await prepare_database(switchover)
        report.unaccounted = await unaccounted(switchover)
        report.sentences = [(await switchover.cycle.run()).sentence for _ in range(2)]
        report.drift = [item.sentence for item in await switchover.cycle.find_drift()]
        report.number = switchover.balance.wanted[0] if switchover.balance.wanted else 0
        report.served = await served(order.doors)
        for _ in range(2):
            done = await change(switchover, order.kind, order.left_over)
            report.finished.append((done.number, done.brought.means if done.brought else ""))
            report.workers.append((await switchover.balance.engine.look()).worker_pid)
        steps.begin(order.step)
        await change(switchover, order.kind, order.next)
        report.is_done = True
        steps.die()


def begin(order: Order, reports: Connection) -> None:
    """Live a life that makes the first change, or finishes one that was cut off; never returns."""
    asyncio.run(_begin(order, reports))


async def _begin(order: Order, reports: Connection) -> None:
    report = Report()
    steps = Steps(order.data, report, reports)
    settings = read_settings(order.environment, data=order.data)
    async with open_switchover(settings) as switchover:
        await prepare_database(switchover)
        report.unaccounted = await unaccounted(switchover)
        if order.step:
            steps.begin(order.step)
            await change(switchover, order.kind, order.next)
            report.is_done = True
            steps.die()
        report.sentences = [(await switchover.cycle.run()).sentence for _ in range(2)]
        with contextlib.suppress(NotFound):
            report.drift = [item.sentence for item in await switchover.cycle.find_drift()]
        report.number = switchover.balance.wanted[0] if switchover.balance.wanted else 0
        report.runs = await switchover.balance.engine.process.is_alive()
        report.warnings = await warnings(switchover)
        for _ in range(2):
            done = await change(switchover, order.kind, order.next)
            report.finished.append((done.number, done.brought.means if done.brought else ""))
        report.served = await served(order.doors)
        report.sentences.append((await switchover.cycle.run()).sentence)
        steps.die()


async def unaccounted(switchover: Switchover) -> list[str]:
    """Return what is wrong with the audit log, and which revisions and entries do not fit each other."""
    verdict = await audit.verify(switchover.database)
    made = await history.list_revisions(switchover.balance, filters={}, limit=10_000)
    told = await audit.list_entries(switchover.database, filters={}, limit=10_000)
    numbers = [row["number"] for row in made]
    recorded = [row["after"]["revision"] for row in told if "revision" in (row["after"] or {})]
    faults = [fault.sentence for fault in verdict.faults]
    return faults if numbers == recorded else [*faults, f"{numbers} is not {recorded}"]


async def warnings(switchover: Switchover) -> list[str]:
    """Return what stands out, as in the status."""
    seen = await views.status(
        switchover.balance,
        switchover.cycle,
        switchover.observation,
        switchover.engine_version,
    )
    return list(seen["warnings"])


async def change(switchover: Switchover, kind: Kind, wanted: Edition) -> Outcome:
    """Bring the platform to an edition, through the verb that the API calls."""
    if kind is not Kind.DRAIN:
        return await revisions.apply(switchover.balance, wanted.text, wanted.files, intent=WHO)
    state = AdminState.DRAIN if wanted.is_drained else AdminState.READY
    return await revisions.change_servers(
        switchover.balance, "cas1", service=None, workload=None, intent=WHO, state=state
    )


async def served(doors: Doors) -> dict[str, str]:
    """Return which server answers a new client of each service, and whose certificate ``web`` shows."""
    found = {}
    for service, port in doors.ports.items():
        connection = await HttpConnection.open(
            doors.address, port, host=doors.host, tls=client_tls(doors.ca)
        )
        try:
            shown = connection._writer.get_extra_info("peercert")
            answer = await connection.request("GET", "/owa/", fields=(("User-Agent", "client"),))
        finally:
            await connection.close()
        assert answer.status == 200, (service, answer.status)
        found[service] = answer.fields["x-practice-server"]
        if service == "web":
            found["certificate"] = dict(part[0] for part in shown["subject"])["commonName"]
    return found
