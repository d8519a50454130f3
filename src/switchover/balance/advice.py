"""Advice on single servers: what another part of the suite knows and the engine's checks can not see.

The engine asks for it over the agent port (HAProxy manual, ``agent-check``). Advice lowers a server's
share of load or takes it out of a pool; it expires, so that a part that stopped can not leave a server
out for ever. Where nobody answers, nothing changes.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING

from switchover.errors import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from switchover.balance.overrides import Target


SETTLED_AFTER = timedelta(seconds=5)


@dataclass(frozen=True, slots=True, kw_only=True)
class Advice:
    """``percent`` of the wanted weight, 0 takes the server out; valid until ``until``."""

    percent: int
    reason: str
    until: datetime


@dataclass(slots=True)
class AdviceBoard:
    """Advice by target, and which targets were told something that must be taken back.

    ``weights`` holds wanted weight and weight in the loaded file by ``mail.owa/cas1``: the engine reads
    percentages against the file it loaded and rounds down, and an operator may have set another weight
    since. ``left_over`` are targets that a process before this one told something and could not take
    back; ``ended`` says when advice was taken back.
    """

    by_target: dict[Target, Advice] = field(default_factory=dict)
    told: set[Target] = field(default_factory=set)
    left_over: set[Target] = field(default_factory=set)
    ended: dict[Target, datetime] = field(default_factory=dict)
    weights: Mapping[str, tuple[int, int]] = field(default_factory=dict)

    def give(self, target: Target, advice: Advice) -> None:
        """Keep advice; raises InvalidInput outside 0 to 100 percent."""
        if not 0 <= advice.percent <= 100:
            raise InvalidInput(f"advice is 0 to 100 percent, not {advice.percent}")
        self.by_target[target] = advice

    def withdraw(self, target: Target) -> None:
        """Forget advice; the engine is told the full weight at its next question."""
        self.by_target.pop(target, None)

    def answer(self, target: Target, now: datetime) -> str:
        """Return the line for the engine's agent check.

        Without advice it is ``up``, which leaves weights alone; once a weight was lowered by advice
        the first answer after it ended restores it.
        """
        advice = self.by_target.get(target)
        if advice is not None and now >= advice.until:
            self.by_target.pop(target)
            advice = None
        if advice is None:
            return self._take_back(target, now)
        self.told.add(target)
        if advice.percent == 0:
            # The space matters: HAProxy 2.8 ignores "down#reason" without a word.
            return f"down #{_word(advice.reason)}\n"
        return f"up {self._percent(target, advice.percent)}%\n"

    def _take_back(self, target: Target, now: datetime) -> str:
        is_left_over = target in self.left_over and str(target) in self.weights
        if target not in self.told and not is_left_over:
            return "up\n"
        self.told.discard(target)
        self.left_over.discard(target)
        self.ended[target] = now
        return f"up {self._percent(target, 100)}%\n"

    def _percent(self, target: Target, percent: int) -> int:
        wanted, loaded = self.weights.get(str(target), (100, 100))
        # At least a weight of 1: 0 would drain a server that was only meant to get less.
        share = max(1, round(wanted * percent / 100)) if wanted else 0
        return -(-100 * share // loaded) if loaded else percent

    def advised(self, now: datetime) -> frozenset[Target]:
        """Return the targets whose weight is advice's business, and not drift.

        Those told something count until the engine has surely taken it back.
        """
        settled = [
            target for target, ended_at in self.ended.items() if now - ended_at > SETTLED_AFTER
        ]
        for target in settled:
            del self.ended[target]
        return frozenset({*self.by_target, *self.told, *self.left_over, *self.ended})


def _word(text: str) -> str:
    """A reason as the engine's log shows it: printable, one line, short."""
    return "".join(character for character in text if character.isprintable())[:80]
