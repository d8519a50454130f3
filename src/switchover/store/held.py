"""The embedded server held up by several commands at once, and launched before any of them can ask it."""

from __future__ import annotations

import asyncio
import fcntl
import os
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from switchover.errors import Conflict
from switchover.store.data_directory import prepare_data_directory
from switchover.store.disk import writing
from switchover.store.embedded import EmbeddedPostgres
from switchover.store.lock import DataLock
from switchover.store.schema import latest_version

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from switchover.settings import Settings


@asynccontextmanager
async def held_server(settings: Settings) -> AsyncIterator[None]:
    """Launch the embedded server of a data directory, where that is quick, and keep it from being stopped.

    It may still be starting inside, and nobody starts it again here: ``borrow_database`` does both.
    """
    server = EmbeddedPostgres(
        settings.postgres_dir, settings.postgres_socket_dir, contents=latest_version()
    )
    if settings.database_url is not None or not server.is_quick_to_start():
        yield
        return
    prepare_data_directory(settings)
    descriptor = open_lock(settings.data_dir / "postgresql.users")
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH)
        try:
            await server.launch()
            yield
        finally:
            if await asyncio.to_thread(is_last, descriptor, settings):
                await server.stop()  # also one that runs and lets nobody in: the disk may be full
    finally:
        os.close(descriptor)


def open_lock(file: Path) -> int:
    """Return the descriptor of a lock file, made where it is not there."""
    with writing(file.parent):
        return os.open(file, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)


def is_last(descriptor: int, settings: Settings) -> bool:
    """Return whether nobody else uses the server; then nobody can begin to until we are gone."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        DataLock(settings.lock_file).require_free()
    except (BlockingIOError, Conflict):
        return False
    return True
