"""Servers that a test may stop, freeze and kill."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from tests.integration.conftest import forget_durability

from switchover.store.embedded import EmbeddedPostgres
from switchover.store.embedded.postmaster import list_processes, mark_of, send


class OwnServer:
    """A server below ``base`` that belongs to one test."""

    def __init__(self, base: Path) -> None:
        self.base = base
        self.cluster = base / "pg" / "cluster"
        self.sockets = base / "s"
        self.lock_file = self.cluster / "postmaster.pid"
        self.postgres = self.another()

    def another(self, *, installation: Path | None = None) -> EmbeddedPostgres:
        """Return a second view of the same server, as a new process would have."""
        return EmbeddedPostgres(self.base / "pg", self.sockets, installation=installation)

    def list_processes(self) -> list[int]:
        return list_processes(mark_of(self.cluster)) if self.cluster.exists() else []

    def signal_all(self, number: signal.Signals) -> None:
        send(number, self.list_processes())

    async def end(self) -> None:
        """Stop it cleanly if that is possible, and leave no process in any case."""
        await self.another().stop(timeout_seconds=3)
        while self.list_processes():
            self.signal_all(signal.SIGKILL)
        self.postgres = self.another()


@pytest.fixture
async def empty_server(short_directory: Path) -> AsyncIterator[OwnServer]:
    """Return a server that was never started."""
    server = OwnServer(short_directory)
    yield server
    await server.end()


@pytest.fixture(scope="session")
def shared_server(session_directory: Path) -> Iterator[OwnServer]:
    """Return the server that tests take turns to break: making a cluster each time is slow."""
    server = OwnServer(session_directory / "breakable")

    async def prepare() -> None:
        await server.postgres.start()
        await forget_durability(server.postgres)
        await server.postgres.stop()

    asyncio.run(prepare())
    yield server
    asyncio.run(server.end())


@pytest.fixture
async def stopped_server(shared_server: OwnServer) -> AsyncIterator[OwnServer]:
    """Return a server that ran before and does not now; a test may leave it in any state."""
    yield shared_server
    await shared_server.end()


@pytest.fixture
async def running_server(stopped_server: OwnServer) -> OwnServer:
    """Return a server that runs."""
    await stopped_server.postgres.start()
    return stopped_server
