"""A change is stopped before every step by SIGKILL; the next start finishes or forgets it, whole.

The platform goes back and forth between two editions. After each death clients are served all the while;
the next life finds in the database either the old revision or the new one, has the engine serve just that,
can make the change again, and finds nothing left to do the second time.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import re
import signal
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import replace
from multiprocessing.connection import Connection
from typing import Any

import pytest
from tests.crash.life import Doors, Edition, Kind, Order, Report, begin, live
from tests.integration.platform_file import l4, l4_names, l7, platform
from tests.integration.practice_farm import (
    NAME,
    OTHER_NAME,
    SERVERS,
    PracticeFarm,
    playing,
    practice_farm,
)
from tests.integration.processes import eventually
from tests.integration.suite import Suite, lent_database, suite

from switchover.practice.stories import Door, HttpStory
from switchover.store.embedded import EmbeddedPostgres

PORTS = {"web": 10443, "names": 11443, "stream": 12443}
LONGEST_LIFE_SECONDS = 30
MOST_STEPS = 200
EXPECTED = {
    Kind.RELOAD: {"database", "check", "os.symlink", "os.rename", "connect master.sock"},
    Kind.RUNTIME: {"database", "os.symlink", "os.rename", "connect engine.sock", "answer"},
    Kind.DRAIN: {"database", "connect engine.sock", "answer"},
}


@pytest.fixture(scope="module")
def farm() -> Iterator[PracticeFarm]:
    with practice_farm(SERVERS) as running:
        yield running


@pytest.fixture
async def at() -> AsyncIterator[Suite]:
    async with suite() as running:
        yield running


def edition(farm: PracticeFarm, at: Suite, kind: Kind, server: str) -> Edition:
    """The edition in which ``server`` alone serves everything and shows its certificate."""
    first = server == SERVERS[0]
    # Checks ask for one name whatever clients use, so that a change of names needs no reload.
    asked = {"owa": {"host": NAME}, "activesync": {"host": NAME}}
    keys: dict[str, Any] = {"health": {"profile": "fast", "workloads": asked}}
    servers: list[Any] = list(SERVERS)
    names = {"owa": NAME, "activesync": OTHER_NAME}
    if kind is Kind.RELOAD:
        servers = [server]
    elif kind is Kind.RUNTIME:
        servers = [{"name": name, "weight": 100 if name == server else 0} for name in SERVERS]
        keys["scheduler"] = "weighted"
        keys["allow"] = ["127.0.0.0/8", "192.0.2.0/24" if first else "198.51.100.0/24"]
        names = names if first else {"owa": OTHER_NAME, "activesync": NAME}
    else:
        keys["scheduler"] = "first-available"
    shown = SERVERS[0] if kind is Kind.DRAIN else server
    certificate = (farm.directory / f"{shown}.pem").read_bytes()
    return Edition(
        text=platform(
            farm,
            {
                "web": l7(at.address, servers, **keys),
                "names": l4_names(at.address, servers, names=names, **keys),
                "stream": l4(at.address, servers, **keys),
            },
            # With the usual 20, clients that stay would be cut off after as many deaths.
            engine={"old_workers": 200},
        ),
        files={"ca.pem": farm.files["ca.pem"], "front.pem": certificate},
        is_drained=kind is Kind.DRAIN and not first,
    )


def serves(kind: Kind, server: str) -> dict[str, str]:
    """What clients are served in the edition of ``server``."""
    shown = SERVERS[0] if kind is Kind.DRAIN else server
    return {**dict.fromkeys(PORTS, server), "certificate": shown}


def stories(farm: PracticeFarm, at: Suite) -> list[HttpStory]:
    played = []
    for service, port in PORTS.items():
        door = Door(
            service=service, workload="owa", address=at.address, port=port, host=NAME, tls=True,
            ca=farm.ca, timeout_seconds=8.0,
        )  # fmt: skip
        played.append(HttpStory(door=door, path="/owa/", clients=2, rate_per_second=8))
        played.append(
            HttpStory(door=door, path="/owa/", clients=2, rate_per_second=8, keep_alive=False)
        )
    return played


async def live_and_die(order: Order, life: Callable[[Order, Connection], None] = live) -> Report:
    """Run one life in a fresh process and return what it saw."""
    context = multiprocessing.get_context("forkserver")
    reports, ours = context.Pipe(duplex=False)
    process = context.Process(target=life, args=(order, ours))
    process.start()
    ours.close()

    def wait() -> Report | None:
        try:
            return reports.recv() if reports.poll(LONGEST_LIFE_SECONDS) else None
        except EOFError:
            return None
        finally:
            reports.close()
            process.join(LONGEST_LIFE_SECONDS)
            process.kill()
            process.join()

    report = await asyncio.to_thread(wait)
    assert report is not None, f"ended with {process.exitcode} before it could report"
    assert process.exitcode == -signal.SIGKILL
    return report


@pytest.mark.timeout(600)  # one life for each step, some fifty of them
@pytest.mark.parametrize("kind", list(Kind))
async def test_killed_before_any_step_a_change_is_whole_or_not_at_all(
    kind: Kind, farm: PracticeFarm, at: Suite
) -> None:
    editions = [edition(farm, at, kind, server) for server in SERVERS]
    await at.apply(editions[0].text, editions[0].files)
    await at.all_up()
    at.kill()
    doors = Doors(address=at.address, ports=PORTS, host=NAME, ca=farm.ca)
    number, old, new = 1, 0, 0
    report = Report()
    async with playing(*stories(farm, at)) as clients:
        await clients.flow(more=10)
        for step in range(1, MOST_STEPS):
            before = " then ".join(report.steps[-2:])
            report = await live_and_die(
                Order(
                    data=at.data,
                    environment=at.environment,
                    doors=doors,
                    kind=kind,
                    left_over=editions[new],
                    next=editions[1 - new],
                    step=step,
                )
            )
            told = f"died before {before!r}: {report}"
            assert not clients.lost(), f"{clients.lost()} {told}"
            assert_found_whole(report, kind, number=number, old=old, new=new, told=told)
            number, old, new = report.finished[0][0] or 0, new, 1 - new
            if report.is_done:
                break
    assert report.is_done
    assert not EXPECTED[kind] - {re.sub(r"^(os\.\w+) .*", r"\1", one) for one in report.steps}
    await at.start()

    async def in_order() -> bool:
        return bool((await at.get("/status"))["cycle"] == f"revision {number + 1}: in order")

    await eventually(in_order)


def assert_found_whole(
    report: Report, kind: Kind, *, number: int, old: int, new: int, told: str
) -> None:
    """The change from ``old`` to ``new`` would make revision ``number + 1``, if it was made."""
    either = [serves(kind, SERVERS[which]) for which in (old, new)]
    if kind is Kind.RELOAD:
        assert report.orphaned in either, told
    is_made = old == new or report.number == number + 1
    assert report.number == number + (is_made and old != new), told
    assert report.served == either[is_made], told
    assert report.sentences[-1] == f"revision {report.number}: in order", told
    assert (report.drift, report.unaccounted) == ([], []), told
    goal = number + (old != new)
    means = "nothing" if is_made else "reload" if kind is Kind.RELOAD else "runtime"
    assert report.finished == [(goal, means), (goal, "nothing")], told
    assert report.workers[0] == report.workers[1], told


@pytest.mark.alone  # a busy engine is asked more often, and one life's step is then another's later one
@pytest.mark.timeout(600)  # two lives for each step
async def test_killed_before_any_step_of_the_first_change_engine_and_history_agree_or_status_tells(
    farm: PracticeFarm, postgres: EmbeddedPostgres
) -> None:
    found = []
    for step in range(1, MOST_STEPS):
        with lent_database(postgres) as database:
            async with suite(database=database, start=False) as at:
                order = first_order(farm, at, step)
                died = await live_and_die(order, begin)
                after = await live_and_die(replace(order, step=0), begin)
        told = f"died before {' then '.join(died.steps[-2:])!r}: {after}"
        assert_agrees_or_says_not(after, told=told)
        found.append((after.number, after.runs))
        if died.is_done:
            break
    assert died.is_done
    # Each end was met, and once the revision is there it stays. A busy machine asks its engine or database
    # once more or less, so what one life did in a step another may do in the one before or behind.
    assert set(found) == {(0, False), (0, True), (1, True)}
    assert all(near <= far for near, far in zip(found, found[3:], strict=False))


def first_order(farm: PracticeFarm, at: Suite, step: int) -> Order:
    wanted = edition(farm, at, Kind.RELOAD, SERVERS[0])
    return Order(
        data=at.data,
        environment=at.environment,
        doors=Doors(address=at.address, ports=PORTS, host=NAME, ca=farm.ca),
        kind=Kind.RELOAD,
        left_over=wanted,
        next=wanted,
        step=step,
    )


def assert_agrees_or_says_not(after: Report, *, told: str) -> None:
    sentence, warned = after.sentences[1], [one for one in after.warnings if "no revision" in one]
    if after.number:
        assert (sentence, after.drift, warned) == ("revision 1: in order", [], []), told
    elif after.runs:
        assert re.match(r"the engine is running what is no revision \(trees/\w{24}\);", sentence), (
            told
        )
        assert "switchover drift repair --stop-engine" in sentence, told
        assert (len(after.drift), warned) == (1, [sentence]), told
    else:
        assert (sentence, after.drift, warned) == ("no platform file was applied yet", [], []), told
    assert after.unaccounted == [], told
    means = "nothing" if after.number else "reload" if after.runs else "start"
    assert after.finished == [(1, means), (1, "nothing")], told
    assert after.served == serves(Kind.RELOAD, SERVERS[0]), told
    assert after.sentences[-1] == "revision 1: in order", told
