"""Measures the console on a large installation: how long each page takes, and what open consoles cost.

    .venv/bin/python bench/console.py           200 services, 2,000 servers, a million events: some minutes
    .venv/bin/python bench/console.py --quick   a small one, to see that everything works

A real ``switchover serve`` with its own database runs the whole platform in a real engine that checks
2,000 servers (one process plays them all). History, events and statistics are made by the database.
The last line is one JSON object of figures. docs/benchmarks.md has results.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import shutil
import statistics
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from psycopg.conninfo import conninfo_to_dict, make_conninfo

from backends import make_certificates, web_servers
from console_open import BAR_CORES, measure_open
from console_seed import FULL as FULL_SIZE
from console_seed import QUICK as QUICK_SIZE
from console_seed import Size, platform_text, seed, server_addresses, service_name
from console_visit import NAME, Visitor, list_pages
from console_work import measure_meanwhile, measure_work
from figures import percentile, table, verdict
from machine import choose_cores, describe, look_busy, wait_until_quiet
from serving import serving
from switchover.settings import Settings, read_settings
from switchover.store.embedded import EmbeddedPostgres

PAGE_BAR_MS = 100.0

LONGEST_WAIT_SECONDS = 600.0
# Addresses that say more than their route: filtered, sorted, in the middle, of a long time.
MORE = (
    "/servers?q=cas01",
    "/servers?sort=-name",
    "/events?severity=error",
    "/events?sort=at",
    "/audit?sort=at",
    "/events?service={service}&kind=server-down",
    "/services/{big}",
    "/services/{big}?page=2",
    "/services/{big}/charts",
    "/services/{big}/charts?by=server",
    "/services/{service}/charts?span=90d&by=server",
    "/services/{service}/series?span=90d",
    "/what-if?down={server}",
    "/what-if?down=site:brussels",
    "/what-if?service={big}",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How large, how often, how many, how long."""

    size: Size = FULL_SIZE
    rounds: int = 40
    works: int = 5
    consoles: int = 200
    seconds: float = 40.0
    settle_seconds: float = 20.0


QUICK = Plan(size=QUICK_SIZE, rounds=4, works=1, consoles=10, seconds=4.0, settle_seconds=1.0)


def main() -> None:
    """Run, print tables, end with figures."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--wait", type=float, default=LONGEST_WAIT_SECONDS)
    chosen = parser.parse_args()
    machine = describe()
    print(", ".join(f"{key} {value}" for key, value in machine.items()))
    others = 0.0
    if not chosen.quick:
        others = asyncio.run(wait_until_quiet(longest_seconds=chosen.wait))
    scratch = Path(tempfile.mkdtemp(prefix="swb-", dir="/tmp"))
    scratch.chmod(0o711)  # as root, PostgreSQL and the engine's workers become other users
    before = look_busy()
    try:
        figures = _measure(scratch, QUICK if chosen.quick else Plan())
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    stolen = round(look_busy().stolen_since(before), 3)
    print()
    print(
        json.dumps(
            {
                "machine": machine,
                "others_cores": round(others, 2),
                "stolen_cores": stolen,
                **figures,
            }
        )
    )


def _measure(scratch: Path, plan: Plan) -> dict[str, Any]:
    cores = choose_cores(precedence=False)
    certificates = scratch / "certs"
    make_certificates(certificates)
    files = {name: (certificates / name).read_bytes() for name in ("mail.pem", "ca.pem")}
    with (
        web_servers(
            scratch / "web", addresses=server_addresses(plan.size),
            certificate=certificates / "mail.pem", cores=cores, connections=6000, everywhere=True,
        ),
        serving(scratch, cores) as running,
    ):  # fmt: skip
        print(
            f"console: {plan.size.services} services, {plan.size.servers} servers ...", flush=True
        )
        began = time.perf_counter()
        running.apply(platform_text(plan.size), files)
        applied = time.perf_counter() - began
        running.wait_until_healthy()
        settings = read_settings({}, data=running.data)
        spent = seed(_superuser(settings), plan.size, settings)
        print(f"console: applied in {applied:.1f} s, seeded: {spent}", flush=True)
        time.sleep(plan.settle_seconds)
        visitor = Visitor.signed_in(running)
        examples = _examples(plan)
        pages = _pages(visitor, examples, plan)
        works = measure_work(visitor, examples, plan.works)
        works |= measure_meanwhile(visitor, visitor.beside(), examples, plan.rounds)
        figures = measure_open(running, visitor, plan.consoles, plan.seconds, plan.settle_seconds)
    return {
        "services": plan.size.services,
        "servers": plan.size.servers,
        "events": plan.size.events,
        "apply_seconds": round(applied, 1),
        "seed_seconds": spent,
        **pages,
        **works,
        **figures,
        "verdict": _verdict(pages, figures),
    }


def _verdict(pages: dict[str, Any], figures: dict[str, Any]) -> dict[str, str]:
    told = {
        f"every page below {PAGE_BAR_MS:.0f} ms (p95)": verdict(pages["page_p95_ms"], PAGE_BAR_MS),
        f"{figures['consoles']} consoles below {BAR_CORES} cores": verdict(
            figures["open_cores"], BAR_CORES
        ),
    }
    print()
    for claim, holds in told.items():
        print(f"{claim}: {holds}")
    return told


def _superuser(settings: Settings) -> str:
    server = EmbeddedPostgres(settings.postgres_dir, settings.postgres_socket_dir)
    database = conninfo_to_dict(server.dsn())["dbname"]
    return make_conninfo(server.superuser_dsn, dbname=database)


def _examples(plan: Plan) -> dict[str, str]:
    return {
        "service": service_name(1),
        "server": "cas0001",
        "name": NAME,
        "number": "2",
        "big": service_name(plan.size.services),
    }


def _pages(visitor: Visitor, examples: Mapping[str, str], plan: Plan) -> dict[str, Any]:
    """Ask for every page in turn, again and again: what is kept of one page is gone at the next look."""
    addresses = [*list_pages(examples), *(text.format(**examples) for text in MORE)]
    times: dict[str, list[float]] = {address: [] for address in addresses}
    sizes: dict[str, int] = {}
    for number in range(plan.rounds + 1):
        for address in addresses:
            began = time.perf_counter()
            answer = visitor.get(address)
            if number:  # the first round fills caches that a running console has
                times[address].append((time.perf_counter() - began) * 1000)
            sizes[address] = len(answer)
    return _report(times, sizes)


def _report(times: Mapping[str, Sequence[float]], sizes: Mapping[str, int]) -> dict[str, Any]:
    rows = [
        (address, f"{statistics.median(spent):.1f}", f"{percentile(spent, 0.95):.1f}",
         f"{max(spent):.1f}", f"{sizes[address] / 1000:.0f}",
         verdict(percentile(spent, 0.95), PAGE_BAR_MS))
        for address, spent in times.items()
    ]  # fmt: skip
    table(
        f"Milliseconds from the request to the last byte of a page (bar: p95 {PAGE_BAR_MS:.0f})",
        ("page", "p50", "p95", "worst", "kB", ""),
        rows,
    )
    slowest = max(times, key=lambda address: percentile(times[address], 0.95))
    every = [one for spent in times.values() for one in spent]
    print(
        f"  {len(times)} addresses, {len(every)} requests: p95 of all {percentile(every, 0.95):.1f} ms, "
        f"slowest address {slowest}"
    )
    return {
        "pages": {
            address: [round(statistics.median(spent), 1), round(percentile(spent, 0.95), 1)]
            for address, spent in times.items()
        },
        "page_slowest": slowest,
        "page_p95_ms": round(percentile(times[slowest], 0.95), 1),
        "page_p95_ms_of_all_requests": round(percentile(every, 0.95), 1),
    }


if __name__ == "__main__":
    main()
