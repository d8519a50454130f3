"""A folder of very many mails costs some bytes for each: what is held, and what a step takes on its way.

Measured are bytes a mail, with 20,000 mails: a folder of 200,000 has room for 300 beside the process itself.
"""

from __future__ import annotations

import gc
import tracemalloc
from array import array
from collections.abc import Callable
from typing import TypeVar

import pytest
from tests.unit.move.ledger_mails import mail

from switchover.move.difference import Level
from switchover.move.flags import FlagSet
from switchover.move.folder_mails import FolderMails, pair_marks
from switchover.move.folding import fold
from switchover.move.ledger import FolderLedger, replay
from switchover.move.proof import FolderContents, prove_folder
from switchover.move.segment import FULL_MAILS, Row, acknowledge, intend, reflagged, removed
from switchover.move.sync_plan import Deletions, Delta, Listing, Rules, compare, plan_folder
from switchover.move.uid_columns import UidPairs
from switchover.move.work.mail_columns import MailGatherer
from switchover.wire.imap.fetch import FetchItem

MAILS = 20_000
UIDS = range(1, MAILS + 1)
SETS: tuple[FlagSet, ...] = ((), ("\\Seen",), ("\\Answered", "\\Seen"))
Made = TypeVar("Made")


def flags_of(uid: int) -> FlagSet:
    return SETS[uid % 3]


@pytest.fixture(scope="module")
def rows() -> list[Row]:
    mails = [mail(uid, flags=flags_of(uid)) for uid in UIDS]
    parts = [mails[at : at + FULL_MAILS] for at in range(0, MAILS, FULL_MAILS)]
    return [
        acknowledge(intend(part, floor=1), [one.source_uid + 7 for one in part]) for part in parts
    ]


@pytest.fixture(scope="module")
def ledger(rows: list[Row]) -> FolderLedger:
    return replay(rows)


def listing(first: int = 0, *, changed: int = 0) -> Listing:
    """All mails, their UIDs raised by ``first``; of so many the flags differ."""
    uids = array("q", (uid + first for uid in UIDS))
    flags = [("\\Flagged",) if uid <= changed else flags_of(uid) for uid in UIDS]
    return Listing(uid_validity=1, uids=uids, flags=flags)


def bytes_a_mail(make: Callable[[], Made]) -> tuple[float, float, Made]:
    """Return what is held after a step, and what it held at most, in bytes a mail; and what it made."""
    gc.collect()
    tracemalloc.start()
    try:
        made = make()
        held, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    return held / MAILS, most / MAILS, made


def test_a_ledger_takes_32_bytes_a_mail(rows: list[Row]) -> None:
    held, most, _ = bytes_a_mail(lambda: replay(rows))
    assert held < 32
    assert most < 100


def test_changes_are_found_without_an_object_for_each_mail(ledger: FolderLedger) -> None:
    source, target = listing(changed=200), listing(7)
    _, most, changes = bytes_a_mail(lambda: compare(source, ledger, target))
    assert len(changes.reflagged) == 200
    assert most < 60


def test_what_is_absent_from_a_server_with_condstore_alone_is_found_so_too(
    ledger: FolderLedger,
) -> None:
    delta = Delta(uid_validity=1, changed={}, present=array("q", (u for u in UIDS if u % 100)))
    _, most, changes = bytes_a_mail(lambda: compare(delta, ledger))
    assert len(changes.gone) == MAILS // 100
    assert most < 60


def test_a_mirror_is_planned_without_an_object_for_each_mail(ledger: FolderLedger) -> None:
    target = listing(7, changed=200)
    changes = compare(listing(), ledger, target)
    rules = Rules(deletions=Deletions.MIRROR)
    _, most, actions = bytes_a_mail(lambda: plan_folder(changes, ledger, rules, target=target))
    assert len(actions) == 3  # flags of three kinds are given back
    assert most < 20


def test_a_first_copy_is_planned_with_its_uids_alone() -> None:
    uids = array("q", UIDS)
    sizes = UidPairs(uids, array("q", (1000 for _ in UIDS)))
    source = listing()

    def plan() -> object:
        changes = compare(source, FolderLedger())
        return plan_folder(changes, FolderLedger(), Rules(), sizes=sizes)

    held, most, _ = bytes_a_mail(plan)
    assert held < 60
    assert most < 100


def test_rows_are_folded_within_150_bytes_a_mail(rows: list[Row]) -> None:
    loose = [reflagged({uid: ("\\Flagged",)}) for uid in range(1, MAILS, 400)]
    every = [*rows, *loose, removed(range(5, MAILS, 4000))]
    _, most, result = bytes_a_mail(lambda: fold(every, is_forced=True))
    assert result is not None
    assert len(result.rows) == 5
    assert most < 150


def test_a_listing_is_gathered_in_columns() -> None:
    items = [
        FetchItem(uid, (b"\\Seen",), 1000 + uid, b"17-Jul-2024 02:44:25 +0200") for uid in UIDS
    ]

    def gather() -> object:
        gathered = MailGatherer()
        for at in range(0, MAILS, 1000):
            gathered.take(items[at : at + 1000])
        return gathered.mails()

    held, most, _ = bytes_a_mail(gather)
    assert held < 60
    assert most < 90


@pytest.mark.parametrize("changed", [0, 100])
def test_both_sides_are_proved_within_300_bytes_a_mail(ledger: FolderLedger, changed: int) -> None:
    def prove() -> int:
        sides = []
        for first, different in ((0, 0), (7, changed)):
            shown, mails = listing(first, changed=different), FolderMails()
            for at in range(0, MAILS, 1000):
                part = slice(at, at + 1000)
                mails.extend(
                    list(shown.uids[part]), [5] * 1000, list(shown.flags[part]), [None] * 1000
                )
            sides.append(mails)
        source, target = sides
        pairs = ledger.by_source_uid()
        left, right = pair_marks(source.uids, target.uids, pairs)
        source.set_digests(left)
        target.set_digests(right)
        contents = FolderContents(folder="f", source=source, target=target, pairs=pairs)
        return len(prove_folder(contents, level=Level.PAIRS)[1])

    _, most, differences = bytes_a_mail(prove)
    assert (differences > 0) is (changed > 0)
    assert most < 300
