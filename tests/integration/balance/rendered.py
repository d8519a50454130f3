"""A real engine on a rendered configuration, and its clients."""

from __future__ import annotations

import asyncio
import csv
import socket
import ssl
import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.builders import engine_facts

from switchover.balance.compile import compile_engine
from switchover.balance.overrides import Overrides
from switchover.balance.virtual_service import Balance
from switchover.practice.certificates import PracticeAuthority
from switchover.wire.haproxy.binary import find_binary
from switchover.wire.haproxy.render import MAIN_FILE, render_files

HAPROXY, _ = find_binary()


def write_configuration(
    balance: Balance, directory: Path, files: Mapping[str, bytes], **facts: Any
) -> Path:
    """Write what the engine reads for ``balance`` below ``directory``; return the main file."""
    quiet = {"agent_address": None, "agent_port": None, "max_connections": 500}
    # Sockets without a path are the machine's: engines side by side must not take each other's.
    known = {**quiet, "token": directory.name, **facts}
    wanted = compile_engine(balance, Overrides(), files, engine_facts(str(directory), **known))
    for name, content in render_files(wanted.config).items():
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return directory / MAIN_FILE


@dataclass
class Engine:
    """A running HAProxy and the socket to ask it."""

    directory: Path
    process: asyncio.subprocess.Process
    log: list[str] = field(default_factory=list)

    async def command(self, line: str) -> str:
        """Return the answer to one command on the admin socket."""
        reader, writer = await asyncio.open_unix_connection(self.directory / "admin.sock")
        writer.write(f"{line}\n".encode())
        answer = (await reader.read()).decode()
        writer.close()
        return answer

    async def server(self, backend: str, name: str) -> dict[str, str]:
        """Return the row of one server in ``show stat``."""
        text = (await self.command("show stat")).lstrip("# ")
        rows = csv.DictReader(text.splitlines())
        return next(row for row in rows if (row["pxname"], row["svname"]) == (backend, name))

    async def becomes(
        self, backend: str, name: str, status: str, *, within: float = 3.0
    ) -> dict[str, str]:
        """Wait until a server has a status (``UP``, ``DOWN``) after a finished check."""
        row: dict[str, str] = {}
        with suppress(TimeoutError):
            async with asyncio.timeout(within):
                while True:
                    row = await self.server(backend, name)
                    if row["status"] == status and not is_unchecked(row):
                        return row
                    await asyncio.sleep(0.02)
        raise AssertionError(f"{backend}/{name} is not {status}: {row}")


def is_unchecked(row: Mapping[str, str]) -> bool:
    """True before the first check of a server has ended (a star marks a check under way)."""
    return row["check_status"].removeprefix("* ") in {"", "INI"}


@asynccontextmanager
async def engine(
    balance: Balance, files: Mapping[str, bytes], **facts: Any
) -> AsyncIterator[Engine]:
    """Run the engine on ``balance`` until the block ends; it listens when the block starts."""
    with tempfile.TemporaryDirectory(prefix="swt") as name:
        directory = Path(name)
        main = write_configuration(balance, directory, files, **facts)
        process = await asyncio.create_subprocess_exec(
            HAPROXY, "-db", "-f", main, stderr=asyncio.subprocess.PIPE
        )
        running = Engine(directory, process)
        try:
            await _wait_for(running)
            yield running
        finally:
            with suppress(ProcessLookupError):
                process.kill()
            await process.wait()


async def _wait_for(running: Engine) -> None:
    for _ in range(200):
        if running.process.returncode is not None:
            assert running.process.stderr is not None
            raise AssertionError((await running.process.stderr.read()).decode())
        with suppress(OSError):
            await running.command("show version")
            return
        await asyncio.sleep(0.02)
    raise AssertionError("the engine does not answer")


@dataclass(frozen=True)
class Reply:
    """What a client got; ``status`` is 0 when the connection was closed without an answer."""

    status: int
    headers: dict[str, str] = field(default_factory=dict)
    body: str = ""


class Client:
    """One HTTP/1.1 connection to the engine."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def ask(
        self,
        path: str,
        *,
        host: str = "mail.contoso.example",
        headers: Mapping[str, str] | None = None,
    ) -> Reply:
        """Send one request as it stands; return what comes back."""
        lines = [f"GET {path} HTTP/1.1", f"Host: {host}"]
        lines += [f"{key}: {value}" for key, value in (headers or {}).items()]
        try:
            self.writer.write("\r\n".join([*lines, "", ""]).encode("latin-1"))
            head = (await self.reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        except (OSError, EOFError, ssl.SSLError):
            return Reply(0)
        found = {
            key.lower(): value
            for key, _, value in (line.partition(": ") for line in head[1:])
            if key
        }
        body = await self.reader.readexactly(int(found.get("content-length", "0")))
        return Reply(int(head[0].split(" ")[1]), found, body.decode())

    def close(self) -> None:
        """Leave at once."""
        self.writer.transport.abort()


async def connect(
    port: int,
    *,
    address: str = "127.0.0.1",
    tls: ssl.SSLContext | None = None,
    sni: str | None = None,
    source: str | None = None,
) -> Client:
    """Connect to the engine, from another loopback address when ``source`` is given."""
    reader, writer = await asyncio.open_connection(
        address, port, ssl=tls, server_hostname=sni, local_addr=(source, 0) if source else None
    )
    return Client(reader, writer)


async def get(path: str, port: int, *, host: str = "mail.contoso.example", **keys: Any) -> Reply:
    """Ask once on a connection of its own; a refused or closed connection is a reply 0."""
    headers = keys.pop("headers", None)
    try:
        client = await connect(port, **keys)
    except (OSError, EOFError):
        return Reply(0)
    try:
        async with asyncio.timeout(5):
            return await client.ask(path, host=host, headers=headers)
    finally:
        client.close()


class Certificates:
    """Certificates of one practice authority, by host name."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self.authority = PracticeAuthority(directory)

    @property
    def ca(self) -> bytes:
        """The authority's certificate as PEM."""
        return self.authority.path.read_bytes()

    def bundle(self, *hosts: str) -> bytes:
        """Return key and certificate for ``hosts`` as PEM."""
        return self.authority.issue(f"for-{hosts[0]}", hosts).bundle.read_bytes()

    def serving(self, *hosts: str) -> ssl.SSLContext:
        """Return a server's context with a certificate for ``hosts``."""
        files = self.authority.issue(f"for-{hosts[0]}", hosts)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(files.certificate, files.key)
        return context

    def trusting(self, *alpn: str) -> ssl.SSLContext:
        """Return a client's context that trusts the authority alone."""
        context = ssl.create_default_context(cafile=str(self.authority.path))
        if alpn:
            context.set_alpn_protocols(list(alpn))
        return context


def free_port() -> int:
    """Return a port nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@asynccontextmanager
async def master(balance: Balance, files: Mapping[str, bytes]) -> AsyncIterator[Engine]:
    """Run the engine with a master process that can be told to reload (see :func:`reload`)."""
    with tempfile.TemporaryDirectory(prefix="swt") as name:
        directory = Path(name)
        main = write_configuration(balance, directory, files)
        process = await asyncio.create_subprocess_exec(
            HAPROXY, "-W", "-S", f"unix@{directory}/master.sock", "-f", main,
            stderr=asyncio.subprocess.DEVNULL,
        )  # fmt: skip
        running = Engine(directory, process)
        try:
            await _wait_for(running)
            yield running
        finally:
            process.terminate()
            await process.wait()


async def reload(running: Engine) -> str:
    """Let the master start a new worker on the files as they are; return what it says."""
    reader, writer = await asyncio.open_unix_connection(running.directory / "master.sock")
    writer.write(b"reload\n")
    said = (await reader.read()).decode()
    writer.close()
    return said
