"""How far a copy is: what the engine counts while it works, and what follows from it. Pure.

The engine writes, whoever shows it reads when it likes: no call goes from the work to a display.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from enum import StrEnum

_WINDOW_SECONDS = 15.0
# What a mail costs beside its bytes, in bytes: many small mails take longer than one large.
_MAIL_WEIGHT = 4096


class Phase(StrEnum):
    """What is being done."""

    STARTING = "starting"
    CONNECTING = "connecting"
    LISTING = "listing"
    COPYING = "copying"
    FINISHING = "finishing"


@dataclass(slots=True, kw_only=True)
class FolderTally:
    """One folder: what is to be copied (``mails``, ``octets``; an estimate until it began) and what was."""

    name: str
    mails: int = 0
    octets: int | None = None
    done_mails: int = 0
    done_octets: int = 0
    has_begun: bool = False
    is_over: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Sum:
    """All folders together; ``octets`` holds an estimate for folders that have not begun."""

    mails: int
    octets: int
    done_mails: int
    done_octets: int
    folders: int
    done_folders: int

    @property
    def left_weight(self) -> float:
        """What is left to do, as ``Speed`` counts it."""
        mails = max(0, self.mails - self.done_mails)
        return max(0, self.octets - self.done_octets) + mails * _MAIL_WEIGHT


@dataclass(slots=True, kw_only=True)
class Tally:
    """What one copy has done so far. ``note`` is a sentence on why it waits, if it does.

    ``stored`` counts the mails that the target acknowledged: those that went out may be under way still.
    """

    phase: Phase = Phase.STARTING
    folders: dict[str, FolderTally] = field(default_factory=dict)
    note: str = ""
    stored: int = 0

    def expect(self, name: str, mails: int, octets: int | None = None) -> None:
        """Note a folder that will be looked at, with what it may hold at most."""
        self.folders[name] = FolderTally(name=name, mails=mails, octets=octets)

    def begin(self, name: str, mails: int, octets: int) -> None:
        """Note what is to be copied of a folder; a folder that begins again counts on."""
        one = self._folder(name)
        one.mails, one.octets = one.done_mails + mails, one.done_octets + octets
        one.has_begun, one.is_over = True, False

    def move(self, name: str, mails: int, octets: int) -> None:
        """Note mails that went out; negative for those that have to go again."""
        one = self._folder(name)
        one.done_mails += mails
        one.done_octets += octets

    def end(self, name: str) -> None:
        """Note that a folder is over, well or not."""
        one = self._folder(name)
        one.is_over = True
        if not one.has_begun:
            one.mails, one.octets = 0, 0

    def _folder(self, name: str) -> FolderTally:
        return self.folders.setdefault(name, FolderTally(name=name))

    def sum(self) -> Sum:
        """Return all folders together."""
        every = list(self.folders.values())
        done_mails = sum(one.done_mails for one in every)
        done_octets = sum(one.done_octets for one in every)
        mean = done_octets / done_mails if done_mails else 0.0
        octets = sum(int(one.mails * mean) if one.octets is None else one.octets for one in every)
        return Sum(
            mails=max(done_mails, sum(one.mails for one in every)),
            octets=max(done_octets, octets),
            done_mails=done_mails,
            done_octets=done_octets,
            folders=len(every),
            done_folders=sum(one.is_over for one in every),
        )


@dataclass(slots=True, kw_only=True)
class Speed:
    """Rates over the last quarter of a minute, from samples of what was done by then."""

    _samples: deque[tuple[float, int, int]] = field(default_factory=deque)

    def sample(self, now: float, mails: int, octets: int) -> None:
        """Take a sample; ``now`` never goes back."""
        self._samples.append((now, mails, octets))
        while len(self._samples) > 2 and self._samples[1][0] <= now - _WINDOW_SECONDS:
            self._samples.popleft()

    @property
    def mails_per_second(self) -> float:
        """Mails a second; 0 before there are two samples."""
        return self._rate(1)

    @property
    def octets_per_second(self) -> float:
        """Bytes a second; 0 before there are two samples."""
        return self._rate(2)

    def left_seconds(self, left: Sum) -> float | None:
        """Return how long the rest takes at this speed, None while that can not be told."""
        weight = self.octets_per_second + self.mails_per_second * _MAIL_WEIGHT
        return left.left_weight / weight if weight > 0 else None

    def _rate(self, place: int) -> float:
        if len(self._samples) < 2:
            return 0.0
        first, last = self._samples[0], self._samples[-1]
        seconds = last[0] - first[0]
        return (last[place] - first[place]) / seconds if seconds > 0 else 0.0
