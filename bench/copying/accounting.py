"""A command run and accounted for: time, processor time, memory, servers, and what else was busy."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from machine import TICKS_PER_SECOND, look_busy

TAIL = 800
_REAP_SECONDS = 0.2
"""After a client has gone its servers' processes end and are counted by their parents."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A command line with what its environment has more than ours."""

    command: Sequence[str]
    environment: Mapping[str, str]
    directory: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Spent:
    """What a run cost. Seconds, but ``peak_mib``; ``others`` are cores that anybody else kept busy.

    ``left_cpu`` is that of servers which the command started and left to nobody: our PostgreSQL.
    ``is_left`` when such a one still ran some seconds after the command. ``said`` is what it printed.
    """

    seconds: float
    code: int
    cpu: float
    left_cpu: float
    peak_mib: float
    servers: Mapping[str, float]
    others: float
    said: str
    complaint: str
    is_left: bool

    @property
    def is_good(self) -> bool:
        return self.code == 0 and not self.is_left

    def trouble(self) -> str:
        """Return what went wrong, in its own words; empty when nothing did."""
        if self.is_good:
            return ""
        left = "; a server of it still runs" if self.is_left else ""
        words = self.complaint or self.said[-TAIL:]
        return f"exit code {self.code}{left}: {' '.join(words.split())}"


def run(
    program: Path, call: Call, servers: Mapping[str, int], *, limit_seconds: float = 3600.0
) -> Spent:
    """Run a command with the program ``account``; ``servers`` names processes whose trees are counted."""
    report, printed = call.directory / "account.json", call.directory / "printed"
    report.unlink(missing_ok=True)
    before = {name: tree_seconds(pid) for name, pid in servers.items()}
    busy = look_busy()
    with (
        printed.open("wb") as out,
        (call.directory / "complained").open("wb") as complaints,
        subprocess.Popen(
            [str(program), str(report), *call.command],
            stdin=subprocess.DEVNULL, stdout=out, stderr=complaints, cwd=call.directory,
            env={**os.environ, **call.environment}, start_new_session=True,
        ) as process,
    ):  # fmt: skip
        _wait(process, call, limit_seconds)
    now = look_busy()
    time.sleep(_REAP_SECONDS)
    spent = {name: tree_seconds(pid) - before[name] for name, pid in servers.items()}
    told = json.loads(report.read_text("ascii"))
    own = told["cpu"] + told["left_cpu"] + sum(spent.values())
    return Spent(
        seconds=told["seconds"], code=told["code"], cpu=told["cpu"], left_cpu=told["left_cpu"],
        peak_mib=told["peak_kib"] / 1024, servers=spent,
        others=max(0.0, now.used - busy.used - own) / max(told["seconds"], 0.01),
        said=printed.read_text("utf-8", "replace"), is_left=bool(told["left"]),
        complaint=(call.directory / "complained").read_text("utf-8", "replace").strip()[-TAIL:],
    )  # fmt: skip


def _wait(process: subprocess.Popen[bytes], call: Call, limit_seconds: float) -> None:
    try:
        process.wait(limit_seconds)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        raise SystemExit(f"{call.command[0]} took longer than {limit_seconds:.0f} s") from None
    except BaseException:
        os.killpg(process.pid, signal.SIGTERM)
        raise


def tree_seconds(pid: int) -> float:
    """Return the processor time of a process, of those below it, and of those they have waited for."""
    children: dict[int, list[int]] = {}
    ticks: dict[int, int] = {}
    for entry in Path("/proc").iterdir():
        if not entry.name.isdecimal():
            continue
        try:
            words = (entry / "stat").read_text("utf-8", "replace").rpartition(")")[2].split()
        except OSError:
            continue
        children.setdefault(int(words[1]), []).append(int(entry.name))
        ticks[int(entry.name)] = sum(map(int, words[11:15]))
    total, waiting = 0, [pid]
    while waiting:
        one = waiting.pop()
        total += ticks.get(one, 0)
        waiting += children.get(one, ())
    return total / TICKS_PER_SECOND
