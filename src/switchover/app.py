"""The composition root: the only place that constructs things.

``open_switchover`` builds everything one process needs, in order, and takes it down in reverse: the
data directory and its lock, the database, the engine, the log receivers, the agent port. Edges get the
finished ``Switchover`` and call the verbs of the rooms with its parts.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import logging
import os
import pwd
import resource
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from switchover.balance.advice import AdviceBoard
from switchover.balance.compile import EngineFacts
from switchover.balance.probes.machine import read_machine_facts
from switchover.balance.work.advice import open_agent_port
from switchover.balance.work.cycle import Cycle
from switchover.balance.work.engine_room import EngineRoom
from switchover.balance.work.events import EventLog
from switchover.balance.work.observation import Observation
from switchover.balance.work.parts import BalancerParts
from switchover.directory.access.role import Actor, Role
from switchover.directory.access.work import create_token, find_actor
from switchover.settings import Secret, Settings
from switchover.store.data_directory import prepare_data_directory
from switchover.store.embedded import EmbeddedPostgres
from switchover.store.lock import DataLock
from switchover.store.migrate import migrate
from switchover.store.pool import Database
from switchover.store.seal import Sealer
from switchover.wire.haproxy.binary import find_binary, read_version
from switchover.wire.haproxy.process import EngineProcess
from switchover.wire.haproxy.socket import EventReceiver, LogReceiver

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from switchover.wire.haproxy.binary import EngineVersion

logger = logging.getLogger(__name__)

LOCAL_TOKEN_NAME = "local administrator"  # noqa: S105 - a name, not the secret
STOP_GRACE_SECONDS = 2.0
ENGINE_USERS = ("haproxy", "nobody")
ENGINE_GROUPS = {"haproxy": "haproxy", "nobody": "nogroup"}
"""Users that the engine's workers may become when we are root, the first that exists."""


@dataclass(slots=True, kw_only=True)
class Switchover:
    """Everything that runs in one process."""

    settings: Settings
    database: Database
    balance: BalancerParts
    cycle: Cycle
    observation: Observation
    advice: AdviceBoard
    events: EventLog
    engine_version: EngineVersion
    engine_path: Path
    dsn: Secret


@asynccontextmanager
async def open_switchover(settings: Settings) -> AsyncIterator[Switchover]:
    """Build and start everything; on leaving stop it in reverse order.

    HAProxy is stopped too unless ``settings.keep_engine``; if this process is killed, it goes on
    serving and the next start finds it.
    """
    async with AsyncExitStack() as stack:
        prepare_data_directory(settings)
        stack.enter_context(DataLock(settings.lock_file))
        sealer = Sealer.open(settings.key_file)
        dsn = await _open_database_server(stack, settings)
        database = await stack.enter_async_context(
            Database(
                dsn,
                wait_seconds=settings.database_wait_seconds,
                connect_seconds=settings.database_connect_seconds,
                statement_seconds=settings.statement_seconds,
                connections=settings.database_connections,
            )
        )
        yield await _open_balancer(stack, settings, database, dsn, sealer)


async def _open_database_server(stack: AsyncExitStack, settings: Settings) -> str:
    if settings.database_url is not None:
        return settings.database_url.reveal()
    embedded = EmbeddedPostgres(settings.postgres_dir, settings.postgres_socket_dir)
    dsn = await embedded.start()
    stack.push_async_callback(embedded.stop)
    keeping = asyncio.create_task(embedded.keep_running())
    stack.push_async_callback(_cancel, keeping)
    return dsn


async def _open_balancer(
    stack: AsyncExitStack,
    settings: Settings,
    database: Database,
    dsn: str,
    sealer: Sealer,
) -> Switchover:
    path, _ = find_binary(settings.haproxy)
    version = await read_version(path)
    run = settings.run_dir
    process = EngineProcess(
        path,
        settings.engine_dir / "current" / "haproxy.cfg",
        master_socket=run / "master.sock",
        admin_socket=run / "engine.sock",
        state_file=settings.engine_dir / "servers.state",
        pid_file=settings.engine_dir / "engine.pid",
    )
    engine = EngineRoom(process, settings.engine_dir)
    advice = AdviceBoard()
    agent_port = await _open_agent(stack, settings, advice)
    parts = BalancerParts(
        database=database,
        engine=engine,
        sealer=sealer,
        facts=_engine_facts(settings, agent_port),
        machine=await read_machine_facts(version, path),
    )
    events = EventLog()
    observation = Observation(parts=parts, events=events)
    await stack.enter_async_context(LogReceiver(run / "log.sock", observation.take_line))
    await stack.enter_async_context(EventReceiver(run / "events.sock", observation.take_line))
    if not await process.attach():
        logger.info("engine=absent")
    stack.push_async_callback(_stop_engine, settings, process)
    stack.push_async_callback(observation.flush)
    return Switchover(
        settings=settings,
        database=database,
        balance=parts,
        cycle=Cycle(parts=parts, events=events, advice=advice),
        observation=observation,
        advice=advice,
        events=events,
        engine_version=version,
        engine_path=path,
        dsn=Secret(dsn),
    )


async def _open_agent(stack: AsyncExitStack, settings: Settings, advice: AdviceBoard) -> int:
    """Open the agent port, the same one as last time where it is free.

    The port stands in the engine's configuration; another one would cost a reload.
    """
    kept = settings.engine_dir / "agent.port"
    wanted = settings.agent_port
    if wanted == 0 and kept.is_file():
        with contextlib.suppress(ValueError):
            wanted = int(kept.read_text("ascii"))
    try:
        server, port = await open_agent_port(advice, "127.0.0.1", wanted)
    except OSError:
        server, port = await open_agent_port(advice, "127.0.0.1", 0)
    kept.write_text(str(port), "ascii")
    stack.callback(server.close)
    return port


def _engine_facts(settings: Settings, agent_port: int) -> EngineFacts:
    run = settings.run_dir
    user = _engine_user() if settings.is_root else None
    return EngineFacts(
        admin_socket=f"unix@{run}/engine.sock",
        log_socket=f"{run}/log.sock",
        event_socket=f"{run}/events.sock",
        state_file=str(settings.engine_dir / "servers.state"),
        peers_socket=f"unix@{run}/peers.sock",
        max_connections=_max_connections(),
        agent_address="127.0.0.1",
        agent_port=agent_port,
        system_ca="/etc/ssl/certs/ca-certificates.crt",
        user=user,
        group=ENGINE_GROUPS[user] if user else None,
        token=hashlib.sha256(os.fsencode(settings.data_dir)).hexdigest()[:8],
    )


def _engine_user() -> str | None:
    names = {entry.pw_name for entry in pwd.getpwall()}
    return next((name for name in ENGINE_USERS if name in names), None)


def _max_connections() -> int:
    """Fit the descriptor limit: two for each connection, a quarter kept for checks and listeners."""
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    if limit == resource.RLIM_INFINITY:
        return 100_000
    reserve = min(20_000, limit // 4)
    return max(100, min(100_000, (limit - reserve) // 2))


async def _stop_engine(settings: Settings, process: EngineProcess) -> None:
    if settings.keep_engine:
        logger.info("engine=kept")
        return
    await process.stop(grace_seconds=STOP_GRACE_SECONDS)


async def _cancel(task: asyncio.Task[None]) -> None:
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


async def prepare_database(switchover: Switchover) -> None:
    """Bring the tables up to date and make the local token; raises Unavailable while it can not.

    Called again until it succeeds: a database that is away must not keep the engine from starting.
    """
    if switchover.balance.is_prepared:
        return
    await migrate(switchover.dsn.reveal())
    await _ensure_local_token(switchover)
    switchover.balance.is_prepared = True


async def _ensure_local_token(switchover: Switchover) -> None:
    """Make the admin token of the local command line (file mode 0600) unless a valid one is there."""
    file = switchover.settings.token_file
    if file.is_file() and await find_actor(switchover.database, file.read_text("ascii").strip()):
        return
    system = Actor(name="switchover", role=Role.ADMIN)
    fresh = await create_token(
        switchover.database, LOCAL_TOKEN_NAME, Role.ADMIN, actor=system, valid_days=None
    )
    draft = file.with_suffix(".new")
    draft.unlink(missing_ok=True)
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as opened:
        opened.write(fresh.secret + "\n")
    draft.replace(file)
