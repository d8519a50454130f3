"""Pieces of a text to replace, and the questions about lines that are asked on the way."""

from __future__ import annotations

from bisect import bisect_right
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

_LINE_ENDS = "\r\n"


class Splices:
    """Replacements in one text; those that begin at the same place are put in the order they came."""

    def __init__(self, text: str) -> None:
        """Start without any; new lines end as the first one of ``text`` does."""
        self.text = text
        first = text.find("\n")
        self.line_end = "\r\n" if first > 0 and text[first - 1] == "\r" else "\n"
        self._pieces: list[tuple[int, int, str]] = []

    def replace(self, start: int, end: int, text: str) -> None:
        """Put ``text`` in the place of what stands from ``start`` to ``end``."""
        if start < end or text:
            self._pieces.append((start, end, text))

    def insert(self, at: int, text: str) -> None:
        """Put ``text`` before the character at ``at``."""
        self.replace(at, at, text)

    def insert_lines(self, at: int, lines: Sequence[str]) -> None:
        """Put whole lines before the line that begins at ``at``, or at the end of the text."""
        text = self.line_end.join(lines)
        if at == len(self.text) and self.text and self.text[-1] not in _LINE_ENDS:
            self.insert(at, f"{self.line_end}{text}")
        else:
            self.insert(at, f"{text}{self.line_end}")

    def result(self) -> str:
        """Return the text with everything replaced."""
        parts, position = [], 0
        for start, end, text in sorted(self._pieces, key=lambda piece: piece[:2]):
            parts += [self.text[position:start], text]
            position = max(position, end)
        return "".join([*parts, self.text[position:]])

    def removes(self, offset: int) -> bool:
        """True when the character at ``offset`` does not stay."""
        pieces = sorted(piece[:2] for piece in self._pieces if piece[0] < piece[1])
        before = bisect_right(pieces, (offset, len(self.text))) - 1
        return before >= 0 and offset < pieces[before][1]

    def line_start(self, offset: int) -> int:
        """Return where the line of ``offset`` begins."""
        return max(self.text.rfind(end, 0, offset) for end in _LINE_ENDS) + 1

    def next_line(self, offset: int) -> int:
        """Return where the line after that of ``offset`` begins; the end of the text after the last."""
        ends = [at for end in _LINE_ENDS if (at := self.text.find(end, offset)) >= 0]
        if not ends:
            return len(self.text)
        at = min(ends)
        return at + 2 if self.text.startswith("\r\n", at) else at + 1

    def column(self, offset: int) -> int:
        """Return how many characters stand before ``offset`` in its line."""
        return offset - self.line_start(offset)

    def is_first_in_line(self, offset: int) -> bool:
        """True when only spaces stand before ``offset`` in its line."""
        return not self.text[self.line_start(offset) : offset].strip(" ")

    def after_colon(self, key_end: int) -> int:
        """Return the offset behind the colon of the key that ends at ``key_end``."""
        return self.text.index(":", key_end) + 1

    def block_end(self, value_end: int, column: int) -> int:
        """Return where the lines of an entry end: behind the comments that are indented deeper than it."""
        result = position = self.next_line(value_end)
        while position < len(self.text):
            following = self.next_line(position)
            line = self.text[position:following].strip()
            if line.startswith("#") and self.text.index("#", position) - position > column:
                result = following
            elif line:
                break
            position = following
        return result
