"""What our rendered configuration costs against a minimal hand-written one for the same job.

Both engines run at once on the engine's core, one at a time under load. Pairs alternate (ours first,
theirs first, ...), and the ratio is taken pair by pair, so that a machine that gets slower or faster
meanwhile cancels out.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from backends import HERE, line_servers, make_certificates, web_servers
from cost_jobs import JOBS, OURS, SERVERS, THEIRS, Job
from engines import Engine, our_configuration, run_engine, until_healthy
from figures import Spread, percentile, spread, table, verdict
from load import Door, press, time_exchanges
from machine import Cores

CPU_BAR = 1.05
P99_BAR = 1.10


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How long to measure: pairs, and seconds for each half of a pair."""

    cpu_pairs: int = 12
    cpu_seconds: float = 2.0
    p99_pairs: int = 20
    p99_seconds: float = 2.0
    connections: int = 32


QUICK = Plan(cpu_pairs=24, cpu_seconds=1.0, p99_pairs=1, p99_seconds=1.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """One of the two engines and its door."""

    engine: Engine
    door: Door


@dataclass(slots=True)
class Result:
    """Measurements of one job; ``ours`` and ``theirs`` by pair."""

    job: Job
    cpu: list[tuple[float, float]] = field(default_factory=list)
    p99: list[tuple[float, float]] = field(default_factory=list)
    pooled: tuple[list[int], list[int]] = field(default_factory=lambda: ([], []))

    def ratio(self, pairs: Sequence[tuple[float, float]]) -> Spread:
        return spread([ours / theirs for ours, theirs in pairs])

    def quiet_ratio(self) -> float:
        """Return the ratio of the p99 that each side keeps in its best quarter of the halves.

        What disturbs a shared machine only ever adds, and hits the tail of one half or the other: ten
        milliseconds of somebody else are five times the p99 that is measured here.
        """
        ours, theirs = (percentile([pair[side] for pair in self.p99], 0.25) for side in (0, 1))
        return ours / theirs


async def measure_cost(
    scratch: Path, cores: Cores, plan: Plan, *, only: str | None = None
) -> dict[str, Any]:
    """Measure every job, print the tables and return the figures."""
    os.sched_setaffinity(0, {cores.load})  # this process answers our engine's log and agent port
    make_certificates(scratch / "certs", addresses=SERVERS)
    results = []
    certificate = scratch / "certs" / "mail.pem"
    with (
        web_servers(scratch / "web", addresses=SERVERS, certificate=certificate, cores=cores),
        line_servers(SERVERS, cores=cores),
    ):
        for job in JOBS:
            if only and not job.key.startswith(only):
                continue
            print(f"cost: {job.title} ...", flush=True)
            results.append(await _measure(job, scratch, cores, plan))
    os.sched_setaffinity(0, {cores.load, cores.engine})
    _print(results)
    return _figures(results)


async def _measure(job: Job, scratch: Path, cores: Cores, plan: Plan) -> Result:
    result = Result(job)
    async with _both(job, scratch, cores) as sides:
        for number in range(plan.cpu_pairs):
            pair = await _pair(number, sides, lambda side: _cpu(job, side, cores, plan, scratch))
            result.cpu.append(pair)
        for number in range(plan.p99_pairs):
            found = await _pair(number, sides, lambda side: _latencies(job, side, cores, plan))
            result.p99.append((percentile(found[0], 0.99), percentile(found[1], 0.99)))
            result.pooled[0].extend(found[0])
            result.pooled[1].extend(found[1])
    return result


@asynccontextmanager
async def _both(job: Job, scratch: Path, cores: Cores) -> AsyncIterator[tuple[Side, Side]]:
    """Run our engine and the hand-written one until the block ends."""
    certificates = scratch / "certs"
    files = {name: (certificates / name).read_bytes() for name in ("mail.pem", "ca.pem")}
    theirs_directory = scratch / f"theirs-{job.key}"
    theirs_directory.mkdir()
    variables = {
        "DIR": str(theirs_directory),
        "CERTS": str(certificates),
        "ADDRESS": THEIRS,
        "SERVER1": SERVERS[0],
        "SERVER2": SERVERS[1],
    }
    by_hand = theirs_directory / "haproxy.cfg"
    by_hand.write_bytes((HERE / "minimal" / f"{job.minimal}.cfg").read_bytes())
    ours_directory = scratch / f"ours-{job.key}"
    with contextlib.ExitStack() as stack:
        async with our_configuration(job.platform_text(), files, ours_directory) as main:
            ours = stack.enter_context(
                run_engine(main, cores=cores, admin=ours_directory / "admin.sock")
            )
            theirs = stack.enter_context(
                run_engine(
                    by_hand,
                    cores=cores,
                    admin=theirs_directory / "admin.sock",
                    variables=variables,
                )
            )
            await until_healthy(ours)
            await until_healthy(theirs)
            yield (
                Side(engine=ours, door=job.door(OURS)),
                Side(engine=theirs, door=job.door(THEIRS)),
            )
            stack.close()


async def _pair(number: int, sides: tuple[Side, Side], measure: Any) -> tuple[Any, Any]:
    """Measure both sides, in alternating order; return ours first."""
    order = (0, 1) if number % 2 == 0 else (1, 0)
    found = {which: await measure(sides[which]) for which in order}
    return found[0], found[1]


async def _cpu(job: Job, side: Side, cores: Cores, plan: Plan, scratch: Path) -> float:
    """Return processor time per exchange in microseconds."""
    await asyncio.sleep(0.2)
    before = side.engine.processor_seconds()
    done = await press(
        side.door, seconds=plan.cpu_seconds, connections=plan.connections, new=job.new,
        cores=cores, scratch=scratch,
    )  # fmt: skip
    return (side.engine.processor_seconds() - before) / done * 1e6


async def _latencies(job: Job, side: Side, cores: Cores, plan: Plan) -> list[int]:
    await asyncio.sleep(0.2)
    return await time_exchanges(
        side.door, seconds=plan.p99_seconds, new=job.new, cores=cores, rate=job.rate
    )


def _print(results: Sequence[Result]) -> None:
    rows: list[tuple[str, ...]] = []
    for result in results:
        ratio = result.ratio(result.cpu)
        ours, theirs = (spread([pair[side] for pair in result.cpu]).median for side in (0, 1))
        rows.append(
            (result.job.title, f"{ours:.1f}", f"{theirs:.1f}", ratio.text(),
             verdict(ratio.median, CPU_BAR))
        )  # fmt: skip
    table(
        f"Processor time of the engine per exchange (bar: ratio {CPU_BAR:.2f}, median of pairs)",
        ("job", "ours us", "by hand us", "ratio (range)", "bar"),
        rows,
    )
    rows = []
    for result in results:
        ratio = result.ratio(result.p99)
        ours, theirs = (percentile(pool, 0.99) for pool in result.pooled)
        middle = [percentile(pool, 0.5) for pool in result.pooled]
        quiet = result.quiet_ratio()
        rows.append(
            (result.job.title, f"{result.job.rate:.0f}", f"{middle[0]:.0f}", f"{middle[1]:.0f}",
             f"{ours:.0f}", f"{theirs:.0f}", f"{ours / theirs:.3f}", ratio.text(),
             f"{quiet:.3f}", verdict(quiet, P99_BAR))
        )  # fmt: skip
    table(
        f"Latency at a fixed rate, open loop (bar: ratio {P99_BAR:.2f} of the p99 that each side keeps in its quiet quarter)",
        ("job", "per s", "p50 ours us", "by hand", "p99 ours us", "by hand", "pooled",
         "median of pairs (range)", "quiet", "bar"),
        rows,
    )  # fmt: skip


def _figures(results: Sequence[Result]) -> dict[str, Any]:
    figures: dict[str, Any] = {}
    for result in results:
        key = result.job.key
        cpu, p99 = result.ratio(result.cpu), result.ratio(result.p99)
        figures[f"cost_{key}_cpu_ratio"] = round(cpu.median, 3)
        figures[f"cost_{key}_cpu_ratio_range"] = [round(cpu.low, 3), round(cpu.high, 3)]
        figures[f"cost_{key}_cpu_us"] = round(spread([one for one, _ in result.cpu]).median, 2)
        figures[f"cost_{key}_p99_ratio"] = round(p99.median, 3)
        figures[f"cost_{key}_p99_ratio_range"] = [round(p99.low, 3), round(p99.high, 3)]
        figures[f"cost_{key}_p99_quiet_ratio"] = round(result.quiet_ratio(), 3)
        figures[f"cost_{key}_p99_us"] = percentile(result.pooled[0], 0.99)
    return figures
