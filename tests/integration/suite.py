"""A whole switchover for tests: ``switchover serve`` as users run it, a practice farm, traffic.

Everything runs in processes of its own that can be killed, in a short directory under /tmp that every
user may enter (PostgreSQL runs as another user when the tests run as root), on loopback addresses that
no other test process uses, so nobody ever waits for a port.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import io
import itertools
import json
import os
import shutil
import socket
import ssl
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar, cast
from urllib.parse import quote

import aiohttp
import psycopg
import yaml

from switchover import clock
from switchover.practice.control import TOKEN_HEADER, PracticeControl, read_control_file
from switchover.practice.stories import Story
from switchover.practice.traffic import Traffic, TrafficSnapshot
from switchover.settings import Settings, read_settings
from switchover.store.embedded import EmbeddedPostgres
from switchover.wire.haproxy import runtime
from switchover.wire.haproxy.binary import find_binary
from switchover.wire.haproxy.command import AnswerKind, Command
from switchover.wire.haproxy.process import EngineProcess
from switchover.wire.haproxy.socket import Runtime
from switchover.wire.haproxy.state import (
    EngineInfo,
    Processes,
    ServerState,
    parse_info,
    parse_processes,
    parse_servers,
)

Value = TypeVar("Value")

READY_SECONDS = 60.0
ANSWER_SECONDS = 30.0
NAME = "mail.contoso.example"
OTHER_NAME = "autodiscover.contoso.example"
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

_numbers = itertools.count()


def loopback() -> str:
    """Return a loopback address that no other test uses, in this process or another."""
    own = os.getpid()
    return f"127.{64 + next(_numbers) % 128}.{own >> 8 & 255}.{own & 255}"


@contextlib.contextmanager
def short_directory() -> Iterator[Path]:
    directory = Path(tempfile.mkdtemp(prefix="sw-", dir="/tmp"))
    directory.chmod(0o711)
    try:
        yield directory
    finally:
        shutil.rmtree(directory, ignore_errors=True)


async def eventually(
    claim: Callable[[], Value | Awaitable[Value]], *, seconds: float = 10.0, every: float = 0.05
) -> Value:
    """Return what ``claim`` gives once it is true; fail with its last value when the time is over."""
    deadline = clock.monotonic() + seconds
    while True:
        given = claim()
        value = cast("Value", await given if isinstance(given, Awaitable) else given)
        if value:
            return value
        assert clock.monotonic() < deadline, f"not within {seconds:g} s, last seen: {value!r}"
        await asyncio.sleep(every)


async def shown_certificate(address: str, port: int, *, name: str = NAME) -> bytes:
    """Return the certificate that a new client is shown, in DER form."""

    def ask() -> bytes:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        with (
            socket.create_connection((address, port), timeout=5) as connection,
            context.wrap_socket(connection, server_hostname=name) as secured,
        ):
            return secured.getpeercert(binary_form=True) or b""

    return await asyncio.to_thread(ask)


def is_running(pid: int) -> bool:
    """Return whether the process is there; one that only waits to be reaped is not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text("ascii").rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


# --- the practice farm -------------------------------------------------------------------------


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
        process = _spawn(
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
            _end(process)


def _spawn(
    module: str,
    *arguments: str,
    stdout: int | None = None,
    stderr: Any = None,
    environment: Mapping[str, str] | None = None,
) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", module, *arguments],
        stdin=subprocess.DEVNULL,
        stdout=stdout,
        stderr=stderr,
        env=_environment(environment or {}),
    )


def _environment(more: Mapping[str, str]) -> dict[str, str]:
    # Bytecode is cached, or every process would compile all it imports: seconds for each start.
    unwanted = ("SWITCHOVER_", "PYTHONDONTWRITEBYTECODE")
    clean = {key: value for key, value in os.environ.items() if not key.startswith(unwanted)}
    return {**clean, "PYTHONWARNINGS": "ignore", **more}


def _end(process: subprocess.Popen[bytes], *, seconds: float = 20.0) -> None:
    with contextlib.suppress(ProcessLookupError):
        process.terminate()
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    if process.stdout:
        process.stdout.close()


# --- traffic -----------------------------------------------------------------------------------


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


# --- switchover itself -------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What the API said."""

    status: int
    body: Any
    content_type: str
    headers: Mapping[str, str]

    def good(self) -> Any:
        assert self.status == 200, f"{self.status}: {self.body}"
        return self.body


@dataclass(frozen=True, kw_only=True)
class Ended:
    """What a command of the command line said and how it ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        assert self.code == 0, f"exit {self.code}: {self.err}{self.out}"
        return json.loads(self.out)


@dataclass(kw_only=True)
class Suite:
    """One data directory with the ``switchover serve`` that runs on it, or does not."""

    directory: Path
    environment: dict[str, str]
    process: subprocess.Popen[bytes] | None = None
    address: str = field(default_factory=loopback)

    @property
    def data(self) -> Path:
        return self.directory / "data"

    @property
    def log(self) -> Path:
        return self.directory / "serve.log"

    @property
    def settings(self) -> Settings:
        return read_settings(self.environment, data=self.data)

    @property
    def url(self) -> str:
        return (self.data / "api.url").read_text("ascii").strip()

    @property
    def token(self) -> str:
        return (self.data / "admin.token").read_text("ascii").strip()

    @property
    def pid(self) -> int:
        assert self.process is not None
        return self.process.pid

    # life

    def launch(self, *arguments: str, environment: Mapping[str, str] | None = None) -> None:
        """Start ``switchover serve`` and return at once."""
        (self.data / "api.url").unlink(missing_ok=True)
        with self.log.open("ab") as log:
            self.process = _spawn(
                "switchover",
                *("serve", "--data", str(self.data), "--api", "127.0.0.1:0", *arguments),
                stdout=log.fileno(),
                stderr=log.fileno(),
                environment={**self.environment, **(environment or {})},
            )

    async def start(self, *arguments: str, environment: Mapping[str, str] | None = None) -> None:
        """Start ``switchover serve`` and wait until it can be told what to do."""
        self.launch(*arguments, environment=environment)
        await self.ready()

    async def ready(self, *, seconds: float = READY_SECONDS) -> None:
        async def answers() -> bool:
            assert self.process is not None
            assert self.process.poll() is None, f"serve ended: {self.tail()}"
            try:
                answer = await self.api("GET", "/status")
            except (OSError, aiohttp.ClientError):
                return False
            return answer.status == 200 and answer.body["cycle"] != "no cycle yet"

        await eventually(answers, seconds=seconds)

    def terminate(self, *, seconds: float = 30.0) -> int:
        """Send SIGTERM and return the exit code."""
        assert self.process is not None
        self.process.terminate()
        return self.process.wait(seconds)

    def kill(self) -> None:
        """Send SIGKILL and reap."""
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def tail(self) -> str:
        return self.log.read_text("utf-8", "replace")[-3000:] if self.log.exists() else ""

    async def clear(self) -> None:
        """End everything that runs on the data directory, whatever state it is in."""
        if self.process is not None and self.process.poll() is None:
            _end(self.process)
        await self.engine_process().stop(grace_seconds=0)
        if "SWITCHOVER_DATABASE_URL" not in self.environment and self.data.exists():
            await self.postgres().stop()

    def postgres(self) -> EmbeddedPostgres:
        """The embedded database of the data directory, seen from outside."""
        return EmbeddedPostgres(self.settings.postgres_dir, self.settings.postgres_socket_dir)

    # the API and the command line

    async def api(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        token: str | None = None,
        seconds: float = ANSWER_SECONDS,
        **query: str,
    ) -> Answer:
        """Ask the API; ``token`` "" sends none, None sends the local administrator's."""
        shown = self.token if token is None else token
        headers = {"Authorization": f"Bearer {shown}"} if shown else {}
        headers |= {} if body is None else {"Content-Type": "application/json"}
        sent = None if body is None else io.BytesIO(json.dumps(body).encode())
        target = self.url + (path if path == "/metrics" else f"/api/v1{path}")
        async with (
            aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=seconds)) as session,
            session.request(method, target, data=sent, headers=headers, params=query) as answer,
        ):
            text = await answer.text()
            given = json.loads(text) if "json" in answer.content_type else text
            return Answer(
                status=answer.status,
                body=given,
                content_type=answer.content_type,
                headers=dict(answer.headers),
            )

    async def get(self, path: str, **query: str) -> Any:
        return (await self.api("GET", path, **query)).good()

    async def post(self, path: str, body: Any = None, **more: Any) -> Any:
        return (await self.api("POST", path, body or {}, **more)).good()

    async def apply(self, text: str, files: Mapping[str, bytes] | None = None, **more: Any) -> Any:
        """Apply a platform file and return what the change did."""
        return (await self.try_apply(text, files, **more)).good()

    async def try_apply(
        self, text: str, files: Mapping[str, bytes] | None = None, **more: Any
    ) -> Answer:
        encoded = {
            name: base64.b64encode(content).decode() for name, content in (files or {}).items()
        }
        return await self.api("POST", "/revisions", {"text": text, "files": encoded, **more})

    async def cli(
        self,
        *arguments: str,
        local: bool = True,
        cwd: Path | None = None,
        environment: Mapping[str, str] | None = None,
        seconds: float = 60.0,
    ) -> Ended:
        """Run a command; ``local`` gives it the data directory."""
        more = {"SWITCHOVER_DATA": str(self.data)} if local else {}
        return await asyncio.to_thread(
            run_cli, *arguments, cwd=cwd, environment={**more, **(environment or {})},
            seconds=seconds,
        )  # fmt: skip

    # the engine, as it is behind switchover's back

    @property
    def admin(self) -> Runtime:
        return Runtime(self.settings.run_dir / "engine.sock")

    @property
    def master(self) -> Runtime:
        return Runtime(self.settings.run_dir / "master.sock")

    def engine_process(self) -> EngineProcess:
        engine, run = self.settings.engine_dir, self.settings.run_dir
        return EngineProcess(
            find_binary()[0],
            engine / "current" / "haproxy.cfg",
            master_socket=run / "master.sock",
            admin_socket=run / "engine.sock",
            state_file=engine / "servers.state",
            pid_file=engine / "engine.pid",
        )

    async def command(self, line: str) -> str:
        """Say something to the engine's own socket."""
        command = Command(line=line, answers=AnswerKind.TEXT)
        return (await self.admin.ask([command], timeout=5.0))[0].strip()

    async def servers(self) -> dict[tuple[str, str], ServerState]:
        answer = await self.admin.ask_one(runtime.show_servers_state(), timeout=5.0)
        return {(row.backend, row.server): row for row in parse_servers(answer)}

    async def info(self) -> EngineInfo:
        return parse_info(await self.admin.ask_one(runtime.show_info(), timeout=5.0))

    async def processes(self) -> Processes:
        return parse_processes(await self.master.ask_one(runtime.show_processes(), timeout=5.0))

    async def all_up(self, *, seconds: float = 30.0) -> None:
        """Wait until a check of every server that is not in maintenance has passed."""

        async def settled() -> bool:
            rows = (await self.servers()).values()
            return all(
                row.check_result >= 3 and row.operation == 2
                for row in rows
                if row.server != "sorry" and not row.is_maintenance
            )

        await eventually(settled, seconds=seconds)

    # what happened

    async def events(self, **filters: str) -> list[dict[str, Any]]:
        body = await self.get("/events", limit="1000", **filters)
        return list(body["events"])

    async def event(
        self, *, kind: str, containing: str = "", seconds: float = 10.0, **filters: str
    ) -> dict[str, Any]:
        """Wait for an event of this kind and return the newest."""

        async def find() -> dict[str, Any] | None:
            found = await self.events(kind=kind, **filters)
            return next((one for one in found if containing in one["cause"]), None)

        return cast("dict[str, Any]", await eventually(find, seconds=seconds))


def run_cli(
    *arguments: str,
    environment: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    seconds: float = 60.0,
) -> Ended:
    """Run ``switchover`` with these arguments and nothing of this process's own settings."""
    done = subprocess.run(
        [sys.executable, "-m", "switchover", *arguments],
        capture_output=True,
        check=False,
        stdin=subprocess.DEVNULL,
        timeout=seconds,
        cwd=cwd,
        env=_environment(environment or {}),
    )
    return Ended(code=done.returncode, out=done.stdout.decode(), err=done.stderr.decode())


@contextlib.contextmanager
def lent_database(server: EmbeddedPostgres) -> Iterator[str]:
    """Return the URL of a fresh database on the shared server, dropped afterwards."""
    name = f"suite_{clock.new_id()[:8]}"
    _as_superuser(server, f"create database {name} owner switchover")
    try:
        yield database_url_of(server, name)
    finally:
        _as_superuser(server, f"drop database {name} with (force)")


def database_url_of(server: EmbeddedPostgres, name: str) -> str:
    """Return the address of a database as an operator writes it."""
    host = psycopg.conninfo.conninfo_to_dict(server.dsn())["host"]
    return f"postgresql://switchover@:5432/{name}?host={quote(str(host), safe='')}"


def _as_superuser(server: EmbeddedPostgres, statement: str) -> None:
    with psycopg.connect(server.superuser_dsn, autocommit=True) as connection:
        connection.execute(statement.encode())


@contextlib.asynccontextmanager
async def suite(
    *, database: str | None = None, start: bool = True, **environment: str
) -> AsyncIterator[Suite]:
    """Run switchover on a directory of its own; without ``database`` it brings its own PostgreSQL.

    ``environment`` are settings by their short name: ``cycle_seconds="0.5"``.
    """
    given = {f"SWITCHOVER_{name.upper()}": value for name, value in environment.items()}
    if database:
        given["SWITCHOVER_DATABASE_URL"] = database
    with short_directory() as directory:
        running = Suite(directory=directory, environment=given)
        try:
            if start:
                await running.start()
            yield running
        finally:
            await running.clear()


@contextlib.contextmanager
def held(manager: contextlib.AbstractAsyncContextManager[Value]) -> Iterator[Value]:
    """Enter an asynchronous context for fixtures that outlive one test's event loop."""
    with asyncio.Runner() as runner:
        value = runner.run(_enter(manager))
        try:
            yield value
        finally:
            runner.run(_leave(manager))


async def _enter(manager: contextlib.AbstractAsyncContextManager[Value]) -> Value:
    return await manager.__aenter__()


async def _leave(manager: contextlib.AbstractAsyncContextManager[Value]) -> None:
    await manager.__aexit__(None, None, None)


# --- platform files ----------------------------------------------------------------------------


def platform(
    farm: PracticeFarm,
    services: Mapping[str, Mapping[str, Any]],
    *,
    servers: Mapping[str, Any] | None = None,
    **sections: Any,
) -> str:
    """Return a platform file for the servers of a farm."""
    return yaml.safe_dump(
        {
            "platform": "contoso",
            "engine": {"agent_interval": "1s"},
            "servers": dict(servers or farm.servers()),
            "services": dict(services),
            **sections,
        },
        sort_keys=False,
    )


def l7(address: str, servers: Sequence[str], **keys: Any) -> dict[str, Any]:
    """Return a service that decrypts, verifies the servers, and routes by path."""
    return {
        "address": address,
        "port": 10443,
        "layout": "l7",
        "names": [NAME, OTHER_NAME],
        "workloads": ["owa", "activesync", "ews"],
        "servers": list(servers),
        "tls": {"certificate": "front.pem", "server_ca": "ca.pem"},
        **keys,
    }


def l4_names(address: str, servers: Sequence[str], **keys: Any) -> dict[str, Any]:
    """Return a service that passes TLS through, with a host name per workload."""
    return {
        "address": address,
        "port": 11443,
        "layout": "l4-names",
        "names": {"owa": NAME, "activesync": OTHER_NAME},
        "servers": list(servers),
        **keys,
    }


def l4(address: str, servers: Sequence[str], **keys: Any) -> dict[str, Any]:
    """Return a service that passes one port through with one verdict per server."""
    return {
        "address": address,
        "port": 12443,
        "layout": "l4",
        "names": [NAME],
        "workloads": ["owa", "activesync"],
        "servers": list(servers),
        **keys,
    }


def imaps(address: str, servers: Sequence[str], **keys: Any) -> dict[str, Any]:
    """Return a service for IMAP over TLS, passed through."""
    return {
        "address": address,
        "port": 10993,
        "layout": "l4",
        "names": [NAME],
        "workloads": ["imaps"],
        "servers": list(servers),
        **keys,
    }
