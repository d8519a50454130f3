"""The machine a benchmark runs on: its programs, its cores, how busy it is, and processor time.

Processor time is read from the scheduler's own account of each thread (``/proc/PID/task/*/schedstat``,
nanoseconds). It is the same quantity as ``utime`` plus ``stime`` of ``/proc/PID/stat``, which is rounded
to hundredths of a second: too coarse for a process that uses one percent of a core.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from switchover import clock

TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")
PRECEDENCE = -15
QUIET_SHARE = 0.10
"""Other processes may use so much of one core before we call the machine busy."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cores:
    """The engine has one core to itself; load and servers behind share the other.

    With ``precedence`` what is measured runs before whatever else the machine does. That needs root, and
    is for machines that can not be quiet.
    """

    engine: int
    load: int
    precedence: bool = False

    def prefer(self, pid: int) -> None:
        """Give a process precedence, if that was asked for; its session must be its own."""
        if not self.precedence:
            return
        # Where the kernel groups processes by session, ``nice`` counts only within the group.
        with contextlib.suppress(OSError):
            Path(f"/proc/{pid}/autogroup").write_text(f"{PRECEDENCE}", "ascii")
        os.setpriority(os.PRIO_PROCESS, pid, PRECEDENCE)


def choose_cores(*, precedence: bool) -> Cores:
    """Return the first usable core for the engine and the next one for everything else."""
    usable = sorted(os.sched_getaffinity(0))
    if len(usable) < 2:
        print("Only one core: engine and load share it, so latencies mean little.")
    return Cores(engine=usable[0], load=usable[min(1, len(usable) - 1)], precedence=precedence)


def need_programs(programs: Mapping[str, str]) -> None:
    """Install what is missing; ``programs`` maps a command to its Debian package."""
    missing = sorted({pack for name, pack in programs.items() if shutil.which(name) is None})
    if not missing:
        return
    names = " ".join(missing)
    install = ["apt-get", "install", "-y", "-qq", "--no-install-recommends", *missing]
    if shutil.which("apt-get") is None:
        sys.exit(f"These programs are missing and there is no apt-get here: {names}")
    if os.geteuid() != 0:
        if shutil.which("sudo") is None:
            sys.exit(f"Run this once as root, then try again: apt-get install {names}")
        install = ["sudo", *install]
    print(f"Installing from Debian: {names}")
    update = [*install[: install.index("apt-get") + 1], "update", "-qq"]
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for command in (update, install):
        done = subprocess.run(
            command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, check=False
        )
        if done.returncode != 0:
            sys.exit(f"{' '.join(command)} failed: {done.stderr.decode(errors='replace')[-500:]}")


def processor_seconds(pid: int) -> float:
    """Return the processor time that the threads of a process have used so far."""
    total = 0
    for task in Path(f"/proc/{pid}/task").iterdir():
        total += int((task / "schedstat").read_text("ascii").split()[0])
    return total / 1e9


def family_seconds(pid: int, name: str) -> float:
    """Return the processor time of a process and its descendants, where the program has this name.

    Those that ended in between are missed; PostgreSQL's live as long as their connections.
    """
    parents: dict[int, list[tuple[int, str]]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            with contextlib.suppress(OSError):
                head, _, tail = (entry / "stat").read_text("utf-8", "replace").rpartition(")")
                comm = head.partition("(")[2]
                parents.setdefault(int(tail.split()[1]), []).append((int(entry.name), comm))
    total, waiting = processor_seconds(pid), [pid]
    while waiting:
        for child, comm in parents.get(waiting.pop(), ()):
            waiting.append(child)
            if comm.startswith(name):
                with contextlib.suppress(OSError):
                    total += processor_seconds(child)
    return total


def resident_bytes(pid: int) -> int:
    """Return the memory of a process that is its own (``Pss`` would count shared pages too)."""
    text = Path(f"/proc/{pid}/smaps_rollup").read_text("ascii")
    values = dict(line.split(":", 1) for line in text.splitlines()[1:])
    kinds = ("Private_Clean", "Private_Dirty")
    return sum(int(values[kind].split()[0]) for kind in kinds) * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Busy:
    """Processor time of the whole machine so far, in seconds over all cores."""

    at: float
    used: float
    stolen: float

    def cores_since(self, earlier: Busy) -> float:
        """Return how many cores were busy in between."""
        return (self.used - earlier.used) / max(self.at - earlier.at, 1e-6)

    def stolen_since(self, earlier: Busy) -> float:
        """Return how many cores' worth of time the host machine kept for others."""
        return (self.stolen - earlier.stolen) / max(self.at - earlier.at, 1e-6)


def look_busy() -> Busy:
    """Return what the kernel has counted until now."""
    numbers = [
        int(word) for word in Path("/proc/stat").read_text("ascii").split("\n")[0].split()[1:]
    ]
    user, nice, system, _idle, _wait, irq, soft, stolen = numbers[:8]
    used = user + nice + system + irq + soft
    return Busy(
        at=clock.monotonic(), used=used / TICKS_PER_SECOND, stolen=stolen / TICKS_PER_SECOND
    )


def describe() -> dict[str, str]:
    """Return what a reader must know to compare figures."""
    release = ".".join(platform.release().split(".")[:2])
    info = Path("/proc/cpuinfo").read_text("utf-8")
    models = {line.split(":", 1)[1].strip() for line in info.splitlines() if "model name" in line}
    speeds = [float(line.split(":")[1]) for line in info.splitlines() if line.startswith("cpu MHz")]
    memory = Path("/proc/meminfo").read_text("ascii").split()[1]
    return {
        "processor": ", ".join(sorted(models)) or platform.machine(),
        "cores": str(os.cpu_count()),
        "clock": f"{speeds[0] / 1000:.1f} GHz" if speeds else "unknown",
        "memory": f"{int(memory) / 2**20:.0f} GiB",
        "system": f"{_distribution()}, Linux {release}",
        "python": platform.python_version(),
        "date": f"{clock.now():%Y-%m-%d}",
    }


def _distribution() -> str:
    for line in Path("/etc/os-release").read_text("utf-8").splitlines():
        if line.startswith("PRETTY_NAME="):
            return line.split("=", 1)[1].strip('"')
    return "unknown"


async def wait_until_quiet(*, longest_seconds: float) -> float:
    """Wait until others use little processor time; return the share of a core they use at last."""
    deadline = clock.monotonic() + longest_seconds
    told = False
    while True:
        before = look_busy()
        await asyncio.sleep(5.0)
        share = look_busy().cores_since(before)
        if share <= QUIET_SHARE or clock.monotonic() >= deadline:
            return share
        if not told:
            print(f"Others use {share:.0%} of a core; waiting up to {longest_seconds:.0f} s ...")
            told = True
