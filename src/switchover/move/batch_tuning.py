"""How much goes to one server at a time, from how far it is and from what it says to it. Pure.

Over a distance more has to be on its way, or it is waited for. A server that says "not so fast" gets half
as much at a time; when it has borne that for a while, it is tried with more again, up to what was given.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Final

from switchover.move.append_batches import BatchLimits

CALM_SECONDS: Final = 60.0
"""Without a complaint before more is tried."""
MOST_SINGLES: Final = 256
MOST_MAILS: Final = 1000
_NEAR_SECONDS: Final = 0.02  # up to here the usual limits fill the line
_FAR_SECONDS: Final = 0.1
_LEAST_MAILS: Final = 10
_LEAST_SINGLES: Final = 4
_LEAST_OCTETS: Final = 1 << 20
_MOST_HALVINGS: Final = 5


def limits_at(given: BatchLimits, round_trip_seconds: float) -> BatchLimits:
    """Return the limits for a server at this distance; what was given smaller than usual is obeyed."""
    usual = BatchLimits()
    if given != usual:
        return given
    singles = round(usual.unanswered_singles * max(1.0, round_trip_seconds / _NEAR_SECONDS))
    mails = round(usual.mails_at_most * max(1.0, round_trip_seconds / _FAR_SECONDS))
    return replace(
        usual,
        unanswered_singles=min(singles, MOST_SINGLES),
        mails_at_most=min(mails, MOST_MAILS),
    )


@dataclass(slots=True, kw_only=True)
class BatchTuning:
    """The limits of one server as they are now; ``now`` is monotonic and never goes back."""

    given: BatchLimits
    _halvings: int = 0
    _changed_at: float = field(default=0.0)

    def throttled(self, now: float) -> None:
        """Note that the server wants less."""
        self._halvings = min(self._halvings + 1, _MOST_HALVINGS)
        self._changed_at = now

    def limits(self, now: float) -> BatchLimits:
        """Return what the next folder may send at a time."""
        while self._halvings and now - self._changed_at >= CALM_SECONDS:
            self._halvings -= 1
            self._changed_at += CALM_SECONDS
        if not self._halvings:
            return self.given
        parts, given = 2**self._halvings, self.given
        return replace(
            given,
            mails_at_most=_share(given.mails_at_most, parts, _LEAST_MAILS),
            bytes_at_most=_share(given.bytes_at_most, parts, _LEAST_OCTETS),
            unanswered_singles=_share(given.unanswered_singles, parts, _LEAST_SINGLES),
        )


def _share(whole: int, parts: int, least: int) -> int:
    return min(whole, max(least, whole // parts))
