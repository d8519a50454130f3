"""Who may have how many live pages open, and whose end."""

from __future__ import annotations

import pytest

from switchover.edges.console.audience import (
    MOST_OF_ACCOUNT,
    MOST_OF_SESSION,
    MOST_STREAMS,
    Audience,
)
from switchover.errors import Unavailable


def test_a_session_an_account_and_all_together_have_a_bound() -> None:
    audience = Audience()
    seats = [audience.enter(session="a", account="1") for _ in range(MOST_OF_SESSION)]
    with pytest.raises(Unavailable, match="this browser"):
        audience.enter(session="a", account="1")
    for number in range(MOST_OF_ACCOUNT - MOST_OF_SESSION):
        audience.enter(session=f"b{number % 3}", account="1")
    with pytest.raises(Unavailable, match="this account"):
        audience.enter(session="c", account="1")
    audience.leave(seats[0])
    audience.leave(seats[0])
    audience.enter(session="c", account="1")
    for number in range(MOST_STREAMS - MOST_OF_ACCOUNT):
        audience.enter(session=f"d{number}", account=f"d{number}")
    with pytest.raises(Unavailable, match="this switchover"):
        audience.enter(session="e", account="e")


def test_only_streams_of_sessions_that_were_asked_about_end() -> None:
    audience = Audience()
    kept, gone, late = (audience.enter(session=name, account="1") for name in ("k", "g", "l"))
    audience.end_all_but({"k"}, among={"k", "g"})
    assert [seat.is_over for seat in (kept, gone, late)] == [False, True, False]
    assert audience.sessions == {"k", "g", "l"}
