"""A whole switchover for tests: ``switchover serve`` as users run it, in a process that can be killed."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import io
import json
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast
from urllib.parse import quote

import aiohttp
import psycopg
from tests.integration.processes import (
    Value,
    clean_environment,
    end,
    eventually,
    loopback,
    short_directory,
    spawn,
)

from switchover import clock
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

READY_SECONDS = 60.0
ANSWER_SECONDS = 30.0


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
            self.process = spawn(
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
            end(self.process)
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
        env=clean_environment(environment or {}),
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
    *arguments: str, database: str | None = None, start: bool = True, **environment: str
) -> AsyncIterator[Suite]:
    """Run switchover on a directory of its own; without ``database`` it brings its own PostgreSQL.

    ``arguments`` are those of ``serve``; ``environment`` are settings by their short name:
    ``cycle_seconds="0.5"``.
    """
    given = {f"SWITCHOVER_{name.upper()}": value for name, value in environment.items()}
    if database:
        given["SWITCHOVER_DATABASE_URL"] = database
    with short_directory() as directory:
        running = Suite(directory=directory, environment=given)
        try:
            if start:
                await running.start(*arguments)
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


@contextlib.contextmanager
def lent_suite(server: EmbeddedPostgres, **environment: str) -> Iterator[Suite]:
    """Run switchover on a fresh database of the shared server, for fixtures that outlive one test's loop."""
    with lent_database(server) as url, held(suite(database=url, **environment)) as found:
        yield found


async def _enter(manager: contextlib.AbstractAsyncContextManager[Value]) -> Value:
    return await manager.__aenter__()


async def _leave(manager: contextlib.AbstractAsyncContextManager[Value]) -> None:
    await manager.__aexit__(None, None, None)
