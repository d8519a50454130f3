"""The structural form of a mail: what survives a server that keeps no MIME, as a digest that streams. Pure.

Exchange keeps a mail's properties and writes MIME anew: other boundaries, encodings, charsets and
header fields, another HTML frame, perhaps no plain text beside the HTML. What can be compared:

- Message-ID, moment of the date, letters of the subject, sender's address;
- letters of the text that a reader sees, of the HTML where there is any, else of the plain text;
- content of every attachment, decoded, without blanks and line ends; not its name, which the
  server may make up;
- the same four fields of each mail within the mail.

Parts are summed, so their order does not matter and memory stays constant. Nothing in a mail can
make it fail: what is not MIME counts as text. It was built from published descriptions, not against
a live Exchange.
"""

from __future__ import annotations

from hashlib import blake2b

from switchover.move.lines import LineNormaliser
from switchover.move.mime_part import PartHeader, read_part_header
from switchover.move.mime_text import HtmlLetters, TextLetters, decoder_for
from switchover.move.segment import DIGEST_BYTES

_SUM_BYTES = 32
_DEEPEST = 32
"""Multiparts within multiparts beyond this depth count as text."""
_LONGEST_HEADER = 256 * 1024
_LONGEST_BOUNDARY_LINE = 1024
"""RFC 2046 section 5.1.1 allows 70 characters, blanks may follow."""
_BLANKS = b" \t\r\n"


class _Sum:
    """Digests of things added up: the same for any order, in constant memory."""

    __slots__ = ("_count", "_total")

    def __init__(self) -> None:
        self._count = 0
        self._total = 0

    def add(self, digest: bytes) -> None:
        self._count += 1
        self._total += int.from_bytes(digest, "big")

    def __bool__(self) -> bool:
        return bool(self._count)

    def value(self) -> bytes:
        total = self._total % (1 << 8 * _SUM_BYTES)
        return self._count.to_bytes(8, "big") + total.to_bytes(_SUM_BYTES, "big")


class _Leaf:
    """One part without parts, digested while it streams. ``is_empty`` while nothing of it counts."""

    __slots__ = ("_decoder", "_hash", "_letters", "is_empty")

    def __init__(self, header: PartHeader) -> None:
        self._decoder = decoder_for(header.encoding)
        self._hash = blake2b(digest_size=_SUM_BYTES)
        self._letters: TextLetters | HtmlLetters | None = None
        self.is_empty = header.is_text
        if header.is_text:
            is_html = header.content_type == "text/html"
            self._letters = (HtmlLetters if is_html else TextLetters)(header.charset)

    def feed(self, data: bytes) -> None:
        content = self._decoder.feed(data)
        if self._letters is None:
            self._hash.update(content.translate(None, _BLANKS))
        else:
            self._show(self._letters.feed(content))

    def _show(self, text: str) -> None:
        self.is_empty = self.is_empty and not text
        self._hash.update(text.encode("utf-8", "replace"))

    def digest(self) -> bytes:
        content = self._decoder.end()
        if self._letters is None:
            self._hash.update(content.translate(None, _BLANKS))
        else:
            self._show(self._letters.feed(content))
            self._show(self._letters.end())
        return self._hash.digest()


class StructureDigest:
    """What the mail consists of."""

    __slots__ = ("_lines", "_value", "_walk")

    def __init__(self) -> None:
        """Start with an empty mail."""
        self._lines = LineNormaliser()
        self._walk = _Walk()
        self._value = b""

    @property
    def size_bytes(self) -> int:
        """Bytes with CR LF as line end; a rewritten copy has another size."""
        return self._lines.size_bytes

    def update(self, chunk: bytes | memoryview) -> None:
        """Take the next chunk."""
        for piece in self._lines.feed(bytes(chunk)):
            self._walk.feed(piece.replace(b"\r\n", b"\n"))

    def digest(self) -> bytes:
        """Return the digest; the mail ends here, nothing can follow."""
        if not self._value:
            self._value = self._walk.end(self._lines.end().replace(b"\r\n", b"\n"))
        return self._value


class _Walk:
    """The mail, cut into header blocks and parts at its boundary lines.

    ``_pending`` is text that can not be judged yet: a line of a header, or one that may be a
    boundary. In a body it begins at the start of a line unless ``_is_mid_line``.
    """

    __slots__ = (
        "_attachments",
        "_boundaries",
        "_header",
        "_html",
        "_identity",
        "_is_mid_line",
        "_leaf",
        "_pending",
        "_plain",
        "_sum",
    )

    def __init__(self) -> None:
        self._attachments, self._html, self._plain = _Sum(), _Sum(), _Sum()
        self._boundaries: dict[bytes, None] = {}  # outermost first
        self._header: bytearray | None = bytearray()
        self._identity: tuple[str, ...] | None = None
        self._is_mid_line = False
        self._leaf: _Leaf | None = None
        self._pending = b""
        self._sum = self._plain

    def feed(self, text: bytes) -> None:
        self._take(self._pending + text, is_end=False)

    def end(self, text: bytes) -> bytes:
        self._take(self._pending + text, is_end=True)
        while self._header is not None:
            self._end_header()
        self._end_leaf()
        shown = self._html or self._plain
        value = blake2b(digest_size=DIGEST_BYTES)
        value.update(_joined(self._identity or ()))
        value.update(self._attachments.value() + shown.value())
        return value.digest()

    def _take(self, data: bytes, *, is_end: bool) -> None:
        at = 0
        while True:
            step = self._body_step if self._header is None else self._header_step
            following = step(data, at, is_end=is_end)
            if following == at:
                break
            at = following
        self._pending = data[at:]

    def _header_step(self, data: bytes, at: int, *, is_end: bool) -> int:
        """Take one line of a header; return how far, ``at`` when more text is needed."""
        header = self._header if self._header is not None else bytearray()
        found = data.find(b"\n", at)
        end = found + 1 or len(data)
        room = _LONGEST_HEADER - len(header)
        if end - at >= room:
            # No blank line for so long: what follows is taken as content, wherever the chunks were cut.
            header += data[at : at + room]
            self._end_header()
            self._is_mid_line = True
            return at + room
        if not found + 1 and not is_end:
            return at
        line = data[at:end]
        if line == b"\n":
            self._end_header()
        elif not self._is_boundary(line):
            header += line
        return end

    def _body_step(self, data: bytes, at: int, *, is_end: bool) -> int:
        """Take content up to the next line that may be a boundary, or that line if it is one."""
        if at == len(data):
            return at
        if not self._is_mid_line and self._boundaries:
            end = _candidate_end(data, at, is_end=is_end)
            if end is None:
                return at
            if end > at and self._is_boundary(data[at:end]):
                return end
        end = data.find(b"\n--", at) + 1 if self._boundaries else 0
        if not end:
            # A dash at the start of the last line may be the first of two.
            end = len(data) - (data.endswith(b"\n-", at) and not is_end)
        self._is_mid_line = data[end - 1 : end] != b"\n"
        if self._leaf is not None:
            self._leaf.feed(data[at:end])
        return end

    def _is_boundary(self, line: bytes) -> bool:
        """Act on a boundary line of any multipart around; False when it is none."""
        text = line.rstrip()
        name = text[2:] if text.startswith(b"--") else b""
        is_close = name not in self._boundaries
        if is_close:
            name = name[:-2] if name.endswith(b"--") else b""
        if not name or name not in self._boundaries:
            return False
        if self._header is not None:
            self._end_header()
        self._end_leaf()
        while next(reversed(self._boundaries)) != name:
            self._boundaries.popitem()
        if is_close:
            self._boundaries.popitem()
        self._header = None if is_close else bytearray()
        self._is_mid_line = False
        return True

    def _end_header(self) -> None:
        part = read_part_header(bytes(self._header or b""))
        is_inner = self._identity is not None
        if not is_inner:
            self._identity = part.identity
        self._header = None
        self._is_mid_line = False
        is_known = part.boundary in self._boundaries
        if part.boundary and not is_known and len(self._boundaries) < _DEEPEST:
            self._boundaries[part.boundary] = None
        elif part.is_message:
            self._header = bytearray()
        else:
            self._leaf = _Leaf(part)
            self._sum = self._attachments
            if part.is_text:
                self._sum = self._html if part.content_type == "text/html" else self._plain
        if is_inner and any(part.identity):
            # Only a mail within the mail has these fields; a part has none of them.
            self._attachments.add(blake2b(_joined(part.identity), digest_size=_SUM_BYTES).digest())

    def _end_leaf(self) -> None:
        if self._leaf is not None:
            digest = self._leaf.digest()
            if not self._leaf.is_empty:
                self._sum.add(digest)
        self._leaf = None


def _candidate_end(data: bytes, at: int, *, is_end: bool) -> int | None:
    """Return where the line at ``at`` ends if it may be a boundary, ``at`` if not, None if more text decides."""
    if not data.startswith(b"--", at):
        is_open = not is_end and data[at:] == b"-"
        return None if is_open else at
    found = data.find(b"\n", at, at + _LONGEST_BOUNDARY_LINE)
    if found >= 0:
        return found + 1
    if len(data) - at >= _LONGEST_BOUNDARY_LINE:
        return at
    return len(data) if is_end else None


def _joined(words: tuple[str, ...]) -> bytes:
    return b"".join(
        len(raw).to_bytes(4, "big") + raw for raw in (w.encode("utf-8", "replace") for w in words)
    )
