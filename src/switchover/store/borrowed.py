"""The database for one command: the server that runs already, or one for as long as the command lasts.

Several commands may work side by side, and ``switchover serve`` beside them. Each holds a shared lock; the
last one out stops the server, unless somebody serves the directory. The kernel holds the locks, so a
command that dies leaves nothing behind but a server that the next one finds.
"""

from __future__ import annotations

import asyncio
import fcntl
import hashlib
import os
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager, contextmanager
from typing import TYPE_CHECKING

from switchover.errors import Conflict
from switchover.store.data_directory import prepare_data_directory
from switchover.store.disk import NoSpace
from switchover.store.embedded import EmbeddedPostgres
from switchover.store.held import is_last, open_lock
from switchover.store.notary import Notary
from switchover.store.pool import Database, Speech
from switchover.store.schema import is_current, latest_version

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from switchover.settings import Settings

_LOOK_SECONDS = 0.5
_PATIENCE_SECONDS = 15.0
"""How long a request waits for a database that is away: one that was killed is back in seconds."""
_ADVICE = "nothing is lost: run the same command again"


@asynccontextmanager
async def borrow_database(settings: Settings) -> AsyncIterator[Database]:
    """Give the database of a data directory, migrated, to a command that needs no running switchover."""
    prepare_data_directory(settings)
    async with AsyncExitStack() as stack:
        server: EmbeddedPostgres | None = None
        speech = Speech(advice=_ADVICE)
        if settings.database_url is not None:
            dsn = settings.database_url.reveal()
        else:
            server = EmbeddedPostgres(
                settings.postgres_dir, settings.postgres_socket_dir, contents=latest_version()
            )
            await stack.enter_async_context(_borrowed(settings, server))
            dsn = server.dsn()
            speech = Speech(
                where=str(settings.postgres_dir), advice=_ADVICE, why_away=server.why_away
            )
        if not await is_current(dsn):
            # A third of a second to load, and hardly ever needed.
            from switchover.store.embedded.client import (  # noqa: PLC0415 - start-up time
                ensure_application_role,
            )
            from switchover.store.migrate import migrate  # noqa: PLC0415 - start-up time

            if server is not None:
                await ensure_application_role(server.superuser_dsn)
            await migrate(dsn)
            if server is not None:
                await server.keep_as_template()
        yield await stack.enter_async_context(
            Database(
                dsn,
                wait_seconds=settings.database_wait_seconds,
                connect_seconds=settings.database_connect_seconds,
                statement_seconds=settings.statement_seconds,
                connections=settings.database_connections,
                patience_seconds=_PATIENCE_SECONDS,
                speech=speech,
                notary=Notary(settings.key_file, settings.audit_head_file),
            )
        )


@asynccontextmanager
async def _borrowed(settings: Settings, server: EmbeddedPostgres) -> AsyncIterator[None]:
    descriptor = open_lock(settings.data_dir / "postgresql.users")
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH)
        try:
            await server.start()
        except NoSpace:
            if is_last(descriptor, settings):
                await server.stop()  # it may run, and let nobody in
            raise
        keeping = asyncio.create_task(server.keep_running(every_seconds=_LOOK_SECONDS))
        try:
            yield
        finally:
            keeping.cancel()
            await asyncio.gather(keeping, return_exceptions=True)
            if is_last(descriptor, settings):
                await server.stop()
    finally:
        os.close(descriptor)


@contextmanager
def hold_alone(settings: Settings, *names: str) -> Iterator[None]:
    """Keep other commands of this data directory from doing any of these things; raises Conflict while one does."""
    with ExitStack() as stack:
        for name in names:
            file = f"busy-{hashlib.sha256(name.encode()).hexdigest()[:16]}"
            descriptor = open_lock(settings.data_dir / file)
            stack.callback(os.close, descriptor)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise Conflict(f"another command is at it already: {name}") from None
        yield
