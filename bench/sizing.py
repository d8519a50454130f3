"""What layer 7 costs against layer 4: processor time per request and connection, memory, per mode.

Each mode is our own rendered configuration in front of two servers. The certificate of the servers is of
the same kind as the one that clients see, as Extended Protection demands.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from backends import LARGE_ANSWER, NAME, make_certificates, web_servers
from cost_jobs import OURS, SERVERS
from engines import Engine, our_configuration, run_engine, until_healthy
from figures import spread, table
from load import Door, held, press, time_exchanges
from machine import Cores

_FARM = """\
platform: contoso
engine: {{threads: 1, max_connections: 8000}}
templates:
  web:
    title: Web
    workloads:
      clear: {{title: Clear, protocol: http, port: 80, transport: clear, paths: [/]}}
      webmail: {{title: Webmail, protocol: http, port: 443, clear_port: 80, transport: tls, paths: [/]}}
servers:
  cas1: {{address: {one}, runs: [web], ports: {{443: 10443, 80: 10080}}}}
  cas2: {{address: {two}, runs: [web], ports: {{443: 10443, 80: 10080}}}}
services:
  mail:
    address: {address}
    port: 10443
    servers: [cas1, cas2]
    {service}
"""
MAIL_PATH = "/owa/"


@dataclass(frozen=True, slots=True, kw_only=True)
class Mode:
    """A way to carry the same requests."""

    key: str
    title: str
    service: str
    certificate: str
    tls: bool = True
    decrypts: bool = True


def _l7(mode: str, certificate: str) -> str:
    authority = ", server_ca: ca.pem" if mode == "re-encrypt" else ""
    tls = f"mode: {mode}, certificate: {certificate}{authority}"
    return f"layout: l7\n    names: [{NAME}]\n    workloads: [webmail]\n    tls: {{{tls}}}"


_L4 = "layout: l4\n    workloads: [{workload}]\n    tls: {{server_ca: ca.pem}}"
_NAMES = f"layout: l4-names\n    names: {{webmail: {NAME}}}\n    tls: {{server_ca: ca.pem}}"
MODES = (
    Mode(key="l4_clear", title="l4, clear", certificate="mail.pem", tls=False, decrypts=False,
         service="layout: l4\n    workloads: [clear]"),
    Mode(key="l4_tls", title="l4, TLS passed through", certificate="mail.pem", decrypts=False,
         service=_L4.format(workload="webmail")),
    Mode(key="l4_names", title="l4-names, TLS passed through", certificate="mail.pem", decrypts=False,
         service=_NAMES),
    Mode(key="l7_offload_ecdsa", title="l7 offload, ECDSA P-256", certificate="mail.pem",
         service=_l7("offload", "mail.pem")),
    Mode(key="l7_offload_rsa", title="l7 offload, RSA-2048", certificate="mail-rsa.pem",
         service=_l7("offload", "mail-rsa.pem")),
    Mode(key="l7_re_encrypt_ecdsa", title="l7 re-encrypt, ECDSA P-256", certificate="mail.pem",
         service=_l7("re-encrypt", "mail.pem")),
    Mode(key="l7_re_encrypt_rsa", title="l7 re-encrypt, RSA-2048", certificate="mail-rsa.pem",
         service=_l7("re-encrypt", "mail-rsa.pem")),
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Rounds of each measurement, and how many connections are held."""

    rounds: int = 3
    seconds: float = 3.0
    connections: int = 2000


QUICK = Plan(rounds=1, seconds=1.5, connections=300)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """Microseconds of the engine, and KiB; None where a mode has no such thing."""

    request: float
    full: float
    resumed: float | None
    per_mib: float
    idle_kib: float
    waiting_kib: float


async def measure_sizing(scratch: Path, cores: Cores, plan: Plan) -> dict[str, Any]:
    """Measure every mode, print the table and return the figures."""
    os.sched_setaffinity(0, {cores.load})
    make_certificates(scratch / "certs", addresses=SERVERS)
    costs: dict[str, Cost] = {}
    for mode in MODES:
        print(f"sizing: {mode.title} ...", flush=True)
        with web_servers(
            scratch / f"web-{mode.key}", addresses=SERVERS,
            certificate=scratch / "certs" / mode.certificate, cores=cores,
        ):  # fmt: skip
            costs[mode.key] = await _measure(mode, scratch, cores, plan)
    os.sched_setaffinity(0, {cores.load, cores.engine})
    return _report(costs)


async def _measure(mode: Mode, scratch: Path, cores: Cores, plan: Plan) -> Cost:
    certificates = scratch / "certs"
    names = {"ca.pem", mode.certificate}
    files = {name: (certificates / name).read_bytes() for name in names}
    text = _FARM.format(one=SERVERS[0], two=SERVERS[1], address=OURS, service=mode.service)
    directory = scratch / mode.key
    door = Door(address=OURS, port=10443, tls=mode.tls, names=(NAME,), paths=(MAIL_PATH,))
    large = Door(address=OURS, port=10443, tls=mode.tls, names=(NAME,), paths=("/large",))
    long = Door(address=OURS, port=10443, tls=mode.tls, names=(NAME,), paths=("/wait",))
    admin = directory / "admin.sock"
    async with our_configuration(text, files, directory) as main:
        with run_engine(main, cores=cores, admin=admin) as engine:
            await until_healthy(engine)
            load = _Load(engine, cores, plan, scratch)
            request = await load.median(lambda: load.pressed(door))
            heavy = await load.median(lambda: load.pressed(large))
            full = await load.median(lambda: load.connected(door, resume=False))
            resumed = None
            if mode.decrypts:
                resumed = await load.median(lambda: load.connected(door, resume=True))
        # Memory once used is kept, so each of these needs an engine that held nothing before.
        memory = []
        for one in (door, long):
            with run_engine(main, cores=cores, admin=admin) as engine:
                await until_healthy(engine)
                memory.append(await _Load(engine, cores, plan, scratch).memory(one))
    return Cost(
        request=request,
        full=full,
        resumed=resumed,
        per_mib=(heavy - request) / len(LARGE_ANSWER) * 2**20,
        idle_kib=memory[0],
        waiting_kib=memory[1],
    )


class _Load:
    """Presses on one engine and reads what it used."""

    def __init__(self, engine: Engine, cores: Cores, plan: Plan, scratch: Path) -> None:
        self.engine = engine
        self.cores = cores
        self.plan = plan
        self.scratch = scratch

    async def median(self, measure: Callable[[], Awaitable[int]]) -> float:
        """Return processor microseconds per exchange, the median of the rounds."""
        found = []
        for _ in range(self.plan.rounds):
            await asyncio.sleep(0.2)
            before = self.engine.processor_seconds()
            done = await measure()
            found.append((self.engine.processor_seconds() - before) / done * 1e6)
        return spread(found).median

    async def pressed(self, door: Door) -> int:
        return await press(
            door, seconds=self.plan.seconds, connections=32, new=False, cores=self.cores,
            scratch=self.scratch,
        )  # fmt: skip

    async def connected(self, door: Door, *, resume: bool) -> int:
        # Counted without a warm-up, because the engine's time is counted whole.
        return len(
            await time_exchanges(
                door, seconds=self.plan.seconds, new=True, cores=self.cores, connections=8,
                resume=resume, warm_seconds=0.0,
            )
        )  # fmt: skip

    async def memory(self, door: Door) -> float:
        """Return KiB per held connection."""
        before = self.engine.resident_bytes()
        async with held(door, connections=self.plan.connections, cores=self.cores):
            await asyncio.sleep(1.0)
            used = self.engine.resident_bytes() - before
        return used / self.plan.connections / 1024


def _report(costs: dict[str, Cost]) -> dict[str, Any]:
    rows = []
    figures: dict[str, Any] = {}
    base = costs["l4_tls"].request
    for mode in MODES:
        cost = costs[mode.key]
        rows.append(
            (mode.title, f"{cost.request:.1f}", f"{cost.request / base:.2f}", f"{cost.full:.0f}",
             "-" if cost.resumed is None else f"{cost.resumed:.0f}", f"{cost.per_mib:.0f}",
             f"{cost.idle_kib:.1f}", f"{cost.waiting_kib:.1f}")
        )  # fmt: skip
        key = f"sizing_{mode.key}"
        figures[f"{key}_request_us"] = round(cost.request, 1)
        figures[f"{key}_new_full_us"] = round(cost.full)
        if cost.resumed is not None:
            figures[f"{key}_new_resumed_us"] = round(cost.resumed)
        figures[f"{key}_per_mib_us"] = round(cost.per_mib)
        figures[f"{key}_idle_connection_kib"] = round(cost.idle_kib, 1)
        figures[f"{key}_waiting_connection_kib"] = round(cost.waiting_kib, 1)
    table(
        "What a mode costs: microseconds of one core, and KiB of memory",
        ("mode", "request", "vs l4 TLS", "new, full", "new, resumed", "MiB", "idle KiB", "waiting KiB"),
        rows,
    )  # fmt: skip
    return figures
