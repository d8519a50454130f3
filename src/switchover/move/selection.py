"""Which mails of a folder are wanted at all: by age and by size. Pure.

What is left out so is not written to the ledger: another run with another wish brings it over.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING

from switchover.errors import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Iterable

_AGE = re.compile(r"([0-9]{1,5})([dwmy])")
_DAYS = {"d": 1, "w": 7, "m": 30, "y": 365}
_SIZE = re.compile(r"([0-9]{1,15}(?:\.[0-9]{1,3})?) ?([kmgt]?)(i?)b?", re.IGNORECASE)
_POWERS = {"": 0, "k": 1, "m": 2, "g": 3, "t": 4}


class NotWanted(StrEnum):
    """Why a mail is left out."""

    OLD = "older than --since"
    LARGE = "larger than --max-size"


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """Mails that came before ``since_seconds`` (of the epoch, by INTERNALDATE) or are larger stay behind.

    None and 0 are no wish. A mail whose date or size the server does not tell is wanted.
    """

    since_seconds: int | None = None
    largest_bytes: int = 0

    @property
    def is_everything(self) -> bool:
        """True when nothing is ever left out."""
        return self.since_seconds is None and not self.largest_bytes

    def judge(self, epoch_seconds: int, size: int) -> NotWanted | None:
        """Return why a mail is left out, None when it is wanted; 0 for what is not known."""
        if self.since_seconds is not None and 0 != epoch_seconds < self.since_seconds:
            return NotWanted.OLD
        if self.largest_bytes and size > self.largest_bytes:
            return NotWanted.LARGE
        return None

    def leave_out(self, mails: Iterable[tuple[int, int, int]]) -> dict[int, NotWanted]:
        """Return who of (UID, epoch seconds, size) is left out, with the reason."""
        if self.is_everything:
            return {}
        judged = ((uid, self.judge(seconds, size)) for uid, seconds, size in mails)
        return {uid: why for uid, why in judged if why is not None}


def parse_since(text: str, now: datetime) -> int:
    """Return the epoch seconds that ``2024-01-31`` (its first moment in UTC) or ``30d`` before ``now`` mean.

    ``d``, ``w``, ``m`` (30 days) and ``y`` (365 days) are known. Raises InvalidInput.
    """
    text = text.strip().lower()
    if match := _AGE.fullmatch(text):
        try:
            return int((now - timedelta(days=int(match[1]) * _DAYS[match[2]])).timestamp())
        except OverflowError:
            return 0
    try:
        day = date.fromisoformat(text)
    except ValueError:
        raise InvalidInput(
            f"{text!r} is no date and no age: write 2024-01-31, or 30d, 6w, 3m, 2y"
        ) from None
    return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp())


def parse_size(text: str) -> int:
    """Return the bytes that ``25M``, ``10 MiB`` or ``500000`` mean; M is a million, Mi is 1,048,576.

    Raises InvalidInput.
    """
    match = _SIZE.fullmatch(text.strip())
    if match is None or not float(match[1]):
        raise InvalidInput(f"{text!r} is no size: write 25M, 10MiB, 1.5G or a number of bytes")
    base = 1024 if match[3] else 1000
    return int(float(match[1]) * base ** _POWERS[match[2].lower()])
