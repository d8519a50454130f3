"""What checking costs: 1,000 real servers x 5 workloads, each checked every 3 seconds, and nothing else.

5,000 server lines in 50 services of 20 servers. The servers are one HAProxy that listens on 1,000
loopback addresses and answers every path with 200; it also counts the checks, so that the rate is
seen, not assumed. Three platforms one after the other: checks in clear (TLS ends at the balancer), and
checks with TLS whose certificate is verified (encrypted again), with servers that speak TLS 1.2 at most,
as Exchange on Windows Server 2019 and older does, and with servers that speak TLS 1.3.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from backends import NAME, make_certificates, web_servers
from engines import Engine
from figures import table, verdict
from machine import Cores, family_seconds, look_busy, processor_seconds
from serving import Serving, serving

BARS = {"clear": 25.0, "tls12": 100.0, "tls13": 100.0}
NEWEST_TLS = {"clear": "", "tls12": "TLSv1.2", "tls13": "TLSv1.3"}
OURS_BAR = 10.0
WORKLOADS = ("owa", "ecp", "activesync", "ews", "mapi")
INTERVAL_SECONDS = 3.0
SERVERS_PER_SERVICE = 20
MOST_SCALED = 2.0
TLS = {
    "clear": "mode: offload, certificate: mail.pem",
    "tls12": "mode: re-encrypt, certificate: mail.pem, server_ca: ca.pem",
    "tls13": "mode: re-encrypt, certificate: mail.pem, server_ca: ca.pem",
}

_SERVICE = """\
  mail{number}:
    address: 127.17.3.{number}
    port: 10443
    layout: l7
    names: [{name}]
    workloads: [{workloads}]
    tls: {{{tls}}}
    health: {{interval: {interval}s}}
    servers: [{servers}]
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How many servers, and how long to settle and to measure."""

    servers: int = 1000
    settle_seconds: float = 20.0
    seconds: float = 40.0


QUICK = Plan(settle_seconds=8.0, seconds=12.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """Percent of one core, except where it says otherwise; ``engine`` is scaled to the whole rate."""

    engine: float
    ours: float
    database: float
    checks_per_second: float
    engine_mb: float
    ours_mb: float
    others: float


def addresses(count: int) -> list[str]:
    """Return loopback addresses of real servers."""
    return [f"127.18.{number // 200}.{number % 200 + 1}" for number in range(count)]


def platform_text(kind: str, count: int) -> str:
    """Return a platform file with ``count`` servers in services of twenty."""
    places = addresses(count)
    lines = ["platform: contoso", "servers:"]
    lines += [
        f"  cas{number}: {{address: {address}, runs: [exchange], ports: {{443: 10443, 80: 10080}}}}"
        for number, address in enumerate(places)
    ]
    text = "\n".join([*lines, "services:", ""])
    for number in range(count // SERVERS_PER_SERVICE):
        first = number * SERVERS_PER_SERVICE
        text += _SERVICE.format(
            number=number + 1,
            name=NAME,
            workloads=", ".join(WORKLOADS),
            tls=TLS[kind],
            interval=f"{INTERVAL_SECONDS:g}",
            servers=", ".join(f"cas{one}" for one in range(first, first + SERVERS_PER_SERVICE)),
        )
    return text


def measure_checks(scratch: Path, cores: Cores, plan: Plan) -> dict[str, Any]:
    """Measure both kinds of checks, print the table and return the figures."""
    certificates = scratch / "certs"
    make_certificates(certificates)
    files = {name: (certificates / name).read_bytes() for name in ("mail.pem", "ca.pem")}
    results: dict[str, Result] = {}
    for kind in BARS:
        print(
            f"checks: {plan.servers} servers x {len(WORKLOADS)} workloads, {kind} ...", flush=True
        )
        place = scratch / kind
        place.mkdir()
        with (
            web_servers(
                place / "web", addresses=addresses(plan.servers),
                certificate=certificates / "mail.pem", cores=cores, connections=6000,
                everywhere=True, newest_tls=NEWEST_TLS[kind],
            ) as web,
            serving(place, cores) as running,
        ):  # fmt: skip
            running.apply(platform_text(kind, plan.servers), files)
            cores.prefer(running.engine().pid)
            running.wait_until_healthy()
            time.sleep(plan.settle_seconds)
            results[kind] = _measure(running, web, plan)
    return _report(results)


def _measure(running: Serving, web: Engine, plan: Plan) -> Result:
    engine = running.engine()
    pids = {"engine": engine.pid, "ours": running.pid}
    before = {name: processor_seconds(pid) for name, pid in pids.items()}
    database = family_seconds(running.database, "postgres")
    asked = int(web.info()["CumReq"])
    busy = look_busy()
    began = time.perf_counter()
    time.sleep(plan.seconds)
    used = {name: processor_seconds(pid) - before[name] for name, pid in pids.items()}
    database = family_seconds(running.database, "postgres") - database
    seconds = time.perf_counter() - began
    asked = int(web.info()["CumReq"]) - asked
    expected = plan.servers * len(WORKLOADS) / INTERVAL_SECONDS
    # A machine that plays the servers too may be too busy for the whole rate; then the engine's share
    # is what the rest would have cost as well.
    scale = max(1.0, expected / (asked / seconds))
    if scale > MOST_SCALED:
        raise SystemExit(f"only {asked / seconds:.0f} checks in a second instead of {expected:.0f}")
    if running.engine().pid != engine.pid:
        raise SystemExit("the engine was reloaded while it was measured")
    known = sum(used.values()) + database
    return Result(
        engine=used["engine"] / seconds * 100 * scale,
        ours=used["ours"] / seconds * 100,
        database=database / seconds * 100,
        checks_per_second=asked / seconds,
        engine_mb=engine.resident_bytes() / 1e6,
        ours_mb=Engine(pid=running.pid, admin=running.admin).resident_bytes() / 1e6,
        others=look_busy().cores_since(busy) - known / seconds,
    )


def _report(results: dict[str, Result]) -> dict[str, Any]:
    rows = []
    figures: dict[str, Any] = {}
    for kind, one in results.items():
        rows.append(
            (kind, f"{one.checks_per_second:.0f}", f"{one.engine:.1f}", f"{BARS[kind]:.0f}",
             verdict(one.engine, BARS[kind]), f"{one.ours:.1f}", f"{OURS_BAR:.0f}",
             verdict(one.ours, OURS_BAR), f"{one.database:.1f}", f"{one.engine_mb:.0f}",
             f"{one.ours_mb:.0f}")
        )  # fmt: skip
        figures[f"checks_{kind}_engine_percent_of_core"] = round(one.engine, 1)
        figures[f"checks_{kind}_ours_percent_of_core"] = round(one.ours, 1)
        figures[f"checks_{kind}_database_percent_of_core"] = round(one.database, 1)
        figures[f"checks_{kind}_per_second"] = round(one.checks_per_second)
        figures[f"checks_{kind}_engine_mb"] = round(one.engine_mb)
        figures[f"checks_{kind}_ours_mb"] = round(one.ours_mb)
    table(
        "Percent of one core in steady state, 1,000 servers x 5 workloads checked every 3 s",
        ("checks", "per s", "HAProxy", "bar", "", "our process", "bar", "", "database",
         "HAProxy MB", "ours MB"),
        rows,
    )  # fmt: skip
    return figures
