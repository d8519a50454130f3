"""Moments and durations as people read them. Pure.

Every moment becomes a ``<time>`` element with UTC inside, so that ``console.js`` can keep the words
beside it true while the page stays open.
"""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache
from zoneinfo import ZoneInfo

from markupsafe import Markup, escape

from switchover.errors import InvalidInput
from switchover.model.wording import two_largest

_UNITS = ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s"))


@lru_cache(maxsize=64)
def zone_named(name: str) -> ZoneInfo:
    """Return a time zone; UTC for a name that this machine does not know."""
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        return ZoneInfo("UTC")


def parse_moment(value: datetime | str) -> datetime:
    """Return an aware moment, from one or from ISO 8601."""
    moment = datetime.fromisoformat(value) if isinstance(value, str) else value
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def read_moment(text: str | None, zone: str) -> datetime | None:
    """Return the moment that somebody wrote, in the zone where it names none; raises InvalidInput."""
    if not text:
        return None
    try:
        moment = datetime.fromisoformat(text)
        local = moment if moment.tzinfo else moment.replace(tzinfo=zone_named(zone))
        return local.astimezone(UTC)
    except (ValueError, OverflowError):
        raise InvalidInput(f"{text!r} is no time; write it as 2026-01-31T08:30") from None


def duration_words(seconds: float) -> str:
    """Return ``3 h 12 min``: the two largest units that matter."""
    parts = two_largest(max(0, int(seconds)), _UNITS)
    return " ".join(f"{count} {unit}" for count, unit in parts)


def ago_words(moment: datetime, now: datetime) -> str:
    """Return ``5 min ago``, ``in 3 h``, or ``now`` within two seconds."""
    seconds = (now - moment).total_seconds()
    if abs(seconds) < 2:
        return "now"
    size, unit = next(pair for pair in _UNITS if abs(seconds) >= pair[0] or pair[1] == "s")
    count = int(abs(seconds) // size)
    return f"{count} {unit} ago" if seconds > 0 else f"in {count} {unit}"


def moment_html(value: datetime | str | None, *, zone: str, now: datetime) -> Markup:
    """Return the moment in the zone, and in fainter letters how long ago that is."""
    if value is None or value == "":
        return Markup('<span class="none">never</span>')
    moment = parse_moment(value)
    local = moment.astimezone(zone_named(zone))
    return Markup(
        '<time datetime="{}" title="{}">{}</time> <span class="ago" data-ago="{}">{}</span>'
    ).format(
        _iso(moment),
        f"{local:%A} {local:%z} {zone}",
        f"{local:%Y-%m-%d %H:%M:%S}",
        _iso(moment),
        ago_words(moment, now),
    )


def ago_html(value: datetime | str | None, *, zone: str, now: datetime) -> Markup:
    """Return only how long ago, with the moment in the tooltip."""
    if value is None or value == "":
        return Markup('<span class="none">never</span>')
    moment = parse_moment(value)
    local = moment.astimezone(zone_named(zone))
    at, title = _iso(moment), escape(f"{local:%Y-%m-%d %H:%M:%S} {zone}")
    # Hundreds on a page, and Markup's own formatting takes several times as long.
    text = f'<time datetime="{at}" data-ago="{at}" title="{title}">{ago_words(moment, now)}</time>'
    return Markup(text)  # noqa: S704 - every part of it is escaped or of our own making


def _iso(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
