"""Small clients for the practice farm's tests: each says in one word how the farm behaved."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

from switchover.practice.clients import FAILS, LineConnection, reason_of
from switchover.practice.farm import FREE, Farm, FarmSpec, PracticeServer
from switchover.practice.http_client import HttpConnection, client_tls
from switchover.practice.stories import Door
from switchover.practice.workloads import PORT_KINDS, Protocol

if TYPE_CHECKING:
    from collections.abc import Awaitable
    from pathlib import Path

    from switchover.practice.spec import PortChoice

SILENCE_SECONDS = 0.3
PATIENCE_SECONDS = 10.0
NAME = "mail.contoso.example"
MAIL_PORTS = tuple(name for name, kind in PORT_KINDS.items() if kind.protocol != Protocol.HTTP)


def everything_free(*ports: str) -> dict[str, PortChoice]:
    return dict.fromkeys(ports or PORT_KINDS, FREE)


def farm_of(directory: Path, *servers: PracticeServer) -> Farm:
    some = servers or (PracticeServer(name="cas1", ports=everything_free()),)
    return Farm(FarmSpec(servers=some, names=(NAME,)), directory)


def door(farm: Farm, port: str, *, server: str = "cas1", host: str = NAME) -> Door:
    place = farm.servers[server]
    return Door(
        service="mail",
        workload=port,
        address=place.address,
        port=place.ports[port],
        host=host,
        tls=PORT_KINDS[port].tls,
        ca=farm.ca_path,
    )


async def word(work: Awaitable[str], expected: str = "") -> str:
    """Return what the work says, or why it failed; waits briefly where silence is expected."""
    try:
        async with asyncio.timeout(SILENCE_SECONDS if expected == "timeout" else PATIENCE_SECONDS):
            return await work
    except FAILS as error:
        return reason_of(error)


async def open_web(
    farm: Farm, port: str = "https", *, server: str = "cas1", host: str = NAME
) -> HttpConnection:
    place = farm.servers[server]
    tls = client_tls(farm.ca_path) if PORT_KINDS[port].tls else None
    return await HttpConnection.open(place.address, place.ports[port], host=host, tls=tls)


async def ask_web(
    farm: Farm, path: str, expected: str = "", *, port: str = "https", host: str = NAME
) -> str:
    """Return the status of one request over a new connection, or why there is none."""

    async def ask() -> str:
        connection = await open_web(farm, port, host=host)
        try:
            return str((await connection.request("GET", path)).status)
        finally:
            await connection.close()

    return await word(ask(), expected)


@dataclass(frozen=True, slots=True, kw_only=True)
class Talk:
    """A health check of one mail protocol, as a balancer holds it."""

    hello: str
    command: str
    good: str
    goodbye: str
    many_lines: bool = False


TALKS = {
    Protocol.IMAP: Talk(hello="* OK", command="a1 NOOP", good="a1 OK", goodbye="a2 LOGOUT"),
    Protocol.POP3: Talk(hello="+OK", command="NOOP", good="+OK", goodbye="QUIT"),
    Protocol.SMTP: Talk(hello="220", command="EHLO probe", good="250", goodbye="QUIT"),
    Protocol.LMTP: Talk(hello="220", command="LHLO probe", good="250", goodbye="QUIT"),
    Protocol.SIEVE: Talk(hello="OK", command="NOOP", good="OK", goodbye="LOGOUT", many_lines=True),
}


async def greeted(farm: Farm, port: str) -> tuple[LineConnection, str]:
    """Return an open conversation and its greeting, the last line where there are more."""
    lines = await LineConnection.open(door(farm, port))
    try:
        line = await lines.read_line()
        while TALKS[PORT_KINDS[port].protocol].many_lines and line.startswith('"'):
            line = await lines.read_line()
    except BaseException:
        await lines.close()
        raise
    return lines, line


async def ask_mail(farm: Farm, port: str, expected: str = "") -> str:
    """Return ``ok``, the first word that was wrong, or why nothing was said."""
    talk = TALKS[PORT_KINDS[port].protocol]

    async def ask() -> str:
        lines, greeting = await greeted(farm, port)
        try:
            if not greeting.startswith(talk.hello):
                return " ".join(greeting.split()[:2])
            answer = await lines.ask(talk.command)
            if not answer.startswith(talk.good):
                return " ".join(answer.split()[:2])
            await lines.send(talk.goodbye)
            return "ok"
        finally:
            await lines.close()

    return await word(ask(), expected)
