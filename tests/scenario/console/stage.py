"""What all stories of the console play on: one switchover with its engine and database, and a practice farm."""

from __future__ import annotations

import contextlib
import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import yaml
from tests.integration.practice_farm import NAME, OTHER_NAME, PORTS, PracticeFarm, practice_farm
from tests.integration.processes import short_directory
from tests.integration.suite import Suite, database_url_of, suite

from switchover.store.embedded import EmbeddedPostgres

SERVERS: Mapping[str, Mapping[str, Any]] = {
    "cas1": {},
    "cas2": {},
    "mx1": {"runs": ["dovecot", "postfix"]},
    "mx2": {"runs": ["dovecot", "postfix"]},
}
SITES = {"cas1": "brussels", "cas2": "ghent", "mx1": "brussels", "mx2": "ghent"}
ROLES = ("viewer", "operator", "admin")
PASSWORD = "four words are enough"
WORKLOADS = ["owa", "ecp", "activesync", "ews", "mapi", "oab", "autodiscover"]


@dataclass(kw_only=True)
class Stage:
    """A platform in force, with an account for each role (its name is the role's)."""

    suite: Suite
    farm: PracticeFarm
    states: dict[str, Any] = field(default_factory=dict)
    """Cookies of each role's session, once it has signed in."""
    database: EmbeddedPostgres | None = None
    """The stage's own, which a story may stop; None where switchover brings it itself."""

    @property
    def home(self) -> str:
        return self.suite.url

    async def reset(self) -> None:
        """Make everything work again, as the platform file says."""
        await self.farm.mend()
        await self.suite.apply(platform_text(self.farm, self.suite.address), self.farm.files)
        for server in SERVERS:
            await self.suite.post(f"/servers/{server}/resume")
        await self.suite.all_up()


def platform_text(farm: PracticeFarm, address: str) -> str:
    """Return a platform of three layouts, as operators write it."""
    ports = dict(PORTS.values())
    servers = {
        name: {
            "address": farm.addresses[name],
            "site": SITES[name],
            "runs": keys.get("runs", ["exchange"]),
            "ports": ports,
        }
        for name, keys in SERVERS.items()
    }
    shared = {"address": address, "health": {"profile": "fast"}}
    services = {
        "mail": {
            **shared,
            "title": "Outlook and webmail",
            "port": 10443,
            "layout": "l7",
            "names": [NAME, OTHER_NAME],
            "workloads": WORKLOADS,
            "servers": ["cas1", "cas2"],
            "tls": {"certificate": "front.pem", "server_ca": "ca.pem"},
        },
        "phones": {
            **shared,
            "title": "Phones, not decrypted",
            "port": 11443,
            "layout": "l4-names",
            "names": {"activesync": OTHER_NAME, "owa": NAME},
            "servers": ["cas1", {"name": "cas2", "weight": 50}],
        },
        "imap": {
            **shared,
            "title": "IMAP for everybody",
            "port": 10993,
            "layout": "l4",
            "names": [NAME],
            "workloads": ["imaps"],
            "servers": ["mx1", "mx2"],
        },
    }
    platform = {
        "platform": "contoso",
        "engine": {"agent_interval": "1s"},
        "servers": servers,
        "services": services,
    }
    # By way of JSON: what is the same object is no alias then, as nobody writes them by hand.
    return yaml.safe_dump(json.loads(json.dumps(platform)), sort_keys=False)


@contextlib.asynccontextmanager
async def own_database() -> AsyncIterator[EmbeddedPostgres]:
    """Run a PostgreSQL beside the stage."""
    with short_directory() as directory:
        server = EmbeddedPostgres(directory / "postgresql", directory / "sockets")
        await server.start()
        try:
            yield server
        finally:
            await server.stop()


@contextlib.asynccontextmanager
async def staged(database: EmbeddedPostgres | None = None) -> AsyncIterator[Stage]:
    """Run a farm and a switchover that carries it; without ``database`` it brings its own."""
    url = database_url_of(database, "switchover") if database else None
    with practice_farm(SERVERS, ports=("https", "imaps", "smtp", "submission")) as farm:
        async with suite(database=url, cycle_seconds="0.5") as running:
            stage = Stage(suite=running, farm=farm, database=database)
            await stage.suite.apply(platform_text(farm, running.address), farm.files)
            for role in ROLES:
                await make_account(running, role, role)
            weight = {"service": "imap", "weight": 90, "reason": "a smaller machine"}
            (await running.api("PUT", "/servers/mx2/weight", weight)).good()
            await running.all_up()
            yield stage


async def make_account(at: Suite, name: str, role: str) -> None:
    """Make a local account with PASSWORD."""
    body = {"name": name, "role": role, "password": PASSWORD}
    (await at.api("POST", "/accounts", body)).good()
