"""A board on an engine of paper, for tests of what people see: no process, no socket, no database."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, cast

from tests.builders import farm, farm_file, farm_text
from tests.unit.balance.engine_rows import row

from switchover import clock
from switchover.balance.assets import Assets
from switchover.balance.drain.work import Drains
from switchover.balance.lint import MachineFacts
from switchover.balance.overrides import Overrides
from switchover.balance.recent import Recent
from switchover.balance.recent_errors import RecentErrors
from switchover.balance.work.board import Board
from switchover.balance.work.cycle import CycleReport
from switchover.balance.work.events import EventLog
from switchover.balance.work.revisions import Wish
from switchover.errors import Unavailable
from switchover.wire.haproxy.command import Command
from switchover.wire.haproxy.statistics import Row

_TEXTS = {
    "pxname": "proxy", "svname": "name", "status": "status", "check_status": "check",
    "last_chk": "check_text", "agent_status": "agent",
}  # fmt: skip
_GAUGES = {
    "scur": "sessions_now", "qcur": "queued_now", "weight": "weight", "act": "active",
    "bck": "backups", "lastchg": "changed_seconds_ago", "check_code": "check_code",
    "check_duration": "check_milliseconds", "qtime": "queue_milliseconds",
    "ctime": "connect_milliseconds", "rtime": "response_milliseconds",
    "ttime": "total_milliseconds", "type": "kind",
}  # fmt: skip
_COUNTERS = {
    "stot": "sessions", "req_tot": "requests", "bin": "bytes_in", "bout": "bytes_out",
    "dreq": "denied", "ereq": "request_errors", "econ": "connect_errors",
    "eresp": "response_errors", "wretr": "retries", "wredis": "redispatches",
    "cli_abrt": "client_aborts", "srv_abrt": "server_aborts", "chkfail": "checks_failed",
    "chkdown": "went_down", "downtime": "downtime_seconds", "hrsp_1xx": "answers_1xx",
    "hrsp_2xx": "answers_2xx", "hrsp_3xx": "answers_3xx", "hrsp_4xx": "answers_4xx",
    "hrsp_5xx": "answers_5xx",
}  # fmt: skip


def statistics_text(rows: Iterable[Row]) -> str:
    """The rows as the engine writes them."""
    names = [*_TEXTS, *_GAUGES, *_COUNTERS]
    lines = ["# " + ",".join(names)]
    for one in rows:
        values = [f'"{getattr(one, name)}"' for name in _TEXTS.values()]
        values += [str(int(getattr(one, name))) for name in _GAUGES.values()]
        values += [str(getattr(one.counters, name)) for name in _COUNTERS.values()]
        lines.append(",".join(values))
    return "\n".join(lines) + "\n"


@dataclass(kw_only=True)
class PaperEngine:
    """Answers ``show stat`` and ``show sess``; counts how often it was asked."""

    rows: list[Row] = field(default_factory=list)
    sessions: str = ""
    is_away: bool = False
    asked: int = 0

    async def ask(self, commands: Sequence[Command], *, timeout: float) -> list[str]:
        """Say when sessions began: as many minutes ago as the last part of their number says."""
        answers = []
        for command in commands:
            ago = 60 * int(command.line.removeprefix("show sess 0x"))
            began = time.strftime(
                "%d/%b/%Y:%H:%M:%S", time.localtime(clock.now().timestamp() - ago)
            )
            answers.append(f"0x{ago}: [{began}.000000] id=1 proto=tcpv4\n")
        return answers

    async def ask_one(self, command: Command, *, timeout: float) -> str:
        await asyncio.sleep(0)
        if command.line == "show sess":
            return self.sessions
        self.asked += 1
        if self.is_away:
            raise Unavailable("the engine does not answer")
        return statistics_text(self.rows)

    def set(self, pool: str, server: str, status: str, **values: Any) -> None:
        """Give a server of a pool another state."""
        self.rows = [one for one in self.rows if one.key != (pool, server)]
        self.rows.append(row(pool, server, status, **values))


def wish_of(services: Mapping[str, Mapping[str, Any]], **keys: Any) -> Wish:
    """What a platform file with these services asks for; its certificates are left out."""
    return Wish(
        text=farm_text(services, **keys),
        file=farm_file(services, **keys),
        balance=farm(services, **keys),
        files={},
        assets=Assets(),
        overrides=Overrides(),
    )


@dataclass(kw_only=True)
class Desk:
    """A board with what stands around it, as the application has it."""

    wish: Wish | None
    engine: PaperEngine = field(default_factory=PaperEngine)
    events: EventLog = field(default_factory=EventLog)
    suite: Any = None
    board: Board = field(init=False)

    def __post_init__(self) -> None:
        parts = SimpleNamespace(
            engine=SimpleNamespace(control=self.engine),
            wish=None if self.wish is None else ((1, self.wish.text), self.wish),
            database=SimpleNamespace(is_answering=True),
            is_prepared=False,
            machine=MachineFacts(engine="2.8", tls_library=""),
        )
        report = CycleReport(at=clock.now(), sentence="revision 1: in order", revision=1)
        self.board = Board(
            parts=cast("Any", parts),
            observation=cast(
                "Any",
                SimpleNamespace(
                    rows=(), sampled=(0.0, ()), has_old_workers=False, errors=RecentErrors()
                ),
            ),
            cycle=cast("Any", SimpleNamespace(report=report)),
            drains=Drains(parts=cast("Any", parts)),
        )
        self.events.listeners.append(self.board.hear)
        self.suite = SimpleNamespace(
            board=self.board, events=self.events, recent=_Recent(), balance=parts
        )
        if self.wish is not None:
            for service in self.wish.balance.services:
                self.engine.rows.append(row(service.name, "FRONTEND", "OPEN"))
                for pool in service.pools():
                    for real in service.servers:
                        self.engine.rows.append(row(pool.backend, real.name))
            # So that rates are known from the first snapshot on.
            self.board.observation.sampled = (clock.monotonic() - 5, tuple(self.engine.rows))


class _Recent:
    async def get(self) -> Recent:
        return Recent()
