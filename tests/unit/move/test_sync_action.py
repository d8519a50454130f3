"""Actions of many folders take an order in which nothing is deleted that is still needed."""

from __future__ import annotations

from typing import get_args

from switchover.move.moves import MoveOnTarget
from switchover.move.sync_action import (
    PHASES,
    Action,
    Append,
    Delete,
    FlagChange,
    Reconcile,
    RecordFlags,
    StoreFlags,
    in_order,
)


def test_every_action_has_its_phase() -> None:
    assert set(PHASES) == set(get_args(Action))


def test_copies_are_deleted_after_everything_that_may_use_them() -> None:
    assert PHASES[Delete] > max(
        PHASES[kind] for kind in (Append, MoveOnTarget, StoreFlags, RecordFlags)
    )
    assert PHASES[Reconcile] == min(PHASES.values())


def test_folders_keep_their_order_within_a_phase() -> None:
    delete = Delete(target_uids=(1,), source_uids=(1,))
    first, second = Append(source_uids=(1,), size_bytes=1), Append(source_uids=(2, 3), size_bytes=1)
    flags = StoreFlags(target_uids=(1,), change=FlagChange.SET, flags=())
    given: list[tuple[str, Action]] = [("b", delete), ("b", second), ("a", flags), ("a", first)]
    assert in_order(given) == [("b", second), ("a", first), ("a", flags), ("b", delete)]
    assert (first.is_alone, second.is_alone) == (True, False)
