"""What changed lately, in words."""

from __future__ import annotations

from typing import Any

import pytest
from tests.unit.balance.engine_rows import NOON

from switchover.balance.recent import health_group, recent_revision
from switchover.balance.status_words import Level


def group(**values: Any) -> dict[str, Any]:
    return {
        "service": "web", "server": "cas1", "workloads": ["owa"], "downs": 1,
        "last_kind": "server-down", "last_at": NOON, "cause": "refused", **values,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("values", "level", "sentence"),
    [
        ({}, Level.BAD, "owa went down, still down"),
        ({"last_kind": "server-up"}, Level.OK, "owa went down, up again"),
        ({"downs": 12}, Level.BAD, "owa went down 12 times, still down"),
        ({"downs": 0, "last_kind": "server-up", "cause": None}, Level.OK, "owa came up"),
        (
            {"workloads": ["a", "b", "c", "d"], "downs": 4},
            Level.BAD,
            "4 workloads went down, still down",
        ),
        (
            {"server": None, "last_kind": "pool-empty", "downs": 1},
            Level.BAD,
            "no server was left for owa",
        ),
    ],
)
def test_a_group_of_transitions_is_told_in_a_sentence(
    values: dict[str, Any], level: Level, sentence: str
) -> None:
    found = health_group(group(**values))
    assert (found.level, found.sentence) == (level, sentence)


def test_a_revision_is_told_with_who_and_why() -> None:
    row = {
        "number": 7, "created_at": NOON, "author": "ada", "summary": "drain cas1", "reason": "disk",
    }  # fmt: skip
    found = recent_revision(row)
    assert (found.number, found.at, found.author, found.reason) == (7, NOON, "ada", "disk")
