"""Events: what happened on the platform, when, to what, and why. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from switchover import clock

if TYPE_CHECKING:
    from datetime import datetime

    from switchover.balance.overrides import Target


class Severity(StrEnum):
    """How loud an event is."""

    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Something that happened, with its cause as a sentence."""

    kind: str
    severity: Severity
    cause: str
    target: Target | None = None
    service: str | None = None
    pool: str | None = None
    detail: dict[str, Any] = field(default_factory=dict)
    at: datetime = field(default_factory=clock.now)

    def row(self) -> tuple[object, ...]:
        """Return the values of the event's row."""
        target = self.target
        return (
            self.at,
            self.kind,
            self.severity.value,
            target.service if target else self.service,
            target.pool if target else self.pool,
            target.server if target else None,
            self.cause,
            self.detail,
        )
