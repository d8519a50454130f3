"""What a failed statement means for the person who waits for it."""

from __future__ import annotations

from dataclasses import dataclass

import psycopg
from psycopg import errors as pg
from psycopg_pool import PoolClosed, PoolTimeout

from switchover.store.disk import tells_of_full_disk

LATER = "traffic and health checks go on; try again later"

# SQLSTATE classes and codes: PostgreSQL 16 documentation, appendix A.
_SENTENCES: tuple[tuple[type[psycopg.Error], str], ...] = (
    (pg.QueryCanceled, "the database was too slow: a statement was ended at its time limit"),
    (pg.LockNotAvailable, "another change holds what this one needs in the database"),
    (pg.SerializationFailure, "two changes met in the database and this one gave way"),
    (pg.DeadlockDetected, "two changes met in the database and this one gave way"),
    (
        pg.IdleInTransactionSessionTimeout,
        "a change stood still for so long that the database gave it up",
    ),
    (
        pg.ReadOnlySqlTransaction,
        "the database takes no changes: it is a standby, or set to read-only",
    ),
    (pg.TooManyConnections, "the database has no connection left for us"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """A database failure that may pass.

    ``is_outage`` when the database did not answer at all, ``is_full`` when it has no disk space.
    """

    sentence: str
    is_outage: bool
    is_full: bool = False


def find_failure(
    error: Exception, *, where: str, last_words: str = "", advice: str = LATER
) -> Failure | None:
    """Return what to say about ``error``; None when it is no failure of the database.

    A broken rule (unique key, check) or wrong SQL is not: its caller knows better what it means.
    ``where`` names the database, ``last_words`` is why the last try to connect failed, ``advice`` says
    what to do.
    """
    if isinstance(error, PoolClosed):
        return Failure(sentence="the database is closed: switchover is stopping", is_outage=False)
    if isinstance(error, PoolTimeout) and not last_words:
        return Failure(
            sentence=f"the database at {where} had no free connection in time; {advice}",
            is_outage=False,
        )
    for kind, sentence in _SENTENCES:
        if isinstance(error, kind):
            return Failure(sentence=f"{sentence}; {advice}", is_outage=False)
    if not isinstance(error, psycopg.OperationalError | psycopg.InterfaceError):
        return None
    words = first_line(last_words if isinstance(error, PoolTimeout) else str(error))
    if isinstance(error, pg.DiskFull) or tells_of_full_disk(words):
        return Failure(
            sentence=f"the database at {where} has no disk space left; make room there; {advice}",
            is_outage=False,
            is_full=True,
        )
    return Failure(
        sentence=f"the database at {where} does not answer ({words}); {advice}", is_outage=True
    )


def first_line(text: str) -> str:
    """Return the first line; libpq adds advice for developers after it."""
    return text.strip().partition("\n")[0].strip()
