"""INTERNALDATE: a moment to the second and the zone in which the server says it.

RFC 9051, section 9 (date-time). Reading also takes what servers have been seen to send instead:
a leading blank or a single digit for the day, two digits for the year or the zone, a zone's name,
doubled blanks, months in any case.
"""

from __future__ import annotations

import re
from datetime import date
from functools import lru_cache
from typing import NamedTuple

_DAY_SECONDS = 86_400
_EPOCH_DAY = date(1970, 1, 1).toordinal()
_MONTHS = b"jan feb mar apr may jun jul aug sep oct nov dec".split()
_MONTH_NUMBERS = {name: number for number, name in enumerate(_MONTHS, 1)}
_TEXT = re.compile(
    rb" *([0-9]{1,2})[- ]+([A-Za-z]{3})[- ]+([0-9]{4}|[0-9]{2}) +"
    rb"([01]?[0-9]|2[0-3]):([0-5][0-9])(?::([0-5][0-9]|60))?(?: *([+-][0-9:]{1,6}|[A-Za-z]{1,3}))? *"
)
_OFFSET = re.compile(rb"([+-])([01][0-9]|2[0-3])(?::?([0-5][0-9]))?")
_LONGEST = 64
_DAYS_KEPT = 50_000
# The form of the standard, whose parts are few and looked up: a listing has a date per message.
_STRICT_BYTES = len("17-Jul-1996 02:44:25 -0700")
_STRICT_DAY = re.compile(rb"[ 0-9][0-9]-[A-Za-z]{3}-[0-9]{4}")
_MINUTES = {b" %02d:%02d" % divmod(minute, 60): minute for minute in range(1440)}
_MINUTE_TEXTS = list(_MINUTES)
_SECONDS = {b":%02d" % second: second for second in range(61)}
_UNIVERSAL = frozenset({b"", b"Z", b"UT", b"UTC", b"GMT"})


class InternalDate(NamedTuple):
    """``epoch_seconds`` since 1970 (may be negative), ``zone_minutes`` east of UTC."""

    epoch_seconds: int
    zone_minutes: int

    def encode(self) -> bytes:
        """Return ``17-Jul-1996 02:44:25 -0700`` without quotes.

        Raises ValueError where the year in that zone is not within 1 to 9999.
        """
        day, second = divmod(self.epoch_seconds + 60 * self.zone_minutes, _DAY_SECONDS)
        minute, second = divmod(second, 60)
        words = (_day_text(day), _MINUTE_TEXTS[minute], second, _zone_text(self.zone_minutes))
        return b"%b%b:%02d %b" % words


def parse(text: bytes) -> InternalDate | None:
    """Return the date in ``text`` (no quotes); None where it names no moment. No zone is taken as UTC."""
    minutes, seconds = _MINUTES.get(text[11:17]), _SECONDS.get(text[17:20])
    if minutes is not None and seconds is not None and len(text) == _STRICT_BYTES:
        day, zone_minutes = _strict_day(text[:11]), _strict_zone(text[20:])
        if day is not None and zone_minutes is not None:
            local = day * _DAY_SECONDS + minutes * 60 + seconds
            return InternalDate(local - zone_minutes * 60, zone_minutes)
    return _parse_odd(text)


class DateReader:
    """Reads the dates of a listing, of which most share their days and zones; one per listing."""

    def __init__(self) -> None:
        """Begin with no day known."""
        self._days: dict[bytes, int] = {}
        self._zones: dict[bytes, int] = {}

    def read(self, text: bytes) -> InternalDate | None:
        """Return what ``parse`` does."""
        try:
            zone = self._zones[text[20:]]
            day = self._days[text[:11]]
            local = day + 60 * _MINUTES[text[11:17]] + _SECONDS[text[17:20]]
        except KeyError:
            return self._learn(text)
        return InternalDate(local - 60 * zone, zone)

    def _learn(self, text: bytes) -> InternalDate | None:
        found = parse(text)
        day, zone = _strict_day(text[:11]), _strict_zone(text[20:])
        is_strict = found is not None and len(text) == _STRICT_BYTES
        if is_strict and day is not None and zone is not None and len(self._days) < _DAYS_KEPT:
            self._days[text[:11]] = day * _DAY_SECONDS
            self._zones[text[20:]] = zone
        return found


def _parse_odd(text: bytes) -> InternalDate | None:
    found = _TEXT.fullmatch(text) if len(text) <= _LONGEST else None
    if found is None:
        return None
    day, month, year, hour, minute, second, zone = found.groups(default=b"")
    days = _day(int(day), month, year)
    zone_minutes = _zone(zone)
    if days is None or zone_minutes is None:
        return None
    # A leap second (60) comes out as the first of the next minute: our clock has no name for it.
    seconds = int(hour) * 3600 + int(minute) * 60 + int(second or 0)
    return InternalDate(days * _DAY_SECONDS + seconds - 60 * zone_minutes, zone_minutes)


@lru_cache(maxsize=4096)
def _day_text(epoch_day: int) -> bytes:
    day = date.fromordinal(_EPOCH_DAY + epoch_day)
    return b"%02d-%b-%04d" % (day.day, _MONTHS[day.month - 1].title(), day.year)


@lru_cache(maxsize=4096)
def _zone_text(minutes: int) -> bytes:
    return b"%b%02d%02d" % (b"-" if minutes < 0 else b"+", *divmod(abs(minutes), 60))


@lru_cache(maxsize=4096)  # a mailbox spans some thousand days
def _strict_day(text: bytes) -> int | None:
    return _day(int(text[:2]), text[3:6], text[7:]) if _STRICT_DAY.fullmatch(text) else None


@lru_cache(maxsize=4096)  # there are 2,880
def _strict_zone(text: bytes) -> int | None:
    return _zone(text[1:]) if text.startswith((b" +", b" -")) else None


def _day(day: int, month: bytes, year: bytes) -> int | None:
    """Return days since 1970-01-01."""
    full_year = int(year)
    if len(year) == 2:  # RFC 5322, section 4.3
        full_year += 2000 if full_year < 50 else 1900
    try:
        return date(full_year, _MONTH_NUMBERS[month.lower()], day).toordinal() - _EPOCH_DAY
    except (ValueError, KeyError):
        return None


def _zone(text: bytes) -> int | None:
    if text.upper() in _UNIVERSAL:
        return 0
    found = _OFFSET.fullmatch(text)
    if found is None:
        return None
    sign, hours, minutes = found.groups(default=b"0")
    offset = int(hours) * 60 + int(minutes)
    return -offset if sign == b"-" else offset
