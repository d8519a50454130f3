"""Whatever was done to the audit log behind our back is found."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from tests.integration.directory.conftest import ADA, tamper, told

from switchover.directory.audit import work
from switchover.directory.audit.entry import Entry
from switchover.directory.audit.inspection import Head
from switchover.errors import Conflict, InvalidInput
from switchover.store.notary import Notary, Note
from switchover.store.pool import Database


@pytest.mark.parametrize(
    ("statements", "found"),
    [
        (["update audit set reason = 'other' where number = 4"], [("changed", 4, 4)]),
        (["update audit set after = '{}' where number = 4"], [("changed", 4, 4)]),
        (["delete from audit where number = 4"], [("missing", 4, 4)]),
        (["delete from audit where number < 3"], [("missing", 1, 2)]),
        (["delete from audit where number > 6"], [("cut", 7, 9)]),
        (["truncate audit"], [("cut", 1, 9)]),
        (
            [
                "delete from audit where number = 4",
                "update audit set number = number - 1 where number > 4",
            ],
            [("moved", 4, 8), ("cut", 9, 9)],
        ),
        (
            [
                "update audit set number = 99 where number = 4",
                "update audit set number = 4 where number = 5",
                "update audit set number = 5 where number = 99",
            ],
            [("moved", 4, 4), ("moved", 5, 5), ("broken", 6, 6)],
        ),
        (
            [
                "insert into audit select 10, at, actor, origin, address, client, action, subject, outcome, "
                "before, after, reason, hash, previous, seal from audit where number = 9"
            ],
            [("changed", 10, 10)],
        ),
    ],
)
async def test_whatever_was_done_behind_our_back_is_found(
    log: Database, database_url: str, statements: list[str], found: list[tuple[str, int, int]]
) -> None:
    await tamper(database_url, *statements)
    assert await told(log) == found


async def test_an_entry_that_somebody_else_added_properly_is_found_by_its_seal(
    log: Database, database_url: str, tmp_path: Path
) -> None:
    (tmp_path / "elsewhere").mkdir()
    other = Notary(tmp_path / "elsewhere" / "secret.key", tmp_path / "elsewhere" / "head")
    other.note_head(Note(number=0, digest="0" * 64))
    async with Database(database_url, notary=other) as theirs:
        await work.record_alone(theirs, Entry.by(ADA, "server.resume", "cas1"))
    assert await told(log) == [("unknown-key", 10, 10)]


async def test_a_head_that_is_gone_or_changed_is_found(log: Database, tmp_path: Path) -> None:
    (tmp_path / "audit.head").write_text("{}")
    assert await told(log) == [("head", 10, 10)]
    (tmp_path / "audit.head").unlink()
    assert await told(log) == [("head", 10, 10)]
    # No entry that comes later makes a new one.
    await work.record_alone(log, Entry.by(ADA, "server.resume", "cas1"))
    assert not (tmp_path / "audit.head").exists()


async def test_entries_cut_off_are_found_also_when_others_came_after(
    log: Database, database_url: str, tmp_path: Path
) -> None:
    await tamper(database_url, "delete from audit where number > 6")
    for number in range(5):
        await work.record_alone(log, Entry.by(ADA, "server.resume", f"cas{number}"))
    assert await told(log) == [("rewritten", 9, 9)]


async def test_an_end_that_was_written_down_elsewhere_must_still_be_there(log: Database) -> None:
    end = (await work.verify(log)).inspection
    assert (await work.verify(log, noted=Head(number=9, hash=end.previous))).faults == ()
    assert (await work.verify(log, noted=Head(number=9, hash="0" * 64))).faults
    assert (await work.verify(log, noted=Head(number=12, hash="0" * 64))).faults


async def test_a_head_left_behind_by_a_crash_is_brought_to_the_end(
    log: Database, notary: Notary, tmp_path: Path
) -> None:
    kept = tmp_path / "kept"
    shutil.copy(tmp_path / "audit.head", kept)
    for number in range(3):
        await work.record_alone(log, Entry.by(ADA, "server.resume", f"cas{number}"))
    shutil.copy(kept, tmp_path / "audit.head")
    verdict = await work.verify(log)
    assert verdict.faults == ()
    assert "stands at 9" in " ".join(verdict.remarks)
    assert await work.catch_up(log) == ""
    head = notary.find_head()
    assert head is not None
    assert head.number == 12


async def test_a_head_is_not_brought_to_an_end_that_does_not_fit(
    log: Database, database_url: str, notary: Notary
) -> None:
    before = notary.find_head()
    await tamper(database_url, "delete from audit where number > 6")
    assert "ends at 6" in await work.catch_up(log)
    assert notary.find_head() == before


async def test_what_has_an_innocent_reason_is_accepted_once_and_stays_visible(
    log: Database, database_url: str
) -> None:
    with pytest.raises(Conflict, match="in order"):
        await work.accept(log, actor=ADA, reason="no reason")
    await tamper(database_url, "delete from audit where number > 6 or number = 2")
    with pytest.raises(InvalidInput, match="say why"):
        await work.accept(log, actor=ADA, reason=" ")
    verdict = await work.accept(log, actor=ADA, reason="database restored")
    assert verdict.faults == ()
    assert [(one.kind.value, one.first) for one in verdict.accepted] == [("missing", 2)]
    newest = (await work.list_entries(log, filters={}, limit=1))[0]
    assert (newest["action"], newest["reason"]) == ("audit.accept", "database restored")
    assert "cut off" in str(newest["before"])
    await work.record_alone(log, Entry.by(ADA, "server.resume", "cas1"))
    assert await told(log) == []
