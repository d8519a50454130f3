"""How quickly a change is in force: 50 services x 20 servers, a real ``switchover serve``.

The clock starts when the request is sent to the API. A change that needs no reload is in force when the
engine shows it on its own socket, which another thread asks again and again. A reload is in force when
the API has answered and the new worker serves: it shows its process id on the socket, or a client
gets an answer from a service that was not there before.
"""

from __future__ import annotations

import os
import random
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from backends import NAME, make_certificates, web_servers
from figures import percentile, spread, table, verdict
from machine import Cores
from serving import Serving, serving

RUNTIME_BAR_MS = 50.0
RELOAD_BAR_MS = 500.0
SERVERS = tuple(f"127.17.1.{number}" for number in range(1, 21))
SERVICES = 50
NEW_ADDRESS = "127.17.2.200"
ADMIN_COLUMN, WEIGHT_COLUMN = 6, 7
DRAIN_FLAG = 0x08
PATIENCE_SECONDS = 20.0

_SERVICE = """\
  {name}:
    address: {address}
    port: 10443
    layout: {layout}
    names: {names}
    {workloads}
    timeouts: {{owa: {timeout}s}}
    tls: {{{tls}}}
    servers: [{{name: cas1, weight: {weight}}}, {others}]
"""
_KINDS = (
    ("l7", "mode: re-encrypt, certificate: mail.pem, server_ca: ca.pem"),
    ("l7", "mode: offload, certificate: mail.pem"),
    ("l4-names", "server_ca: ca.pem"),
    ("l7", "mode: re-encrypt, certificate: mail.pem, server_ca: ca.pem"),
    ("l4", "server_ca: ca.pem"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How often each change is measured."""

    runtime: int = 30
    reload: int = 15


QUICK = Plan(runtime=8, reload=4)


def platform_text(*, weight: int = 100, timeout: int = 600, more: bool = False) -> str:
    """Return the file: the last service has a server of this weight and this timeout."""
    servers = "".join(
        f"  cas{number}: {{address: {address}, runs: [exchange], ports: {{443: 10443, 80: 10080}}}}\n"
        for number, address in enumerate(SERVERS, start=1)
    )
    text = f"platform: contoso\nengine: {{max_connections: 4000}}\nservers:\n{servers}services:\n"
    for number in range(1, SERVICES + 1):
        last = number == SERVICES
        text += _service(
            f"mail{number}", f"127.17.2.{number}", number,
            weight if last else 100, timeout if last else 600,
        )  # fmt: skip
    return text + (_service("fresh", NEW_ADDRESS, 0, 100, 600) if more else "")


def _service(name: str, address: str, number: int, weight: int, timeout: int) -> str:
    layout, tls = _KINDS[number % len(_KINDS)]
    return _SERVICE.format(
        name=name,
        address=address,
        layout=layout,
        names=f"{{owa: {NAME}}}" if layout == "l4-names" else f"[{NAME}]",
        workloads="" if layout == "l4-names" else "workloads: [owa]",
        timeout=timeout,
        tls=tls,
        weight=weight,
        others=", ".join(f"cas{other}" for other in range(2, len(SERVERS) + 1)),
    )


class Watch:
    """Asks the engine for the servers of one backend, again and again, on one connection."""

    def __init__(self, admin: Path, backend: str) -> None:
        self.asking = socket.socket(socket.AF_UNIX)
        self.asking.settimeout(5.0)
        self.asking.connect(str(admin))
        self.asking.sendall(b"prompt\n")
        self._answer()
        self.line = f"show servers state {backend}\n".encode()

    def _answer(self) -> str:
        seen = b""
        while not seen.endswith(b"\n> "):
            part = self.asking.recv(1 << 16)
            if not part:
                raise SystemExit("the engine closed its socket")
            seen += part
        return seen.decode()

    def columns(self, server: str) -> list[str]:
        self.asking.sendall(self.line)
        rows = (line.split() for line in self._answer().splitlines())
        return next(row for row in rows if len(row) > WEIGHT_COLUMN and row[3] == server)

    def until(self, server: str, shows: Callable[[list[str]], bool]) -> float:
        """Return the moment at which the server first shows it."""
        end = time.perf_counter() + PATIENCE_SECONDS
        while not shows(self.columns(server)):
            if time.perf_counter() > end:
                raise SystemExit(f"the engine never showed the change of {server}")
            time.sleep(0.0005)
        return time.perf_counter()


@dataclass(slots=True, kw_only=True)
class Timed:
    """Milliseconds from the request to the effect and to the answer."""

    title: str
    key: str
    bar: float
    effect: list[float] = field(default_factory=list)
    answer: list[float] = field(default_factory=list)
    means: set[str] = field(default_factory=set)

    def measure(self, watch: Callable[[], float], act: Callable[[], Any]) -> None:
        """Act while another thread watches for the effect."""
        seen: list[float] = []
        thread = threading.Thread(target=lambda: seen.append(watch()))
        thread.start()
        time.sleep(random.uniform(0.05, 0.25))  # at any phase of the balancer's cycle
        began = time.perf_counter()
        outcome = act()
        answered = time.perf_counter()
        thread.join()
        if not seen:
            raise SystemExit(f"{self.title}: no effect seen")
        self.effect.append((seen[0] - began) * 1000)
        self.answer.append((answered - began) * 1000)
        self.means.add(str((outcome.get("engine") or {}).get("means")))


def measure_apply(scratch: Path, cores: Cores, plan: Plan) -> dict[str, Any]:
    """Measure every kind of change, print the table and return the figures."""
    cores.prefer(os.getpid())  # it watches for the effect
    certificates = scratch / "certs"
    make_certificates(certificates, addresses=SERVERS)
    files = {name: (certificates / name).read_bytes() for name in ("mail.pem", "ca.pem")}
    with (
        web_servers(
            scratch / "web", addresses=SERVERS, certificate=certificates / "mail.pem", cores=cores
        ),
        serving(scratch, cores) as running,
    ):
        print("apply: starting 50 services x 20 servers ...", flush=True)
        began = time.perf_counter()
        running.apply(platform_text(), files)
        first = (time.perf_counter() - began) * 1000
        cores.prefer(running.engine().pid)
        running.wait_until_healthy()
        print("apply: changes at run time ...", flush=True)
        timed = _runtime(running, plan)
        print("apply: reloads ...", flush=True)
        timed += _reloads(running, plan)
    return {"apply_first_ms": round(first, 1), **_report(timed)}


def _runtime(running: Serving, plan: Plan) -> list[Timed]:
    backend = f"mail{SERVICES}.{'all' if _KINDS[0][0] == 'l4' else 'owa'}"
    watch = Watch(running.admin, backend)
    one = {"service": f"mail{SERVICES}"}
    drain_one = Timed(title="drain a server in one service", key="drain_one", bar=RUNTIME_BAR_MS)
    drain = Timed(title="drain a server everywhere (50 lines)", key="drain", bar=RUNTIME_BAR_MS)
    resume = Timed(title="resume it everywhere", key="resume", bar=RUNTIME_BAR_MS)
    weight = Timed(title="weight of a server everywhere", key="weight", bar=RUNTIME_BAR_MS)
    applied = Timed(
        title="apply the file with one weight changed", key="file_weight", bar=RUNTIME_BAR_MS
    )

    def is_drained(row: list[str]) -> bool:
        return bool(int(row[ADMIN_COLUMN]) & DRAIN_FLAG)

    def is_ready(row: list[str]) -> bool:
        return not is_drained(row)

    def weighs(server: str, wanted: int) -> Callable[[], float]:
        return partial(watch.until, server, lambda row: row[WEIGHT_COLUMN] == str(wanted))

    api = running.api
    for number in range(plan.runtime):
        drain.measure(
            partial(watch.until, "cas7", is_drained),
            partial(api, "POST", "/servers/cas7/drain", {}),
        )
        resume.measure(
            partial(watch.until, "cas7", is_ready), partial(api, "POST", "/servers/cas7/resume", {})
        )
        drain_one.measure(
            partial(watch.until, "cas8", is_drained),
            partial(api, "POST", "/servers/cas8/drain", one),
        )
        api("POST", "/servers/cas8/resume", one)
        wanted = 40 + number % 2
        weight.measure(
            weighs("cas9", wanted), partial(api, "PUT", "/servers/cas9/weight", {"weight": wanted})
        )
        text = platform_text(weight=wanted + 20)
        applied.measure(weighs("cas1", wanted + 20), partial(running.apply, text))
    return [drain, resume, drain_one, weight, applied]


def _reloads(running: Serving, plan: Plan) -> list[Timed]:
    changed = Timed(title="reload: a timeout changed", key="reload_timeout", bar=RELOAD_BAR_MS)
    added = Timed(title="reload: a service added", key="reload_service", bar=RELOAD_BAR_MS)
    removed = Timed(title="reload: a service removed", key="reload_removed", bar=RELOAD_BAR_MS)
    for number in range(plan.reload):
        text = platform_text(timeout=700 + number)
        more = platform_text(timeout=700 + number, more=True)
        changed.measure(_next_worker(running), partial(running.apply, text))
        added.measure(_until_service_answers, partial(running.apply, more))
        removed.measure(_next_worker(running), partial(running.apply, text))
    for one in (changed, added, removed):
        # A reload counts as done when both have come: the answer and the new worker.
        one.effect = [max(pair) for pair in zip(one.effect, one.answer, strict=True)]
    return [changed, added, removed]


def _next_worker(running: Serving) -> Callable[[], float]:
    return partial(_until_worker_after, running, running.engine().pid)


def _until_worker_after(running: Serving, before: int) -> float:
    end = time.perf_counter() + PATIENCE_SECONDS
    while time.perf_counter() < end:
        try:
            if running.engine().pid != before:
                return time.perf_counter()
        except (OSError, KeyError):
            pass
        time.sleep(0.003)
    raise SystemExit("no new worker came")


def _until_service_answers() -> float:
    end = time.perf_counter() + PATIENCE_SECONDS
    while time.perf_counter() < end:
        try:
            with socket.create_connection((NEW_ADDRESS, 10443), timeout=1.0):
                return time.perf_counter()
        except OSError:
            time.sleep(0.003)
    raise SystemExit("the new service never answered")


def _report(timed: list[Timed]) -> dict[str, Any]:
    rows = []
    figures: dict[str, Any] = {}
    for one in timed:
        effect, answer = spread(one.effect), spread(one.answer)
        late = percentile(one.effect, 0.95)
        rows.append(
            (one.title, effect.count, f"{effect.median:.1f}", f"{late:.1f}", f"{effect.high:.1f}",
             f"{answer.median:.1f}", ",".join(sorted(one.means)), f"{one.bar:.0f}",
             verdict(effect.median, one.bar))
        )  # fmt: skip
        figures[f"apply_{one.key}_median_ms"] = round(effect.median, 1)
        figures[f"apply_{one.key}_p95_ms"] = round(late, 1)
        figures[f"apply_{one.key}_answer_median_ms"] = round(answer.median, 1)
    table(
        "Milliseconds from the request until a change is in force, 50 services x 20 servers",
        ("change", "times", "median", "p95", "worst", "answered", "by", "bar", "median"),
        rows,
    )
    return figures
