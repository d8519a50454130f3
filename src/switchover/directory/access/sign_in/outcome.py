"""How a try to sign in ended. Pure."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from switchover.directory.access.session.session import NewSession


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """The session is open."""

    new: NewSession


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeNeeded:
    """The password was right; a code of the second factor is needed. ``new`` opens nothing but that."""

    new: NewSession


@dataclass(frozen=True, slots=True, kw_only=True)
class Denied:
    """Nothing opens. ``sentence`` is all that a stranger may learn; ``reason`` is for the audit."""

    sentence: str
    reason: str
    wait_seconds: float = 0.0


SignIn: TypeAlias = Opened | CodeNeeded | Denied

WRONG = "The name or the password is not right."
WRONG_CODE = "The code is not right, or it was used before. Wait for the next one."
TOO_LATE = "That took too long. Sign in anew."


def too_often(wait_seconds: float) -> Denied:
    """Return the answer to who tried too often."""
    seconds = math.ceil(wait_seconds)
    words = f"{seconds} s" if seconds < 120 else f"{math.ceil(seconds / 60)} min"
    return Denied(
        sentence=f"Too many tries. Try again in {words}.",
        reason="too many tries",
        wait_seconds=wait_seconds,
    )
