"""Rows as CSV (RFC 4180), for spreadsheets and scripts. Pure."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_PLAIN = frozenset({int, float})
"""What the writer itself shows as JSON does: most cells of a long file."""


def head_line(columns: Sequence[str]) -> str:
    """Return the first line: the names of the columns."""
    return _text([columns])


def row_lines(columns: Sequence[str], rows: Iterable[Mapping[str, object]]) -> str:
    """Return a line for each row, with its values in the order of the columns."""
    values = ([row[name] for name in columns] for row in rows)
    return _text(
        [value if type(value) in _PLAIN else _cell(value) for value in line] for line in values
    )


def _text(lines: Iterable[Sequence[object]]) -> str:
    held = io.StringIO(newline="")
    csv.writer(held).writerows(lines)
    return held.getvalue()


def _cell(value: object) -> str:
    """Return a value as JSON would show it, without quotes; nothing for null, lists spaced.

    Text that a spreadsheet would take for a formula gets an apostrophe: reasons and causes hold what
    other people and other people's servers wrote.
    """
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case str():
            return f"'{value}" if value.startswith(_FORMULA) else value
        case datetime():
            return value.isoformat().replace("+00:00", "Z")
        case Mapping():
            return json.dumps(value, default=str, ensure_ascii=False)
        case Sequence():
            return " ".join(map(_cell, value))
        case _:
            return str(value)
