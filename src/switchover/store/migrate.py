"""Brings the tables of a database up to what this version of switchover needs."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path

import psycopg
import sqlalchemy
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import exc

from switchover.errors import Conflict, Refused, Unavailable
from switchover.store.failure import first_line
from switchover.store.pool import describe_place
from switchover.store.role import arrange_role

# Our own name: a shared database may hold another program's alembic_version.
VERSION_TABLE = "switchover_schema"
OLDEST_SERVER = 160000
# Any fixed number will do; this one is "swover" in ASCII.
_LOCK_NUMBER = 0x73776F766572

logger = logging.getLogger(__name__)


async def migrate(dsn: str, *, wait_seconds: float = 60.0) -> str:
    """Run the steps that are missing, all or none, and return the version of the schema.

    Idempotent. Processes that start together take turns; each waits ``wait_seconds`` at most.

    Raises:
        Unavailable: the database does not answer, or another process is still at it.
        Conflict: the database is newer than this code, too old a PostgreSQL, or holds other tables.
        Refused: our role may not create tables.
    """
    where = describe_place(dsn)
    logging.getLogger("alembic").setLevel(
        logging.WARNING
    )  # its lines say nothing of which database
    try:
        return await asyncio.to_thread(_migrate, dsn, where, wait_seconds)
    except (exc.DBAPIError, psycopg.Error) as error:
        raise _explain(error, where) from error


def _migrate(dsn: str, where: str, wait_seconds: float) -> str:
    engine = sqlalchemy.create_engine(
        "postgresql+psycopg://",
        creator=lambda: psycopg.connect(dsn, connect_timeout=5),
        poolclass=sqlalchemy.NullPool,
    )
    with engine.begin() as connection:
        _verify_server(connection, where)
        connection.exec_driver_sql(f"set local lock_timeout = '{wait_seconds * 1000:.0f}'")
        # One starter at a time, until the end of this transaction.
        connection.exec_driver_sql(f"select pg_advisory_xact_lock({_LOCK_NUMBER})")
        configuration = _configure(connection)
        before = _verify_known(connection, configuration, where)
        command.upgrade(configuration, "head")
        arrange_role(connection)
        after = _read_version(connection)
    if before != after:
        logger.info("schema=%s was=%s database=%s", after, before or "empty", where)
    return after


def _configure(connection: sqlalchemy.Connection) -> Config:
    configuration = Config()
    steps = str(Path(__file__).with_name("migrations"))
    configuration.set_main_option("script_location", steps.replace("%", "%%"))
    configuration.attributes.update(connection=connection, version_table=VERSION_TABLE)
    return configuration


def _verify_server(connection: sqlalchemy.Connection, where: str) -> None:
    row = connection.exec_driver_sql(
        "select current_setting('server_version_num')::int, current_setting('server_encoding')"
    ).one()
    if row[0] < OLDEST_SERVER:
        raise Conflict(
            f"the database at {where} is PostgreSQL {row[0] // 10000}; 16 or newer is needed"
        )
    if row[1] != "UTF8":
        raise Conflict(
            f"the database at {where} is encoded in {row[1]}; make it with: "
            "create database ... encoding 'UTF8' template template0"
        )


def _verify_known(connection: sqlalchemy.Connection, configuration: Config, where: str) -> str:
    """Return the version found, '' for none; refuse one that this code has never heard of."""
    found = _read_version(connection)
    known = {step.revision for step in ScriptDirectory.from_config(configuration).walk_revisions()}
    if found and found not in known:
        raise Conflict(
            f"the database at {where} has schema {found}, and this switchover knows up to "
            f"{max(known)}: a newer one wrote it. Install that version or a later one, or restore "
            "the database from before the upgrade"
        )
    return found


def _read_version(connection: sqlalchemy.Connection) -> str:
    context = MigrationContext.configure(connection, opts={"version_table": VERSION_TABLE})
    return context.get_current_revision() or ""


def _explain(error: exc.DBAPIError | psycopg.Error, where: str) -> Exception:
    cause = error.orig if isinstance(error, exc.DBAPIError) else error
    words = first_line(str(cause))
    if isinstance(cause, psycopg.errors.LockNotAvailable):
        return Unavailable(f"another process still prepares the database at {where}; try again")
    if isinstance(cause, psycopg.errors.InsufficientPrivilege):
        return Refused(
            f"our role may not create tables in the database at {where} ({words}); make it the "
            "owner: alter database ... owner to ..."
        )
    if isinstance(cause, psycopg.errors.DuplicateTable):
        return Conflict(
            f"the database at {where} holds tables of something else ({words}); give switchover a "
            "database of its own"
        )
    return Unavailable(f"the database at {where} cannot be prepared ({words}); try again later")
