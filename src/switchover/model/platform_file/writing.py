"""Plain values to YAML as people write it in platform files: lines for services, braces for what is short."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from switchover.model.platform_file.tree import WrittenFloat, plain_value

if TYPE_CHECKING:
    from collections.abc import Iterator

WIDTH = 100
"""Lines longer than this are broken into several, where they can be."""
_PLAIN = re.compile(r"[A-Za-z0-9_/][A-Za-z0-9_./+@-]*( [A-Za-z0-9_./+@-]+)*\Z")
_LARGEST_WHOLE = 1e15


def flow(value: Any) -> str:
    """Return a value on one line: ``{name: cas1, weight: 50}``, ``[owa, ews]``, ``443``."""
    if isinstance(value, dict):
        return (
            "{" + ", ".join(f"{key_text(key)}: {flow(item)}" for key, item in value.items()) + "}"
        )
    if isinstance(value, list):
        return "[" + ", ".join(flow(item) for item in value) + "]"
    return scalar_text(value)


def json_text(value: Any) -> str:
    """Return a value on one line as JSON, for files that are JSON."""
    return json.dumps(value, ensure_ascii=False)


def entry_lines(key: str, value: Any, *, column: int, step: int, levels: int) -> Iterator[str]:
    """Yield the lines of a mapping's entry, without line ends.

    ``levels`` says how deep mappings stand in lines although they would fit into one; what is deeper is
    put on one line where it fits.
    """
    head = f"{' ' * column}{key_text(key)}:"
    short = f"{head} {flow(value)}"
    if not value or not isinstance(value, dict | list) or (levels <= 0 and len(short) <= WIDTH):
        yield short
        return
    yield head
    if isinstance(value, dict):
        for name, item in value.items():
            yield from entry_lines(
                name, item, column=column + step, step=step, levels=levels - 1
            )  # fmt: skip
    else:
        for item in value:
            yield f"{' ' * (column + step)}- {flow(item)}"


def key_text(key: str) -> str:
    """Return a key, in quotes where it needs them; keys are always text."""
    return key if _PLAIN.match(key) else quoted(key)


def scalar_text(value: object) -> str:
    """Return a scalar so that it is read as the same value."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, WrittenFloat):
        return value.text
    if isinstance(value, float) and value.is_integer() and abs(value) < _LARGEST_WHOLE:
        return str(int(value))
    if not isinstance(value, str):
        return repr(value)
    is_plain = _PLAIN.match(value) and isinstance(plain_value(value), str)
    return value if is_plain else quoted(value)


def quoted(text: str) -> str:
    """Return text in double quotes, with escapes for all that can not be seen."""
    return '"' + "".join(_escaped(letter) for letter in text) + '"'


def _escaped(letter: str) -> str:
    if letter in {'"', "\\"}:
        return f"\\{letter}"
    if letter.isprintable():
        return letter
    return f"\\u{ord(letter):04x}" if ord(letter) <= 0xFFFF else f"\\U{ord(letter):08x}"
