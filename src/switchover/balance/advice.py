"""Advice on single servers: what another part of the suite knows and the engine's checks can not see.

The engine asks for it over the agent port (HAProxy manual, ``agent-check``). Advice lowers a server's
share of load or takes it out of a pool; it expires, so that a part that stopped can not leave a server
out for ever. Where nobody answers, nothing changes.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from switchover.errors import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from switchover.balance.overrides import Target


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
    since.
    """

    by_target: dict[Target, Advice] = field(default_factory=dict)
    told: set[Target] = field(default_factory=set)
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
            if target in self.told:
                self.told.discard(target)
                return f"up {self._percent(target, 100)}%\n"
            return "up\n"
        self.told.add(target)
        if advice.percent == 0:
            # The space matters: HAProxy 2.8 ignores "down#reason" without a word.
            return f"down #{_word(advice.reason)}\n"
        return f"up {self._percent(target, advice.percent)}%\n"

    def _percent(self, target: Target, percent: int) -> int:
        wanted, loaded = self.weights.get(str(target), (100, 100))
        # At least a weight of 1: 0 would drain a server that was only meant to get less.
        share = max(1, round(wanted * percent / 100)) if wanted else 0
        return -(-100 * share // loaded) if loaded else percent

    def asked_weights(self) -> Mapping[Target, int]:
        """Return the weights that advice asked for, so that they do not count as drift."""
        asked = {**dict.fromkeys(self.told, 100)}
        asked.update({target: advice.percent for target, advice in self.by_target.items()})
        result = {}
        for target, percent in asked.items():
            _, loaded = self.weights.get(str(target), (100, 100))
            result[target] = loaded * self._percent(target, percent) // 100
        return result


def _word(text: str) -> str:
    """A reason as the engine's log shows it: printable, one line, short."""
    return "".join(character for character in text if character.isprintable())[:80]
