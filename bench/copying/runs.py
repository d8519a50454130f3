"""One tool, one copy: accounted for, compared with its source, and what several of them come to."""

from __future__ import annotations

import contextlib
import json
import os
import statistics
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from copying.accounting import Spent, run
from copying.corpus import TINY
from copying.servers import Dovecot
from copying.stage import Stage
from copying.tools import TOOLS, Job, Tool, switchover
from copying.verifier import Verdict, compare, read_mailbox
from copying.wire import Place

SOURCE_RELAY, TARGET_RELAY = 12, 13


@dataclass(frozen=True, slots=True, kw_only=True)
class Road:
    """From a source to a target, each reached at an address that may be far away.

    ``pids`` names the processes whose processor time is counted beside the tool's.
    """

    source: Dovecot
    target: Dovecot
    source_address: str
    target_address: str
    pids: Mapping[str, int]

    def places(self, source: str, target: str) -> tuple[Place, Place]:
        """Return both ends for a user on each, as a tool reaches them."""
        there, here = self.source.place(source), self.target.place(target)
        return (
            Place(address=self.source_address, port=there.port, user=source),
            Place(address=self.target_address, port=here.port, user=target),
        )


@contextlib.contextmanager
def road(
    on: Stage, source: Dovecot, target: Dovecot, *, source_ms: float = 0.0, target_ms: float = 0.0
) -> Iterator[Road]:
    """Put distance before both ends; the round trips in milliseconds, 0 for none."""
    assert not source_ms or not target_ms or source_ms == target_ms
    far = {
        number: server
        for number, server, delay in (
            (SOURCE_RELAY, source, source_ms),
            (TARGET_RELAY, target, target_ms),
        )
        if delay
    }
    with on.distance(far, max(source_ms, target_ms)) as relay:
        yield Road(
            source=source,
            target=target,
            source_address=on.address(SOURCE_RELAY) if source_ms else source.address,
            target_address=on.address(TARGET_RELAY) if target_ms else target.address,
            pids={"source": source.pid, "target": target.pid, **relay},
        )


@dataclass(slots=True, kw_only=True)
class Runs:
    """What one tool did in several rounds; ``own`` are the seconds that our command tells itself."""

    spent: list[Spent] = field(default_factory=list)
    verdicts: list[Verdict] = field(default_factory=list)
    own: list[float] = field(default_factory=list)

    def note(self, spent: Spent, verdict: Verdict | None = None) -> None:
        self.spent.append(spent)
        if verdict is not None:
            self.verdicts.append(verdict)
        with contextlib.suppress(ValueError, KeyError, TypeError):
            self.own.append(float(json.loads(spent.said)["work_seconds"]))

    @property
    def seconds(self) -> float:
        return statistics.median(one.seconds for one in self.spent)

    @property
    def own_seconds(self) -> float:
        """Return the median of what it tells, from its first connection to the end of the work."""
        return statistics.median(self.own) if self.own else 0.0

    @property
    def is_exact(self) -> bool:
        return bool(self.verdicts) and all(one.is_identical for one in self.verdicts)

    @property
    def fault(self) -> str:
        """Return what is wrong with runs that had to be whole and exact; empty when nothing is."""
        troubles = [trouble for one in self.spent if (trouble := one.trouble())]
        return "; ".join([*([] if self.is_exact else [self.verdict()]), *troubles])

    def median(self, name: str) -> float:
        return statistics.median(getattr(one, name) for one in self.spent)

    def server(self, name: str) -> float:
        return statistics.median(one.servers.get(name, 0.0) for one in self.spent)

    def verdict(self) -> str:
        """Return the worst verdict of the rounds, and exit codes that are not 0."""
        worst = max(self.verdicts, key=lambda one: sum(one.differences().values()), default=None)
        codes = sorted({one.code for one in self.spent} - {0})
        told = [worst.text()] if worst is not None else []
        return "; ".join([*told, *(f"exit code {code}" for code in codes)])

    def figures(self) -> dict[str, Any]:
        return {
            "seconds": round(self.seconds, 3),
            "every_round": [round(one.seconds, 3) for one in self.spent],
            "told_seconds": [round(one, 3) for one in self.own],
            "cpu": round(self.median("cpu"), 3),
            "database_cpu": round(self.median("left_cpu"), 3),
            "peak_mib": round(max(one.peak_mib for one in self.spent), 1),
            **{f"{name}_cpu": round(self.server(name), 2) for name in self.spent[-1].servers},
            "others_cores": round(max(one.others for one in self.spent), 2),
            "verdict": self.verdict(),
            "identical": self.is_exact if self.verdicts else None,
        }


def prepared_data(on: Stage) -> Path:
    """Return the data directory of this run, which the copy of a tiny mailbox has set up."""
    data = on.data_directory("ready")
    if data.exists():
        return data
    source = on.source.place(on.need(TINY))
    target = on.in_memory.place(on.user("prepare"))
    spent = run(on.account, switchover(on.job("prepare", source, target, data, on.in_memory)), {})
    if not spent.is_good:
        raise SystemExit(f"switchover copy: {spent.trouble()}")
    on.forget(on.in_memory, target.user)
    return data


def job_of(on: Stage, way: Road, name: str, users: tuple[str, str], data: Path) -> Job:
    """Return what a tool needs to know to copy one user's mailbox to another's."""
    return on.job(name, *way.places(*users), data, way.target)


def run_tool(on: Stage, way: Road, job: Job, tool: Tool) -> Spent:
    """Run a tool while nothing waits to be written."""
    if not on.is_quick:
        os.sync()
    spent = run(on.account, tool(job), way.pids)
    if not spent.is_good:
        print(f"  {spent.trouble()}", flush=True)
    return spent


def judge(on: Stage, way: Road, users: tuple[str, str], *, is_changing: bool = False) -> Verdict:
    """Compare both mailboxes; a source that does not change is read once in a run."""
    there = way.source.place(users[0])
    source = read_mailbox(there) if is_changing else on.look_at(there)
    return compare(source, read_mailbox(way.target.place(users[1])))


def copy_once(on: Stage, way: Road, name: str, user: str, data: Path, into: Runs) -> None:
    """Copy a mailbox to a user that is new to everybody, compare, and remove it."""
    users = (user, on.user("copy"))
    spent = run_tool(on, way, job_of(on, way, name, users, data), TOOLS[name])
    into.note(spent, judge(on, way, users))
    on.forget(way.target, users[1])
