"""The text of any response as nested values; tolerant, and the way for all that has no faster one.

Values keep how they were written, because only their place tells what they mean: the atom NIL is
"none" where the grammar allows that, and a mailbox of this name elsewhere. RFC 9051, section 4 and 9.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Sequence


class Quoted(bytes):
    """The content of a quoted string, without escapes; atoms are plain bytes."""

    __slots__ = ()


class LiteralRef(NamedTuple):
    """A literal of ``size`` bytes; ``content`` is None when its bytes were handed out while they came."""

    size: int
    binary: bool = False
    content: bytes | None = None


Value: TypeAlias = "bytes | LiteralRef | list[Value]"

# Groups: "(", ")", quoted string, a quote that is none, section, a section that does not end, atom.
# Quantifiers with a second plus never go back and hold no memory; a section that does not end makes the
# whole response senseless: so a hostile text is passed once. Some group takes whatever stands there.
_TOKEN = re.compile(
    rb"[ \t]*+(?:"
    rb"(\()|(\))"
    rb'|"([^"\\]*+(?:\\.[^"\\]*+)*+)"(?=[ \t)]|\Z)|(")'
    rb"|((?:BODY|BINARY)(?:\.PEEK|\.SIZE)?"
    rb'\[[^\]"( \t]*+(?:[ ]\((?:[^)"]++|"[^"\\]*+(?:\\.[^"\\]*+)*+"){0,1000}\))?\](?:<[0-9.]++>)?)'
    rb"|((?:BODY|BINARY)(?:\.PEEK|\.SIZE)?\[)"
    rb"|([^ \t()][^ \t()]*+)"
    rb")",
    re.IGNORECASE | re.DOTALL,
)
_OPEN, _CLOSE, _QUOTED, _LOOSE, _SECTION, _BROKEN, _ATOM = range(1, 8)
_TEXTS = frozenset({_SECTION, _ATOM})
# Where a quoted string ends whose inner quotes or last backslash were not escaped.
_LONE_BACKSLASH = re.compile(rb'"\\"(?=[ \t)]|\Z)')
_LAST_QUOTE = re.compile(rb'(?<!\\)"(?=[ \t)]|\Z)')
_NUMBER = re.compile(rb"[0-9]{1,20}")
_WHOLE = re.compile(rb"([0-9]{1,20})(?:\.([0-9]{0,20}))?(?:[eE]\+?([0-9]{1,2}))?")
_LARGEST = 2**64 - 1


def tokenize(parts: Sequence[bytes | LiteralRef], *, depth: int) -> list[Value] | None:
    """Return the values in a response's texts and literals; None when they make no sense.

    Lists deeper than ``depth`` make no sense. A missing ")" at the end is supplied and a surplus one
    passed over: servers err in both.
    """
    top: list[Value] = []
    stack = [top]
    for part in parts:
        if isinstance(part, LiteralRef):
            stack[-1].append(part)
        elif not _tokenize_text(part, stack, depth):
            return None
    return top


def _tokenize_text(text: bytes, stack: list[list[Value]], depth: int) -> bool:
    text = text.rstrip(b" \t\r\n")
    at = 0
    while at < len(text):
        at = _take_tokens(text, at, stack, depth)
    return at == len(text)


def _take_tokens(text: bytes, at: int, stack: list[list[Value]], depth: int) -> int:
    """Take tokens up to the first that needs care, and that one; return where it ends.

    Beyond the end of the text if it makes no sense.
    """
    values = stack[-1]
    for found in _TOKEN.finditer(text, at):
        kind = found.lastindex
        if kind in _TEXTS:
            values.append(found[kind])
        elif kind == _OPEN and len(stack) < depth:
            inner: list[Value] = []
            values.append(inner)
            stack.append(inner)
            values = inner
        elif kind == _CLOSE:
            if len(stack) > 1:
                stack.pop()
                values = stack[-1]
        elif kind == _QUOTED:
            values.append(unescape(found[_QUOTED]))
        elif kind == _LOOSE:
            return _careless(text, found.start(_LOOSE), values)
        else:  # a list too deep, or a section that does not end
            return len(text) + 1
    return len(text)


def _careless(text: bytes, quote: int, values: list[Value]) -> int:
    """Take a quoted string that was not escaped; return where it ends, beyond all text if nowhere."""
    lone = _LONE_BACKSLASH.match(text, quote)
    if lone is not None:
        values.append(Quoted(b"\\"))
        return lone.end()
    last = _LAST_QUOTE.search(text, quote + 1)
    if last is None:
        return len(text) + 1
    values.append(unescape(text[quote + 1 : last.start()]))
    return last.end()


def unescape(inside: bytes) -> Quoted:
    """Return what stands between quotes without its escapes; a backslash before anything else stays."""
    if b"\\" in inside:
        inside = b"\\".join(part.replace(b'\\"', b'"') for part in inside.split(b"\\\\"))
    return Quoted(inside)


def is_nil(value: Value) -> bool:
    """Return whether the value is the atom NIL, where the grammar allows none."""
    return isinstance(value, bytes) and not isinstance(value, Quoted) and value.upper() == b"NIL"


def string(value: Value) -> bytes | None:
    """Return the bytes of an atom, a quoted string or a kept literal; None for others (``astring``)."""
    if isinstance(value, LiteralRef):
        return value.content
    return bytes(value) if isinstance(value, bytes) else None


def strings(value: Value) -> tuple[bytes, ...] | None:
    """Return the strings in a list; None for anything else, and for a list with anything else."""
    if not isinstance(value, list):
        return None
    members = tuple(member for member in map(string, value) if member is not None)
    return members if len(members) == len(value) else None


def nil_or_string(value: Value) -> bytes | None:
    """Return as ``string`` does, but None for NIL too (``nstring``)."""
    return None if is_nil(value) else string(value)


def number(value: Value) -> int | None:
    """Return an exact number of at most 64 bits; None for anything else."""
    if isinstance(value, bytes) and _NUMBER.fullmatch(value):
        return _bounded(int(value))
    return None


def whole_number(value: Value) -> int | None:
    """Return a number of at most 64 bits, also if written as 4096.0 or 9.3736e+06; None for others.

    For counts and sizes only: what was rounded must never name a message.
    """
    found = _WHOLE.fullmatch(value) if isinstance(value, bytes) else None
    if found is None:
        return None
    fraction, places = (found[2] or b"").rstrip(b"0"), int(found[3] or 0)
    if len(fraction) > places:
        return None
    return _bounded(int(found[1] + fraction) * 10 ** (places - len(fraction)))


def _bounded(value: int) -> int | None:
    return value if value <= _LARGEST else None
