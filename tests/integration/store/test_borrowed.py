"""The database that a command borrows, and the one that is started early for it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from switchover import clock
from switchover.settings import Settings, read_settings
from switchover.store.borrowed import borrow_database
from switchover.store.disk import NoSpace
from switchover.store.embedded import EmbeddedPostgres
from switchover.store.held import held_server


def server_of(settings: Settings) -> EmbeddedPostgres:
    return EmbeddedPostgres(settings.postgres_dir, settings.postgres_socket_dir)


async def made(directory: Path) -> tuple[Settings, EmbeddedPostgres]:
    """Return a data directory with a cluster in it, and what looks after its server."""
    settings = read_settings({}, data=directory)
    async with borrow_database(settings):
        pass
    server = server_of(settings)
    assert server.pid is None
    return settings, server


async def test_a_server_started_early_is_started_again_when_it_dies(short_directory: Path) -> None:
    settings, server = await made(short_directory / "data")
    async with held_server(settings), borrow_database(settings):
        before = server.pid
        assert before is not None
        os.kill(before, signal.SIGKILL)
        deadline = clock.monotonic() + 20
        while server.pid in {None, before}:
            assert clock.monotonic() < deadline
            await asyncio.sleep(0.02)
    assert server.pid is None


async def test_a_server_launched_early_is_seen_by_who_comes_next(short_directory: Path) -> None:
    _, server = await made(short_directory / "data")
    for _ in range(5):
        await server.launch()
        # Nobody there would be a reason to start a second one.
        assert server.pid is not None
        await server.stop()


@pytest.fixture
def small_disk(short_directory: Path) -> Iterator[Path]:
    place = short_directory / "small"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=100m,mode=0711", "tmpfs", str(place)]
    subprocess.run(mount, check=True)
    try:
        yield place
    finally:
        subprocess.run(["umount", str(place)], check=True)


async def test_a_server_started_early_on_a_full_disk_does_not_stay_behind(small_disk: Path) -> None:
    settings, server = await made(small_disk / "data")
    with (small_disk / "ballast").open("wb", 0) as file, contextlib.suppress(OSError):
        while file.write(bytes(4096)):
            pass
    with pytest.raises(NoSpace, match=str(small_disk)):
        async with held_server(settings), borrow_database(settings):
            pass
    assert server.pid is None
    (small_disk / "ballast").unlink()
    async with held_server(settings), borrow_database(settings):
        assert server.pid is not None
    assert server.pid is None
