"""How many folders to copy at a time, from what comes of it. Pure.

One more lane is tried as long as the last one made the copying faster; a server that lets no more
connections in, or says "not so fast", sets the limit. How long to wait before trying again is here too.
"""

from __future__ import annotations

from dataclasses import dataclass

_FASTER = 1.1
_DISTANT_SECONDS = 0.02
_MAIL_OCTETS = 4096
FIRST_LANES = 2
FIRST_PAUSE_SECONDS = 1.0
LONGEST_PAUSE_SECONDS = 30.0
LONGEST_WISH_SECONDS = 900.0
"""As long as a server may make us wait; for more than that the folder is left for another run."""
TRIES = 6
"""In a row without a mail copied; at these pauses about a minute."""


def first_lanes(folders: int, round_trip_seconds: float, most: int) -> int:
    """Return with how many lanes to begin: each folder costs some round trips, which lanes share."""
    wanted = FIRST_LANES + int(round_trip_seconds / _DISTANT_SECONDS)
    return max(1, min(wanted, folders, most))


def pause_seconds(tries: int, wish_seconds: float | None) -> float | None:
    """Return how long to wait before the next try, None for no more of them.

    ``tries`` went wrong in a row, from 1; ``wish_seconds`` is what the server asked for.
    """
    if tries >= TRIES or (wish_seconds or 0.0) > LONGEST_WISH_SECONDS:
        return None
    own = min(FIRST_PAUSE_SECONDS * 2.0 ** (tries - 1), LONGEST_PAUSE_SECONDS)
    return max(own, wish_seconds or 0.0)


def amount(mails: int, octets: int) -> int:
    """Return one measure of what was copied: a mail costs something whatever its size."""
    return mails * _MAIL_OCTETS + octets


@dataclass(slots=True, kw_only=True)
class LaneCount:
    """How many lanes there should be; ``most`` falls when a server refuses."""

    most: int
    wanted: int
    _before: float = 0.0
    _is_settled: bool = False

    def measured(self, rate: float) -> None:
        """Take what all lanes copied in a second of late, while there was work for every one."""
        if self._is_settled:
            return
        if rate > self._before * _FASTER and self.wanted < self.most:
            self.wanted += 1
        else:
            if rate < self._before:
                self.wanted = max(1, self.wanted - 1)
            self._is_settled = True
        self._before = rate

    def refused(self, lanes: int) -> None:
        """Note that a server did not want this many."""
        self.most = max(1, min(self.most, lanes - 1))
        self.wanted = min(self.wanted, self.most)
        self._is_settled = True
