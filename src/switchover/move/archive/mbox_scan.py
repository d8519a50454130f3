"""An mbox file read from begin to end, mail by mail, in constant memory."""

from __future__ import annotations

import os
from hashlib import blake2b
from typing import TYPE_CHECKING, NamedTuple

from switchover.move.archive import mbox_text
from switchover.move.archive.store import CHUNK_BYTES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from switchover.move.archive.mbox_text import Block, Metadata

BLOCK_BYTES = 1 << 20
HEADER_BYTES = 1 << 20
_LONGEST_FROM_LINE = 1000


class Layout(NamedTuple):
    """A mail in the file: its text is from ``text`` to ``end``, and ``header`` stands for what is before it."""

    begin: int
    text: int
    end: int
    header: bytes
    is_quoted: bool
    flags: tuple[bytes, ...]
    epoch_seconds: int
    block: Block | None
    metadata: Metadata | None


class Scanner:
    """Finds the From_ lines of the first ``octets`` of a file."""

    def __init__(self, descriptor: int, octets: int) -> None:
        """Begin with nothing read."""
        self._descriptor = descriptor
        self._octets = octets
        self._data = b""
        self._base = 0

    def is_separator(self, at: int) -> bool:
        """Return whether a mail begins at an offset, whatever stands before it."""
        line = self._line(at)
        return line.startswith(mbox_text.FROM) and mbox_text.read_from_line(line) is not None

    def next_separator(self, start: int) -> int:
        """Return where the first mail at or behind ``start`` begins, or the end of the file."""
        at = max(0, start - 3)
        while at < self._octets:
            found = self._window(at).find(b"\nFrom ", at - self._base)
            if found < 0:
                # The last octets are looked at again with those behind them.
                stop = self._base + len(self._data)
                if stop >= self._octets:
                    break
                at = max(at + 1, stop - 8)
                self._fill(at)
                continue
            at = self._base + found + 1
            if at >= start and self._follows_an_empty_line(at) and self.is_separator(at):
                return at
        return self._octets

    def _follows_an_empty_line(self, at: int) -> bool:
        before = os.pread(self._descriptor, min(3, at), max(0, at - 3))
        return before in {b"\n", b"\r\n"} or before.endswith((b"\n\n", b"\n\r\n"))

    def _line(self, at: int) -> bytes:
        text = os.pread(self._descriptor, min(_LONGEST_FROM_LINE, self._octets - at), at)
        return text[: text.find(b"\n") + 1]

    def _window(self, at: int) -> bytes:
        if not self._base <= at < self._base + len(self._data):
            self._fill(at)
        return self._data

    def _fill(self, at: int) -> None:
        self._base = at
        self._data = os.pread(self._descriptor, min(BLOCK_BYTES, self._octets - at), at)


def scan(descriptor: int, octets: int) -> Iterator[Layout]:
    """Yield the mails of a file; text before the first From_ line is none of them."""
    scanner = Scanner(descriptor, octets)
    begin = 0 if scanner.is_separator(0) else scanner.next_separator(0)
    while begin < octets:
        layout = look(descriptor, begin, octets, scanner)
        following = layout.end if layout.end >= octets else scanner.next_separator(layout.end)
        yield layout
        begin = following


def look(descriptor: int, begin: int, octets: int, scanner: Scanner | None = None) -> Layout:
    """Return the layout of the mail at ``begin``; without a ``scanner`` it ends at ``octets``."""
    first = os.pread(descriptor, min(_LONGEST_FROM_LINE, octets - begin), begin)
    text = begin + first.find(b"\n") + 1
    date = mbox_text.read_from_line(first[: text - begin]) or 0
    head = _head(descriptor, text, octets)
    block = mbox_text.read_block(head)
    if block is not None:
        end = octets if scanner is None else _end(descriptor, scanner.next_separator(text))
        return Layout(begin, text + block.octets, end, b"", True, block.flags, date, block, None)  # noqa: FBT003 - by place
    header = head.replace(b"\r\n", b"\n")
    metadata = mbox_text.read_metadata(header)
    body = text + len(head)
    end, is_quoted = octets, True
    if scanner is not None:
        end, is_quoted = _foreign_end(descriptor, scanner, body, octets, metadata)
    elif metadata.content_length is not None and body + metadata.content_length == octets:
        is_quoted = False
    if end < body:  # a mail without a header's end: what ended it separates it from the next
        body, header = end, header[: end - body]
    shown = mbox_text.without_metadata(header)
    return Layout(begin, body, end, shown, is_quoted, metadata.flags, date, None, metadata)


def _foreign_end(
    descriptor: int, scanner: Scanner, body: int, octets: int, metadata: Metadata
) -> tuple[int, bool]:
    """Return where a mail ends and whether it is quoted: a Content-Length counts if it leads to the next."""
    if metadata.content_length is not None:
        end = body + metadata.content_length
        if end == octets or (end < octets and _leads_on(descriptor, scanner, end, octets)):
            return end, False
    return _end(descriptor, scanner.next_separator(body)), True


def _leads_on(descriptor: int, scanner: Scanner, end: int, octets: int) -> bool:
    between = os.pread(descriptor, 2, end)
    at = end + (2 if between == b"\r\n" else 1 if between[:1] == b"\n" else 0)
    return at == octets or scanner.is_separator(at)


def _end(descriptor: int, following: int) -> int:
    """Return where the text ends whose separating empty line is before ``following``."""
    tail = os.pread(descriptor, min(3, following), max(0, following - 3))
    if tail.endswith(b"\n\r\n"):
        return following - 2
    return following - 1 if tail.endswith(b"\n\n") else following


def _head(descriptor: int, text: int, octets: int) -> bytes:
    """Return the header with the empty line behind it, or all of a mail that has none."""
    head, most = b"", 4096
    while True:
        head = os.pread(descriptor, min(most, octets - text), text)
        if head.startswith((b"\n", b"\r\n")):
            return head[: head.find(b"\n") + 1]
        ends = [(at, len(mark)) for mark in (b"\n\n", b"\n\r\n") if (at := head.find(mark)) >= 0]
        if ends:
            at, length = min(ends)
            return head[: at + length]
        if len(head) < most or most >= HEADER_BYTES:
            return head
        most *= 8


def chunks(descriptor: int, start: int, end: int) -> Iterator[bytes]:
    """Yield the octets between two offsets."""
    while start < end:
        data = os.pread(descriptor, min(CHUNK_BYTES, end - start), start)
        if not data:
            return
        start += len(data)
        yield data


def read(descriptor: int, layout: Layout) -> Iterator[bytes]:
    """Yield a mail as it goes over the wire."""
    if layout.header:
        yield layout.header.replace(b"\n", b"\r\n")
    text = chunks(descriptor, layout.text, layout.end)
    yield from mbox_text.pieces(text, is_quoted=layout.is_quoted)


def measure(descriptor: int, layout: Layout) -> tuple[int, int]:
    """Return a mail's octets on the wire and a mark of its content."""
    meter = Meter()
    for piece in read(descriptor, layout):
        meter.update(piece)
    return meter.size, meter.mark()


class Meter:
    """Measures a mail as it goes over the wire."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self.size = 0
        self._work = blake2b(digest_size=8)
        self._last = b""

    def update(self, piece: bytes) -> None:
        """Take the next octets."""
        self.size += len(piece)
        self._work.update(piece)
        self._last = piece[-1:] or self._last

    def mark(self) -> int:
        """Return what tells the mail from others; the end of its last line, which programs add, is no part."""
        work = self._work.copy()
        if self._last != b"\n":
            work.update(b"\n" if self._last == b"\r" else b"\r\n")
        return int.from_bytes(work.digest(), "big")
