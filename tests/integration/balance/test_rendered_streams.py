"""What the real engine does with connections it does not read, and with decrypted mail."""

from __future__ import annotations

import asyncio
import ssl
from typing import Any

import pytest
from tests.builders import farm, mail_service, names_service, server, stream_service
from tests.integration.balance.rendered import (
    Certificates,
    connect,
    engine,
    free_port,
    get,
    master,
    reload,
)
from tests.integration.balance.tiny_servers import LineServer, WebServer

HOST = "mail.contoso.example"
OWA = "owa.contoso.example"
EAS = "eas.contoso.example"
IMAP = {"a1 NOOP": "a1 OK done\n", "a2 LOGOUT": "* BYE\na2 OK\n", "b1": "b1 OK hello\n"}
# The engine gives a check one interval to connect and shake hands, so less would fail on a busy machine.
QUICK: dict[str, Any] = {"interval": "400ms", "timeout": "2s", "fall": 1, "rise": 1}


async def first_line(port: int, say: bytes = b"", **keys: Any) -> str:
    """Return the first line a server says, or "" when the connection is closed without a word."""
    client = await connect(port, **keys)
    try:
        client.writer.write(say)
        return (await client.reader.readline()).decode().strip()
    except OSError:
        return ""
    finally:
        client.close()


async def test_names_lead_to_workloads_without_decrypting(certificates: Certificates) -> None:
    port = free_port()
    secured = certificates.serving(OWA, EAS)
    async with WebServer(tls=secured) as web:
        balance = farm(
            {"mail": names_service(address="127.0.0.1", port=port, servers=["cas1"], health=QUICK)},
            servers={"cas1": server(address="127.0.0.1", ports={443: web.port})},
        )
        async with engine(balance, {}) as running:
            await running.becomes("mail.activesync", "cas1", "UP")
            for name, backend in ((OWA, "mail.owa"), ("EAS.contoso.example", "mail.activesync")):
                before = int((await running.server(backend, "cas1"))["stot"])
                reply = await get("/x", port, host=name, tls=certificates.trusting(), sni=name)
                assert reply.body == "web /x"
                assert int((await running.server(backend, "cas1"))["stot"]) == before + 1
            checked = {item.headers["host"] for item in web.requests} & {OWA, EAS}
            assert checked == {OWA, EAS}


@pytest.mark.parametrize("sni", ["unknown.contoso.example", None])
async def test_an_unknown_or_missing_name_is_closed_at_once(
    certificates: Certificates, sni: str | None
) -> None:
    port = free_port()
    balance = farm({"mail": names_service(address="127.0.0.1", port=port)})
    async with engine(balance, {}):
        context = certificates.trusting()
        context.check_hostname = False
        with pytest.raises((ssl.SSLError, OSError)):
            async with asyncio.timeout(2):
                # An address never goes into the handshake as a name.
                await connect(port, tls=context, sni=sni or "127.0.0.1")


@pytest.mark.parametrize("said", [b"GET / HTTP/1.1\r\n\r\n", b"SSH-2.0-x\r\n", b"\x00" * 64])
async def test_what_is_not_tls_is_closed(said: bytes) -> None:
    port = free_port()
    balance = farm({"mail": names_service(address="127.0.0.1", port=port)})
    is_beginning_of_tls = said == b"\x16\x03"
    async with engine(balance, {}):
        async with asyncio.timeout(7 if is_beginning_of_tls else 2):
            assert await first_line(port, said) == ""


async def test_a_workload_with_an_address_of_its_own_needs_no_name(
    certificates: Certificates,
) -> None:
    port = free_port()
    names = {"owa": {"name": OWA, "address": "127.0.0.2"}, "activesync": EAS}
    async with WebServer(tls=certificates.serving(OWA, EAS)) as web:
        balance = farm(
            {
                "mail": names_service(
                    address="127.0.0.1", port=port, names=names, servers=["cas1"], health=QUICK
                )
            },
            servers={"cas1": server(address="127.0.0.1", ports={443: web.port})},
        )
        async with engine(balance, {}) as running:
            await running.becomes("mail.owa", "cas1", "UP")
            reply = await get("/x", port, address="127.0.0.2", tls=certificates.trusting(), sni=EAS)
            assert reply.status == 200
            assert int((await running.server("mail.owa", "cas1"))["stot"]) == 1


async def test_decrypted_imap_is_encrypted_again_or_handed_on_in_the_clear(
    certificates: Certificates,
) -> None:
    again, offload, strict = free_port(), free_port(), free_port()
    async with (
        LineServer("* OK inside TLS\n", IMAP, tls=certificates.serving(HOST)) as secured,
        LineServer("* OK in the clear\n", IMAP) as clear,
    ):
        keys: dict[str, Any] = {
            "address": "127.0.0.1", "layout": "l7", "names": [HOST], "servers": ["cas1"],
            "health": QUICK,
        }  # fmt: skip
        tls = {"certificate": "mail.pem", "server_ca": "ca.pem"}
        balance = farm(
            {
                "again": mail_service(port=again, tls=tls, **keys),
                "offload": mail_service(port=offload, tls={**tls, "mode": "offload"}, **keys),
                "strict": mail_service(
                    port=strict, tls={**tls, "server_name": "other.contoso.example"}, **keys
                ),
            },
            servers={
                "cas1": server(address="127.0.0.1", ports={993: secured.port, 143: clear.port})
            },
        )
        files = {"mail.pem": certificates.bundle(HOST), "ca.pem": certificates.ca}
        async with engine(balance, files) as running:
            await running.becomes("again.imaps", "cas1", "UP")
            await running.becomes("offload.imaps", "cas1", "UP")
            trusting: dict[str, Any] = {"tls": certificates.trusting(), "sni": HOST}
            assert await first_line(again, **trusting) == "* OK inside TLS"
            assert await first_line(offload, **trusting) == "* OK in the clear"
            assert HOST in secured.names
            row = await running.becomes("strict.imaps", "cas1", "DOWN")
            assert row["check_status"].endswith("L6RSP")
            assert await first_line(strict, **trusting) == ""


async def test_servers_that_take_the_proxy_protocol_learn_the_client(
    certificates: Certificates,
) -> None:
    clear, secured = free_port(), free_port()
    async with (
        LineServer("* OK\n", IMAP, takes_proxy=True) as imap,
        LineServer("* OK\n", IMAP, takes_proxy=True, tls=certificates.serving(HOST)) as imaps,
    ):
        keys: dict[str, Any] = {"address": "127.0.0.1", "servers": ["mx1"], "health": QUICK}
        balance = farm(
            {
                "imap": mail_service("imap", port=clear, **keys),
                "imaps": mail_service("imaps", port=secured, **keys),
            },
            servers={
                "mx1": {
                    "address": "127.0.0.1", "runs": "dovecot", "proxy_protocol": "imap",
                    "ports": {143: imap.port, 993: imaps.port},
                }
            },
        )  # fmt: skip
        async with engine(balance, {}) as running:
            await running.becomes("imaps.imaps", "mx1", "UP")
            assert await first_line(clear, source="127.0.0.7") == "* OK"
            trusting: dict[str, Any] = {"tls": certificates.trusting(), "sni": HOST}
            assert await first_line(secured, source="127.0.0.8", **trusting) == "* OK"
            assert "127.0.0.7>127.0.0.1" in imap.proxied
            assert "127.0.0.8>127.0.0.1" in imaps.proxied


async def test_behind_another_balancer_the_client_of_its_header_counts() -> None:
    port, plain = free_port(), free_port()
    async with WebServer() as web:
        balance = farm(
            {
                "mail": stream_service(
                    address="127.0.0.1", port=port, workloads=["owa"], servers=["cas1"],
                    accept_proxy=True, deny="192.0.2.66", redirect_from=plain, names=[HOST],
                    limits={"rate_per_source": 3},
                )
            },
            servers={"cas1": server(address="127.0.0.1", ports={443: web.port})},
        )  # fmt: skip
        async with engine(balance, {}):

            async def ask(source: str, to: int = port) -> str:
                header = f"PROXY TCP4 {source} 203.0.113.1 40000 443\r\n" if source else ""
                request = f"{header}GET / HTTP/1.1\r\nHost: {HOST}\r\n\r\n"
                return (await first_line(to, request.encode()))[:12]

            assert await ask("192.0.2.7") == "HTTP/1.1 200"
            assert await ask("192.0.2.66") == ""
            assert await ask("") == ""
            assert await ask("192.0.2.7", plain) == "HTTP/1.1 302"
            assert await ask("192.0.2.66", plain) == ""
            assert [await ask("192.0.2.8") for _ in range(4)] == ["HTTP/1.1 200"] * 3 + [""]


async def test_a_failed_mail_server_lets_go_of_its_sessions() -> None:
    port = free_port()
    async with LineServer("* OK\n", dict(IMAP)) as imap:
        balance = farm(
            {
                "imap": mail_service(
                    "imap", address="127.0.0.1", port=port, servers=["cas1"], health=QUICK
                )
            },
            servers={"cas1": server(address="127.0.0.1", ports={143: imap.port})},
        )
        async with engine(balance, {}) as running:
            await running.becomes("imap.imap", "cas1", "UP")
            client = await connect(port)
            assert await client.reader.readline() == b"* OK\r\n"
            imap.answers["a1 NOOP"] = "a1 NO not now\n"
            async with asyncio.timeout(3):
                assert await client.reader.read() == b""
            client.close()


async def test_backups_serve_only_while_no_other_server_is_healthy() -> None:
    port = free_port()
    async with (
        LineServer("* OK first\n", dict(IMAP)) as first,
        LineServer("* OK spare\n", IMAP) as spare,
    ):
        balance = farm(
            {
                "imap": mail_service(
                    "imap", address="127.0.0.1", port=port, health=QUICK, persistence="source",
                    servers=["cas1", {"name": "cas2", "backup": True}],
                )
            },
            servers={
                "cas1": server(address="127.0.0.1", ports={143: first.port}),
                "cas2": server(address="127.0.0.1", ports={143: spare.port}),
            },
        )  # fmt: skip
        async with engine(balance, {}) as running:
            await running.becomes("imap.imap", "cas2", "UP")
            assert await first_line(port) == "* OK first"
            first.answers["a1 NOOP"] = "a1 NO not now\n"
            await running.becomes("imap.imap", "cas1", "DOWN")
            assert await first_line(port) == "* OK spare"
            first.answers["a1 NOOP"] = "a1 OK\n"
            await running.becomes("imap.imap", "cas1", "UP")
            assert await first_line(port) == "* OK first"


@pytest.mark.parametrize(
    ("scheduler", "weights", "expected"),
    [
        ("round-robin", (100, 50), {"one": 6, "two": 6}),
        ("weighted", (100, 50), {"one": 8, "two": 4}),
        ("first-available", (100, 100), {"one": 12}),
    ],
)
async def test_schedulers_share_out_as_their_names_say(
    scheduler: str, weights: tuple[int, int], expected: dict[str, int]
) -> None:
    port = free_port()
    async with WebServer("one") as one, WebServer("two") as two:
        balance = farm(
            {
                "mail": stream_service(
                    address="127.0.0.1", port=port, workloads=["owa"], scheduler=scheduler,
                )
            },
            servers={
                "cas1": server(address="127.0.0.1", ports={443: one.port}, weight=weights[0]),
                "cas2": server(address="127.0.0.1", ports={443: two.port}, weight=weights[1]),
            },
        )  # fmt: skip
        async with engine(balance, {}):
            bodies = [(await get("/", port)).body.split()[0] for _ in range(12)]
            assert {name: bodies.count(name) for name in dict.fromkeys(sorted(bodies))} == expected


async def test_source_hash_keeps_a_client_on_its_server() -> None:
    port = free_port()
    async with WebServer("one") as one, WebServer("two") as two:
        balance = farm(
            {
                "mail": stream_service(
                    address="127.0.0.1", port=port, workloads=["owa"], scheduler="source-hash"
                )
            },
            servers={
                "cas1": server(address="127.0.0.1", ports={443: one.port}),
                "cas2": server(address="127.0.0.1", ports={443: two.port}),
            },
        )
        async with engine(balance, {}):
            sources = [f"127.0.0.{end}" for end in range(10, 30)]
            first = [(await get("/", port, source=source)).body for source in sources]
            assert first == [(await get("/", port, source=source)).body for source in sources]
            assert len(set(first)) == 2


async def test_clients_keep_their_server_over_reloads() -> None:
    port = free_port()
    async with WebServer("one") as one, WebServer("two") as two:
        balance = farm(
            {
                "mail": stream_service(
                    address="127.0.0.1", port=port, workloads=["owa"], persistence="source",
                    scheduler="round-robin", health={"workloads": {"owa": {"tls": False}}},
                )
            },
            servers={
                "cas1": server(address="127.0.0.1", ports={443: one.port}),
                "cas2": server(address="127.0.0.1", ports={443: two.port}),
            },
        )  # fmt: skip
        async with master(balance, {}) as running:
            # A fresh engine waits this long for another's table before it passes its own on (peers,
            # PEER_RESYNC_TIMEOUT); ties of the first seconds would be lost at a reload.
            await asyncio.sleep(5.5)
            sources = [f"127.0.0.{end}" for end in range(10, 17)]
            first = [(await get("/", port, source=source)).body for source in sources]
            assert len(set(first)) == 2
            for _ in range(3):
                assert "Success=1" in await reload(running)
                await asyncio.sleep(0.3)
                assert first == [(await get("/", port, source=source)).body for source in sources]
