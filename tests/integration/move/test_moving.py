"""Moving mails on the target saves work and decides nothing: whatever goes wrong there, the copy goes on."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.integration.imap_servers import Dovecot, Options, dovecot
from tests.integration.move.rig import USERS, Pair

from switchover.errors import Corrupt
from switchover.move.sync_plan import Deletions
from switchover.move.work import lanes, moving
from switchover.move.work.copying import CopyReport
from switchover.store.pool import Database

pytestmark = pytest.mark.timeout(60)
PLAIN = ("plain",)


@pytest.fixture(scope="module")
def server() -> Iterator[Dovecot]:
    with dovecot(Options(users=USERS, mechanisms=PLAIN)) as running:
        yield running


@pytest.fixture
async def pair(server: Dovecot, database: Database, monkeypatch: pytest.MonkeyPatch) -> Pair:
    """A mailbox that was copied, in which mails were moved and came since."""
    monkeypatch.setattr(lanes, "pause_seconds", lambda tries, _wish: 0.01 if tries < 3 else None)
    pair = Pair.of(server, server, database)
    pair.target.user = USERS[-1 - USERS.index(pair.source.user)]
    pair.source.put("INBOX", *("mail " + number * "x" for number in range(6)))
    pair.source.put("Sent", "sent")
    assert (await pair.copy(Deletions.MIRROR)).copied == 7
    return pair


def move(pair: Pair, folder: str) -> None:
    with pair.source.edit() as connection:
        connection.create(folder)
        assert connection.uid("move", "2:4", folder)[0] == "OK"
    pair.source.put("Sent", "sent later")


def total(report: CopyReport, what: str) -> int:
    return sum(getattr(one, what) for one in report.folders)


async def test_a_folder_that_can_not_be_opened_fails_alone(pair: Pair) -> None:
    move(pair, "Gone")

    def remove(line: str) -> None:
        if line.startswith("<") and "MailboxStatus(name=b'Gone'" in line:
            pair.source.hook = lambda _line: None
            with pair.source.edit("") as connection:
                connection.delete("Gone")

    pair.source.hook = remove
    report = await pair.copy(Deletions.MIRROR)
    assert list(report.failures) == ["Gone"]
    assert sum(pair.target.mails()["Sent"].values()) == 2
    assert (await pair.copy(Deletions.MIRROR)).failures == {}


async def test_a_move_that_fails_leaves_the_mails_to_the_copying(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(*_given: object) -> None:
        raise Corrupt("nonsense")

    monkeypatch.setattr(moving, "ask_statuses", fail)
    move(pair, "Work")
    report = await pair.copy(Deletions.MIRROR)
    assert (report.failures, total(report, "moved"), total(report, "copied")) == ({}, 0, 4)
    assert pair.are_equal()


@pytest.mark.parametrize("deletions", [Deletions.MIRROR, Deletions.NEVER])
async def test_what_is_moved_into_a_folder_that_nobody_copied_yet_is_not_found_there_once_more(
    pair: Pair, deletions: Deletions
) -> None:
    move(pair, "Work")
    report = await pair.copy(deletions)
    assert [total(report, one) for one in ("moved", "copied", "adopted")] == [3, 1, 0]
    assert not pair.target.sent("INTERNALDATE")
    assert pair.target.mails()["Work"] == pair.source.mails()["Work"]
    again = await pair.copy(deletions)
    assert [total(again, one) for one in ("moved", "copied", "adopted")] == [0, 0, 0]
