"""The command line of bench/copy.py."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import shutil
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from copying.bars import Outcome
from copying.ceiling import measure_ceiling
from copying.delta import measure_delta
from copying.memory import measure_memory
from copying.relay import try_relay
from copying.speed import CASES, measure_speed
from copying.stage import Stage, stage
from copying.tools import IMAPSYNC_PACKAGES, check_imapsync, versions
from machine import describe, need_programs, wait_until_quiet

PROGRAMS = {
    "cc": "gcc",
    "mbsync": "isync",
    "doveadm": "dovecot-core",
    "/usr/lib/dovecot/imap": "dovecot-imapd",
}
MODES = {
    "speed": "a first copy (what is done when no mode is given)",
    "ceiling": "against a raw stream of commands made beforehand",
    "delta": "nothing has changed since last time, or 1 %%",
    "memory": "peak memory with a mail of 300 MiB and with 200,000 mails in a folder",
}
LONGEST_WAIT_SECONDS = 900.0
RELAY_MB_PER_SECOND = 400.0


def main(description: str, arguments: Sequence[str] | None = None) -> None:
    """Run the modes asked for; the last line is one JSON object."""
    chosen = _parser(description).parse_args(arguments)
    if os.geteuid() != 0:
        sys.exit("Run this as root: the mail servers it starts change to another user")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended by a signal"))
    _install()
    found = versions(chosen.imapsync)
    if not found["dovecot"].startswith("2.3."):
        sys.exit(f"Dovecot 2.3 is needed, not {found['dovecot']}: 2.4 has other settings")
    check_imapsync(chosen.imapsync)
    machine = describe()
    print(", ".join(f"{key} {value}" for key, value in {**machine, **found}.items()))
    work = chosen.work.absolute()
    with stage(work, imapsync=chosen.imapsync, is_quick=chosen.quick) as on:
        outcome = _run(on, chosen)
    outcome.show_bars(are_judged=not chosen.quick)
    print()
    print(
        json.dumps(
            {
                "bench": "copy", "quick": chosen.quick, "machine": machine, "versions": found,
                **outcome.figures, "bars": [one.figures() for one in outcome.bars],
                "failures": outcome.failures,
            }
        )
    )  # fmt: skip
    if outcome.failures:
        sys.exit(1)


def _install() -> None:
    """Install what is missing, and let no service of it start on this machine."""
    programs = dict(PROGRAMS)
    if not Path("/usr/include/stdio.h").exists():
        programs["stdio.h"] = "libc6-dev"
    policy = Path("/usr/sbin/policy-rc.d")
    is_ours = not policy.exists() and any(shutil.which(one) is None for one in programs)
    try:
        if is_ours:
            policy.write_text("#!/bin/sh\nexit 101\n", "ascii")
            policy.chmod(0o755)
        need_programs(programs)
    finally:
        if is_ours:
            policy.unlink()


def _parser(description: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    for mode, what in MODES.items():
        parser.add_argument(f"--{mode}", action="store_true", help=what)
    parser.add_argument("--rounds", type=int, default=3, help="of each tool (3)")
    parser.add_argument(
        "--only", action="append", choices=[case.key for case in CASES], help="of the speed cases"
    )
    parser.add_argument(
        "--imapsync", type=Path, metavar="PATH", help=f"imapsync too; it needs {IMAPSYNC_PACKAGES}"
    )
    parser.add_argument(
        "--work", type=Path, default=Path("/var/tmp/switchover-bench"), metavar="DIRECTORY",
        help="keeps the mailboxes for the next run (2.5 GB); the disk that is measured",
    )  # fmt: skip
    parser.add_argument("--quick", action="store_true", help="tiny mailboxes, short distances")
    parser.add_argument("--wait", type=float, default=LONGEST_WAIT_SECONDS, metavar="SECONDS",
                        help="for a quiet machine, at most")  # fmt: skip
    return parser


def _run(on: Stage, chosen: argparse.Namespace) -> Outcome:
    outcome = Outcome()
    modes = [mode for mode in MODES if getattr(chosen, mode, False)] or ["speed"]
    for mode in modes:
        wait = 0.0 if chosen.quick else chosen.wait
        busy = asyncio.run(wait_until_quiet(longest_seconds=wait)) if wait else 0.0
        outcome.figures[f"{mode}_others_cores"] = round(busy, 2)
        outcome.add(_measure(on, mode, chosen))
    return outcome


def _measure(on: Stage, mode: str, chosen: argparse.Namespace) -> Outcome:
    rounds = 1 if chosen.quick else chosen.rounds
    match mode:
        case "speed":
            outcome = Outcome(figures={"relay": _try_relay(on)})
            outcome.add(measure_speed(on, rounds=rounds, only=chosen.only or ()))
            return outcome
        case "ceiling":
            return measure_ceiling(on, rounds=rounds)
        case "delta":
            return measure_delta(on, rounds=rounds)
        case _:
            return measure_memory(on)


def _try_relay(on: Stage) -> dict[str, Any]:
    """Say what the relay can pass, so that nobody takes it for a tool's limit."""
    seen = try_relay(
        on.programs, (on.address(8), on.address(9)), round_trip_ms=4.0 if on.is_quick else 80.0,
        megabytes=50 if on.is_quick else 1000,
    )  # fmt: skip
    if not seen.is_exact:
        raise SystemExit("the relay changes what it passes on")
    slow = "" if seen.megabytes_per_second >= RELAY_MB_PER_SECOND or on.is_quick else ": TOO SLOW"
    print(
        f"The relay alone passes {seen.megabytes_per_second:,.0f} MB/s at a round trip of "
        f"{seen.round_trip_ms:.1f} ms{slow}"
    )
    return {
        "mb_per_second": round(seen.megabytes_per_second),
        "round_trip_ms": round(seen.round_trip_ms, 2),
    }
