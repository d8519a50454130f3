"""What was not chosen, not wanted or not reached is no difference, and is said."""

from __future__ import annotations

import pytest
from tests.integration.move.rig import Pair, cutter
from tests.integration.move.verify.proving import (
    BODIES,
    COUNTS,
    EVERY,
    MAIL,
    PAIRS,
    K,
    created,
    expunge,
    fill,
    found_by,
    order_of,
    put,
    rewritten,
    verify,
)

from switchover.errors import InvalidInput
from switchover.move.difference import Level
from switchover.move.folder_plan import Choice
from switchover.move.queries import write_intents
from switchover.move.segment import LedgerMail, intend
from switchover.move.selection import Selection
from switchover.move.sync_plan import Rules
from switchover.move.work.known import KnownPair
from switchover.move.work.verifying import INTERRUPTED

pytestmark = pytest.mark.timeout(180)


async def test_what_the_source_lost_and_what_came_later_is_accounted_for(pair: Pair) -> None:
    fill(pair.source)
    await pair.copy()
    expunge("Sent", "2")(pair.source)
    await pair.copy()
    put(pair.source, "INBOX", 50)
    for level in Level:
        report = await verify(pair, level)
        gone = [one for one in report.proof.differences if one.folder == "Sent"]
        assert [bool(one.explanation) for one in gone] == [True], level
        (new,) = [one for one in report.proof.differences if one.folder == "INBOX"]
        assert not new.explanation
        assert (new.hint == "it came after the last copy; copy again") is (level > COUNTS)


async def test_what_a_copy_stored_and_did_not_note_is_there_and_its_end_is_waited_for(
    pair: Pair,
) -> None:
    fill(pair.source)
    await pair.copy()
    for number in (50, 51):
        put(pair.source, "INBOX", number)
    put(pair.target, "INBOX", 50)
    report = await verify(pair, PAIRS)
    assert [(kind, report.is_interrupted) for kind, _ in found_by(report)] == [(K.MISSING, False)]
    order = order_of(pair, PAIRS)
    known = await KnownPair.load(pair.database, order.source_key, order.target_key)
    under_way = intend([LedgerMail(51, 9, 0, 0, (), b"")], floor=1)
    async with pair.database.transaction() as connection:
        await write_intents(connection, [(known.folders[b"INBOX"].id, 10_000, under_way)])
    for level in Level:
        report = await verify(pair, level)
        assert report.is_interrupted, level
        assert [one.reason for one in report.unfinished] == [INTERRUPTED]


async def test_only_chosen_folders_are_compared(pair: Pair) -> None:
    fill(pair.source)
    await pair.copy()
    expunge("Sent", "2")(pair.target)
    created(pair.target)
    report = await verify(pair, PAIRS, choice=Choice(folders=("INBOX", "Ent*")))
    assert found_by(report) == []
    assert {one.folder for one in report.proof.folders} == {"INBOX", "Entw\u00fcrfe"}
    assert {one.folder: one.reason for one in report.left_out}["Sent"] == "not chosen by --folder"
    excluded = await verify(pair, PAIRS, choice=Choice(excluded=("Sent",)))
    assert found_by(excluded) == [(K.FOLDER_EXTRA, "More")]
    with pytest.raises(InvalidInput, match="Nowhere"):
        await verify(pair, PAIRS, choice=Choice(folders=("Nowhere",)))


async def test_what_was_not_wanted_need_not_be_there(pair: Pair) -> None:
    fill(pair.source)
    put(pair.source, "INBOX", 60, body=MAIL % (60, 60, 60) + b"x" * 5000)
    selection = Selection(since_seconds=1_578_000_000, largest_bytes=4000)
    await pair.copy(rules=Rules(selection=selection))
    for level in EVERY[1:]:
        report = await verify(pair, level, selection=selection)
        assert found_by(report) == [], level
        why = {one.reason for one in report.skipped}
        assert why == {"older than --since", "larger than --max-size"}
        assert found_by(await verify(pair, level)), level


async def test_empty_parents_that_the_target_made_are_explained(pair: Pair) -> None:
    fill(pair.source)
    with pair.source.edit("") as connection:
        connection.create("Projects/One")
    await pair.copy()
    with pair.target.edit("") as connection:
        connection.create("Projects")
    (one,) = (await verify(pair, PAIRS)).proof.differences
    assert (one.kind, one.folder) == (K.FOLDER_EXTRA, "Projects")
    assert "only holds other folders" in one.explanation


async def test_a_sample_reads_no_more_than_it_says(pair: Pair) -> None:
    fill(pair.source)
    await pair.copy()
    for knows in (True, False):
        report = await verify(pair, BODIES, sample=6, knows=knows)
        assert report.proof.differences == ()
        assert report.sampled is not None
        assert 3 <= report.sampled <= 13
    rewritten(b"text 4", b"text 5")(pair.target)
    every = await verify(pair, BODIES, sample=1000)
    assert found_by(every) == [(K.BYTES, "Sent")]


async def test_connections_that_break_are_opened_again(pair: Pair) -> None:
    fill(pair.source)
    for number in range(20):
        put(pair.source, "INBOX", number, body=MAIL % (number, 1, 1) + b"x" * 20_000)
    await pair.copy()
    async with cutter(pair.source.server, [150_000, 90_000]) as target:
        pair.source.target = target
        report = await verify(pair, BODIES)
    assert (report.proof.differences, report.unfinished) == ((), ())


async def test_a_folder_that_can_not_be_opened_is_not_finished_and_the_rest_is_compared(
    pair: Pair,
) -> None:
    fill(pair.source)
    await pair.copy()

    def remove(line: str) -> None:
        if line.startswith(">") and "EXAMINE" in line:
            pair.target.hook = lambda _line: None
            with pair.target.edit("") as connection:
                connection.delete("Sent")

    pair.target.hook = remove
    report = await verify(pair, PAIRS)
    (one,) = report.unfinished
    assert one.folder == "Sent"
    assert "refuses EXAMINE" in one.reason
    assert len(report.proof.folders) == 3
