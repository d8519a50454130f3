"""Which rows answer a question about a stretch of time, and where reading stands in them. Pure."""

from __future__ import annotations

from datetime import timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

from switchover.errors import InvalidInput

if TYPE_CHECKING:
    from datetime import datetime

FINE_HOURS = 48.0
"""Up to here a stretch is told by minutes unless somebody asks otherwise."""
MAX_HOURS = 730.0 * 24.0


class Per(StrEnum):
    """How fine statistics are; the value is the time column, and the end of the table's name."""

    MINUTE = "minute"
    HOUR = "hour"


class Position(NamedTuple):
    """A place in the order of statistics: what was read ends here, what follows is greater.

    A time alone is the place before its first row, since every row names a service.
    """

    at: datetime
    service: str = ""
    workload: str = ""
    server: str = ""


def choose_per(per: Per | None, *, hours: float, minute_days: int) -> Per:
    """Return how fine to read the last ``hours``; raises InvalidInput when minutes are not kept so long."""
    kept_hours = minute_days * 24
    if per is None:
        return Per.MINUTE if hours <= min(FINE_HOURS, kept_hours) else Per.HOUR
    if per is Per.MINUTE and hours > kept_hours:
        raise InvalidInput(
            f"minutes are kept for {minute_days} days: ask for at most {kept_hours} hours, or per "
            "hour (SWITCHOVER_MINUTE_DAYS says how long they are kept)"
        )
    return per


def start_of(now: datetime, *, hours: float, per: Per) -> datetime:
    """Return the beginning of the minute or hour that was ``hours`` ago: none is told in part."""
    began = (now - timedelta(hours=hours)).replace(second=0, microsecond=0)
    return began if per is Per.MINUTE else began.replace(minute=0)
