"""How long a broken workload keeps getting clients: every fault on every workload, in every layout.

All servers of one engine are broken at the same moment, each in its own way, and the engine's own
verdicts are polled from the moment of breaking. Half of a server's workloads break at a time, so the
other half shows that nobody else is touched; then the halves change places. ``FAULT_MATRIX_FILE``
names a file that gets the measured times.

What no check can see stands in ``unseen``: a mail server that refuses everybody's password (a check
signs in as nobody), and a certificate that is shown only after STARTTLS (the engine does not speak it).
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from tests.integration.platform_file import l4, l4_names, l7, platform
from tests.integration.practice_farm import HTTP_WORKLOADS, NAME, PORTS, PracticeFarm, practice_farm
from tests.integration.suite import Suite, lent_database, suite

from switchover import clock
from switchover.store.embedded import EmbeddedPostgres

ANSWERS_WRONGLY = ("refuse", "503", "401", "421", "wrong-certificate")
SAYS_NOTHING = ("hang", "slow", "half-open")
FAULTS = ANSWERS_WRONGLY + SAYS_NOTHING
MAIL = ("imap", "imaps", "pop3", "pop3s", "smtp", "submission", "submissions", "sieve", "lmtp")
CLEAR_MAIL = frozenset({"imap", "pop3", "smtp", "submission", "sieve", "lmtp"})
COVERED = ("owa", "activesync", "ews")
NAMES = {workload: f"{workload}.contoso.example" for workload in HTTP_WORKLOADS}
EXACT = {"default": (3.5, 8.0), "fast": (1.5, 3.0)}
Row = tuple[str, str]


@dataclass(frozen=True, kw_only=True)
class Matrix:
    """What is tried with one health profile: web workloads, mail ports."""

    profile: str
    web: Sequence[str]
    mail: Sequence[str]

    def limit(self, fault: str) -> float:
        wrong, silent = EXACT[self.profile]
        return silent if fault in SAYS_NOTHING else wrong

    def halves(self) -> list[frozenset[str]]:
        every = [*self.web, *self.mail]
        return [frozenset(every[::2]), frozenset(every[1::2])]


@dataclass(kw_only=True)
class Wave:
    """One moment of breaking: who must leave, who must stay, and who did when."""

    leaves: dict[Row, tuple[str, float]] = field(default_factory=dict)
    stays: set[Row] = field(default_factory=set)
    unseen: set[Row] = field(default_factory=set)
    left: dict[Row, float] = field(default_factory=dict)
    wrongly: dict[Row, float] = field(default_factory=dict)

    def look(self, stopped: set[Row], now: float) -> None:
        for row in stopped:
            if row in self.leaves and row not in self.left:
                self.left[row] = now - self.leaves[row][1]
            elif row in self.stays or row in self.unseen:
                self.wrongly.setdefault(row, now)


def short(fault: str) -> str:
    return fault.replace("wrong-certificate", "cert")


@contextlib.contextmanager
def practice(matrix: Matrix) -> Iterator[PracticeFarm]:
    """Three servers for each fault: in front of l7 and l4, of l4-names, and of the mail ports."""
    servers: dict[str, dict[str, Any]] = {}
    web, mail = {"https": 10443}, {port: PORTS[port][1] for port in matrix.mail}
    for fault in FAULTS:
        servers[f"h-{short(fault)}"] = {"ports": web}
        servers[f"n-{short(fault)}"] = {"ports": web, "names": NAMES}
        servers[f"m-{short(fault)}"] = {"ports": mail}
    with practice_farm(servers, names=(NAME, *NAMES.values())) as running:
        yield running


def farm_text(farm: PracticeFarm, at: Suite, matrix: Matrix) -> str:
    def those(kind: str) -> list[str]:
        return [name for name in farm.addresses if name.startswith(f"{kind}-")]

    ca = {"server_ca": "ca.pem"}
    profile = {"profile": matrix.profile}
    services: dict[str, Any] = {
        "web": l7(at.address, those("h"), workloads=list(matrix.web), health=profile),
        "names": l4_names(
            at.address,
            those("n"),
            names={name: NAMES[name] for name in matrix.web},
            tls=ca,
            health=profile,
        ),
        "stream": l4(at.address, those("h"), workloads=list(COVERED), tls=ca, health=profile),
        "stream-owa": l4(
            at.address, those("h"), port=13443, tls=ca, health={**profile, "workload": "owa"}
        ),
    }
    for port in matrix.mail:
        services[port] = {
            **l4(at.address, those("m"), workloads=[f"{template_of(port)}/{port}"], tls=ca),
            "port": PORTS[port][1],
            "health": profile,
        }
        if port in CLEAR_MAIL:
            services[port].pop("tls")
    servers = {
        **farm.servers(*those("h"), *those("n")),
        **farm.servers(*those("m"), runs=["dovecot", "postfix"]),
    }
    return platform(farm, services, servers=servers, engine={})


def template_of(port: str) -> str:
    return "postfix" if port == "smtp" else "dovecot"


@dataclass(frozen=True, kw_only=True)
class Order:
    """What to break, and the verdicts that must follow."""

    target: str
    fault: str
    follows: tuple[Row, ...] = ()


def plan(matrix: Matrix, half: frozenset[str]) -> tuple[list[Order], Wave]:
    """Return what to break when ``half`` of all workloads breaks, and the wave to watch."""
    wave = Wave()
    orders = [
        order
        for fault in FAULTS
        for order in (
            *on_one_name(matrix, half, fault, wave),
            *on_own_names(matrix, half, fault, wave),
            *on_mail_ports(matrix, half, fault, wave),
        )
    ]
    return orders, wave


def on_one_name(matrix: Matrix, half: frozenset[str], fault: str, wave: Wave) -> Iterator[Order]:
    """Layouts l7 and l4: one port and one name for all web workloads of a server."""
    server = f"h-{short(fault)}"
    stream, stream_owa = ("stream.all", server), ("stream-owa.all", server)
    if fault == "wrong-certificate":
        # The handshake can not tell the workloads of one name apart: all go, in every layout.
        every = [(f"web.{workload}", server) for workload in matrix.web]
        yield Order(target=f"{server}/owa", fault=fault, follows=(*every, stream, stream_owa))
        return
    for workload in matrix.web:
        row = (f"web.{workload}", server)
        if workload not in half:
            wave.stays.add(row)
            continue
        follows = [row]
        follows += [stream] if workload in COVERED else []
        follows += [stream_owa] if workload == "owa" else []
        yield Order(target=f"{server}/{workload}", fault=fault, follows=tuple(follows))
    if "owa" not in half:
        wave.stays.add(stream_owa)


def on_own_names(matrix: Matrix, half: frozenset[str], fault: str, wave: Wave) -> Iterator[Order]:
    """Layout l4-names: the name tells the workloads apart, even in the handshake."""
    server = f"n-{short(fault)}"
    for workload in matrix.web:
        row = (f"names.{workload}", server)
        if workload in half:
            yield Order(target=f"{server}/{workload}", fault=fault, follows=(row,))
        else:
            wave.stays.add(row)


def on_mail_ports(matrix: Matrix, half: frozenset[str], fault: str, wave: Wave) -> Iterator[Order]:
    server = f"m-{short(fault)}"
    for port in matrix.mail:
        row = (f"{port}.{port}", server)
        if port not in half:
            wave.stays.add(row)
        elif fault == "401" or (fault == "wrong-certificate" and port in CLEAR_MAIL):
            wave.unseen.add(row)
            yield Order(target=f"{server}/{port}", fault=fault)
        else:
            yield Order(target=f"{server}/{port}", fault=fault, follows=(row,))


async def run_wave(at: Suite, farm: PracticeFarm, matrix: Matrix, half: frozenset[str]) -> Wave:
    """Break, watch until everybody who must leave has left, keep watching the others, mend."""
    await at.all_up()
    orders, wave = plan(matrix, half)

    def about_to_break(number: int) -> None:
        now = clock.monotonic()
        for row in orders[number].follows:
            wave.leaves.setdefault(row, (orders[number].fault, now))

    over = asyncio.Event()
    async with asyncio.TaskGroup() as group:
        group.create_task(watch(at, wave, over))
        await farm.break_many([(one.target, one.fault) for one in orders], about_to_break)
        await asyncio.sleep(max(EXACT[matrix.profile]) + 2.0)  # those who stay must stay so long
        over.set()
    await farm.mend()
    return wave


async def watch(at: Suite, wave: Wave, over: asyncio.Event) -> None:
    while not over.is_set():
        stopped = {key for key, row in (await at.servers()).items() if row.operation == 0}
        wave.look(stopped, clock.monotonic())
        await asyncio.sleep(0.03)


def report(matrix: Matrix, waves: Sequence[Wave]) -> str:
    """Return a table: a row for each fault, a column for each layout or mail port."""
    times: dict[str, dict[str, list[float]]] = {fault: {} for fault in FAULTS}
    for wave in waves:
        for row, (fault, _) in wave.leaves.items():
            layout = {"web": "l7", "names": "l4-names", "stream": "l4", "stream-owa": "l4"}
            service = row[0].partition(".")[0]
            column = layout.get(service, service)
            times[fault].setdefault(column, []).append(wave.left.get(row, float("inf")))
    columns = ["l7", "l4-names", "l4", *matrix.mail]
    lines = [
        f"Seconds until a broken workload is out, profile {matrix.profile}: "
        "median and longest (number tried); - is what no check can see",
        f"{'fault':18}{'limit':>6}" + "".join(f"{column:>16}" for column in columns),
    ]
    for fault, found in times.items():
        cells = [cell(found.get(column, [])) for column in columns]
        lines.append(
            f"{fault:18}{matrix.limit(fault):6.1f}" + "".join(f"{text:>16}" for text in cells)
        )
    return "\n".join(lines) + "\n"


def cell(times: list[float]) -> str:
    if not times:
        return "-"
    ordered = sorted(times)
    return f"{ordered[len(ordered) // 2]:.2f} {ordered[-1]:.2f} ({len(ordered)})"


async def try_everything(matrix: Matrix, postgres: EmbeddedPostgres) -> None:
    with practice(matrix) as farm, lent_database(postgres) as database:
        async with suite(database=database) as at:
            await at.apply(farm_text(farm, at, matrix), farm.files)
            waves = [await run_wave(at, farm, matrix, half) for half in matrix.halves()]
    table = report(matrix, waves)
    print(table)
    keep(matrix, table)
    judge(matrix, waves)


def keep(matrix: Matrix, table: str) -> None:
    name = os.environ.get("FAULT_MATRIX_FILE")
    if name:
        file = Path(name)
        file.with_name(f"{file.stem}-{matrix.profile}{file.suffix}").write_text(table, "utf-8")


def judge(matrix: Matrix, waves: Sequence[Wave]) -> None:
    late = [
        f"{row[0]}/{row[1]} {fault}: {wave.left.get(row, float('inf')):.2f} s"
        for wave in waves
        for row, (fault, _) in wave.leaves.items()
        if wave.left.get(row, float("inf")) > matrix.limit(fault)
    ]
    assert late == [], "out too late"
    wrongly = sorted({f"{row[0]}/{row[1]}" for wave in waves for row in wave.wrongly})
    assert wrongly == [], "out although nothing that a check could see is wrong"


async def test_every_fault_on_every_workload_is_out_in_time_and_touches_nobody_else(
    postgres: EmbeddedPostgres,
) -> None:
    await try_everything(Matrix(profile="default", web=HTTP_WORKLOADS, mail=MAIL), postgres)


async def test_the_fast_profile_is_faster(postgres: EmbeddedPostgres) -> None:
    mail = ("imaps", "pop3", "smtp", "sieve", "lmtp", "submission")
    await try_everything(Matrix(profile="fast", web=COVERED, mail=mail), postgres)


async def test_what_breaks_right_after_a_reload_is_out_in_time_too(
    postgres: EmbeddedPostgres,
) -> None:
    """A new worker begins its checks anew; it must not take its time over the first one."""
    names = tuple(f"cas{number}" for number in range(1, 9))
    health = {"profile": "fast"}
    with practice_farm(names, ports=["https"]) as farm, lent_database(postgres) as database:
        async with suite(database=database) as at:

            def edition(number: int) -> str:
                web = l7(at.address, names, health=health, timeouts={"owa": f"{600 + number}s"})
                return platform(farm, {"web": web}, engine={})

            await at.apply(edition(0), farm.files)
            await at.all_up()
            done = await at.apply(edition(1))
            assert done["engine"]["means"] == "reload"
            wave, over = Wave(), asyncio.Event()

            def about_to_break(number: int) -> None:
                wave.leaves["web.ews", names[number]] = ("503", clock.monotonic())

            async with asyncio.TaskGroup() as group:
                group.create_task(watch(at, wave, over))
                await farm.break_many([(f"{name}/ews", "503") for name in names], about_to_break)
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(5):
                        while set(wave.left) < set(wave.leaves):
                            await asyncio.sleep(0.01)
                over.set()
            assert max(wave.left.get(row, 99) for row in wave.leaves) <= EXACT["fast"][0]


pytestmark = [pytest.mark.timeout(150), pytest.mark.alone]
