"""Who has live pages open: how many streams a session and an account may have, and whose end. Pure.

Without a bound of their own, one person (or one tab that opens itself again and again) takes live pages
away from everybody.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from switchover.errors import Unavailable

if TYPE_CHECKING:
    from collections.abc import Callable, Container

MOST_STREAMS = 1000
MOST_OF_ACCOUNT = 60
MOST_OF_SESSION = 20


@dataclass(slots=True, eq=False, kw_only=True)
class Seat:
    """One stream of somebody; ``is_over`` once their session has ended."""

    session: str
    account: str
    is_over: bool = False


@dataclass(slots=True)
class Audience:
    """The seats that are taken."""

    seats: set[Seat] = field(default_factory=set)

    def enter(self, *, session: str, account: str) -> Seat:
        """Take a seat; raises Unavailable when this session, this account or everybody has too many."""
        for count, most, whose in (
            (self._count(lambda seat: seat.session == session), MOST_OF_SESSION, "this browser"),
            (self._count(lambda seat: seat.account == account), MOST_OF_ACCOUNT, "this account"),
            (len(self.seats), MOST_STREAMS, "this switchover"),
        ):
            if count >= most:
                raise Unavailable(
                    f"{most} pages of {whose} are open and live already; close some of them"
                )
        seat = Seat(session=session, account=account)
        self.seats.add(seat)
        return seat

    def leave(self, seat: Seat) -> None:
        """Give a seat back; again does nothing."""
        self.seats.discard(seat)

    @property
    def sessions(self) -> set[str]:
        """Whose streams are open, by the ids of sessions."""
        return {seat.session for seat in self.seats}

    def end_all_but(self, still_open: Container[str], *, among: Container[str]) -> None:
        """End the streams of sessions that were asked about (``among``) and are not open any more."""
        for seat in self.seats:
            if seat.session in among and seat.session not in still_open:
                seat.is_over = True

    def _count(self, is_theirs: Callable[[Seat], bool]) -> int:
        return sum(is_theirs(seat) for seat in self.seats)
