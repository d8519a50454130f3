"""The composition root: the only place that constructs things.

``open_switchover`` builds everything one process needs, in order, and takes it down in reverse: the
data directory and its lock, the database, the engine, the log receivers, the agent port. Edges get the
finished ``Switchover`` and call the verbs of the rooms with its parts.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import pwd
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from switchover.balance.advice import AdviceBoard
from switchover.balance.drain.work import Drains
from switchover.balance.event import Event, Severity
from switchover.balance.lint import MachineFacts
from switchover.balance.overrides import parse_target
from switchover.balance.probes.engine_facts import read_engine_facts
from switchover.balance.probes.machine import read_machine_facts
from switchover.balance.work.advice import open_kept_agent_port
from switchover.balance.work.board import Board
from switchover.balance.work.cycle import Cycle
from switchover.balance.work.engine_room import EngineRoom
from switchover.balance.work.events import EventLog
from switchover.balance.work.observation import Observation
from switchover.balance.work.parts import BalancerParts
from switchover.balance.work.recent import RecentChanges
from switchover.directory.access.account.work.parts import AccessParts
from switchover.directory.access.account.work.reading import is_claimed
from switchover.directory.access.local_token.work import renew_local_token
from switchover.directory.access.oidc.work import IdentityProvider
from switchover.directory.access.session.session import Limits
from switchover.directory.audit import work as audit
from switchover.directory.audit.work import Refusals
from switchover.errors import SwitchoverError
from switchover.settings import Secret, Settings
from switchover.store.data_directory import prepare_data_directory
from switchover.store.embedded import EmbeddedPostgres
from switchover.store.embedded.client import ensure_application_role
from switchover.store.lock import DataLock
from switchover.store.migrate import migrate
from switchover.store.notary import Notary
from switchover.store.pool import Database
from switchover.store.schema import latest_version
from switchover.store.seal import Sealer
from switchover.wire.haproxy.binary import find_binary, read_version
from switchover.wire.haproxy.process import EngineProcess
from switchover.wire.haproxy.socket import EventReceiver, LogReceiver

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
    from pathlib import Path

    from switchover.balance.overrides import Target
    from switchover.directory.access.memory import TokenMemory
    from switchover.wire.haproxy.binary import EngineVersion

logger = logging.getLogger(__name__)

STOP_GRACE_SECONDS = 2.0


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
    board: Board
    recent: RecentChanges
    engine_version: EngineVersion
    engine_path: Path
    dsn: Secret
    refusals: Refusals
    superuser_dsn: str | None = None
    """How to reach the embedded server as its owner; None with a database of somebody else's."""
    access: AccessParts
    provider: IdentityProvider | None = None
    audit_exposure: str = ""
    """Why the application could change the audit log, as far as that is known; "" when it can not."""

    @property
    def tokens(self) -> TokenMemory:
        """The tokens that were used lately."""
        return self.access.tokens


@asynccontextmanager
async def open_switchover(settings: Settings) -> AsyncIterator[Switchover]:
    """Build everything, start the engine as it last was, then the database; stop in reverse order.

    The engine comes first: after a reboot mail must not wait for a database. HAProxy is stopped at the
    end too unless ``settings.keep_engine``; if this process fails or is killed, it goes on serving and
    the next start finds it.

    Raises:
        SwitchoverError: the database can not be had at the very first start. Later ones go on without
            it and try again.
    """
    async with AsyncExitStack() as stack:
        prepare_data_directory(settings)
        stack.callback(_forget_sockets, settings)
        stack.enter_context(DataLock(settings.lock_file))
        sealer = Sealer.open(settings.key_file)
        embedded = EmbeddedPostgres(
            settings.postgres_dir, settings.postgres_socket_dir, contents=latest_version()
        )
        given = settings.database_url
        dsn = given.reveal() if given else embedded.dsn()
        database = Database(
            dsn,
            wait_seconds=settings.database_wait_seconds,
            connect_seconds=settings.database_connect_seconds,
            statement_seconds=settings.statement_seconds,
            connections=settings.database_connections,
            notary=Notary(settings.key_file, settings.audit_head_file),
        )
        switchover = await _open_balancer(stack, settings, database, sealer)
        switchover.dsn = Secret(dsn)
        await _start_last_engine(switchover)
        if given is None:
            switchover.superuser_dsn = embedded.superuser_dsn
            await _open_embedded(stack, switchover, embedded)
        await stack.enter_async_context(database)
        stack.push_async_callback(switchover.observation.finish)
        yield switchover


def require_unserved(settings: Settings) -> None:
    """Raise Conflict with the process id of who serves the data directory; makes nothing."""
    DataLock(settings.lock_file).require_free()


def _forget_sockets(settings: Settings) -> None:
    """Remove a socket directory of ours outside the data directory, once nothing is left in it."""
    if not settings.run_dir.is_relative_to(settings.data_dir):
        with contextlib.suppress(OSError):
            settings.postgres_socket_dir.rmdir()
        with contextlib.suppress(OSError):
            settings.run_dir.rmdir()


async def _start_last_engine(switchover: Switchover) -> None:
    engine = switchover.balance.engine
    try:
        found = await engine.process.attach()
        if found is None:
            switchover.observation.count_from_start()
        if found is None and engine.files.main_file.is_file():
            await engine.process.start()
            found = await engine.process.attach()
            cause = "engine started from the files of the last run"
            switchover.events.add(
                Event(kind="engine-started", severity=Severity.WARNING, cause=cause)
            )
    except SwitchoverError as error:
        # The cycle tries again, with the wish from the database, and reports.
        logger.error("engine=down reason=%s", error)  # noqa: TRY400 - the sentence says it all
        return
    logger.info("engine=%s", "absent" if found is None else f"process {found.master.pid}")


async def _open_embedded(
    stack: AsyncExitStack, switchover: Switchover, embedded: EmbeddedPostgres
) -> None:
    stack.push_async_callback(embedded.stop)
    try:
        await embedded.start()
    except SwitchoverError as error:
        if not switchover.balance.engine.files.main_file.is_file():
            raise
        logger.error("database=down reason=%s", error)  # noqa: TRY400 - the sentence says it all
    keeping = asyncio.create_task(embedded.keep_running())
    stack.push_async_callback(_cancel, keeping)


async def _open_balancer(
    stack: AsyncExitStack, settings: Settings, database: Database, sealer: Sealer
) -> Switchover:
    path, _ = find_binary(settings.haproxy)
    version = await read_version(path)
    engine = EngineRoom(_engine_process(settings, path), settings.engine_dir)
    advice = AdviceBoard(left_over=_read_targets(engine.files.advised))
    agent, agent_port = await open_kept_agent_port(
        advice, "127.0.0.1", settings.agent_port, settings.engine_dir / "agent.port"
    )
    stack.callback(agent.close)
    parts = BalancerParts(
        database=database,
        engine=engine,
        sealer=sealer,
        facts=read_engine_facts(settings, agent_port),
        machine=MachineFacts(engine=version.text, tls_library=version.tls_library),
    )
    events = EventLog()
    observation = Observation(parts=parts, events=events)
    parts.engine.before_reload = observation.hold_worker
    await _open_receivers(stack, settings, observation)
    stack.push_async_exit(_stopping(engine.process, keep=settings.keep_engine))
    cycle = Cycle(parts=parts, events=events, advice=advice)
    board = Board(
        parts=parts,
        observation=observation,
        cycle=cycle,
        drains=Drains(parts=parts),
        cycle_seconds=settings.cycle_seconds,
    )
    events.listeners.append(board.hear)
    stack.push_async_callback(board.close)
    recent = RecentChanges(parts=parts, events=events)
    stack.push_async_callback(recent.close)
    refusals = Refusals(database)
    return Switchover(
        settings=settings,
        database=database,
        balance=parts,
        cycle=cycle,
        observation=observation,
        advice=advice,
        events=events,
        board=board,
        recent=recent,
        engine_version=version,
        engine_path=path,
        dsn=Secret(""),
        refusals=refusals,
        access=AccessParts(
            database=database,
            refusals=refusals,
            issuer=settings.oidc.issuer if settings.oidc else None,
            sealer=sealer,
            limits=Limits(
                idle=timedelta(minutes=settings.session_idle_minutes),
                absolute=timedelta(hours=settings.session_hours),
            ),
        ),
        provider=IdentityProvider(settings.oidc, sealer) if settings.oidc else None,
    )


def _engine_process(settings: Settings, binary: Path) -> EngineProcess:
    run, kept = settings.run_dir, settings.engine_dir
    return EngineProcess(
        binary,
        kept / "current" / "haproxy.cfg",
        master_socket=run / "master.sock",
        admin_socket=run / "engine.sock",
        state_file=kept / "servers.state",
        pid_file=kept / "engine.pid",
    )


async def _open_receivers(
    stack: AsyncExitStack, settings: Settings, observation: Observation
) -> None:
    """Open the sockets that the engine's workers write to: sessions on one, what happens on the other."""
    log, ring = settings.run_dir / "log.sock", settings.run_dir / "events.sock"
    await stack.enter_async_context(LogReceiver(log, observation.take_session, mode=0o600))
    await stack.enter_async_context(EventReceiver(ring, observation.take_event, mode=0o600))
    if user := observation.parts.facts.user:
        # Only the engine's workers may write: anybody else could invent events.
        account = pwd.getpwnam(user)
        for written in (log, ring):
            os.chown(written, account.pw_uid, account.pw_gid)


def _stopping(process: EngineProcess, *, keep: bool) -> Callable[..., Awaitable[None]]:
    """Return what is done with the engine at the end."""

    async def stop_engine(
        kind: type[BaseException] | None, _error: BaseException | None, _trace: object
    ) -> None:
        if keep or kind is not None:
            # A start that failed, or a fault of ours, must not take mail down.
            logger.info("engine=kept")
            return
        await process.stop(grace_seconds=STOP_GRACE_SECONDS)

    return stop_engine


async def read_machine(switchover: Switchover) -> None:
    """Look at the machine anew: its limits and engines that are ahead of ours."""
    facts = await read_machine_facts(switchover.engine_version, switchover.engine_path)
    switchover.balance.machine = facts


def _read_targets(names: Iterable[str]) -> set[Target]:
    found = set()
    for name in names:
        with contextlib.suppress(ValueError):  # a damaged note must not keep us from starting
            found.add(parse_target(name))
    return found


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
    if switchover.superuser_dsn is not None:
        await ensure_application_role(switchover.superuser_dsn)
    await migrate(switchover.dsn.reveal())
    await look_at_audit(switchover)
    await renew_local_token(switchover.database, switchover.tokens, switchover.settings.token_file)
    await _tell_first_code(switchover.access)
    switchover.balance.is_prepared = True


async def _tell_first_code(access: AccessParts) -> None:
    """Log the code that opens a console without accounts: who reads the log is its administrator."""
    if access.first_code.is_told or await is_claimed(access):
        return
    access.first_code.is_told = True
    logger.warning(
        "console=unclaimed code=%s open the console and give this code, or run: switchover account create "
        "NAME --role admin",
        access.first_code.text,
    )


async def look_at_audit(switchover: Switchover) -> None:
    """See that the audit log goes on where it ended and what guards it; an event when something is wrong."""
    trouble = await audit.catch_up(switchover.database)
    if trouble:
        logger.error("audit=broken reason=%s", trouble)
        switchover.events.add(Event(kind="audit-broken", severity=Severity.ERROR, cause=trouble))
    exposure = await audit.find_exposure(switchover.database)
    if exposure and exposure != switchover.audit_exposure:
        logger.warning("audit=exposed reason=%s", exposure)
        switchover.events.add(
            Event(kind="audit-exposed", severity=Severity.WARNING, cause=exposure)
        )
    switchover.audit_exposure = exposure
