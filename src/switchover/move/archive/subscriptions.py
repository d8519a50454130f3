"""The ``subscriptions`` file of Dovecot, and Courier's. Pure.

Dovecot's version 2 begins with ``V<tab>2`` and an empty line, then has a name on each line with tabs between
its levels; the older form and Courier's ``courierimapsubscribed`` have the bare names. Names are in modified UTF-7.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

_HEADER = "V\t2"
_ESCAPES = (("\x01", "\x011"), ("\t", "\x01t"), ("\r", "\x01r"), ("\n", "\x01n"), ("\0", "\x010"))
_COURIER = "INBOX."


def parse(text: str, separator: str) -> list[str]:
    """Return the names, their levels parted by ``separator``."""
    rows = text.split("\n")
    if rows[0] != _HEADER:
        return [row for row in rows if row]
    return [separator.join(map(_unescaped, row.split("\t"))) for row in rows[1:] if row]


def parse_courier(text: str) -> list[str]:
    """Return the names of ``courierimapsubscribed``, where all folders stand below INBOX."""
    return [row.removeprefix(_COURIER) for row in text.split("\n") if row]


def write(names: Iterable[str], separator: str) -> str:
    """Return the text of the file in version 2."""
    rows = ("\t".join(map(_escaped, name.split(separator))) for name in names)
    return "".join(f"{row}\n" for row in (_HEADER, "", *rows))


def _escaped(level: str) -> str:
    for plain, escape in _ESCAPES:
        level = level.replace(plain, escape)
    return level


def _unescaped(level: str) -> str:
    for plain, escape in reversed(_ESCAPES):
        level = level.replace(escape, plain)
    return level
