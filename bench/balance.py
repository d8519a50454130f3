"""Measures the balancer against its bars and against HAProxy configured by hand, in one run.

    .venv/bin/python bench/balance.py                 cost, apply and checks
    .venv/bin/python bench/balance.py --cost          cost against a hand-written configuration
    .venv/bin/python bench/balance.py --apply         how quickly a change is in force
    .venv/bin/python bench/balance.py --checks        what checking 5,000 server lines costs
    .venv/bin/python bench/balance.py --sizing        what layer 7 costs against layer 4
    .venv/bin/python bench/balance.py --quick ...     short runs, to see that everything works

Everything happens on loopback addresses of 127.17.0.0/16. The last line is one JSON object of figures.
docs/benchmarks.md says what is measured how, and has results.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

from machine import choose_cores, describe, look_busy, need_programs, wait_until_quiet

PROGRAMS = {"wrk": "wrk", "taskset": "util-linux"}
PARTS = ("cost", "apply", "checks", "sizing")
LONGEST_WAIT_SECONDS = 900.0


def main() -> None:
    """Run the parts asked for."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    for part in PARTS:
        parser.add_argument(f"--{part}", action="store_true")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--only", help="cost: the jobs whose key begins so")
    parser.add_argument(
        "--precedence", action="store_true", help="run before what else the machine does (root)"
    )
    parser.add_argument("--wait", type=float, default=LONGEST_WAIT_SECONDS)
    chosen = parser.parse_args()
    need_programs(PROGRAMS)
    if chosen.precedence:
        _own_session()
    scratch = Path(tempfile.mkdtemp(prefix="swb-", dir="/tmp"))
    scratch.chmod(0o711)  # as root, PostgreSQL and the engine's workers become other users
    try:
        figures = asyncio.run(_run(chosen, scratch))
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    print()
    print(json.dumps(figures))


def _own_session() -> None:
    """Become the head of a session, so that precedence is given to nobody else."""
    if os.getpgrp() == os.getpid() and (child := os.fork()):
        sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
    os.setsid()


async def _run(chosen: argparse.Namespace, scratch: Path) -> dict[str, Any]:
    parts = [part for part in PARTS if getattr(chosen, part)] or list(PARTS[:3])
    machine = describe()
    print(", ".join(f"{key} {value}" for key, value in machine.items()))
    cores = choose_cores(precedence=chosen.precedence)
    figures: dict[str, Any] = {"machine": machine, "precedence": chosen.precedence}
    for part in parts:
        wait = 5.0 if chosen.quick else chosen.wait
        figures[f"{part}_others_cores"] = round(await wait_until_quiet(longest_seconds=wait), 2)
        before = look_busy()
        directory = scratch / part
        directory.mkdir()
        figures.update(await _part(part, directory, cores, chosen))
        figures[f"{part}_stolen_cores"] = round(look_busy().stolen_since(before), 3)
    return figures


async def _part(part: str, scratch: Path, cores: Any, chosen: argparse.Namespace) -> dict[str, Any]:
    if part == "cost":
        import cost  # noqa: PLC0415 - each part loads only what it needs

        return await cost.measure_cost(
            scratch, cores, cost.QUICK if chosen.quick else cost.Plan(), only=chosen.only
        )
    if part == "apply":
        import apply  # noqa: PLC0415

        plan = apply.QUICK if chosen.quick else apply.Plan()
        return await asyncio.to_thread(apply.measure_apply, scratch, cores, plan)
    if part == "checks":
        import checks  # noqa: PLC0415

        longer = checks.QUICK if chosen.quick else checks.Plan()
        return await asyncio.to_thread(checks.measure_checks, scratch, cores, longer)
    import sizing  # noqa: PLC0415

    return await sizing.measure_sizing(
        scratch, cores, sizing.QUICK if chosen.quick else sizing.Plan()
    )


if __name__ == "__main__":
    main()
