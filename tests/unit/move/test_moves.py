"""A moved mail is moved on the target only if it is surely the same, and each copy is used once."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from switchover.move.moves import (
    Arrived,
    Departed,
    Moved,
    MoveOnTarget,
    may_gain,
    may_lose,
    plan_moves,
)
from switchover.move.standing import State

ARRIVED = Arrived("b", 7, 10, 1000, (), b"d")
DEPARTED = Departed("a", 3, 33, 10, 1000, (), b"d")


def test_a_mail_with_the_same_digest_is_copied_and_stays() -> None:
    moves = plan_moves([ARRIVED], [DEPARTED])
    pair = (Moved(ARRIVED, DEPARTED),)
    assert moves.sure == (MoveOnTarget(from_folder="a", to_folder="b", mails=pair, is_copy=True),)
    assert not moves.unread


def test_a_copy_that_would_be_deleted_is_moved() -> None:
    (move,) = plan_moves([ARRIVED], [DEPARTED._replace(may_go=True)]).sure
    assert not move.is_copy


def test_a_mail_that_may_be_it_is_read_first() -> None:
    moves = plan_moves([ARRIVED._replace(digest=b"")], [DEPARTED])
    assert (moves.sure, moves.unread) == ((), {"b": (7,)})


def test_other_size_date_or_digest_is_another_mail() -> None:
    others = [
        ARRIVED._replace(size=11),
        ARRIVED._replace(epoch_seconds=1),
        ARRIVED._replace(digest=b"e"),
    ]
    moves = plan_moves(others, [DEPARTED])
    assert (moves.sure, moves.unread) == ((), {})


def test_a_copy_without_digest_is_read_and_not_trusted_before() -> None:
    unread = DEPARTED._replace(digest=b"")
    moves = plan_moves([ARRIVED._replace(digest=b"")], [unread])
    assert (moves.sure, moves.unread, moves.unread_copies) == ((), {"b": (7,)}, {"a": (33,)})
    assert plan_moves([ARRIVED], [unread]).sure == ()
    assert not plan_moves([ARRIVED], [unread._replace(size=11)]).unread_copies


@given(
    st.lists(st.tuples(st.sampled_from("ab"), st.sampled_from([b"d", b"e"])), max_size=8),
    st.lists(
        st.tuples(st.sampled_from("cd"), st.sampled_from([b"d", b"e"]), st.booleans()), max_size=8
    ),
)
def test_each_copy_is_used_once(
    new: list[tuple[str, bytes]], old: list[tuple[str, bytes, bool]]
) -> None:
    arrived = [Arrived(folder, uid, 10, 1, (), digest) for uid, (folder, digest) in enumerate(new)]
    departed = [
        Departed(folder, uid, 100 + uid, 10, 1, (), digest, may_go)
        for uid, (folder, digest, may_go) in enumerate(old)
    ]
    pairs = [pair for move in plan_moves(arrived, departed).sure for pair in move.mails]
    assert len({pair.departed.target_uid for pair in pairs}) == len(pairs)
    assert len({(pair.arrived.folder, pair.arrived.source_uid) for pair in pairs}) == len(pairs)
    assert all(pair.arrived.digest == pair.departed.digest for pair in pairs)
    for digest in (b"d", b"e"):
        possible = min([d for _, d in new].count(digest), [d for _, d, _ in old].count(digest))
        assert sum(pair.arrived.digest == digest for pair in pairs) == possible


BEFORE = State(uid_validity=1, uid_next=10, messages=5)


@pytest.mark.parametrize(
    ("now", "loses", "gains"),
    [
        (BEFORE, False, False),
        (replace(BEFORE, uid_next=12, messages=7), False, True),
        (replace(BEFORE, uid_next=12, messages=6), True, True),
        (replace(BEFORE, messages=4), True, False),
        (replace(BEFORE, uid_validity=2, messages=4), False, False),
        (None, False, False),
    ],
)
def test_only_folders_that_may_have_lost_or_gained_are_looked_at(
    now: State | None, loses: bool, gains: bool
) -> None:
    assert (may_lose(BEFORE, now), may_gain(BEFORE, now)) == (loses, gains)
    never = State(uid_validity=0, uid_next=0, messages=0)
    assert not may_lose(never, now)
