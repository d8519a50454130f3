"""The ledger says what its rows say, however they are folded."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from tests.unit.move.ledger_mails import FLAG_SETS, mail, stored, worst_mails, years_of_mail

from switchover.errors import Corrupt
from switchover.move.flags import FlagSet
from switchover.move.folding import Fold, fold
from switchover.move.ledger import FolderLedger, replay
from switchover.move.segment import (
    FULL_MAILS,
    Row,
    RowKind,
    Segment,
    Skip,
    SkipReason,
    acknowledge,
    intend,
    pack_uids,
    read_reflagged,
    read_skipped,
    reflagged,
    removed,
    skipped,
    stored_bytes,
    unpack_uids,
    vanished,
)

TOO_LARGE = Skip(SkipReason.TOO_LARGE)
UIDS = st.lists(st.integers(1, 40), min_size=1, max_size=12, unique=True).map(sorted)


def told(ledger: FolderLedger) -> object:
    """All that a ledger says of mails, as one comparable value."""
    return (
        list(ledger.source_uids),
        list(ledger.target_uids),
        ledger.flags,
        ledger.vanished,
        dict(sorted(ledger.skipped.items())),
        ledger.known(),
        ledger.known_vanished(),
    )


def folded(rows: list[Row], result: Fold) -> list[Row]:
    """The rows after a fold as the store keeps them: the new ones in the last places of the old ones."""
    places = result.replaced[-len(result.rows) :] if result.rows else ()
    new = dict(zip(places, result.rows, strict=True))
    gone = set(result.replaced) - new.keys()
    return [new.get(at, row) for at, row in enumerate(rows) if at not in gone]


def test_an_empty_ledger_knows_nothing() -> None:
    ledger = replay([])
    assert (len(ledger.source_uids), ledger.known(), ledger.target_uid(1)) == (0, [], None)


def test_stored_mails_are_found_by_their_source_uid() -> None:
    ledger = replay([stored([3, 5, 9], first_target=70), stored([11], first_target=90)])
    assert [ledger.target_uid(uid) for uid in (3, 4, 5, 9, 11, 12)] == [70, None, 71, 72, 90, None]
    assert ledger.by_source_uid() == {3: 70, 5: 71, 9: 72, 11: 90}
    assert ledger.known()[1].mail == mail(5)
    assert ledger.known()[3].mail.digest == mail(11).digest


def test_it_knows_what_was_copied_what_was_not_and_what_is_gone() -> None:
    ledger = replay([stored([1, 2]), vanished([2]), skipped({6: TOO_LARGE})])
    assert [uid for uid in range(8) if ledger.knows(uid)] == [1, 2, 6]


def test_rows_in_any_order_of_uids_are_sorted() -> None:
    ledger = replay([stored([7, 8], first_target=1), stored([2], first_target=3)])
    assert (list(ledger.source_uids), list(ledger.target_uids)) == ([2, 7, 8], [3, 1, 2])


def test_later_rows_win() -> None:
    rows = [
        stored([1, 2, 3, 4], flags=("\\Seen",)),
        reflagged({2: (), 9: ("x",)}),
        vanished([3, 9]),
        removed([4]),
        skipped({6: TOO_LARGE}),
    ]
    ledger = replay(rows)
    assert list(ledger.source_uids) == [1, 2]
    assert ledger.flags == [("\\Seen",), ()]
    assert ledger.vanished == {3: 3}
    assert ledger.skipped == {6: TOO_LARGE}
    assert [one.mail.source_uid for one in ledger.known_vanished()] == [3]


def test_a_vanished_mail_that_is_listed_again_is_back() -> None:
    ledger = replay([stored([1, 2]), vanished([1]), reflagged({1: ("\\Seen",)})])
    assert ledger.by_source_uid() == {1: 1, 2: 2}
    assert (ledger.flags, ledger.vanished) == ([("\\Seen",), ()], {})


def test_a_mail_that_the_target_lost_is_stored_anew() -> None:
    ledger = replay([stored([1, 2]), stored([1], first_target=50)])
    assert ledger.by_source_uid() == {1: 50, 2: 2}


def test_a_mail_is_stored_or_skipped_or_vanished_never_two_of_them() -> None:
    rows = [skipped({1: TOO_LARGE}), stored([1, 2]), vanished([2]), skipped({1: TOO_LARGE})]
    ledger = replay(rows)
    assert (list(ledger.source_uids), ledger.skipped, ledger.vanished) == (
        [],
        {1: TOO_LARGE},
        {2: 2},
    )
    assert replay([*rows, stored([1, 2], first_target=8)]).by_source_uid() == {1: 8, 2: 9}


def test_batches_in_doubt_are_named_and_count_for_nothing() -> None:
    ledger = replay([stored([1]), intend([mail(2)], floor=2)])
    assert (ledger.open_rows, list(ledger.source_uids)) == ((1,), [1])


def test_a_row_with_too_few_target_uids_is_seen() -> None:
    with pytest.raises(Corrupt):
        replay([stored([1, 2])._replace(target_uids=pack_uids([1]))])


def row_strategy() -> st.SearchStrategy[Row]:
    def fresh(uids: list[int], first: int, flags: FlagSet) -> Row:
        return stored(uids, first_target=first, flags=flags)

    return st.one_of(
        st.builds(fresh, UIDS, st.integers(1, 1000), FLAG_SETS),
        UIDS.map(
            lambda uids: acknowledge(intend([mail(u, digest=b"") for u in uids], floor=1), uids)
        ),
        st.dictionaries(st.integers(1, 40), FLAG_SETS, min_size=1).map(reflagged),
        UIDS.map(vanished),
        UIDS.map(removed),
        UIDS.map(lambda uids: skipped(dict.fromkeys(uids, TOO_LARGE))),
        UIDS.map(lambda uids: intend([mail(uid) for uid in uids], floor=1)),
    )


@given(st.lists(row_strategy(), max_size=14))
def test_rows_say_what_a_dictionary_would(rows: list[Row]) -> None:
    here: dict[int, tuple[int, FlagSet]] = {}
    gone: dict[int, tuple[int, FlagSet]] = {}
    skips: set[int] = set()
    for row in rows:
        match row.kind:
            case RowKind.STORED:
                segment = Segment(row.packed)
                fresh = zip(unpack_uids(row.target_uids), segment.flags, strict=True)
                stored_now = dict(zip(segment.source_uids, fresh, strict=True))
                _forget(stored_now, here, gone, skips)
                here |= stored_now
            case RowKind.REFLAGGED:
                for uid, flags in read_reflagged(row).items():
                    if uid in here or uid in gone:
                        here[uid] = ((here.get(uid) or gone[uid])[0], flags)
                        gone.pop(uid, None)
            case RowKind.VANISHED:
                uids = unpack_uids(row.packed)
                gone |= {uid: here.pop(uid) for uid in uids if uid in here}
                skips.difference_update(uids)
            case RowKind.REMOVED:
                _forget(unpack_uids(row.packed), here, gone, skips)
            case RowKind.SKIPPED:
                _forget(read_skipped(row), here, gone, skips)
                skips |= read_skipped(row).keys()
    ledger = replay(rows)
    assert list(ledger.source_uids) == sorted(here)
    targets = zip(ledger.target_uids, ledger.flags, strict=True)
    assert list(targets) == [here[uid] for uid in sorted(here)]
    assert ledger.vanished == {uid: at for uid, (at, _) in gone.items()}
    assert {uid: flags for uid, (_, flags) in ledger.vanished_origin.items()} == {
        uid: flags for uid, (_, flags) in gone.items()
    }
    assert ledger.skipped.keys() == skips


def _forget(uids: Iterable[int], *places: dict[int, Any] | set[int]) -> None:
    for uid in uids:
        for place in places:
            if isinstance(place, set):
                place.discard(uid)
            else:
                place.pop(uid, None)


def test_single_mails_are_found_without_unpacking_all() -> None:
    ledger = replay([stored([3, 5]), stored([4], first_target=70), reflagged({5: ("x",)})])
    found = ledger.known([5, 4, 99])
    assert [(one.mail.source_uid, one.mail.flags, one.target_uid) for one in found] == [
        (5, ("x",), 2),
        (4, (), 70),
    ]


@given(st.lists(row_strategy(), max_size=14), st.booleans())
def test_folding_changes_nothing_that_is_said(rows: list[Row], forced: bool) -> None:
    result = fold(rows, is_forced=forced)
    if result is None:
        return
    after = folded(rows, result)
    assert len(after) < len(rows)
    assert told(replay(after)) == told(replay(rows))
    assert [row for row in after if row.kind is RowKind.INTENDED] == [
        row for row in rows if row.kind is RowKind.INTENDED
    ]


@given(st.lists(row_strategy(), max_size=10), st.lists(row_strategy(), max_size=4))
def test_rows_written_while_folding_still_win(rows: list[Row], later: list[Row]) -> None:
    result = fold(rows, is_forced=True)
    if result is not None:
        assert told(replay(folded(rows, result) + later)) == told(replay(rows + later))


@settings(max_examples=5, deadline=None)
@given(st.lists(row_strategy(), min_size=5, max_size=9), st.integers(0, 3))
def test_full_rows_that_are_untouched_stay_where_they_are(rows: list[Row], at: int) -> None:
    full = stored(range(41, 41 + FULL_MAILS), first_target=5000)
    every = [*rows[:at], full, *rows[at:]]
    result = fold(every, is_forced=True)
    assume(result is not None)
    assert result is not None
    assert at not in result.replaced
    assert told(replay(folded(every, result))) == told(replay(every))


def test_full_rows_that_were_touched_are_written_anew() -> None:
    full = stored(range(1, FULL_MAILS + 1))
    rows = [full, reflagged({5: ("\\Seen",)}), vanished([6])]
    result = fold(rows, is_forced=True)
    assert result is not None
    after = folded(rows, result)
    assert [row.kind for row in after] == [RowKind.STORED, RowKind.VANISHED]
    assert told(replay(after)) == told(replay(rows))
    assert fold(after, is_forced=True) is None


def test_few_rows_are_left_alone() -> None:
    rows = [stored([uid]) for uid in range(1, 5)]
    assert fold(rows) is None
    assert fold([*rows, stored([9])]) is not None
    assert fold(rows[:1], is_forced=True) is None


def test_everything_that_is_gone_leaves_no_row() -> None:
    result = fold([stored([1]), removed([1])], is_forced=True)
    assert result == Fold((0, 1), ())


def test_a_mailbox_that_gets_single_mails_stays_within_48_bytes_a_mail() -> None:
    rows: list[Row] = []
    for number, one in enumerate(years_of_mail(300), start=1):
        rows.append(acknowledge(intend([one], floor=1), [number]))
        result = fold(rows)
        rows = folded(rows, result) if result else rows
    assert len(rows) <= 12
    assert sum(map(stored_bytes, rows)) <= 48 * 300


def test_the_worst_mailbox_is_within_48_bytes_a_mail_once_folded() -> None:
    mails = worst_mails(1000)
    rows = [
        acknowledge(intend(mails[at : at + 20], floor=1), range(at + 1, at + 21))
        for at in range(0, 1000, 20)
    ]
    result = fold(rows)
    assert result is not None
    assert sum(map(stored_bytes, result.rows)) <= 48 * 1000
