"""A folder is left alone only when both sides say that nothing happened."""

from __future__ import annotations

from dataclasses import replace

import pytest

from switchover.move.standing import (
    Standing,
    State,
    do_terms_hold,
    is_as_left,
    standing,
    terms_of,
)
from switchover.move.sync_plan import Deletions, Rules

WAS = State(uid_validity=7, uid_next=11, messages=9, mod_seq=5)
PLAIN = replace(WAS, mod_seq=0)


def stands(
    now: State | None = WAS,
    before: State = WAS,
    target: State | None = WAS,
    *,
    deletions: Deletions = Deletions.NEVER,
    target_before: State = WAS,
    fingerprint: bytes = b"",
) -> Standing:
    return standing(
        (now, before), (target, target_before), deletions=deletions, fingerprint=fingerprint
    )


def test_a_source_with_modification_sequences_tells_that_nothing_changed() -> None:
    assert stands() is Standing.UNCHANGED


@pytest.mark.parametrize("field", ["uid_validity", "uid_next", "messages", "mod_seq"])
def test_any_other_number_of_the_source_means_a_change(field: str) -> None:
    assert stands(replace(WAS, **{field: 99})) is Standing.CHANGED


def test_a_source_that_tells_nothing_or_a_folder_never_complete_is_opened() -> None:
    assert stands(None) is Standing.CHANGED
    nothing = State(uid_validity=0, uid_next=0, messages=0)
    assert stands(nothing, nothing) is Standing.CHANGED


def test_without_modification_sequences_flags_must_be_listed_unless_there_are_no_mails() -> None:
    assert stands(PLAIN, PLAIN, fingerprint=b"x") is Standing.UNCERTAIN
    assert stands(PLAIN, PLAIN) is Standing.CHANGED
    empty = replace(PLAIN, messages=0)
    assert stands(empty, empty) is Standing.UNCHANGED


def test_when_deleting_the_target_must_stand_as_it_was_left() -> None:
    mirror = Deletions.MIRROR
    assert stands(deletions=mirror) is Standing.UNCHANGED
    assert stands(target=None, deletions=mirror) is Standing.CHANGED
    assert stands(target=replace(WAS, messages=8), deletions=mirror) is Standing.CHANGED
    unknown = replace(WAS, uid_next=0)
    assert stands(target=unknown, target_before=unknown, deletions=mirror) is Standing.CHANGED


def test_else_only_another_uid_validity_of_the_target_means_a_change() -> None:
    assert stands(target=replace(WAS, messages=8)) is Standing.UNCHANGED
    assert stands(target=None) is Standing.UNCHANGED
    assert stands(target=replace(WAS, uid_validity=8)) is Standing.CHANGED


def test_terms_hold_when_the_bounds_are_the_same_and_nothing_more_is_to_be_deleted() -> None:
    never, mirror = terms_of(Rules()), terms_of(Rules(deletions=Deletions.MIRROR))
    assert do_terms_hold(never, never)
    assert do_terms_hold(mirror, never)
    assert do_terms_hold(mirror, mirror)
    assert not do_terms_hold(never, mirror)
    assert not do_terms_hold("", never)
    assert not do_terms_hold(never, terms_of(Rules(largest_bytes=5)))


def test_what_differs_from_run_to_run_is_no_term() -> None:
    assert terms_of(Rules(source_uid_validity=3, target_uid_validity=4)) == terms_of(Rules())


def test_a_target_is_as_we_left_it_when_its_mails_are_ours_whatever_its_mod_seq() -> None:
    assert is_as_left(WAS, PLAIN)
    assert not is_as_left(WAS, replace(PLAIN, messages=8))
    assert not is_as_left(WAS, None)
