"""A real engine on loopback for tests, and small servers behind it that break on command."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import socket
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from switchover.wire.haproxy import runtime
from switchover.wire.haproxy.binary import find_binary
from switchover.wire.haproxy.command import Command
from switchover.wire.haproxy.process import EngineProcess
from switchover.wire.haproxy.state import Operation, ServerState, parse_servers

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


@dataclass(kw_only=True)
class Server:
    """An HTTP/1.1 server with one answer: its name. ``mode`` is a status, or hang, close, garbage."""

    name: str
    port: int = 0
    mode: str = "200"
    requests: int = 0
    _server: asyncio.Server | None = None
    _writers: set[asyncio.StreamWriter] = field(default_factory=set)
    _released: asyncio.Event = field(default_factory=asyncio.Event)

    async def open(self) -> None:
        self._released.clear()
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def refuse(self) -> None:
        if self._server:
            self._server.close()
            self._server = None
        self._released.set()
        for writer in self._writers:
            writer.transport.abort()
        while self._writers:
            await asyncio.sleep(0)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        try:
            while True:
                await reader.readuntil(b"\r\n\r\n")
                self.requests += 1
                if self.mode == "hang":
                    await self._released.wait()
                if self.mode == "close":
                    return
                if self.mode == "garbage":
                    writer.write(b"this is no HTTP\r\n\r\n")
                    return
                if self.mode == "half":
                    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")
                    await writer.drain()
                    await self._released.wait()
                body = self.name.encode()
                head = f"HTTP/1.1 {self.mode} Said\r\nContent-Length: {len(body)}\r\n\r\n"
                writer.write(head.encode() + body)
                await writer.drain()
        except (OSError, EOFError, asyncio.LimitOverrunError):
            pass
        finally:
            self._writers.discard(writer)
            writer.close()


@contextlib.asynccontextmanager
async def servers(*names: str) -> AsyncIterator[list[Server]]:
    opened = [Server(name=name) for name in names]
    for one in opened:
        await one.open()
    try:
        yield opened
    finally:
        for one in opened:
            await one.refuse()


def free_port() -> int:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port: int = unused.getsockname()[1]
        return port


HEAD = """\
global
    log {directory}/log.sock len 16384 format rfc5424 local0 info
    stats socket {directory}/admin.sock mode 600 level admin expose-fd listeners
    server-state-file {directory}/servers.state
    hard-stop-after 10s
    {extra}
defaults
    log global
    mode http
    load-server-state-from-file global
    option log-health-checks
    timeout connect 500ms
    timeout client 5s
    timeout server 2s
    timeout queue 500ms
    timeout check 300ms
    timeout http-request 2s
    default-server inter 100ms fall 2 rise 2
"""


@dataclass(kw_only=True)
class Rig:
    """One engine in a short-named directory of its own."""

    directory: Path
    process: EngineProcess

    def write(self, sections: str, *, extra: str = "") -> None:
        head = HEAD.format(directory=self.directory, extra=extra)
        self.process.configuration.write_text(head + sections, "utf-8")

    def another(self) -> EngineProcess:
        """The same engine seen by a control plane that knows nothing of it yet."""
        return engine_in(self.directory)


def engine_in(directory: Path) -> EngineProcess:
    binary, _ = find_binary()
    return EngineProcess(
        binary,
        directory / "haproxy.cfg",
        master_socket=directory / "master.sock",
        admin_socket=directory / "admin.sock",
        state_file=directory / "servers.state",
        pid_file=directory / "engine.pid",
    )


@contextlib.asynccontextmanager
async def rig() -> AsyncIterator[Rig]:
    # Not pytest's directory: its name is long, and a UNIX socket's path is at most 97 bytes.
    directory = Path(tempfile.mkdtemp(prefix="sw-"))
    process = engine_in(directory)
    try:
        yield Rig(directory=directory, process=process)
    finally:
        await process.stop(grace_seconds=0)
        shutil.rmtree(directory)


async def fetch(port: int, *, host: str = "mail.contoso.example", path: str = "/") -> bytes:
    """One request on its own connection; the whole answer."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(f"GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
        return await asyncio.wait_for(reader.read(), 5)
    finally:
        writer.close()


async def eventually(claim: object, *, seconds: float = 4.0) -> None:
    """Wait until ``claim()`` is true (or awaited true); fail with its last value otherwise."""
    async with asyncio.timeout(seconds):
        while True:
            value = claim()  # type: ignore[operator]
            if asyncio.iscoroutine(value):
                value = await value
            if value:
                return
            await asyncio.sleep(0.02)


def simple(port: int, *lines: str) -> str:
    body = "\n".join(f"    {line}" for line in lines)
    return (
        f"frontend front\n    bind 127.0.0.1:{port}\n    default_backend web\nbackend web\n{body}\n"
    )


@contextlib.asynccontextmanager
async def running() -> AsyncIterator[tuple[Rig, list[Server], int]]:
    """An engine with two servers, weights 100, up and checked."""
    async with rig() as engine, servers("one", "two") as backends:
        port = free_port()
        engine.write(simple(port, *two_servers(backends)))
        await engine.process.start()
        yield engine, backends, port


def two_servers(backends: list[Server], *, weight: int = 100) -> list[str]:
    return [f"server {one.name} 127.0.0.1:{one.port} weight {weight} check" for one in backends]


async def states(process: EngineProcess) -> dict[str, ServerState]:
    answer = await process.runtime.ask_one(runtime.show_servers_state(), timeout=2)
    return {row.server: row for row in parse_servers(answer)}


async def tell(process: EngineProcess, *commands: Command) -> None:
    outcomes = await process.runtime.send(commands, timeout=2)
    assert [outcome.text for outcome in outcomes if not outcome.is_done] == []


def alive(pid: int) -> bool:
    try:
        return "Z" not in Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False


async def is_down(process: EngineProcess, server: str) -> bool:
    return (await states(process))[server].operation is Operation.STOPPED
