"""A PostgreSQL for lives that end at any moment, and the server they are forked from."""

from __future__ import annotations

import asyncio
import multiprocessing
from collections.abc import Iterator

import pytest
from tests.integration.processes import short_directory

from switchover.store.embedded import EmbeddedPostgres

# One process serves all forks of a test process, so it must have loaded every kind of life before the first:
# a life that has to import what it runs would be killed while it still does.
multiprocessing.get_context("forkserver").set_forkserver_preload(
    ["tests.crash.life", "tests.crash.copy_life"]
)


@pytest.fixture(scope="module")
def postgres() -> Iterator[EmbeddedPostgres]:
    """Return a server of these tests' own: one test kills it."""
    with short_directory() as directory:
        server = EmbeddedPostgres(directory / "postgresql", directory / "sockets")
        asyncio.run(server.start())
        try:
            yield server
        finally:
            asyncio.run(server.stop())
