"""Words for people: counts with their noun, durations, and text that is safe to show. Pure."""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

_HIDDEN = frozenset({"Cc", "Cs", "Zl", "Zp"})
"""Control characters, lone surrogates, line and paragraph separators."""
_REORDERING = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
"""What makes a line read otherwise than it is written (Unicode Standard Annex 9)."""


def counted(number: int, noun: str, plural: str = "") -> str:
    """Return a count with its noun: ``1 line``, ``1,200 lines``."""
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"


def two_largest(seconds: int, units: Iterable[tuple[int, str]]) -> list[tuple[int, str]]:
    """Return a duration in its largest unit and the next one, where that counts: 3 hours and 12 minutes.

    ``units`` are pairs of seconds and name, the largest first, the last one a second.
    """
    parts: list[tuple[int, str]] = []
    for size, unit in units:
        count, seconds = divmod(seconds, size)
        if count or (size == 1 and not parts):
            parts.append((count, unit))
        elif parts:
            break
    return parts[:2]


def is_plain(text: str) -> bool:
    """True when a text can not move the cursor, change colours or reorder what stands beside it."""
    return (text.isascii() and text.isprintable()) or not any(map(_is_hidden, text))


def plain(text: str, *, keep: str = "") -> str:
    r"""Return a text with what could act on a terminal written out (``\x1b``), except ``keep``."""
    if is_plain(text):
        return text
    return "".join(
        _escaped(letter) if _is_hidden(letter) and letter not in keep else letter for letter in text
    )


def _is_hidden(letter: str) -> bool:
    return letter in _REORDERING or unicodedata.category(letter) in _HIDDEN


def _escaped(letter: str) -> str:
    return (
        letter.encode("ascii", "backslashreplace").decode()
        if ord(letter) > 127
        else repr(letter)[1:-1]
    )
