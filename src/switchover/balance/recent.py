"""What changed lately: revisions, and how health went, gathered by server. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from switchover.balance.status_words import Level
from switchover.model.wording import counted

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

RECENT_HOURS = 24
MOST_EVENTS = 20_000
"""Of the newest transitions are gathered; a farm that has more has other worries than their number."""
MOST_GROUPS = 20
MOST_REVISIONS = 10
HEALTH_KINDS = ("server-down", "server-up", "pool-empty")


@dataclass(frozen=True, slots=True, kw_only=True)
class RecentRevision:
    """A change that somebody made."""

    number: int
    at: datetime
    author: str
    summary: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class HealthGroup:
    """How the health of one server in one service went; ``server`` is "" for a pool that was empty.

    ``cause`` is that of the last time it went down.
    """

    service: str
    server: str
    workloads: tuple[str, ...]
    downs: int
    last_kind: str
    last_at: datetime
    cause: str

    @property
    def level(self) -> Level:
        """How much it should worry: what came back is no worry now."""
        return Level.OK if self.last_kind == "server-up" else Level.BAD

    @property
    def sentence(self) -> str:
        """What happened, in words."""
        what = (
            ", ".join(self.workloads)
            if len(self.workloads) < 4
            else counted(len(self.workloads), "workload")
        )
        times = ""
        if self.downs > len(self.workloads):
            # What is counted are the transitions of all of them together.
            many = len(self.workloads) > 1
            times = f", {self.downs:,} times in all" if many else f" {self.downs:,} times"
        if not self.server:
            return f"no server was left for {what}{times}"
        if not self.downs:
            return f"{what} came up"
        ending = "up again" if self.last_kind == "server-up" else "still down"
        return f"{what} went down{times}, {ending}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Recent:
    """What changed within RECENT_HOURS, newest first; ``is_known`` is False where nobody could look."""

    revisions: tuple[RecentRevision, ...] = ()
    health: tuple[HealthGroup, ...] = ()
    is_known: bool = True


def recent_revision(row: Mapping[str, Any]) -> RecentRevision:
    """Return a row of the history."""
    return RecentRevision(
        number=row["number"],
        at=row["created_at"],
        author=row["author"],
        summary=row["summary"],
        reason=row["reason"],
    )


def health_group(row: Mapping[str, Any]) -> HealthGroup:
    """Return a row of the gathered transitions."""
    return HealthGroup(
        service=row["service"] or "",
        server=row["server"] or "",
        workloads=tuple(row["workloads"]),
        downs=row["downs"],
        last_kind=row["last_kind"],
        last_at=row["last_at"],
        cause=row["cause"] or "",
    )
