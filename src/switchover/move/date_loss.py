"""What becomes of internal dates that a target can not keep, so that a proof tells it from a fault. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from switchover.move.kept_dates import FIRST_SECOND
from switchover.wire.imap.quirks import Quirk

if TYPE_CHECKING:
    from switchover.wire.imap.quirks import Profile

NO_DATE = -62_135_596_800
"""Stands for a date that can not be read, UTC seconds: the first second of the year 1."""
_CLOCK_SECONDS = 3600
"""How far the target's clock may be from ours."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DateLoss:
    """Which dates a target changes; all in UTC seconds.

    ``wraps``: it keeps 32 bits without a sign. ``raises_early``: mails from before 1970 got its first second. ``now``:
    those dated in the future get the time at which they are stored, which is not after it; None where the
    target keeps them. ``begun`` is when the first copy began, None where that is not known.
    """

    wraps: bool = False
    raises_early: bool = False
    now: int | None = None
    begun: int | None = None

    def explains(self, source: int, target: int) -> str:
        """Return why a date on the source became this one on the target, or "": any other is a fault."""
        if source == NO_DATE:
            return "the source names no date that can be read"
        if self.wraps and source < 0 and target == _wrapped(source):
            return "the target can not keep dates before 1970"
        if self.raises_early and source < FIRST_SECOND and target == FIRST_SECOND:
            return (
                "the target refuses mails from before 1970, so it was copied with the nearest date"
            )
        if self.now is not None and self._is_stamped(source, target, self.now):
            return "the target dates mails from the future by the time of their arrival"
        return ""

    def _is_stamped(self, source: int, target: int, now: int) -> bool:
        if self.begun is None:
            # When it was stored is not known: then it must lie in the future still.
            return source > now and target <= now + _CLOCK_SECONDS
        return self.begun - _CLOCK_SECONDS <= target <= now + _CLOCK_SECONDS and target < source


def date_loss_of(target: Profile, *, now: int, begun: int | None) -> DateLoss:
    """Return what is known of such a target; times as ``DateLoss`` has them."""
    quirks = target.quirks
    return DateLoss(
        wraps=Quirk.DATES_BEFORE_1970_WRAP in quirks,
        raises_early=Quirk.DATES_BEFORE_1970_REFUSED in quirks,
        now=now if Quirk.FUTURE_DATES_BECOME_NOW in quirks else None,
        begun=begun,
    )


def _wrapped(seconds: int) -> int:
    # -1 is what the system gives for a date that it can not tell: that one ends in 2038.
    return 1 << 31 if seconds == -1 else seconds % (1 << 32)


NOTHING_LOST = DateLoss()
