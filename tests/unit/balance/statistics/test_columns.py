from __future__ import annotations

from dataclasses import fields

from switchover.balance.minutes import Minute
from switchover.balance.statistics.columns import VALUES


def test_columns_are_what_a_minute_gives_in_its_order() -> None:
    given = [field.name for field in fields(Minute)]
    assert given == [name.removesuffix("_avg") for name in VALUES]
    assert len(Minute().values()) == len(VALUES)
