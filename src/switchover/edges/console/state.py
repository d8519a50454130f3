"""How states look: five levels, each with a colour and a shape; the word comes from the state. Pure."""

from __future__ import annotations

from enum import StrEnum


class Level(StrEnum):
    """A look; ``console.css`` has a shape and a colour for each."""

    OK = "ok"
    WARNING = "warning"
    BAD = "bad"
    OFF = "off"
    UNKNOWN = "unknown"


_LEVELS = {
    # a server in a pool
    "up": Level.OK,
    "falling": Level.WARNING,
    "rising": Level.WARNING,
    "down": Level.BAD,
    "drain": Level.OFF,
    "maintenance": Level.OFF,
    "unchecked": Level.UNKNOWN,
    "absent": Level.UNKNOWN,
    # a service
    "open": Level.OK,
    "closed": Level.BAD,
    # an event or a finding
    "info": Level.OK,
    "notice": Level.OK,
    "warning": Level.WARNING,
    "error": Level.BAD,
    "critical": Level.BAD,
}


def level_of(word: str) -> Level:
    """Return the look of a state's word; unknown for a word that nobody described."""
    return _LEVELS.get(str(word), Level.UNKNOWN)
