"""Nobody waits long for a provider that is away, and not too many do."""

from __future__ import annotations

from contextlib import ExitStack

import pytest

from switchover.directory.access.oidc.patience import FAILED_SECONDS, MOST_WAITING, Patience
from switchover.errors import Unavailable


def test_a_failure_is_remembered_for_some_seconds_in_its_own_words() -> None:
    patience = Patience()
    patience.require(10.0)
    patience.failed("no answer", 10.0)
    with pytest.raises(Unavailable, match="no answer"):
        patience.require(10.0 + FAILED_SECONDS - 0.1)
    patience.require(10.0 + FAILED_SECONDS)


def test_seats_are_bounded_and_given_back_however_it_ends() -> None:
    patience = Patience()
    with ExitStack() as stack:
        for _ in range(MOST_WAITING):
            stack.enter_context(patience.seat())
        with pytest.raises(Unavailable, match="too many"), patience.seat():
            pass
    with pytest.raises(ValueError, match="x"), patience.seat():
        raise ValueError("x")
    assert patience.waiting == 0
