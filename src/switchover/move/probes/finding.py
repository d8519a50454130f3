"""What a probe has to say of one thing: a verdict, and what it means for a migration."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Verdict(StrEnum):
    """What became of what was tried."""

    KEPT = "kept"
    CHANGED = "changed"
    REFUSED = "refused"
    CUT = "ends the connection"
    LOST = "lost"
    UNKNOWN = "not tried"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that was tried: what came of it, and in one sentence what that means."""

    subject: str
    verdict: Verdict
    sentence: str
