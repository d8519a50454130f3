"""Which error a refused command is."""

from __future__ import annotations

from switchover.errors import Refused, Unavailable
from switchover.wire.imap.errors import refused
from switchover.wire.imap.failure import Retry
from switchover.wire.imap.response_codes import Code
from switchover.wire.imap.responses import Status, StatusKind


def test_an_archive_on_a_full_disk_is_worth_another_run_and_other_refusals_are_not() -> None:
    def said(code: str) -> Status:
        return Status(kind=StatusKind.NO, code=Code(name=code), text="words")

    error = refused("x refuses SELECT: full", said("NOROOM"))
    assert isinstance(error, Unavailable)
    assert error.retry is Retry.NEVER
    assert "make room there" in str(error)
    assert isinstance(refused("no", said("NOPERM")), Refused)
