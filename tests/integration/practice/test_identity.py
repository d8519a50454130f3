from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING

import pytest
from tests.integration.practice.asking import farm_of, open_web

from switchover.practice.sign_in import basic

if TYPE_CHECKING:
    from pathlib import Path

    from switchover.practice.http_client import HttpConnection


async def whoami(connection: HttpConnection) -> str | None:
    response = await connection.request("GET", "/owa/whoami")
    if response.status == 401:
        return None
    user = json.loads(response.body)["user"]
    assert isinstance(user, str)
    return user


@pytest.mark.parametrize("path", ["/owa/whoami", "/ews/x?auth=required"])
async def test_who_has_not_signed_in_is_asked_to(tmp_path: Path, path: str) -> None:
    async with farm_of(tmp_path) as farm:
        connection = await open_web(farm)
        response = await connection.request("GET", path)
        assert response.status == 401
        assert response.fields["www-authenticate"] == 'Negotiate, NTLM, Basic realm="practice"'
        await connection.close()


async def test_basic_is_good_for_its_own_request_only(tmp_path: Path) -> None:
    async with farm_of(tmp_path) as farm:
        connection = await open_web(farm)
        credentials = (("Authorization", basic("ann", "practice")),)
        response = await connection.request("GET", "/owa/whoami", fields=credentials)
        assert json.loads(response.body)["user"] == "ann"
        assert await whoami(connection) is None
        wrong = (("Authorization", basic("ann", "guess")),)
        assert (await connection.request("GET", "/owa/", fields=wrong)).status == 401
        await connection.close()


@pytest.mark.parametrize("scheme", ["NTLM", "Negotiate"])
async def test_a_signed_in_connection_belongs_to_its_user(tmp_path: Path, scheme: str) -> None:
    async with farm_of(tmp_path) as farm:
        ann, bob, nobody = [await open_web(farm) for _ in range(3)]
        for connection, user in ((ann, "ann"), (bob, "bob@contoso.example")):
            response = await connection.sign_in("/owa/whoami", user, "practice", scheme)
            assert (response.status, response.fields["persistent-auth"]) == (200, "true")
        for _ in range(50):
            users = await asyncio.gather(whoami(ann), whoami(bob), whoami(nobody))
            assert tuple(users) == ("ann", "bob@contoso.example", None)
        for connection in (ann, bob, nobody):
            await connection.close()


async def test_a_wrong_password_binds_nothing(tmp_path: Path) -> None:
    async with farm_of(tmp_path) as farm:
        connection = await open_web(farm)
        assert (await connection.sign_in("/owa/whoami", "ann", "guess")).status == 401
        assert await whoami(connection) is None
        await connection.close()


async def test_the_health_page_needs_nobody(tmp_path: Path) -> None:
    async with farm_of(tmp_path) as farm:
        connection = await open_web(farm)
        assert (await connection.request("GET", "/owa/healthcheck.htm")).status == 200
        await connection.close()
