"""What is done behind switchover's back, and the state it is to put right."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.integration.platform_file import imaps, l4_names, l7, platform
from tests.integration.practice_farm import OTHER_NAME, SERVERS, PracticeFarm
from tests.integration.suite import Suite
from tests.unit.balance.paper import Paper

from switchover.wire.haproxy.change import ReplaceCertificate
from switchover.wire.haproxy.command import AnswerKind, Command
from switchover.wire.haproxy.dispatch import send_changes
from switchover.wire.haproxy.listings import parse_authorities, parse_chain, parse_server_limits
from switchover.wire.haproxy.state import CheckFlag

_SETTLED = ~(CheckFlag.IN_PROGRESS | CheckFlag.PAUSED)


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
