"""A practice farm in a process of its own, and steady clients with an account of what they met."""

from __future__ import annotations

import contextlib
import json
import subprocess
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
from tests.integration.processes import end, eventually, loopback, short_directory, spawn

from switchover.practice.control import TOKEN_HEADER, PracticeControl, read_control_file
from switchover.practice.stories import Story
from switchover.practice.traffic import Traffic, TrafficSnapshot

NAME = "mail.contoso.example"
OTHER_NAME = "autodiscover.contoso.example"
SERVERS = ("cas1", "cas2")
"""What most tests have on their farm."""
PATHS = {
    "owa": "/owa",
    "ecp": "/ecp",
    "activesync": "/Microsoft-Server-ActiveSync",
    "ews": "/ews",
    "mapi": "/mapi",
    "rpc": "/rpc",
    "oab": "/oab",
    "autodiscover": "/autodiscover",
    "api": "/api",
    "powershell": "/powershell",
}
HTTP_WORKLOADS = tuple(PATHS)
# Practice port by its name in the farm: the template's port, and the one served (no root needed).
PORTS = {
    "https": (443, 10443),
    "http": (80, 10080),
    "imap": (143, 10143),
    "imaps": (993, 10993),
    "pop3": (110, 10110),
    "pop3s": (995, 10995),
    "smtp": (25, 10025),
    "submission": (587, 10587),
    "submissions": (465, 10465),
    "sieve": (4190, 14190),
    "lmtp": (24, 10024),
}
SERVER_PORTS = dict(PORTS.values())


@dataclass(kw_only=True)
class PracticeFarm:
    """A farm in a process of its own; ``files`` are the certificates a platform file may name."""

    process: subprocess.Popen[bytes]
    directory: Path
    addresses: Mapping[str, str]
    control: PracticeControl

    @property
    def ca(self) -> Path:
        return self.directory / "ca.pem"

    @property
    def files(self) -> dict[str, bytes]:
        return {name: (self.directory / name).read_bytes() for name in ("ca.pem", "front.pem")}

    def servers(self, *names: str, runs: str | list[str] = "exchange") -> dict[str, Any]:
        """Return the ``servers`` section of a platform file for these servers (all of them)."""
        return {
            name: {"address": self.addresses[name], "runs": runs, "ports": SERVER_PORTS}
            for name in (names or self.addresses)
        }

    async def break_(self, target: str, fault: str, seconds: float | None = None) -> None:
        await self.control.break_(target, fault, seconds)

    async def break_many(
        self, orders: Sequence[tuple[str, str]], about_to: Callable[[int], None]
    ) -> None:
        """Break targets one after the other, quickly; ``about_to`` is told of each just before it."""
        address = read_control_file(self.directory)
        headers = {TOKEN_HEADER: address.token}
        async with aiohttp.ClientSession(headers=headers) as session:
            for number, (target, fault) in enumerate(orders):
                order = {"target": target, "fault": fault, "seconds": None}
                about_to(number)
                async with session.post(f"{address.url}/break", json=order) as answer:
                    assert answer.status == 200, await answer.text()

    async def mend(self, target: str = "all") -> None:
        await self.control.mend(target)

    async def requests(self, server: str, workload: str) -> int:
        """Return how many requests, not checks, this workload of this server has answered well."""
        states = await self.control.state()
        return next(s.requests for s in states if (s.server, s.workload) == (server, workload))


@contextlib.contextmanager
def practice_farm(
    servers: Mapping[str, Mapping[str, Any]] | Sequence[str],
    *,
    ports: Sequence[str] = ("https", "imaps", "smtp"),
    names: Sequence[str] = (NAME, OTHER_NAME),
) -> Iterator[PracticeFarm]:
    """Run a farm; ``servers`` are names, or names with more keys of the farm's specification."""
    described = servers if isinstance(servers, Mapping) else {name: {} for name in servers}
    addresses = {name: loopback() for name in described}
    spec = {
        "servers": {
            name: {
                "address": addresses[name],
                "runs": ["exchange"],
                "ports": {port: PORTS[port][1] for port in ports},
                **keys,
            }
            for name, keys in described.items()
        },
        "names": list(names),
    }
    with short_directory() as directory:
        (directory / "farm.json").write_text(json.dumps(spec))
        process = spawn(
            "switchover.practice",
            *("--spec", str(directory / "farm.json"), "--directory", str(directory / "farm")),
            "--follow-parent",
            stdout=subprocess.PIPE,
        )
        try:
            assert process.stdout is not None
            assert process.stdout.readline(), "the farm did not start"
            yield PracticeFarm(
                process=process,
                directory=directory / "farm",
                addresses=addresses,
                control=PracticeControl.in_directory(directory / "farm"),
            )
        finally:
            end(process)


class Clients:
    """Steady clients, and their account of what they met."""

    def __init__(self, traffic: Traffic) -> None:
        self.traffic = traffic

    @property
    def account(self) -> TrafficSnapshot:
        return self.traffic.snapshot()

    async def flow(self, *, more: int = 50, seconds: float = 20.0) -> None:
        """Wait until every story has begun and so many more requests have ended."""
        await eventually(lambda: all(tally.requests for tally in self.account.tallies))
        goal = self.account.requests + more
        await eventually(lambda: self.account.requests >= goal, seconds=seconds)

    def lost(self) -> list[str]:
        """Return what failed so far, in words."""
        return [
            f"{failure.at:%H:%M:%S.%f} {failure.service}/{failure.workload} client "
            f"{failure.client}: {failure.reason}"
            for failure in self.account.failures
        ]


@contextlib.asynccontextmanager
async def playing(*stories: Story) -> AsyncIterator[Clients]:
    """Play stories until the block ends."""
    async with Traffic(stories) as traffic:
        yield Clients(traffic)
