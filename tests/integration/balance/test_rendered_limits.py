"""Whom the real engine lets in, how often, with what TLS, and to whom it ties them."""

from __future__ import annotations

import asyncio
import ssl
from typing import Any

import pytest
from tests.builders import farm, server, stream_service
from tests.integration.balance.decrypting import HOST, behind, decrypted, files
from tests.integration.balance.rendered import Certificates, connect, engine, free_port, get
from tests.integration.balance.tiny_servers import Answer, WebServer


async def test_a_cookie_ties_a_browser_to_its_server_and_hides_its_name(
    certificates: Certificates,
) -> None:
    port = free_port()
    secured = certificates.serving(HOST)
    async with WebServer("one", tls=secured) as one, WebServer("two", tls=secured) as two:
        service = decrypted(port, workloads=["owa"], persistence="cookie", scheduler="round-robin")
        balance = farm({"mail": {**service, "servers": ["cas1", "cas2"]}}, servers=behind(one, two))
        async with engine(balance, files(certificates)) as running:
            await running.becomes("mail.owa", "cas2", "UP")
            keys: dict[str, Any] = {"tls": certificates.trusting(), "sni": HOST}
            first = await get("/owa/", port, **keys)
            cookie = first.headers["set-cookie"]
            assert {"Secure", "HttpOnly", "SameSite=Lax"} <= set(cookie.split("; "))
            assert "cas" not in cookie
            held = {"Cookie": cookie.split(";")[0]}
            for _ in range(6):
                assert (await get("/owa/", port, headers=held, **keys)).body == first.body
            assert len({(await get("/owa/", port, **keys)).body for _ in range(6)}) == 2
            mine = one if first.body.startswith("one") else two
            mine.answer = lambda _: Answer(503)
            await running.becomes("mail.owa", "cas1" if mine is one else "cas2", "DOWN")
            assert (await get("/owa/", port, headers=held, **keys)).body != first.body
            assert all("SWITCHOVER" not in item.headers.get("cookie", "") for item in two.traffic)


async def test_allowed_and_denied_sources(certificates: Certificates) -> None:
    ports = [free_port() for _ in range(3)]
    async with WebServer() as web:
        rules: tuple[dict[str, Any], ...] = (
            {"allow": "127.0.0.8/30"},
            {"deny": "127.0.0.9"},
            {"allow": "127.0.0.8/30", "deny": ["127.0.0.9"]},
        )
        balance = farm(
            {
                f"s{number}": stream_service(
                    address="127.0.0.1", port=port, workloads=["owa"], servers=["cas1"], **rule
                )
                for number, (port, rule) in enumerate(zip(ports, rules, strict=True))
            },
            servers=behind(web),
        )  # fmt: skip
        async with engine(balance, {}):
            found = [
                [(await get("/", port, source=f"127.0.0.{end}")).status for end in (7, 8, 9, 11)]
                for port in ports
            ]
            assert found == [[0, 200, 200, 200], [200, 200, 0, 200], [0, 200, 0, 200]]


async def test_limits_hold_for_each_source(certificates: Certificates) -> None:
    crowded, hasty, full = free_port(), free_port(), free_port()
    async with WebServer() as web:
        keys: dict[str, Any] = {"address": "127.0.0.1", "workloads": ["owa"], "servers": ["cas1"]}
        balance = farm(
            {
                "crowded": stream_service(
                    port=crowded, limits={"connections_per_source": 2}, **keys
                ),
                "hasty": stream_service(port=hasty, limits={"rate_per_source": 3}, **keys),
                "full": stream_service(port=full, limits={"connections": 2}, **keys),
            },
            servers=behind(web),
        )
        async with engine(balance, {}):
            clients = [await connect(crowded, source="127.0.0.8") for _ in range(2)]
            assert [(await client.ask("/")).status for client in clients] == [200, 200]
            assert (await get("/", crowded, source="127.0.0.8")).status == 0
            assert (await get("/", crowded, source="127.0.0.9")).status == 200
            for client in clients:
                client.close()
            await asyncio.sleep(0.1)
            assert (await get("/", crowded, source="127.0.0.8")).status == 200
            quick = [(await get("/", hasty, source="127.0.0.8")).status for _ in range(5)]
            assert quick == [200, 200, 200, 0, 0]
            assert (await get("/", hasty, source="127.0.0.9")).status == 200
            clients = [await connect(full, source=f"127.0.0.{end}") for end in (8, 9, 10)]
            assert [(await client.ask("/")).status for client in clients[:2]] == [200, 200]
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.3):
                    await clients[2].ask("/")
            for client in clients:
                client.close()


@pytest.mark.parametrize(
    ("http2", "agreed"), [(False, "http/1.1"), (True, "h2"), (None, "http/1.1")]
)
async def test_http_2_is_offered_only_where_it_is_wanted(
    certificates: Certificates, http2: bool | None, agreed: str
) -> None:
    port = free_port()
    keys = {} if http2 is None else {"http2": http2}
    async with WebServer(tls=certificates.serving(HOST)) as web:
        balance = farm({"mail": decrypted(port, **keys)}, servers=behind(web))
        async with engine(balance, files(certificates)):
            client = await connect(port, tls=certificates.trusting("h2", "http/1.1"), sni=HOST)
            secured: ssl.SSLObject = client.writer.get_extra_info("ssl_object")
            assert secured.selected_alpn_protocol() == agreed
            client.close()


@pytest.mark.parametrize(
    ("minimum", "offered", "works"),
    [("1.2", ssl.TLSVersion.TLSv1_2, True), ("1.3", ssl.TLSVersion.TLSv1_2, False)],
)
async def test_older_tls_is_refused(
    certificates: Certificates, minimum: str, offered: ssl.TLSVersion, works: bool
) -> None:
    port = free_port()
    balance = farm(
        {"mail": decrypted(port, tls={"certificate": "mail.pem", "minimum": minimum})},
        servers={"cas1": server(address="127.0.0.1", ports={443: free_port()})},
    )
    async with engine(balance, {**files(certificates)}, system_ca=str(certificates.authority.path)):
        context = certificates.trusting()
        context.maximum_version = offered
        assert bool((await get("/", port, tls=context, sni=HOST)).status) is works
