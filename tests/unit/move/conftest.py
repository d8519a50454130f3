"""What the tests of pure code about hostile input share."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest


def _seconds(work: Callable[[int], object], count: int) -> float:
    best = 1e9
    for _ in range(3):
        start = time.process_time()
        work(count)
        best = min(best, time.process_time() - start)
    return best


@pytest.fixture
def proportional(no_cover: None) -> Callable[[Callable[[int], object], int], None]:
    """Claim that four times the input takes less than twelve times the time: squared would be sixteen."""

    def check(work: Callable[[int], object], count: int) -> None:
        work(count // 10)
        assert _seconds(work, 4 * count) < 12 * max(_seconds(work, count), 0.002)

    return check
