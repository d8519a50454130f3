"""What two looks at the engine tell together: rates and moments."""

from __future__ import annotations

from tests.unit.balance.engine_rows import row

from switchover.balance.between_looks import (
    SAME_MOMENT_SECONDS,
    counts_of,
    moments_of,
    rates_between,
)
from switchover.wire.haproxy.statistics import Row


def test_requests_are_counted_where_the_engine_sees_them_else_connections() -> None:
    rows = [
        row("web.owa", "cas1", counted={"requests": 5, "sessions": 2}),
        row("web.owa", "cas2", counted={"sessions": 4}),
        row("web", "FRONTEND", counted={"requests": 9, "sessions": 4}),
        row("imap.imaps", "cas1", counted={"sessions": 3}),
        row("web.owa", "BACKEND", counted={"requests": 9}),
    ]
    assert counts_of({one.key: one for one in rows}, {"web"}) == {
        ("web.owa", "cas1"): 5,
        ("web.owa", "cas2"): 4,
        ("web", "FRONTEND"): 9,
        ("imap.imaps", "cas1"): 3,
    }


def test_the_first_request_is_one_request_however_many_connections_came_before_it() -> None:
    def counted(requests: int) -> dict[tuple[str, str], int]:
        front = row("web", "FRONTEND", counted={"requests": requests, "sessions": 500})
        return counts_of(keyed(front), {"web"})

    rates = rates_between(counted(0), counted(1), seconds=10)
    assert rates == {("web", "FRONTEND"): 0.1}


def test_a_rate_is_what_was_counted_per_second_also_by_a_worker_that_began_anew() -> None:
    before = {("a", "x"): 10, ("b", "x"): 10}
    now = {("a", "x"): 14, ("b", "x"): 6, ("c", "x"): 8}
    assert rates_between(before, now, seconds=2) == {("a", "x"): 2.0, ("b", "x"): 3.0}
    assert rates_between(before, now, seconds=0) == {}


def keyed(*rows: Row) -> dict[tuple[str, str], Row]:
    return {one.key: one for one in rows}


def test_the_moment_of_a_change_does_not_wander_with_whole_seconds() -> None:
    one = row("web.owa", "cas1", changed_seconds_ago=10)
    first = moments_of(keyed(one, row("web.owa", "BACKEND")), {}, epoch=1000.4)
    assert first == {("web.owa", "cas1"): 990}
    again = moments_of(keyed(one), first, epoch=1000.4 + SAME_MOMENT_SECONDS)
    assert again == first
    changed = row("web.owa", "cas1", "DOWN", changed_seconds_ago=0)
    assert moments_of(keyed(changed), first, epoch=1003)[changed.key] == 1003
