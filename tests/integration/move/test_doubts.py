"""A mail of which nobody knows whether it arrived is found where it lies, and no genuine copy is taken for it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
from tests.integration.imap_servers import Dovecot, Options, dovecot
from tests.integration.move.rig import USERS, Box, Pair, free_user

from switchover.move.flags import FlagSet
from switchover.move.segment import LedgerMail, Row, RowKind, pack_mails
from switchover.move.sync_plan import Rules
from switchover.move.work import lanes
from switchover.move.work.copying import CopyReport
from switchover.move.work.doubts import Doubts
from switchover.move.work.folder import FolderCopy
from switchover.move.work.ledger_store import LedgerStore
from switchover.store.pool import Database
from switchover.wire.imap.errors import ConnectionLost
from switchover.wire.imap.failure import Failure, Retry, Scope

pytestmark = pytest.mark.timeout(60)
IN_USE = Rules(is_in_use=True)
BODY = b"Subject: in doubt\r\n\r\nin doubt\r\n"
FUTURE = (2_082_758_400, '"01-Jan-2036 00:00:00 +0000"')
PLAIN = (1_563_324_265, '"17-Jul-2019 02:44:25 +0200"')


@pytest.fixture(scope="module")
def server() -> Iterator[Dovecot]:
    with dovecot(Options(users=USERS, mechanisms=("plain",))) as running:
        yield running


@pytest.fixture
async def pair(server: Dovecot, database: Database, monkeypatch: pytest.MonkeyPatch) -> Pair:
    """A mailbox of which the INBOX was copied."""
    monkeypatch.setattr(lanes, "pause_seconds", lambda tries, _wish: 0.01 if tries < 6 else None)
    source, target = (Box(server=server, user=free_user()) for _ in range(2))
    source.put("INBOX", "one", "two")
    pair = Pair(source=source, target=target, database=database)
    assert (await pair.copy()).copied == 2
    return pair


def put(box: Box, date: str, flags: str = "") -> None:
    with box.edit("") as connection:
        assert connection.append("INBOX", flags, date, BODY)[0] == "OK"


async def intend(pair: Pair, seconds: int, flags: FlagSet = (), floor: int = 3) -> None:
    """Note, as a run that was killed, that the source's mail 3 was about to be sent."""
    keys = [f"{box.server.address}/{box.user}" for box in (pair.source, pair.target)]
    async with await LedgerStore.open(pair.database, *keys) as store:
        known = await store.add_folders([(b"INBOX", b"INBOX")])
        rows = await store.load(known[b"INBOX"])
        mail = LedgerMail(3, len(BODY), seconds, 0, flags, b"")
        store.write(rows, Row(RowKind.INTENDED, pack_mails([mail]), floor=floor))


def total(report: CopyReport, what: str) -> int:
    return sum(getattr(one, what) for one in report.folders)


def count(box: Box) -> int:
    return sum(box.mails()["INBOX"].values())


async def test_in_use_a_copy_whose_date_the_target_could_not_keep_is_not_sent_again(
    pair: Pair,
) -> None:
    for box in (pair.source, pair.target):
        put(box, FUTURE[1])
    await intend(pair, FUTURE[0])
    report = await pair.copy(rules=IN_USE)
    assert (total(report, "found"), total(report, "copied"), count(pair.target)) == (1, 0, 3)


async def test_a_copy_that_came_late_goes_though_the_target_spells_its_keyword_otherwise(
    pair: Pair,
) -> None:
    put(pair.source, PLAIN[1], "(work)")
    with pair.target.edit() as connection:
        assert connection.uid("store", "1", "+FLAGS", "(WORK)")[0] == "OK"
    await intend(pair, PLAIN[0], ("work",))

    def come_late(line: str) -> None:
        if "APPENDUID" in line:
            pair.target.hook = lambda _line: None
            put(pair.target, PLAIN[1], "(work)")

    pair.target.hook = come_late
    report = await pair.copy()
    assert (total(report, "copied"), total(report, "deleted"), count(pair.target)) == (1, 1, 3)


async def test_the_copy_of_another_source_is_not_taken_for_one_of_ours(
    pair: Pair, server: Dovecot
) -> None:
    other = replace(pair, source=Box(server=server, user=free_user()))
    other.source.put("INBOX", "three", "four", "five")
    assert (await other.copy()).copied == 3
    put(other.source, PLAIN[1])
    assert (await other.copy()).copied == 1
    put(pair.source, PLAIN[1])
    await intend(pair, PLAIN[0])
    report = await pair.copy()
    assert (total(report, "copied"), total(report, "deleted"), count(pair.target)) == (1, 0, 7)


async def test_a_mail_that_comes_while_a_folder_made_anew_is_listed_is_not_sent_again(
    pair: Pair,
) -> None:
    put(pair.source, PLAIN[1])
    await intend(pair, PLAIN[0])
    renumber(pair)

    def come_late(line: str) -> None:
        if line.startswith("<") and "Fetch completed" in line:
            pair.target.hook = lambda _line: None
            put(pair.target, PLAIN[1])

    pair.target.hook = come_late
    report = await pair.copy()
    assert (total(report, "copied"), count(pair.target)) == (0, 3)


async def test_a_folder_made_anew_is_paired_once_however_often_its_copy_is_tried(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    pair.source.put("Work", "three", "four")
    assert (await pair.copy()).copied == 2
    with pair.target.edit("") as connection:
        connection.delete("Work")
    pairings: list[str] = []
    pair_target, append = Doubts.pair_target, FolderCopy._append

    async def pair_and_note(doubts: Doubts, *, is_lost_for_good: bool) -> int:
        pairings.append("target")
        return await pair_target(doubts, is_lost_for_good=is_lost_for_good)

    async def break_first(copy: FolderCopy, *given: object) -> int:
        monkeypatch.setattr(FolderCopy, "_append", append)
        raise ConnectionLost(Failure(message="cut", scope=Scope.ENDPOINT, retry=Retry.NOW))

    monkeypatch.setattr(Doubts, "pair_target", pair_and_note)
    monkeypatch.setattr(FolderCopy, "_append", break_first)
    report = await pair.copy()
    assert (total(report, "copied"), pairings) == (2, ["target"])
    assert pair.are_equal()


def renumber(pair: Pair) -> None:
    """Give the target's INBOX other UIDs."""
    found = list(pair.target.server.directory.rglob(f"{pair.target.user}/**/dovecot-uidlist"))
    assert found
    for path in found:
        first, _, rest = path.read_text().partition("\n")
        words = [f"V{int(w[1:]) + 7}" if w.startswith("V") else w for w in first.split()]
        path.write_text(" ".join(words) + "\n" + rest)
        for index in path.parent.glob("dovecot.index*"):
            index.unlink()
