"""Internal dates with which a target takes mails. Pure.

Cyrus and Courier refuse a mail with a date before 1970, and take the very first second of 1970 for no date
at all. Such a mail is copied with the nearest date they take: it loses its date, which its own Date field
mostly tells, and is not lost itself.
"""

from __future__ import annotations

from array import array
from typing import TYPE_CHECKING

from switchover.wire.imap.quirks import Quirk

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from switchover.wire.imap.quirks import Profile

FIRST_SECOND = 1
"""The earliest date, in UTC seconds, of a server that takes none before 1970."""


def mend_dates(
    uids: Sequence[int], seconds: array[int], target: Profile
) -> tuple[array[int], dict[int, int]]:
    """Return dates that the target takes (UTC seconds), and the former ones by UID of those changed."""
    if Quirk.DATES_BEFORE_1970_REFUSED not in target.quirks:
        return seconds, {}
    if not seconds or min(seconds) >= FIRST_SECOND:
        return seconds, {}
    early = {uid: one for uid, one in zip(uids, seconds, strict=True) if one < FIRST_SECOND}
    return array("q", (max(FIRST_SECOND, one) for one in seconds)), early


def zones_of_mended(uids: Sequence[int], zones: array[int], mended: Collection[int]) -> array[int]:
    """Return zones (minutes) in which mended dates are dates of 1970 too: a few hours west it is 1969 still."""
    return array(
        zones.typecode,
        (0 if uid in mended else zone for uid, zone in zip(uids, zones, strict=True)),
    )
