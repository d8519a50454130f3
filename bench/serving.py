"""A real ``switchover serve`` in a process of its own, asked over its API as administrators do."""

from __future__ import annotations

import base64
import contextlib
import http.client
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from engines import Engine
from machine import Cores
from switchover import clock

START_SECONDS = 60.0
HEALTHY_SECONDS = 90.0
KEPT_SECONDS = 2.0
"""The API closes connections that are idle for some seconds."""


@dataclass(slots=True, kw_only=True)
class Serving:
    """The running process; ``engine`` is the worker that serves at the moment of asking."""

    process: subprocess.Popen[bytes]
    data: Path
    log: Path
    connection: http.client.HTTPConnection | None = None
    used: float = 0.0

    @property
    def pid(self) -> int:
        return self.process.pid

    @property
    def admin(self) -> Path:
        return self.data / "run" / "engine.sock"

    @property
    def database(self) -> int:
        """Process id of PostgreSQL's first process."""
        (lock,) = (self.data / "postgresql").rglob("postmaster.pid")
        return int(lock.read_text("ascii").split()[0])

    def engine(self) -> Engine:
        pid = int(Engine(pid=0, admin=self.admin).info()["Pid"])
        return Engine(pid=pid, admin=self.admin)

    def api(self, method: str, path: str, body: Any = None) -> Any:
        """Return the answer; ends the benchmark when it is not 200."""
        if self.connection is None or clock.monotonic() - self.used > KEPT_SECONDS:
            url = urlsplit((self.data / "api.url").read_text("ascii"))
            self.connection = http.client.HTTPConnection(url.hostname or "", url.port, timeout=60)
        token = (self.data / "admin.token").read_text("ascii").strip()
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        given = json.dumps(body).encode() if body is not None else None
        self.connection.request(method, f"/api/v1{path}", given, headers)
        answer = self.connection.getresponse()
        content = answer.read()
        self.used = clock.monotonic()
        if answer.status != 200:
            raise SystemExit(f"{method} {path}: {answer.status} {content[:2000].decode()}")
        return json.loads(content)

    def apply(self, text: str, files: Mapping[str, bytes] | None = None) -> Any:
        encoded = {
            name: base64.b64encode(content).decode() for name, content in (files or {}).items()
        }
        return self.api("POST", "/revisions", {"text": text, "files": encoded})

    def wait_until_healthy(self, *, seconds: float = HEALTHY_SECONDS) -> None:
        """Wait until every server of every pool has passed a check."""
        deadline = clock.monotonic() + seconds
        while down := self.engine().down_servers():
            if clock.monotonic() > deadline:
                raise SystemExit(f"{len(down)} servers are not up, first: {down[0]}")
            time.sleep(0.5)


@contextmanager
def serving(directory: Path, cores: Cores) -> Iterator[Serving]:
    """Run ``switchover serve`` with a data directory of its own until the block ends."""
    data, log = directory / "data", directory / "serve.log"
    clean = {key: value for key, value in os.environ.items() if not key.startswith("SWITCHOVER_")}
    with log.open("wb") as output:
        process = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "switchover",
                "serve",
                "--data",
                str(data),
                "--api",
                "127.0.0.1:0",
            ],
            env=clean,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    running = Serving(process=process, data=data, log=log)
    try:
        _wait_for(running)
        for pid in (running.pid, running.database):
            cores.prefer(pid)
        yield running
    finally:
        process.terminate()
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait_for(running: Serving) -> None:
    deadline = clock.monotonic() + START_SECONDS
    while True:
        if running.process.poll() is not None or clock.monotonic() > deadline:
            raise SystemExit(f"serve did not start: {running.log.read_text()[-3000:]}")
        # Ended by an answer that is not 200: its database is still being prepared.
        with contextlib.suppress(OSError, http.client.HTTPException, SystemExit):
            if (running.data / "admin.token").is_file():
                running.api("GET", "/status")
                return
        running.connection = None
        time.sleep(0.2)
