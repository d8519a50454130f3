"""A sign-in that belongs to a connection never reaches another client through the balancer."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
from collections import Counter
from collections.abc import AsyncIterator, Iterator

import pytest
from tests.integration.platform_file import l7, platform
from tests.integration.practice_farm import NAME, SERVERS, PracticeFarm, practice_farm
from tests.integration.suite import Suite, lent_suite

from switchover.practice.http_client import HttpConnection, client_tls
from switchover.practice.spec import DEFAULT_PASSWORD
from switchover.store.embedded import EmbeddedPostgres

pytestmark = pytest.mark.xdist_group("identity")
REQUESTS = 500
PORT = {"re-encrypt": 10443, "offload": 10444}


@pytest.fixture(scope="module")
def farm() -> Iterator[PracticeFarm]:
    with practice_farm(SERVERS, ports=["https", "http"]) as running:
        yield running


@pytest.fixture(scope="module")
def running(farm: PracticeFarm, postgres: EmbeddedPostgres) -> Iterator[Suite]:
    with lent_suite(postgres) as found:
        asyncio.run(found.apply(farm_text(farm, found), farm.files))
        asyncio.run(found.all_up())
        yield found


def farm_text(farm: PracticeFarm, at: Suite, *, edition: int = 0) -> str:
    timeouts = {"owa": f"{600 + edition}s"}
    offload = {"mode": "offload", "certificate": "front.pem"}
    return platform(
        farm,
        {
            "web": l7(at.address, SERVERS, timeouts=timeouts, scheduler="round-robin"),
            "clear": l7(
                at.address, SERVERS, port=10444, tls=offload, timeouts=timeouts,
                scheduler="round-robin",
            ),
        },
    )  # fmt: skip


@contextlib.asynccontextmanager
async def connection(farm: PracticeFarm, at: Suite, mode: str) -> AsyncIterator[HttpConnection]:
    opened = await HttpConnection.open(at.address, PORT[mode], host=NAME, tls=client_tls(farm.ca))
    try:
        yield opened
    finally:
        await opened.close()


class Census:
    """Who each server took a client for, by who the client was."""

    def __init__(self) -> None:
        self.seen: Counter[tuple[str | None, str | None]] = Counter()
        self.signed_in = 0

    @property
    def mistaken(self) -> dict[tuple[str | None, str | None], int]:
        return {who: count for who, count in self.seen.items() if who[0] != who[1]}

    async def ask(self, client: HttpConnection, path: str, user: str | None) -> bool:
        """Ask without credentials; return whether the server still knows the connection."""
        response = await client.request("GET", path)
        if response.status == 401:
            assert user is not None, "nobody asked for a sign-in"
            return False
        assert response.status == 200
        self.seen[user, json.loads(response.body)["user"]] += 1
        return True

    async def sign_in(self, client: HttpConnection, path: str, user: str, scheme: str) -> None:
        response = await client.sign_in(path, user, DEFAULT_PASSWORD, scheme)
        assert response.status == 200
        self.signed_in += 1
        self.seen[user, json.loads(response.body)["user"]] += 1


@pytest.mark.parametrize("mode", PORT)
async def test_two_users_and_strangers_on_kept_connections_are_never_mixed_up(
    running: Suite, farm: PracticeFarm, mode: str
) -> None:
    census = Census()

    async def use(user: str | None, scheme: str) -> None:
        async with connection(farm, running, mode) as client:
            path = "/owa/whoami" if user else "/owa/"
            if user:
                await census.sign_in(client, path, user, scheme)
            for _ in range(REQUESTS // 2):
                assert await census.ask(client, path, user), "the sign-in was forgotten"
                await asyncio.sleep(0)  # so that the others come in between

    async with asyncio.TaskGroup() as group:
        for user in ("alice@contoso.example", "bob@contoso.example", None):
            for scheme in ("NTLM", "Negotiate"):
                group.create_task(use(user, scheme))
    assert census.mistaken == {}
    assert sorted(census.seen.values()) == [REQUESTS, REQUESTS + 2, REQUESTS + 2]


@pytest.mark.parametrize("mode", PORT)
async def test_connections_of_users_who_left_are_given_to_nobody(
    running: Suite, farm: PracticeFarm, mode: str
) -> None:
    """The engine keeps server connections for the next client: never one that somebody signed in."""
    census = Census()
    names = itertools.cycle(("alice@contoso.example", "bob@contoso.example"))

    async def come_and_go(times: int) -> None:
        for _ in range(times):
            async with connection(farm, running, mode) as client:
                await census.sign_in(client, "/ews/whoami", next(names), "NTLM")

    async def stay(requests: int) -> None:
        async with connection(farm, running, mode) as client:
            for _ in range(requests):
                assert await census.ask(client, "/ews/", None)
                await asyncio.sleep(0)

    async with asyncio.TaskGroup() as group:
        for _ in range(3):
            group.create_task(come_and_go(20))
        for _ in range(4):
            group.create_task(stay(REQUESTS // 4))
    async with connection(farm, running, mode) as late:
        for _ in range(20):
            assert await census.ask(late, "/ews/", None)
    assert census.mistaken == {}
    assert census.seen[None, None] == REQUESTS + 20


async def test_reloads_end_sign_ins_at_most_and_never_swap_them(
    running: Suite, farm: PracticeFarm
) -> None:
    census = Census()
    stop = asyncio.Event()

    async def use(user: str | None) -> None:
        path = "/owa/whoami" if user else "/owa/"
        while not stop.is_set():
            async with connection(farm, running, "re-encrypt") as client:
                if user:
                    await census.sign_in(client, path, user, "NTLM")
                # The old worker closes a kept connection after an answer; then one signs in anew.
                while client.is_usable and not stop.is_set():
                    assert await census.ask(client, path, user)
                    await asyncio.sleep(0.01)

    async with asyncio.TaskGroup() as group:
        for user in ("alice@contoso.example", "bob@contoso.example", None, None):
            group.create_task(use(user))
        for edition in range(1, 6):
            signed_in = census.signed_in
            done = await running.apply(farm_text(farm, running, edition=edition))
            assert done["engine"]["means"] == "reload"
            async with asyncio.timeout(10):
                while census.signed_in < signed_in + 2:
                    await asyncio.sleep(0.01)
        stop.set()
    assert census.mistaken == {}
