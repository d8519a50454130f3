"""The date of a mail of which the server names none that can be read: as the mail's own header has it. Pure."""

from __future__ import annotations

import re
from contextlib import suppress
from email.utils import mktime_tz, parsedate_tz

from switchover.wire.imap.internal_date import InternalDate

_FOLD = re.compile(rb"\r?\n(?=[ \t])")
_HEADER_END = re.compile(rb"\r?\n\r?\n")
_MOST_ZONE_MINUTES = 24 * 60 - 1


def header_date(header: bytes) -> InternalDate | None:
    """Return the date of the Date field, else of the topmost Received (RFC 5322), None without a readable one.

    What follows the header is not looked at.
    """
    fields: dict[bytes, bytes] = {}
    for line in _FOLD.sub(b"", _HEADER_END.split(header, maxsplit=1)[0]).splitlines():
        name, colon, value = line.partition(b":")
        if colon:
            fields.setdefault(name.strip().lower(), value)
    received = fields.get(b"received", b"").rpartition(b";")[2]
    return _read(fields.get(b"date", b"")) or _read(received)


def _read(text: bytes) -> InternalDate | None:
    with suppress(ValueError, OverflowError, IndexError, TypeError):
        found = parsedate_tz(text.decode("latin-1"))
        if found is not None:
            zone = (found[9] or 0) // 60
            date = InternalDate(int(mktime_tz(found)), zone)
            if abs(zone) <= _MOST_ZONE_MINUTES and date.encode():
                return date
    return None
