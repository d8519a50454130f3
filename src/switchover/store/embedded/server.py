"""The embedded PostgreSQL server: start or attach, keep running, stop.

The server is nobody's child: it is launched into a session of its own and adopted by init, so
neither Ctrl-C at our terminal nor our death reaches it, and a server we started is handled like one
we found. Only ``stop`` ends it.
"""

from __future__ import annotations

import asyncio
import errno
import logging
import os
import shutil
import signal
from contextlib import suppress
from typing import TYPE_CHECKING

from switchover import clock
from switchover.errors import Conflict, Refused, SwitchoverError, Unavailable
from switchover.store.disk import find_full_disk, writing
from switchover.store.embedded import binaries, configuration, postmaster, template
from switchover.store.embedded.account import Account, get_account
from switchover.store.embedded.programs import looks, only_starter, run_program
from switchover.store.embedded.server_log import ServerLog

if TYPE_CHECKING:
    from pathlib import Path

# The C locale sorts the same on every machine: an upgrade of the C library breaks no index.
_INITDB_OPTIONS = (
    "--auth-local=peer",
    "--auth-host=reject",
    "--encoding=UTF8",
    "--data-checksums",
    "--locale=C",
    "--no-instructions",
    "--wal-segsize=4",
    f"--username={configuration.SUPERUSER}",
)
# The shell leaves the server in the background, says its process id and goes.
_LAUNCH = '"$@" </dev/null >&2 & echo $!'

logger = logging.getLogger(__name__)


class EmbeddedPostgres:
    """One PostgreSQL cluster below ``directory``, reached through ``socket_directory``.

    Call it from one process at a time (``DataLock`` sees to that). As root the server runs as the
    system user ``switchover``; then both directories must be below ones that every user can enter.
    """

    def __init__(
        self,
        directory: Path,
        socket_directory: Path,
        *,
        installation: Path | None = None,
        contents: str = "",
    ) -> None:
        """Name the places; ``installation`` replaces the bundled programs. Nothing happens yet.

        With ``contents``, which names what a new cluster holds once it is set up (the version of its
        tables), a new one is a copy of an earlier one that ``keep_as_template`` put by, if there is any.
        """
        self._directory = directory
        self._sockets = socket_directory
        self._installation = installation
        self._contents = contents if installation is None else ""
        self._is_new = self._has_database = self._is_wanted = False
        self._cluster = directory / "cluster"
        self._trouble = ""
        self._log = ServerLog(directory / "postgresql.log")
        self._turn = asyncio.Lock()  # keep_running starts it too

    @property
    def log_file(self) -> Path:
        """The server's log: this file and ``.1``, 8 MiB each at most while ``keep_running`` runs."""
        return self._log.file

    @property
    def pid(self) -> int | None:
        """Process id of the running server, None when there is none."""
        found = postmaster.find_postmaster(self._cluster)
        return found.process_id if found else None

    def dsn(self, *, database: str = configuration.DATABASE, role: str = configuration.ROLE) -> str:
        """Return how to connect; it holds no password, the kernel says who we are."""
        from switchover.store.embedded.client import dsn_of  # noqa: PLC0415 - start-up time

        return dsn_of(self._sockets, database=database, role=role)

    @property
    def superuser_dsn(self) -> str:
        """How to connect as the cluster's owner, for what the role ``switchover`` may not do."""
        return self.dsn(database="template1", role=configuration.SUPERUSER)

    def is_quick_to_start(self) -> bool:
        """Return whether there is a cluster, or one to copy."""
        if (self._cluster / "PG_VERSION").exists():
            return True
        return (self._template(get_account()) / "PG_VERSION").exists()

    def why_away(self) -> str:
        """Return why the server does not answer, as far as that is known."""
        return find_full_disk(self._directory) or self._trouble

    async def start(self, *, timeout_seconds: float = 60.0) -> str:
        """Bring the server up, or attach to one that survived us, and return its DSN.

        Idempotent. The first start makes the cluster. Cancelled or timed out in the middle it leaves
        nothing that blocks the next call: a server that was still starting is attached to then.

        Raises:
            Unavailable: it does not come up; the message has its own last words.
            Refused: the system user, the programs or the directories cannot be used.
            Conflict: the cluster is another user's or another version's.
        """
        self._is_wanted = True
        async with self._turn:
            with writing(self._directory):
                return await self._start(clock.monotonic() + timeout_seconds)

    async def launch(self, *, timeout_seconds: float = 60.0) -> None:
        """Begin to bring the server up, for a ``start`` that comes soon; raises as that does."""
        self._is_wanted = True
        deadline = clock.monotonic() + timeout_seconds
        async with self._turn:
            with writing(self._directory):
                account = await asyncio.to_thread(get_account)
                await asyncio.to_thread(self._own_directories, account)
                async with only_starter(self._directory, deadline):
                    if await self._find_usable(account) is None:
                        await self._wait_until_seen(await self._launch_new(account), deadline)

    async def stop(self, *, timeout_seconds: float = 20.0) -> None:
        """End the server: fast shutdown first, harder when that takes too long. Idempotent."""
        self._is_wanted = False
        async with self._turn:
            await self._end(timeout_seconds)

    async def keep_as_template(self) -> None:
        """Put a cluster by that was made just now and holds nothing yet."""
        if not self._is_new or not self._contents:
            return
        from switchover.store.embedded.client import trim  # noqa: PLC0415 - start-up time

        self._is_new = False
        await asyncio.to_thread(trim, self.superuser_dsn)
        await self.stop()
        account = await asyncio.to_thread(get_account)
        await asyncio.to_thread(template.keep_template, self._cluster, self._template(account))
        await self.start()

    async def keep_running(self, *, every_seconds: float = 2.0) -> None:
        """Start the server again whenever it died, and keep its log small, until cancelled.

        Between ``stop`` and the next ``start`` it only watches.
        """
        while True:
            await asyncio.sleep(every_seconds)
            with suppress(OSError):
                await asyncio.to_thread(self._log.shorten)
            if not self._is_wanted or self.pid is not None:
                continue
            if not self._trouble:
                logger.warning("postgresql=gone action=start")
            try:
                await self.start()
                self._trouble = ""
            except SwitchoverError as error:
                if str(error) != self._trouble:
                    logger.warning("postgresql=down reason=%s", error)
                self._trouble = str(error)

    async def _start(self, deadline: float) -> str:
        account = await asyncio.to_thread(get_account)
        found = await self._find_usable(account)
        if found is not None and await self._wait_until_ready(found, deadline):
            process_id, how = found, "attached"
        else:  # nobody there, or dying while we looked
            await asyncio.to_thread(self._own_directories, account)
            async with only_starter(self._directory, deadline):
                process_id, how = await self._start_alone(account, deadline)
        if not self._has_database:
            await self._ensure_database()
        logger.info("postgresql=%s pid=%d", how, process_id)
        return self.dsn()

    async def _start_alone(self, account: Account, deadline: float) -> tuple[int, str]:
        found = await self._find_usable(account)
        if found is not None and await self._wait_until_ready(found, deadline):
            return found, "attached"  # to one that another process has started meanwhile
        process_id = await self._launch_new(account)
        if not await self._wait_until_ready(process_id, deadline):
            raise Unavailable(f"PostgreSQL did not start: {self._last_words()}")
        return process_id, "started"

    def _last_words(self) -> str:
        # On a full disk the log could not be written either.
        return find_full_disk(self._directory) or self._log.last_words()

    async def _end(self, patience_seconds: float) -> None:
        found = await asyncio.to_thread(postmaster.find_postmaster, self._cluster)
        if found is None:
            return
        process_id, mark = found.process_id, postmaster.mark_of(self._cluster)
        for number, patience in ((signal.SIGINT, patience_seconds), (signal.SIGQUIT, 5.0)):
            postmaster.send(number, [process_id])
            # A frozen server would never see it.
            postmaster.send(signal.SIGCONT, postmaster.list_processes(mark))
            if await self._wait_until_gone(process_id, patience):
                return
            logger.warning("postgresql=slow-stop pid=%d signal=%s", process_id, number.name)
        postmaster.send(signal.SIGKILL, postmaster.list_processes(mark))
        await self._wait_until_alone()

    async def _find_usable(self, account: Account) -> int | None:
        """Return the process id of a running server we can use; end one that we cannot."""
        found = await asyncio.to_thread(postmaster.find_postmaster, self._cluster)
        if found is None:
            return None
        listens_here = found.socket_directory in {"", str(self._sockets)}
        if listens_here and found.status != "stopping":
            await asyncio.to_thread(self._own_directories, account)
            return found.process_id
        await self._end(20.0)
        return None

    async def _launch_new(self, account: Account) -> int:
        source = self._installation or binaries.bundled_installation()
        installation = await asyncio.to_thread(
            binaries.installation_for, account, source, self._directory
        )
        if not (self._cluster / "PG_VERSION").exists():
            await self._initialise(account, installation)
        self._verify_cluster(account)
        await asyncio.to_thread(self._write_configuration, account)
        await asyncio.to_thread(postmaster.clear_leftovers, self._cluster, self._sockets)
        await self._wait_until_alone()
        return await self._launch(account, installation)

    def _own_directories(self, account: Account) -> None:
        """Make both directories, and see that the server's user gets there."""
        for path, mode in (
            (self._directory, 0o711 if account.is_other else 0o700),
            (self._sockets, 0o700),
        ):
            try:
                path.mkdir(mode=mode, parents=True, exist_ok=True)
                path.chmod(mode)
            except OSError as error:
                raise Refused(f"cannot make {path} for PostgreSQL: {error.strerror}") from error
        if account.is_other:
            os.chown(self._sockets, account.user_id, account.group_id)
        for path in (self._directory, self._sockets):
            if (barrier := account.find_barrier(path)) is not None:
                raise Refused(
                    f"PostgreSQL runs as the user {account.name}, who cannot enter {barrier}; choose "
                    "a data directory such as /var/lib/switchover with --data, "
                    f"or let others pass: chmod o+x {barrier}"
                )

    def _verify_cluster(self, account: Account) -> None:
        owner = self._cluster.stat().st_uid
        if owner != account.user_id:
            raise Conflict(
                f"{self._cluster} belongs to user id {owner}, and PostgreSQL would run as "
                f"{account.name} (user id {account.user_id}); start switchover as its owner, or give "
                f"it away: chown -R {account.name} {self._cluster}"
            )
        major = (self._cluster / "PG_VERSION").read_text("ascii", "replace").strip()
        if major != binaries.MAJOR:
            raise Conflict(
                f"{self._cluster} was made by PostgreSQL {major}, and this switchover runs "
                f"{binaries.MAJOR}; use the version of switchover that made it, or pg_dump it there "
                "and restore it here"
            )

    async def _initialise(self, account: Account, installation: Path) -> None:
        """Make the cluster; it gets its name only when it is complete and on disk."""
        for path in self._directory.glob("cluster.new-*"):
            await asyncio.to_thread(shutil.rmtree, path, ignore_errors=True)
        draft = self._directory / f"cluster.new-{clock.new_id()[:8]}"
        if self._contents:
            is_copied = await asyncio.to_thread(
                template.use_template, self._template(account), draft
            )
            if is_copied:
                draft.rename(self._cluster)
                return
        draft.mkdir(mode=0o700)
        if account.is_other:
            os.chown(draft, account.user_id, account.group_id)
        command = [str(installation / "bin" / "initdb"), "-D", str(draft), *_INITDB_OPTIONS]
        code, _ = await run_program(command, account, self._log)
        if code != 0:
            raise Unavailable(f"PostgreSQL could not make its cluster: {self._last_words()}")
        draft.rename(self._cluster)
        self._is_new = True

    def _template(self, account: Account) -> Path:
        what = (binaries.bundled_version(), *_INITDB_OPTIONS, account.name, self._contents)
        return template.template_path(what)

    def _write_configuration(self, account: Account) -> None:
        """Write the three files, readable for the server and not writable for it."""
        settings = configuration.render_settings(
            socket_directory=self._sockets, configuration_directory=self._directory
        )
        texts = {
            "postgresql.conf": settings,
            "pg_hba.conf": configuration.render_access(),
            "pg_ident.conf": configuration.render_identities(account.may_connect),
        }
        for name, text in texts.items():
            draft = self._directory / f"{name}.new"
            draft.write_text(text, "utf-8")
            draft.chmod(0o644)
            draft.replace(self._directory / name)

    async def _launch(self, account: Account, installation: Path) -> int:
        command = [
            str(installation / "bin" / "postgres"),
            *("-D", str(self._cluster)),
            *("-c", f"config_file={self._directory / 'postgresql.conf'}"),
            *("-c", f"cluster_name={postmaster.mark_of(self._cluster)}"),
        ]
        _, answer = await run_program(
            ["/bin/sh", "-c", _LAUNCH, "sh", *command], account, self._log
        )
        return int(answer)

    async def _wait_until_seen(self, process_id: int, deadline: float) -> None:
        """Return when others see that the server is there, or has gone: before that they start a second one."""
        async for _ in looks():
            if postmaster.has_ended(process_id) or clock.monotonic() > deadline:
                return
            if await asyncio.to_thread(postmaster.find_postmaster, self._cluster) is not None:
                return

    async def _wait_until_ready(self, process_id: int, deadline: float) -> bool:
        """Return True when the server answers, False when its process is gone."""
        async for _ in looks():
            if postmaster.has_ended(process_id):
                return False
            found = await asyncio.to_thread(postmaster.find_postmaster, self._cluster)
            if found is not None and found.status == "ready":
                if await self._answers():
                    return True
                if find_full_disk(self._directory):
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            if clock.monotonic() > deadline:
                raise Unavailable(
                    f"PostgreSQL (process id {process_id}) is not ready yet; after a crash it repairs "
                    f"itself first, so try again. It said last: {self._log.last_words()}"
                )
        return False

    async def _answers(self) -> bool:
        from switchover.store.embedded.client import answers  # noqa: PLC0415 - start-up time

        # Nearly always our database is there, and then there is nothing to ensure.
        for dsn in (self.dsn(), self.superuser_dsn):
            if await answers(dsn):
                self._has_database = dsn == self.dsn()
                return True
        return False

    async def _ensure_database(self) -> None:
        from switchover.store.embedded.client import ensure_database  # noqa: PLC0415 - start-up time

        await ensure_database(self.superuser_dsn)

    async def _wait_until_gone(self, process_id: int, patience_seconds: float) -> bool:
        deadline = clock.monotonic() + patience_seconds
        async for _ in looks():
            if postmaster.has_ended(process_id):
                return True
            if clock.monotonic() > deadline:
                break
        return False

    async def _wait_until_alone(self) -> None:
        """Wait until killed workers are gone: PostgreSQL refuses to start beside them."""
        mark = postmaster.mark_of(self._cluster)
        deadline = clock.monotonic() + 5.0
        async for _ in looks():
            if not await asyncio.to_thread(postmaster.list_processes, mark):
                return
            if clock.monotonic() > deadline:
                raise Unavailable("processes of an earlier PostgreSQL do not end; try again")
