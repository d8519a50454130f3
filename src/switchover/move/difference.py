"""One thing that two mailboxes do not have in common, by its name. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import IntEnum, StrEnum

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Level(IntEnum):
    """How deep a proof looks."""

    COUNTS = 0
    PAIRS = 1
    HEADERS = 2
    BODIES = 3


class DifferenceKind(StrEnum):
    """What is not the same."""

    FOLDER_MISSING = "folder missing"
    FOLDER_EXTRA = "folder extra"
    SUBSCRIPTION_MISSING = "subscription missing"
    SUBSCRIPTION_EXTRA = "subscription extra"
    SPECIAL_USE = "special use"
    COUNT = "count"
    MISSING = "mail missing"
    EXTRA = "mail extra"
    BYTES = "bytes"
    HEADER = "header"
    SIZE = "size"
    DATE = "date"
    FLAGS = "flags"
    KEYWORDS = "keywords"


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One thing that differs, with what the source has and the target shows as text.

    UIDs are None where a side has none. ``explanation`` is the reason where it is known (a skipped
    mail, a date that the target can not keep); a difference without one is a fault. ``hint`` is what
    may have led to a fault. ``is_left`` says that the copy put the mail off: it is for another run to bring.
    ``subject`` and ``message_id`` tell people which mail it is.
    """

    kind: DifferenceKind
    folder: str
    source_uid: int | None = None
    target_uid: int | None = None
    source: str = ""
    target: str = ""
    explanation: str = ""
    hint: str = ""
    subject: str = ""
    message_id: str = ""
    is_left: bool = False


def moment(seconds: int) -> str:
    """Return a date as people read it, UTC; of years that a calendar has not, the bare number."""
    try:
        return f"{(_EPOCH + timedelta(seconds=seconds)).isoformat(' ').removesuffix('+00:00')} UTC"
    except OverflowError:
        return f"{seconds} seconds after 1970"
