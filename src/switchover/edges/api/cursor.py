"""Cursors: where a page of a list ended, as a word that clients hand back unread. Pure.

A cursor is the place itself, not a number of rows: what comes or goes meanwhile moves nothing. It says
nothing that its reader may not see, so it needs no seal; what is no cursor is refused.
"""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime

from switchover.errors import InvalidInput

NO_CURSOR = (
    "that is no cursor of this list: take it from the answer before, or leave it out to begin anew"
)


def write_cursor(moment: datetime, *words: str) -> str:
    """Return a place as one word that needs no quoting in a URL."""
    text = json.dumps([moment.isoformat(), *words], separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def read_cursor(text: str, *, words: int) -> tuple[datetime, tuple[str, ...]]:
    """Return the place that ``write_cursor`` was given; raises InvalidInput for anything else."""
    try:
        return _read(text, words)
    except (ValueError, TypeError, OverflowError, RecursionError):
        raise InvalidInput(NO_CURSOR) from None


def _read(text: str, words: int) -> tuple[datetime, tuple[str, ...]]:
    first, *others = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    if len(others) != words:
        raise ValueError("a cursor of another list")
    # In UTC, because PostgreSQL does not know every zone that Python reads.
    moment = datetime.fromisoformat(first).astimezone(UTC)
    return moment, tuple(_word(part) for part in others)


def _word(part: object) -> str:
    """Return what the database can compare with; raises ValueError or TypeError."""
    if not isinstance(part, str):
        raise TypeError("not a text")
    if "\0" in part:
        raise ValueError("no text of ours")
    part.encode()  # lone surrogates
    return part
