"""Bytes in, pieces of responses out: whole lines in blocks, and literals as they pass by.

A response is a line of text, except that ``{n}`` at a line's end announces a literal: n bytes of
anything, after which the text goes on (RFC 9051, section 4.3; ``~{n}`` in RFC 3516). A literal is
handed out in slices of the very bytes that were received and never put together, so that a message
of any size passes in constant memory.

Every byte is looked at a fixed number of times, whatever the portions in which it comes.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias


class Lines(NamedTuple):
    """One or more whole responses without literals, each with its line end."""

    block: bytes


class LiteralStart(NamedTuple):
    """A literal of ``size`` bytes begins; ``before`` is the response's text since its begin or its last literal."""

    before: bytes
    size: int
    binary: bool


class LiteralChunk(NamedTuple):
    """The next bytes of the literal: a view of what was received, valid as long as it is kept."""

    data: memoryview


@dataclass(frozen=True, slots=True, kw_only=True)
class LiteralEnd:
    """The literal is complete."""


class Tail(NamedTuple):
    """The text after the last literal, without its line end; the response is complete."""

    text: bytes


class TooLong(NamedTuple):
    """A line or a literal is longer than ``limit`` bytes; nothing comes after this.

    ``begin`` is how the line begins, or what stands before the literal.
    """

    what: str
    limit: int
    begin: bytes


Fragment: TypeAlias = Lines | LiteralStart | LiteralChunk | LiteralEnd | Tail | TooLong

_BLOCK_BYTES = 2**20  # of lines at a time, so that what is made of them stays small
_BEGIN_BYTES = 200
# Servers have been seen to end lines with LF alone, and to leave a blank behind the brace.
_ANNOUNCEMENT = re.compile(rb"\{([0-9]+)\+?\}[ \t]*\r?\n")
# What may stand before an announcement. After anything else ({12} at the end of an unquoted name) it is text.
_BEFORE = frozenset(b" \t(]>~")
# The text of these is for people and never has literals, but servers echo our own commands in it.
_HUMAN = re.compile(
    rb"\+|\* *\[|[^\s]{1,200} +(?:OK|NO|BAD|BYE|PREAUTH)(?![^ \r\n\[])", re.IGNORECASE
)


class Fragmenter:
    """Cuts a server's bytes into fragments; give with ``receive``, take with ``next_fragment``.

    ``line_bytes`` bounds a line with its end, and so the memory held here; ``literal_bytes`` bounds
    what one literal may announce.
    """

    def __init__(self, *, line_bytes: int, literal_bytes: int) -> None:
        """Begin with nothing received."""
        self._line_bytes = line_bytes
        self._literal_bytes = literal_bytes
        self._data = b""
        self._at = 0
        self._last_end = (
            -1
        )  # where the last line end in _data is: looked for once, not per fragment
        self._partial = bytearray()  # the begin of a line whose end has not come
        self._left: int | None = None  # of the literal we are in
        self._open = False  # the response goes on after a literal
        self._dead = False

    def receive(self, data: bytes) -> None:
        """Take the next bytes; cheapest when all fragments of the former ones were taken."""
        if self._dead:
            return
        self._data = self._data[self._at :] + data if self._at < len(self._data) else data
        self._at = 0
        self._last_end = self._data.rfind(b"\n")

    def next_fragment(self) -> Fragment | None:
        """Return the next fragment, or None when more bytes are needed (and after TooLong)."""
        if self._left is not None:
            return self._literal(self._left)
        if self._open or self._partial or self._at > self._last_end:
            return self._line()
        return self._block()

    @property
    def unread(self) -> tuple[bytes, int] | None:
        """What was received, and where in it the next response begins; None within a response."""
        if self._left is not None or self._open or self._partial or self._at >= len(self._data):
            return None
        return self._data, self._at

    def skip_to(self, at: int) -> None:
        """Go on at ``at`` in what ``unread`` gave: somebody else has read the responses before it."""
        self._at = at

    def take_rest(self) -> bytes:
        """Return and forget everything received that no fragment has told of yet."""
        rest = bytes(self._partial) + self._data[self._at :]
        self._partial.clear()
        self._data, self._at, self._last_end = b"", 0, -1
        return rest

    def _literal(self, left: int) -> LiteralChunk | LiteralEnd | None:
        if left == 0:
            self._left = None
            return LiteralEnd()
        chunk = memoryview(self._data)[self._at : self._at + left]
        if not chunk:
            return None
        self._at += len(chunk)
        self._left = left - len(chunk)
        return LiteralChunk(chunk)

    def _block(self) -> Fragment:
        """Take all whole lines up to the one that announces a literal, or that one."""
        data, begin = self._data, self._at
        stop = self._last_end + 1
        most = min(self._line_bytes, _BLOCK_BYTES)
        if stop - begin > most:
            stop = data.rfind(b"\n", begin, begin + most) + 1 or data.find(b"\n", begin + most) + 1
            if stop - begin > self._line_bytes:
                return self._too_long("line", self._line_bytes, data[begin:])
        found = _ANNOUNCEMENT.search(data, begin, stop)
        while found is not None:
            line = max(begin, data.rfind(b"\n", begin, found.start()) + 1)
            if _announces(data, line, found.start(), begins=True):
                if line == begin:
                    self._at = found.end()
                    return self._start(data[begin : found.start()], found[1])
                stop = line
                break
            found = _ANNOUNCEMENT.search(data, found.end(), stop)
        self._at = stop
        return Lines(data[begin:stop])

    def _line(self) -> Fragment | None:
        """Take one line of which a part may have come before, or that goes on a response."""
        line = self._take_line()
        if line is None or isinstance(line, TooLong):
            return line
        brace = line.rfind(b"{")
        found = _ANNOUNCEMENT.match(line, brace) if brace >= 0 else None
        if found is not None and _announces(line, 0, brace, begins=not self._open):
            return self._start(line[:brace], found[1])
        if not self._open:
            return Lines(line)
        self._open = False
        return Tail(line.rstrip(b"\r\n"))

    def _take_line(self) -> bytes | TooLong | None:
        end = self._data.find(b"\n", self._at) if self._at <= self._last_end else -1
        if end < 0:
            self._partial += memoryview(self._data)[self._at :]
            self._at = len(self._data)
            if len(self._partial) >= self._line_bytes:
                return self._too_long("line", self._line_bytes, self._partial)
            return None
        line = self._data[self._at : end + 1]
        self._at = end + 1
        if self._partial:
            self._partial += line
            line = bytes(self._partial)
            self._partial.clear()
        if len(line) > self._line_bytes:
            return self._too_long("line", self._line_bytes, line)
        return line

    def _start(self, before: bytes, digits: bytes) -> LiteralStart | TooLong:
        # More than 20 digits are beyond 64 bits; Python would refuse thousands of them.
        size = int(digits) if len(digits) <= 20 else self._literal_bytes + 1
        if size > self._literal_bytes:
            return self._too_long("literal", self._literal_bytes, before)
        self._left = size
        self._open = True
        binary = before.endswith(b"~")
        return LiteralStart(before[:-1] if binary else before, size, binary)

    def _too_long(self, what: str, limit: int, begin: bytes | bytearray) -> TooLong:
        self._dead = True
        told = TooLong(what, limit, bytes(begin[: min(_BEGIN_BYTES, self._line_bytes)]))
        self.take_rest()
        return told


def _announces(data: bytes, line: int, brace: int, *, begins: bool) -> bool:
    """Return whether the brace in the line at ``line``, the response's first if ``begins``, announces."""
    if begins and (brace == line or _HUMAN.match(data, line)):
        return False
    return brace == line or data[brace - 1] in _BEFORE
