"""Connections are bounded, and who begins to send goes on sending or is cut off."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from tests.integration.server_certificate import make_certificate

from switchover.edges import connections
from switchover.edges.connections import Connections, bounded

PATIENCE = 0.4
LONG = 1.0


async def answer(scope: Any, receive: Any, send: Any) -> None:
    """Read the body, wait for longer than clients may, answer with its length."""
    length, more = 0, True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            return
        length, more = length + len(message.get("body", b"")), message.get("more_body", False)
    await asyncio.sleep(1.3 * LONG)
    words = str(length).encode()
    headers = [(b"content-length", str(len(words)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": words})


@contextlib.asynccontextmanager
async def serving(known: Connections, tls: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    listening = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(answer, log_config=None, lifespan="off", http=bounded(known, tls))
    server = uvicorn.Server(config)
    task = asyncio.create_task(server.serve(sockets=[listening]))
    while not server.started:
        await asyncio.sleep(0.01)
    try:
        yield listening.getsockname()[1]
    finally:
        server.should_exit = True
        await task


async def said(
    port: int, *parts: bytes, pause: float = 0.0, tls: ssl.SSLContext | None = None
) -> bytes:
    """Send the parts with pauses between; return all that is answered until the end."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=tls)
    with contextlib.suppress(OSError):
        for part in parts:
            writer.write(part)
            await writer.drain()
            await asyncio.sleep(pause)
    try:
        async with asyncio.timeout(30 * PATIENCE):
            return await reader.read()
    except (ConnectionResetError, BrokenPipeError):
        return b""
    finally:
        writer.close()


GET = b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
POST = b"POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 4\r\n\r\n"


@pytest.mark.parametrize(
    "parts", [(), (GET[:20],), (GET[:20], b"X", b"-"), (POST,), (POST, b"1", b"2", b"3")]
)
async def test_who_says_too_little_is_cut_off(
    monkeypatch: pytest.MonkeyPatch, parts: tuple[bytes, ...]
) -> None:
    monkeypatch.setattr(connections, "START_SECONDS", PATIENCE)
    known = Connections(most=16)
    async with serving(known) as port:
        assert await said(port, *parts, pause=0.9 * PATIENCE) == b""
        assert known.open_now == 0


async def test_who_has_said_all_may_wait_for_long_and_then_ask_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(connections, "START_SECONDS", LONG)
    async with serving(Connections(most=16)) as port:
        found = await asyncio.gather(
            said(port, GET),
            said(port, POST[:30], POST[30:] + b"1", b"234", pause=0.1 * LONG),
            said(port, GET.replace(b"Connection: close\r\n", b""), GET, pause=1.5 * LONG),
        )
    assert [one.count(b" 200 ") for one in found] == [1, 1, 2]
    assert found[1].endswith(b"\r\n\r\n4")


async def test_one_address_does_not_have_all_connections() -> None:
    known = Connections(most=16)
    async with serving(known) as port, contextlib.AsyncExitStack() as stack:
        for _ in range(8):
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            stack.callback(writer.close)
        while known.open_now < 8:
            await asyncio.sleep(0.01)
        assert b" 503 " in await said(port)
        assert known.open_now == 8


@pytest.fixture
def both_ends(tmp_path: Path) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """What a server and a client that trusts it need for TLS."""
    make_certificate(tmp_path, ("127.0.0.1",), (-1, 90))
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(tmp_path / "server.crt", tmp_path / "server.key")
    return server, ssl.create_default_context(cafile=str(tmp_path / "ca.pem"))


async def test_with_tls_who_has_not_ended_the_handshake_is_counted_too(
    both_ends: tuple[ssl.SSLContext, ssl.SSLContext],
) -> None:
    known, (server, client) = Connections(most=16), both_ends
    async with serving(known, server) as port, contextlib.AsyncExitStack() as stack:
        for _ in range(7):
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            stack.callback(writer.close)
        while known.open_now < 7:
            await asyncio.sleep(0.01)
        assert (await said(port, GET, tls=client)).count(b" 200 ") == 1
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        stack.callback(writer.close)
        while known.open_now < 8:
            await asyncio.sleep(0.01)
        assert await said(port) == b""
        with pytest.raises(OSError):  # noqa: PT011 - reset or ended, as it comes
            await said(port, GET, tls=client)
        assert known.open_now == 8


@pytest.mark.parametrize("first", [b"", b"\x16\x03\x01", GET])
async def test_with_tls_a_handshake_that_does_not_go_on_is_cut_off(
    monkeypatch: pytest.MonkeyPatch,
    both_ends: tuple[ssl.SSLContext, ssl.SSLContext],
    first: bytes,
) -> None:
    monkeypatch.setattr(connections, "HANDSHAKE_SECONDS", PATIENCE)
    known = Connections(most=16)
    async with serving(known, both_ends[0]) as port:
        assert b"HTTP" not in await said(port, first)
        while known.open_now:
            await asyncio.sleep(0.01)


async def test_with_tls_who_leaves_in_the_handshake_or_after_it_is_taken_off(
    both_ends: tuple[ssl.SSLContext, ssl.SSLContext],
) -> None:
    known, (server, client) = Connections(most=64), both_ends
    async with serving(known, server) as port:
        for tls in (None, client):
            _, writer = await asyncio.open_connection("127.0.0.1", port, ssl=tls)
            writer.transport.abort()
        found = await asyncio.gather(*(said(port, GET, tls=client) for _ in range(24)))
        assert all(b" 200 " in one for one in found)
        while known.open_now:
            await asyncio.sleep(0.01)
