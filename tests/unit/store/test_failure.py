from __future__ import annotations

import psycopg
import pytest
from psycopg import errors as pg
from psycopg_pool import PoolClosed, PoolTimeout

from switchover.store.failure import find_failure, first_line


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (psycopg.OperationalError("server closed the connection\nunexpectedly"), "server closed"),
        (psycopg.InterfaceError("the connection is closed"), "the connection is closed"),
        (pg.AdminShutdown("terminating connection"), "terminating connection"),
        (pg.CannotConnectNow("the database system is starting up"), "starting up"),
    ],
)
def test_a_server_that_does_not_answer_is_an_outage(error: Exception, words: str) -> None:
    failure = find_failure(error, where="db1:5432/farm")
    assert failure is not None
    assert failure.is_outage
    assert failure.sentence.startswith("the database at db1:5432/farm does not answer (")
    assert words in failure.sentence
    assert "\n" not in failure.sentence
    assert "try again later" in failure.sentence


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (pg.QueryCanceled("canceling statement"), "too slow"),
        (pg.LockNotAvailable("lock"), "another change holds"),
        (pg.DeadlockDetected("deadlock"), "two changes met"),
        (pg.SerializationFailure("serialize"), "two changes met"),
        (pg.DiskFull("no space"), "no disk space"),
        (pg.IdleInTransactionSessionTimeout("idle"), "stood still for so long"),
        (pg.TooManyConnections("too many"), "no connection left"),
        (PoolTimeout("2 s"), "no free connection in time"),
        (PoolClosed("closed"), "switchover is stopping"),
    ],
)
def test_a_server_that_answers_no_is_not_an_outage(error: Exception, words: str) -> None:
    failure = find_failure(error, where="db1:5432/farm")
    assert failure is not None
    assert not failure.is_outage
    assert words in failure.sentence


def test_a_wait_in_vain_names_why_nobody_connected() -> None:
    failure = find_failure(PoolTimeout("2 s"), where="db1:5432/farm", last_words="refused\nhint")
    assert failure is not None
    assert failure.is_outage
    assert "(refused)" in failure.sentence


@pytest.mark.parametrize(
    "error",
    [pg.UniqueViolation("key"), pg.CheckViolation("check"), pg.SyntaxError("sql"), KeyError()],
)
def test_a_broken_rule_is_its_callers_business(error: Exception) -> None:
    assert find_failure(error, where="db1:5432/farm") is None


def test_the_first_line_is_taken_of_a_long_text() -> None:
    assert first_line("\n one \n two") == "one"
    assert first_line("") == ""
