"""A renamed folder is known again, and another one is never taken for it."""

from __future__ import annotations

from dataclasses import replace

from switchover.move.renames import find_renames, is_same_folder
from switchover.move.segment import LedgerMail
from switchover.move.standing import State

WAS = State(uid_validity=7, uid_next=5, messages=3)


def test_one_folder_gone_and_one_new_with_its_uid_validity_may_be_the_same() -> None:
    fresh = {b"new": replace(WAS, uid_next=6), b"other": replace(WAS, uid_validity=8)}
    assert find_renames({b"old": WAS}, fresh) == [(b"old", b"new")]


def test_a_uid_validity_of_several_an_empty_folder_and_fewer_uids_tell_nothing() -> None:
    assert not find_renames({b"old": WAS, b"too": WAS}, {b"new": WAS})
    assert not find_renames({b"old": WAS}, {b"new": WAS, b"too": WAS})
    assert not find_renames({b"old": replace(WAS, messages=0)}, {b"new": WAS})
    assert not find_renames({b"old": WAS}, {b"new": replace(WAS, uid_next=4)})
    assert not find_renames({b"old": replace(WAS, uid_next=0)}, {b"new": WAS})


def mail(uid: int, size: int = 10, seconds: int = 100) -> LedgerMail:
    return LedgerMail(uid, size, seconds, 0, (), b"")


def test_the_mails_that_both_have_must_be_the_same() -> None:
    listed = {1: (10, 100), 2: (10, 100), 9: (5, 5)}
    assert is_same_folder([mail(1), mail(2), mail(3)], listed, sizes_count=True)
    assert not is_same_folder([mail(1), mail(2, size=11)], listed, sizes_count=True)
    assert is_same_folder([mail(1), mail(2, size=11)], listed, sizes_count=False)
    assert not is_same_folder([mail(1, seconds=101)], listed, sizes_count=False)
    assert not is_same_folder([mail(3)], listed, sizes_count=True)
