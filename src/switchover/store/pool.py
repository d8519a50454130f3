"""Transactions on PostgreSQL that end in time, whatever happens to the server.

Three limits work together. The server ends a statement after ``statement_seconds``. A server that is
frozen or unreachable cannot, so we cut the connection one second later. A request that gets no
working connection gives up after ``wait_seconds``. All three become ``Unavailable``, and the pool
connects again by itself when the server is back.
"""

from __future__ import annotations

import asyncio
import logging
import os
import socket
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self, TypeVar

import psycopg
from psycopg.conninfo import conninfo_to_dict
from psycopg.rows import TupleRow
from psycopg_pool import AsyncConnectionPool, PoolTimeout

from switchover import clock
from switchover.errors import InvalidInput, Unavailable
from switchover.store.disk import NoSpace
from switchover.store.failure import LATER, find_failure
from switchover.store.role import TAKE_ROLE

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from psycopg.abc import PQGen

    from switchover.store.failure import Failure
    from switchover.store.notary import Notary

_GRACE_SECONDS = 1.0
_IDLE_IN_TRANSACTION_SECONDS = 60
_PAUSE_SECONDS = 0.2
RV = TypeVar("RV")

logger = logging.getLogger(__name__)


class Connection(psycopg.AsyncConnection[TupleRow]):
    """A connection whose every wait for the server ends after ``patience_seconds``.

    Cancelling the waiting task would not do: psycopg then asks the server to cancel the statement,
    and a frozen server does not answer that either.
    """

    patience_seconds: float | None = None
    was_cut = False
    notary: Notary | None = None
    """Who keeps what must not lie in the database alone."""
    _after_commit: tuple[Callable[[], None], ...] = ()

    @classmethod
    async def connect(  # type: ignore[override]  # options are the parent's, passed on as they are
        cls, conninfo: str = "", *, report: Callable[[str], None] | None = None, **options: Any
    ) -> Self:
        """Connect as psycopg does, and tell ``report`` why when that fails.

        The pool connects in the background and only logs its failures; the person who waits for a
        connection should read the reason too.
        """
        try:
            connection = await super().connect(conninfo, **options)
        except psycopg.Error as error:
            if report:
                report(str(error))
            raise
        if report:
            report("")
        return connection

    async def wait(self, gen: PQGen[RV], *options: Any, **more: Any) -> RV:
        """Run one conversation with the server, within ``patience_seconds``."""
        if self.patience_seconds is None:
            return await super().wait(gen, *options, **more)
        timer = asyncio.get_running_loop().call_later(self.patience_seconds, self._cut)
        try:
            return await super().wait(gen, *options, **more)
        except psycopg.OperationalError as error:
            if self.was_cut:
                raise psycopg.OperationalError(
                    f"no answer in {self.patience_seconds:g} s"
                ) from error
            raise
        finally:
            timer.cancel()

    def call_after_commit(self, act: Callable[[], None]) -> None:
        """Have something done once this transaction is in the database; not at all if it never is.

        Nor when its end is unknown, or when we die right then: ``act`` must be something that can be made
        up for.
        """
        self._after_commit = (*self._after_commit, act)

    async def commit(self) -> None:
        """Commit, then do what waits for it."""
        waiting, self._after_commit = self._after_commit, ()
        await super().commit()
        for act in waiting:
            act()

    async def rollback(self) -> None:
        """Roll back, and forget what waited for a commit."""
        self._after_commit = ()
        await super().rollback()

    async def cancel_safe(self, *, timeout: float = _GRACE_SECONDS) -> None:
        """Ask the server to end the statement; psycopg does so when the waiting task is cancelled.

        A frozen server would keep that task for psycopg's own 5 seconds.
        """
        await super().cancel_safe(timeout=min(timeout, _GRACE_SECONDS))

    def _cut(self) -> None:
        """Shut the socket down, so that whoever waits on it reads the end of the stream."""
        self.was_cut = True
        with suppress(OSError, psycopg.Error):
            duplicate = socket.socket(fileno=os.dup(self.pgconn.socket))
            try:
                duplicate.shutdown(socket.SHUT_RDWR)
            finally:
                duplicate.close()


@dataclass(frozen=True, slots=True, kw_only=True)
class Speech:
    """How sentences speak of a database: ``where`` it is, and the ``advice`` for while it is away.

    ``why_away`` returns why it does not answer, where somebody knows better than its client.
    """

    where: str = ""
    advice: str = LATER
    why_away: Callable[[], str] = str


class Database:
    """The database of one process: at most ``connections`` at once, opened when needed.

    Sessions run in UTC. Seconds for every limit; they come from the settings.
    """

    def __init__(
        self,
        dsn: str,
        *,
        wait_seconds: float = 2.0,
        connect_seconds: float = 2.0,
        statement_seconds: float = 5.0,
        connections: int = 10,
        patience_seconds: float = 0.0,
        speech: Speech | None = None,
        notary: Notary | None = None,
    ) -> None:
        """Name the database by a ``postgresql://`` URL or a libpq keyword string.

        ``patience_seconds`` is for how long a request asks again for a connection to a server that is away.
        ``notary`` seals entries of the audit log.

        Raises:
            InvalidInput: ``dsn`` is neither; the message does not repeat it (it may hold a password).
        """
        self._speech = speech or Speech()
        self.notary = notary
        self._where = self._speech.where or describe_place(dsn)
        self._patience_seconds = patience_seconds
        self._wait_seconds = wait_seconds
        self._statement_seconds = statement_seconds
        self._connect_words = ""
        self._down_since: float | None = None
        self._pool = AsyncConnectionPool(
            dsn,
            connection_class=Connection,
            kwargs={
                "report": self._note_connect,
                "connect_timeout": max(1, round(connect_seconds)),
                "fallback_application_name": "switchover",
            },
            min_size=0,
            max_size=connections,
            open=False,
            timeout=wait_seconds,
            configure=self._configure,
            check=self._check,
            # A background attempt gives up at once: the next request starts a new one. With the
            # default of 300 s its pauses grow to minutes, and so would the recovery.
            reconnect_timeout=0.2,
            name="switchover",
        )

    @property
    def is_answering(self) -> bool:
        """False from the first request that got no answer until the next that did."""
        return self._down_since is None

    async def open(self) -> None:
        """Accept requests. Connects nowhere yet, so it works while the server is down."""
        # Its warnings repeat at every attempt; we log the change from and to an outage ourselves.
        logging.getLogger("psycopg.pool").setLevel(logging.ERROR)
        await self._pool.open()

    async def close(self) -> None:
        """Close all connections; later requests fail as Unavailable. Idempotent."""
        await self._pool.close()

    async def __aenter__(self) -> Self:
        """Open."""
        await self.open()
        return self

    async def __aexit__(self, *reason: object) -> None:
        """Close."""
        await self.close()

    @asynccontextmanager
    async def transaction(
        self, *, statement_seconds: float | None = None
    ) -> AsyncIterator[Connection]:
        """Give a connection in one transaction: committed at the end, rolled back on any exception.

        ``statement_seconds`` replaces the limit per statement, for work known to be long.

        Raises:
            Unavailable: the database did not answer in time or gave way; nothing was changed, except
                when the message says that the outcome is unknown.
        """
        async with self._lease(outcome_matters=True) as connection:
            await _allow(connection, statement_seconds)
            yield connection

    @asynccontextmanager
    async def snapshot(
        self, *, statement_seconds: float | None = None
    ) -> AsyncIterator[Connection]:
        """Give a connection that reads one moment of the whole database and cannot write.

        ``statement_seconds`` replaces the limit per statement, for a long export.

        Raises:
            Unavailable: the database did not answer in time.
        """
        async with self._lease(outcome_matters=False) as connection:
            await connection.execute("set transaction isolation level repeatable read, read only")
            await _allow(connection, statement_seconds)
            yield connection

    @asynccontextmanager
    async def _lease(self, *, outcome_matters: bool) -> AsyncIterator[Connection]:
        is_committing = False
        try:
            async with AsyncExitStack() as stack:
                connection = await self._connect(stack)
                connection.patience_seconds = self._patience
                yield connection
                is_committing = True
        except psycopg.Error as error:
            failure = self._find_failure(error)
            if failure is None:
                raise
            if failure.is_full:
                raise NoSpace(failure.sentence) from error
            if failure.is_outage:
                self._note_outage(failure.sentence)
            sentence = failure.sentence
            if is_committing and outcome_matters and failure.is_outage:
                sentence += (
                    "; it may or may not have stored this change, so look before you repeat it"
                )
            raise Unavailable(sentence) from error
        self._note_answer()

    async def _connect(self, stack: AsyncExitStack) -> Connection:
        """Give a connection that works; the stack gives it back."""
        deadline = clock.monotonic() + self._patience_seconds
        while True:
            try:
                return await stack.enter_async_context(self._pool.connection())
            except PoolTimeout as error:
                failure = self._find_failure(error)
                if clock.monotonic() > deadline or (failure is not None and failure.is_full):
                    raise
            await asyncio.sleep(_PAUSE_SECONDS)

    def _find_failure(self, error: psycopg.Error) -> Failure | None:
        words = self._speech.why_away() if isinstance(error, PoolTimeout) else ""
        return find_failure(
            error,
            where=self._where,
            last_words=words or self._connect_words,
            advice=self._speech.advice,
        )

    @property
    def _patience(self) -> float:
        return self._statement_seconds + _GRACE_SECONDS

    async def _configure(self, connection: Connection) -> None:
        """Set the session up; a URL or role may have other ideas about time zone and limits."""
        connection.patience_seconds = self._wait_seconds
        connection.notary = self.notary
        await connection.set_autocommit(True)
        await connection.execute(
            f"""
            -- the session's zone, limits and role; no lock
            select set_config('timezone', 'UTC', false),
                   set_config('statement_timeout', %s, false),
                   set_config('idle_in_transaction_session_timeout', %s, false),
                   {TAKE_ROLE}
            """,
            (f"{self._statement_seconds * 1000:.0f}", f"{_IDLE_IN_TRANSACTION_SECONDS}s"),
        )
        await connection.set_autocommit(False)

    async def _check(self, connection: Connection) -> None:
        """Prove that a connection from the pool still works, before anything depends on it."""
        connection.patience_seconds = self._wait_seconds
        try:
            await AsyncConnectionPool.check_connection(connection)
        except psycopg.Error:
            # The server was restarted or is gone: the other idle connections are as dead as this
            # one, and finding that out one at a time would cost each request its patience.
            self._connect_words = "an open connection broke"
            await self._pool.drain()
            raise

    def _note_connect(self, words: str) -> None:
        self._connect_words = words

    def _note_outage(self, sentence: str) -> None:
        if self._down_since is None:
            self._down_since = clock.monotonic()
            logger.warning("database=down reason=%s", sentence)

    def _note_answer(self) -> None:
        if self._down_since is not None:
            logger.warning("database=up after_seconds=%.1f", clock.monotonic() - self._down_since)
            self._down_since = None


def describe_place(dsn: str) -> str:
    """Return ``host:port/name`` of a DSN, without user and password.

    Raises:
        InvalidInput: libpq cannot read it.
    """
    try:
        parts = conninfo_to_dict(dsn)
    except psycopg.ProgrammingError:
        raise InvalidInput(
            "the database address cannot be read; write SWITCHOVER_DATABASE_URL as "
            "postgresql://user:password@db.contoso.example/name"
        ) from None
    host = parts.get("host") or parts.get("hostaddr") or "localhost"
    name = parts.get("dbname") or ""
    return f"{host}:{parts.get('port') or 5432}/{name}"


async def _allow(connection: Connection, statement_seconds: float | None) -> None:
    """Let statements of this transaction take longer than usual; the next one starts afresh."""
    if statement_seconds is not None:
        await connection.execute(
            "select set_config('statement_timeout', %s, true)", (f"{statement_seconds * 1000:.0f}",)
        )
        connection.patience_seconds = statement_seconds + _GRACE_SECONDS
