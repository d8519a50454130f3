"""HAProxy processes for measuring: ours, the hand-written one, and the one that plays the servers.

All are the same bundled binary, run in the foreground with one thread on one core, so that the process
that serves is the process that was started.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import subprocess
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path

from machine import Cores, processor_seconds, resident_bytes
from switchover import clock
from switchover.balance.compile import EngineFacts, compile_engine
from switchover.balance.overrides import Overrides
from switchover.balance.resolve import resolve
from switchover.balance.work.advice import AdviceBoard, open_agent_port
from switchover.model.platform_file.read import read_platform_file
from switchover.wire.haproxy.binary import find_binary
from switchover.wire.haproxy.render import MAIN_FILE, render_files
from switchover.wire.haproxy.socket import EventReceiver, LogReceiver

HAPROXY = find_binary()[0]
START_SECONDS = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Engine:
    """A running HAProxy; ``admin`` is its command socket."""

    pid: int
    admin: Path

    def processor_seconds(self) -> float:
        return processor_seconds(self.pid)

    def resident_bytes(self) -> int:
        return resident_bytes(self.pid)

    def ask(self, command: str) -> str:
        """Return the answer to one command."""
        with socket.socket(socket.AF_UNIX) as asking:
            asking.settimeout(5.0)
            asking.connect(str(self.admin))
            asking.sendall(f"{command}\n".encode())
            parts = []
            while part := asking.recv(1 << 18):
                parts.append(part)
        return b"".join(parts).decode()

    def info(self) -> dict[str, str]:
        return dict(
            line.split(": ", 1) for line in self.ask("show info").splitlines() if ": " in line
        )

    def statistics(self) -> list[dict[str, str]]:
        """Return the rows of ``show stat``."""
        head, *rows = self.ask("show stat").lstrip("# ").splitlines()
        names = head.split(",")
        return [dict(zip(names, row.split(","), strict=False)) for row in rows if row]

    def down_servers(self) -> list[str]:
        """Return the servers that did not pass a check yet."""
        return [
            f"{row['pxname']}/{row['svname']} {row['status']} {row['check_status']}"
            for row in self.statistics()
            if row["type"] == "2" and row["svname"] != "sorry" and not _is_up(row)
        ]


def _is_up(row: Mapping[str, str]) -> bool:
    check = row["check_status"].removeprefix("* ")
    return row["status"] == "no check" or (
        row["status"].startswith("UP") and check not in {"", "INI"}
    )


@contextmanager
def run_engine(
    main: Path,
    *,
    cores: Cores,
    admin: Path,
    on: int | str | None = None,
    variables: Mapping[str, str] | None = None,
) -> Iterator[Engine]:
    """Run HAProxy until the block ends; it answers on ``admin`` when the block starts.

    It runs on the engine's core, unless ``on`` names others.
    """
    environment = {"PATH": os.environ["PATH"], **(variables or {})}
    said = main.with_suffix(".messages")
    with said.open("wb") as output:
        process = subprocess.Popen(
            [
                "taskset",
                "-c",
                str(cores.engine if on is None else on),
                str(HAPROXY),
                "-db",
                "-f",
                str(main),
            ],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    cores.prefer(process.pid)
    engine = Engine(pid=process.pid, admin=admin)
    try:
        _wait_for(process, engine, said)
        yield engine
    finally:
        process.kill()
        process.wait()


def _wait_for(process: subprocess.Popen[bytes], engine: Engine, said: Path) -> None:
    deadline = clock.monotonic() + START_SECONDS
    while True:
        if process.poll() is not None:
            raise SystemExit(f"the engine did not start: {said.read_text(errors='replace')}")
        with contextlib.suppress(OSError):
            engine.ask("show version")
            return
        if clock.monotonic() > deadline:
            raise SystemExit("the engine does not answer")
        time.sleep(0.02)


@asynccontextmanager
async def our_configuration(
    text: str, files: Mapping[str, bytes], directory: Path
) -> AsyncIterator[Path]:
    """Write what switchover makes of a platform file; its log, ring and agent port are answered."""
    directory.mkdir()
    agent, agent_port = await open_agent_port(AdviceBoard(), "127.0.0.1", 0)
    balance = resolve(read_platform_file(text, source="bench.yaml"))
    facts = EngineFacts(
        admin_socket=f"unix@{directory}/admin.sock",
        log_socket=f"{directory}/log.sock",
        event_socket=f"{directory}/events.sock",
        state_file=f"{directory}/servers.state",
        peers_socket=f"unix@{directory}/peers.sock",
        max_connections=4000,
        agent_address="127.0.0.1",
        agent_port=agent_port,
        system_ca="/etc/ssl/certs/ca-certificates.crt",
    )
    compiled = compile_engine(balance, Overrides(), files, facts)
    for name, content in render_files(compiled.config).items():
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    async with (
        LogReceiver(directory / "log.sock", lambda _line: None),
        EventReceiver(directory / "events.sock", lambda _line: None),
    ):
        yield directory / MAIN_FILE
    agent.close()


async def until_healthy(engine: Engine, *, seconds: float = 30.0) -> None:
    """Wait until every server has passed a check."""
    deadline = clock.monotonic() + seconds
    while down := await asyncio.to_thread(engine.down_servers):
        if clock.monotonic() > deadline:
            raise SystemExit(f"{len(down)} servers are not up, first: {down[0]}")
        await asyncio.sleep(0.1)
