"""What was changed behind switchover's back is found within a cycle, and put right or accepted."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from tests.integration.suite import (
    OTHER_NAME,
    PracticeFarm,
    Suite,
    eventually,
    held,
    imaps,
    l4_names,
    l7,
    lent_database,
    platform,
    practice_farm,
    suite,
)
from tests.unit.balance.paper import Paper

from switchover import clock
from switchover.errors import Unavailable
from switchover.store.embedded import EmbeddedPostgres
from switchover.wire.haproxy.change import ReplaceCertificate
from switchover.wire.haproxy.command import AnswerKind, Command
from switchover.wire.haproxy.dispatch import send_changes
from switchover.wire.haproxy.listings import parse_authorities, parse_chain, parse_server_limits
from switchover.wire.haproxy.state import CheckFlag

SERVERS = ("cas1", "cas2")
CYCLE_SECONDS = 0.5
_SETTLED = ~(CheckFlag.IN_PROGRESS | CheckFlag.PAUSED)
pytestmark = pytest.mark.xdist_group("drift")


@pytest.fixture(scope="module")
def farm() -> Iterator[PracticeFarm]:
    with practice_farm(SERVERS) as running:
        yield running


@pytest.fixture(scope="module")
def home(postgres: EmbeddedPostgres) -> Iterator[Suite]:
    with (
        lent_database(postgres) as database,
        held(suite(database=database, cycle_seconds=str(CYCLE_SECONDS))) as found,
    ):
        yield found


@pytest.fixture
async def running(home: Suite, farm: PracticeFarm) -> Suite:
    if (home.settings.engine_dir / "accepted").exists():
        await home.apply(farm_text(farm, home, edition=9))  # accepted files stay until then
    await home.apply(farm_text(farm, home), farm.files)
    for server in SERVERS:
        await home.post(f"/servers/{server}/resume")
        (await home.api("PUT", f"/servers/{server}/weight", {})).good()
    await home.post("/drift/repair")
    await in_order(home)
    return home


def farm_text(farm: PracticeFarm, at: Suite, *, edition: int = 0) -> str:
    timeouts = {"owa": f"{600 + edition}s"}
    return platform(
        farm,
        {
            "web": l7(at.address, SERVERS, timeouts=timeouts, deny=["198.51.100.0/24"]),
            "names": l4_names(at.address, SERVERS),
            "imap": imaps(at.address, ["cas1", {"name": "cas2", "max_connections": 90}]),
        },
    )


async def in_order(at: Suite) -> None:
    async def is_in_order() -> bool:
        return bool((await at.get("/status"))["cycle"].endswith(": in order"))

    await eventually(is_in_order)


async def by_hand(at: Suite) -> None:
    file = at.settings.engine_dir / "current" / "haproxy.cfg"
    file.write_text(
        file.read_text().replace("timeout http-request 15s", "timeout http-request 14s")
    )


def socket(line: str) -> Callable[[Suite], Awaitable[None]]:
    async def change(at: Suite) -> None:
        answer = await at.command(line)
        assert "No such" not in answer, answer

    return change


async def another_certificate(at: Suite) -> None:
    listed = (await at.command("show ssl cert")).splitlines()
    name = next(line for line in listed if line.startswith("certs/"))
    content = Paper("mail.contoso.example").bundle
    await send_changes(at.admin, [ReplaceCertificate(name=name, content=content)])


async def a_longer_chain(at: Suite) -> None:
    listed = (await at.command("show ssl cert")).splitlines()
    name = next(line for line in listed if line.startswith("certs/"))
    content = (at.settings.engine_dir / "current" / name).read_bytes() + Paper("other").pem
    await send_changes(at.admin, [ReplaceCertificate(name=name, content=content)])


async def another_authority(at: Suite) -> None:
    (name,) = [
        line.partition(" ")[0]
        for line in (await at.command("show ssl ca-file")).splitlines()
        if line.startswith("certs/")
    ]
    pem = Paper("authority", is_authority=True).pem.decode()
    for command in (
        Command(line=f"set ssl ca-file {name}", answers=AnswerKind.TEXT, payload=pem.rstrip()),
        Command(line=f"commit ssl ca-file {name}", answers=AnswerKind.TEXT),
    ):
        (outcome,) = await at.admin.send([command], timeout=5.0)
    assert "Success" in outcome.text


@dataclass(frozen=True, kw_only=True)
class Meddling:
    """A change behind our back: how it is reported, and whether it can be accepted."""

    change: Callable[[Suite], Awaitable[None]]
    kind: str
    subject: str
    found: str
    acceptable: bool = True
    number: int = 1


MEDDLING = {
    "file": Meddling(change=by_hand, kind="file", subject="current", found="edited by hand"),
    "drain": Meddling(
        change=socket("set server web.owa/cas1 state drain"),
        kind="state", subject="web.owa/cas1", found="drain",
    ),
    "maintenance": Meddling(
        change=socket("set server imap.imaps/cas2 state maint"),
        kind="state", subject="imap.imaps/cas2", found="maintenance",
    ),
    "weight": Meddling(
        change=socket("set server names.owa/cas2 weight 33"),
        kind="weight", subject="names.owa/cas2", found="33",
    ),
    "address": Meddling(
        change=socket("set server web.ews/cas1 addr 127.9.9.9 port 10443"),
        kind="address", subject="web.ews/cas1", found="127.9.9.9 port 10443", acceptable=False,
    ),
    "map": Meddling(
        change=socket("set map maps/names.names " + OTHER_NAME + " owa"),
        kind="map", subject="maps/names.names", found="differ", acceptable=False,
    ),
    "list": Meddling(
        change=socket("add acl lists/web.deny 203.0.113.0/24"),
        kind="list", subject="lists/web.deny", found="differ", acceptable=False,
    ),
    "health check": Meddling(
        change=socket("disable health web.owa/cas1"),
        kind="check", subject="web.owa/cas1 (health)", found="disabled", acceptable=False,
    ),
    "agent check": Meddling(
        change=socket("disable agent names.owa/cas2"),
        kind="check", subject="names.owa/cas2 (agent)", found="disabled", acceptable=False,
    ),
    "frontend paused": Meddling(
        change=socket("disable frontend imap"),
        kind="frontend", subject="imap", found="paused", acceptable=False,
    ),
    "frontend shut down": Meddling(
        change=socket("shutdown frontend imap"),
        kind="frontend", subject="imap", found="shut down", acceptable=False,
    ),
    "frontend limit": Meddling(
        change=socket("set maxconn frontend web 7"),
        kind="limit", subject="web", found="7 connections", acceptable=False,
    ),
    "server added": Meddling(
        change=socket("add server web.owa/cas9 192.0.2.99:443"),
        kind="surplus", subject="web.owa/cas9", found="in the engine", acceptable=False,
    ),
    "certificate": Meddling(
        change=another_certificate,
        kind="certificate", subject="certs/", found="SHA-1", acceptable=False,
    ),
    "chain": Meddling(
        change=a_longer_chain,
        kind="certificate", subject="certs/", found="followed by", acceptable=False,
    ),
    "authority": Meddling(
        change=another_authority,
        kind="authority", subject="certs/", found="differ", acceptable=False,
    ),
    "TLS of a server": Meddling(
        change=socket("set server web.owa/cas1 ssl off"),
        kind="TLS", subject="web.owa/cas1", found="off", acceptable=False,
    ),
    "address of checks": Meddling(
        change=socket("set server web.owa/cas1 check-addr 127.9.9.9 port 10443"),
        kind="target", subject="web.owa/cas1 (health)", found="127.9.9.9 port 10443", acceptable=False,
    ),
    "port of checks": Meddling(
        change=socket("set server names.owa/cas2 check-port 10443"),
        kind="target", subject="names.owa/cas2 (health)", found="port 10443", acceptable=False,
    ),
    "address of an agent": Meddling(
        change=socket("set server imap.imaps/cas1 agent-addr 127.9.9.9"),
        kind="target", subject="imap.imaps/cas1 (agent)", found="127.9.9.9 port", acceptable=False,
    ),
    "port of an agent": Meddling(
        change=socket("set server imap.imaps/cas1 agent-port 9"),
        kind="target", subject="imap.imaps/cas1 (agent)", found="port 9", acceptable=False,
    ),
    "server limit": Meddling(
        change=socket("set maxconn server imap.imaps/cas1 1"),
        kind="limit", subject="imap.imaps/cas1", found="1 connections", acceptable=False,
    ),
    "server limit lifted": Meddling(
        change=socket("set maxconn server imap.imaps/cas2 0"),
        kind="limit", subject="imap.imaps/cas2", found="without", acceptable=False,
    ),
    "engine limit": Meddling(
        change=socket("set maxconn global 77"),
        kind="limit", subject="the engine", found="77 connections", acceptable=False,
    ),
    "rate of connections": Meddling(
        change=socket("set rate-limit connections global 50"),
        kind="limit", subject="the engine", found="50 connections per second", acceptable=False,
    ),
    "rate of sessions": Meddling(
        change=socket("set rate-limit sessions global 51"),
        kind="limit", subject="the engine", found="51 sessions per second", acceptable=False,
    ),
    "rate of TLS sessions": Meddling(
        change=socket("set rate-limit ssl-sessions global 52"),
        kind="limit", subject="the engine", found="52 ssl-sessions per second", acceptable=False,
    ),
}  # fmt: skip


async def found_drift(at: Suite) -> dict[str, Any]:
    (one,) = (await at.get("/drift"))["drift"]
    return dict(one)


@pytest.mark.parametrize("name", MEDDLING)
async def test_it_is_found_within_one_cycle_and_told_once(running: Suite, name: str) -> None:
    meddling, began = MEDDLING[name], clock.now().isoformat()
    await meddling.change(running)
    changed = clock.monotonic()

    async def told() -> list[str]:
        return list((await running.get("/status"))["drift"])

    (sentence,) = await eventually(told, seconds=5, every=0.02)
    assert clock.monotonic() - changed < 2 * CYCLE_SECONDS  # the wait for a cycle, and the cycle
    assert meddling.subject in sentence
    assert meddling.found in sentence
    event = await running.event(kind="drift", since=began)
    assert event["cause"] == sentence
    assert event["severity"] == "warning"
    drift = await found_drift(running)
    assert (drift["kind"], drift["sentence"]) == (meddling.kind, sentence)
    if meddling.kind in {"state", "weight"}:
        service, _, rest = meddling.subject.partition(".")
        assert [event["service"], event["workload"], event["server"]] == [
            service, *rest.split("/"),
        ]  # fmt: skip
    await asyncio.sleep(2 * CYCLE_SECONDS)  # two more cycles, which must not tell it again
    assert len(await running.events(kind="drift", since=began)) == 1


@pytest.mark.parametrize("name", MEDDLING)
async def test_repair_puts_it_right(running: Suite, name: str) -> None:
    before, text = await state_of(running), configuration(running)
    began = clock.now().isoformat()
    await MEDDLING[name].change(running)
    shown = await running.cli("drift", "show", "-o", "json")
    assert [one["kind"] for one in shown.json["drift"]] == [MEDDLING[name].kind]
    repaired = await running.cli("drift", "repair", "-o", "json")
    assert [one["kind"] for one in repaired.json["repaired"]] == [MEDDLING[name].kind]
    assert await running.get("/drift") == {"drift": []}
    assert await state_of(running) == before
    assert configuration(running) == text
    event = await running.event(kind="drift-repaired", since=began)
    assert MEDDLING[name].subject in event["cause"]


@pytest.mark.parametrize("name", [name for name, one in MEDDLING.items() if one.acceptable])
async def test_accept_makes_it_the_wish_and_later_changes_work(
    running: Suite, farm: PracticeFarm, name: str
) -> None:
    revision = (await running.get("/revisions/0"))["number"]
    await MEDDLING[name].change(running)
    meant, text = await state_of(running), configuration(running)
    accepted = await running.cli("drift", "accept", "-m", "it was me", "-o", "json")
    assert [one["kind"] for one in accepted.json["accepted"]] == [MEDDLING[name].kind]
    assert await running.get("/drift") == {"drift": []}
    assert await state_of(running) == meant
    latest = await running.get("/revisions/0")
    if name == "file":
        assert latest["number"] == revision
        assert configuration(running) == text
    else:
        assert (latest["number"], latest["verb"], latest["reason"], latest["origin"]) == (
            revision + 1, "accept", "it was me", "drift",
        )  # fmt: skip
        assert MEDDLING[name].subject in latest["overrides"]
    done = await running.apply(farm_text(farm, running, edition=1))
    assert done["engine"]["means"] == "reload"
    assert await running.get("/drift") == {"drift": []}
    assert await state_of(running) == meant
    assert "timeout server 601000ms" in configuration(running)


@pytest.mark.parametrize("name", [name for name, one in MEDDLING.items() if not one.acceptable])
async def test_what_stands_in_the_file_can_not_be_accepted(running: Suite, name: str) -> None:
    await MEDDLING[name].change(running)
    answer = await running.api("POST", "/drift/accept", {})
    assert answer.status == 409
    assert "apply a changed file, or run: switchover drift repair" in answer.body["detail"]
    assert (await found_drift(running))["kind"] == MEDDLING[name].kind


async def test_an_accepted_file_outlives_our_restart_and_an_engine_that_dies(
    running: Suite,
) -> None:
    await by_hand(running)
    text = configuration(running)
    await running.post("/drift/accept", {"reason": "tuned"})
    worker = (await running.info()).pid
    running.kill()
    await running.start()
    assert await running.get("/drift") == {"drift": []}
    assert configuration(running) == text
    assert (await running.info()).pid == worker
    os.kill((await running.processes()).master.pid, signal.SIGKILL)
    await eventually(lambda: other_worker(running, worker))
    await in_order(running)
    assert configuration(running) == text


async def other_worker(at: Suite, known: int) -> bool:
    try:
        return (await at.info()).pid != known
    except Unavailable:
        return False


async def test_a_file_edited_while_we_were_away_is_reported_and_not_overwritten(
    running: Suite,
) -> None:
    worker = (await running.info()).pid
    running.kill()
    await by_hand(running)
    text = configuration(running)
    await running.start()

    async def kinds() -> list[str]:
        return [one["kind"] for one in (await running.get("/drift"))["drift"]]

    assert await kinds() == ["file"]
    assert configuration(running) == text
    assert (await running.info()).pid == worker


async def test_resuming_a_server_that_was_drained_behind_our_back_resumes_it(
    running: Suite,
) -> None:
    await MEDDLING["drain"].change(running)
    await running.post("/servers/cas1/resume", {"service": "web"})
    assert not (await running.servers())["web.owa", "cas1"].is_draining
    assert await running.get("/drift") == {"drift": []}


async def test_several_at_once_are_accepted_in_one_revision(running: Suite) -> None:
    revision = (await running.get("/revisions/0"))["number"]
    for name in ("drain", "maintenance", "weight"):
        await MEDDLING[name].change(running)
    accepted = await running.post("/drift/accept", {"reason": "all of it"})
    assert len(accepted["accepted"]) == 3
    latest = await running.get("/revisions/0")
    assert latest["number"] == revision + 1
    assert set(latest["overrides"]) == {"web.owa/cas1", "imap.imaps/cas2", "names.owa/cas2"}


async def test_a_drain_and_an_edited_file_are_accepted_together(running: Suite) -> None:
    await MEDDLING["drain"].change(running)
    await by_hand(running)
    text = configuration(running)
    accepted = await running.post("/drift/accept")
    assert {one["kind"] for one in accepted["accepted"]} == {"state", "file"}
    await running.post("/servers/cas2/drain", {"service": "imap"})
    assert configuration(running) == text
    assert await running.get("/drift") == {"drift": []}


@pytest.mark.parametrize("name", ["weight", "maintenance"])
async def test_an_edited_file_is_never_lost_by_accepting_something_else(
    running: Suite, name: str
) -> None:
    await MEDDLING[name].change(running)
    await by_hand(running)
    text, revision = configuration(running), (await running.get("/revisions/0"))["number"]
    answer = await running.api("POST", "/drift/accept", {})
    assert answer.status == 409
    assert "lose what was edited" in answer.body["detail"]
    assert configuration(running) == text
    assert (await running.get("/revisions/0"))["number"] == revision


async def test_a_dry_run_leaves_an_edited_file_alone(running: Suite, farm: PracticeFarm) -> None:
    await by_hand(running)
    text = configuration(running)
    await running.apply(farm_text(farm, running), dry_run=True)
    await running.apply(farm_text(farm, running) + "# a comment\n", dry_run=True)
    assert configuration(running) == text
    assert [path.name for path in (running.settings.engine_dir / "trees").glob("draft-*")] == []


async def state_of(at: Suite) -> dict[str, Any]:
    servers = {
        key: (
            row.is_draining,
            row.is_maintenance,
            row.weight,
            row.address,
            row.port,
            row.check & _SETTLED,
            row.agent & _SETTLED,
            row.endpoints,
        )
        for key, row in (await at.servers()).items()
    }
    tables: dict[str, Any] = {}
    for command in (
        "show map maps/names.names",
        "show map maps/web.paths",
        "show acl lists/web.deny",
    ):
        lines = (await at.command(command)).splitlines()
        tables[command] = sorted(line.partition(" ")[2] for line in lines if line.startswith("0x"))
    shown = await at.command("show stat -1 1 -1")
    wanted = ("pxname", "slim", "status")
    columns = [shown.splitlines()[0].removeprefix("# ").split(",").index(name) for name in wanted]
    tables["frontends"] = sorted(
        [line.split(",")[column] for column in columns] for line in shown.splitlines()[1:]
    )
    for kind in ("cert", "ca-file"):
        for line in (await at.command(f"show ssl {kind}")).splitlines():
            name = line.partition(" ")[0]
            if name.startswith("certs/"):
                shown = await at.command(f"show ssl {kind} {name}")
                tables[f"{kind} {name}"] = (parse_authorities(shown), parse_chain(shown))
    tables["server limits"] = parse_server_limits(await at.command("show stat -1 4 -1"))
    info = await at.info()
    tables["limits"] = (info.max_connections, info.rate_limits)
    return {"servers": servers, **tables}


def configuration(at: Suite) -> str:
    return Path(at.settings.engine_dir / "current" / "haproxy.cfg").read_text()
