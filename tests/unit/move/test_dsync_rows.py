"""After a pull the ledger says what is where, and a second look says nothing new."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from switchover.move.dsync_rows import PulledFolder, pulled_folder
from switchover.move.ledger import FolderLedger, replay
from switchover.move.segment import LedgerMail, acknowledge, intend

SEEN = ("\\Seen",)


def mail(uid: int, flags: tuple[str, ...] = ()) -> LedgerMail:
    return LedgerMail(uid, 100 + uid, 1000 + uid, 60, flags, b"")


def shown(*mails: LedgerMail) -> dict[int, tuple[int, int]]:
    return {one.source_uid: (one.size, one.epoch_seconds) for one in mails}


def after(found: PulledFolder, *before: PulledFolder) -> FolderLedger:
    return replay([row for one in (*before, found) for row in one.rows])


def test_mails_of_one_uid_are_stored_under_it() -> None:
    mails = [mail(1), mail(5, SEEN)]
    found = pulled_folder(mails, shown(*mails), FolderLedger())
    assert (found.fresh, found.fresh_bytes, found.missing) == (2, 206, ())
    assert after(found).by_source_uid() == {1: 1, 5: 5}
    assert after(found).flags == [(), SEEN]


def test_of_size_and_date_one_may_differ() -> None:
    target = {1: (7, 1001), 2: (102, 7), 3: (7, 7)}
    found = pulled_folder([mail(1), mail(2), mail(3), mail(4)], target, FolderLedger())
    assert (found.fresh, found.missing) == (2, (3, 4))


def test_changes_and_losses_are_noted() -> None:
    first = [mail(1), mail(2), mail(3), mail(4)]
    before = pulled_folder(first, shown(*first), FolderLedger())
    then = [mail(1, SEEN), mail(2)]
    found = pulled_folder(then, shown(mail(1), mail(2), mail(3)), after(before))
    assert (found.fresh, found.reflagged, found.gone) == (0, 1, 2)
    ledger = after(found, before)
    assert ledger.by_source_uid() == {1: 1, 2: 2}
    assert ledger.vanished == {3: 3}
    assert ledger.flags == [SEEN, ()]


def test_a_copy_that_the_imap_lane_made_gets_its_new_uid() -> None:
    ledger = replay([acknowledge(intend([mail(1)], floor=9), [9])])
    found = pulled_folder([mail(1)], shown(mail(1)), ledger)
    rows = [acknowledge(intend([mail(1)], floor=9), [9]), *found.rows]
    assert replay(rows).by_source_uid() == {1: 1}


@given(st.sets(st.integers(1, 30)), st.sets(st.integers(1, 30)), st.sets(st.integers(1, 30)))
def test_a_second_look_finds_nothing(first: set[int], second: set[int], copies: set[int]) -> None:
    mails = [mail(uid) for uid in sorted(first)]
    before = pulled_folder(mails, shown(*mails), FolderLedger())
    now = [mail(uid, SEEN) for uid in sorted(second)]
    target = shown(*(mail(uid) for uid in copies))
    found = pulled_folder(now, target, after(before))
    again = pulled_folder(now, target, after(found, before))
    assert again.missing == found.missing == tuple(sorted(second - copies))
    assert (again.fresh, again.gone, again.reflagged) == (0, 0, 0)


def test_many_mails_are_many_rows() -> None:
    mails = [mail(uid) for uid in range(1, 5000)]
    found = pulled_folder(mails, shown(*mails), FolderLedger())
    assert len(found.rows) == 2
    assert len(after(found).source_uids) == 4999
