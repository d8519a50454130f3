"""Columns of whole numbers packed into bytes: the coding under a ledger segment. Pure.

A column is kept as offsets from its smallest value, or as steps between neighbours where those span
less, and written as byte planes: the lowest byte of every number, then the next, as many planes as
the widest needs. Planes can be cut and joined by slices with a stride, so that all work per number
happens inside the interpreter's C code; a coding with a variable length per number took ten times
as long. What planes waste on a single large number, compressing wins back. A column whose
neighbours differ by one and the same step (UIDs of one MULTIAPPEND) takes no planes at all.

Several columns, some words and fixed-length ends make a table: version, count, column heads, the
block (words and planes, compressed if that helps), the end, and a CRC-32 over all of it.
"""

from __future__ import annotations

import struct
import zlib
from array import array
from itertools import accumulate, chain, islice
from operator import sub
from typing import TYPE_CHECKING, NamedTuple

from switchover.errors import Corrupt

if TYPE_CHECKING:
    from collections.abc import Sequence

VERSION = 1
_CHECK_BYTES = 4
_WIDEST = 8
# Level 1: higher levels cost three times the time for two per cent of the bytes.
_COMPRESSION_LEVEL = 1
_MANY = 1 << 32


class Head(NamedTuple):
    """How one column is coded: ``first`` is used with steps only, ``width`` is the number of planes."""

    by_steps: bool
    width: int
    low: int
    first: int


class Reader:
    """Numbers and bytes taken from the front of packed data; Corrupt when it ends too early."""

    __slots__ = ("_at", "_data")

    def __init__(self, data: bytes) -> None:
        """Start at the front."""
        self._data = data
        self._at = 0

    def number(self) -> int:
        """Take a number of any length, seven bits a byte, lowest first."""
        value = shift = 0
        while True:
            byte = self.take(1)[0]
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value

    def signed(self) -> int:
        """Take a number that may be negative (zigzag)."""
        value = self.number()
        return (value >> 1) ^ -(value & 1)

    def take(self, length: int) -> bytes:
        """Take so many bytes."""
        end = self._at + length
        if end > len(self._data):
            raise Corrupt("a ledger segment ends too early; restore the database from a backup")
        part = self._data[self._at : end]
        self._at = end
        return part

    def rest(self) -> bytes:
        """Take all that is left."""
        return self.take(len(self._data) - self._at)


def number(value: int) -> bytes:
    """Return a number that is not negative in seven bits a byte, lowest first."""
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def signed(value: int) -> bytes:
    """Return a number of either sign (zigzag: small ones of both signs stay short)."""
    return number(value << 1 if value >= 0 else (-value << 1) - 1)


def pack_column(values: Sequence[int]) -> tuple[bytes, bytes]:
    """Return the head and the planes of a column; values must lie within 64 bits of each other."""
    if not values:
        return _head_bytes(Head(by_steps=False, width=0, low=0, first=0)), b""
    low, width = _spread(values)
    if width and len(values) > 1:
        steps = list(map(sub, islice(values, 1, None), values))
        step_low, step_width = _spread(steps)
        if step_width < width:
            head = Head(by_steps=True, width=step_width, low=step_low, first=values[0])
            return _head_bytes(head), _planes(steps, step_low, step_width)
    head = Head(by_steps=False, width=width, low=low, first=0)
    return _head_bytes(head), _planes(values, low, width)


def read_head(reader: Reader) -> Head:
    """Take a column's head."""
    coding = reader.number()
    width = coding >> 1
    if width > _WIDEST:
        raise Corrupt("a ledger segment names a column of impossible width")
    by_steps = bool(coding & 1)
    return Head(
        by_steps=by_steps,
        width=width,
        low=reader.signed(),
        first=reader.signed() if by_steps else 0,
    )


def planes_bytes(head: Head, count: int) -> int:
    """Return how many bytes the planes of a column with so many values take."""
    return head.width * max(0, count - head.by_steps)


def unpack_column(head: Head, planes: bytes, count: int) -> array[int]:
    """Return the values of a column."""
    if not head.by_steps:
        return array("q", map(head.low.__add__, _unplaned(planes, head.width, count)))
    steps = map(head.low.__add__, _unplaned(planes, head.width, count - 1))
    return array("q", islice(accumulate(chain((head.first,), steps)), count))


def pack_table(columns: Sequence[Sequence[int]], words: bytes = b"", end: bytes = b"") -> bytes:
    """Return columns of one length, words and a fixed-length end as checked bytes."""
    packed = [pack_column(values) for values in columns]
    block = words + b"".join(planes for _, planes in packed)
    squeezed = zlib.compress(block, _COMPRESSION_LEVEL)
    is_squeezed = len(squeezed) < len(block)
    kept = squeezed if is_squeezed else block
    body = b"".join(
        (
            bytes((VERSION,)),
            number(len(columns[0])),
            *(head for head, _ in packed),
            number(len(words)),
            number(len(kept) << 1 | is_squeezed),
            kept,
            end,
        )
    )
    return body + zlib.crc32(body).to_bytes(_CHECK_BYTES, "little")


def length_of(packed: bytes) -> int:
    """Return how long the columns of a packed table are, without checking or opening it."""
    reader = Reader(packed[: _CHECK_BYTES * 4])
    reader.number()
    return reader.number()


class Table:
    """A packed table opened for reading; a column is unpacked when it is asked for."""

    __slots__ = ("_heads", "_planes", "count", "end", "words")

    def __init__(self, packed: bytes, columns: int) -> None:
        """Check and open it; Corrupt when it is damaged or of another version."""
        reader = Reader(_checked(packed))
        if reader.number() != VERSION:
            raise Corrupt("a ledger segment was written by a newer version; upgrade this program")
        self.count = reader.number()
        if self.count >= _MANY:
            raise Corrupt("a ledger segment claims to hold more mails than a folder can")
        self._heads = [read_head(reader) for _ in range(columns)]
        words = reader.number()
        kept = reader.number()
        length = words + sum(planes_bytes(head, self.count) for head in self._heads)
        block = _block(reader.take(kept >> 1), length, is_squeezed=bool(kept & 1))
        self.words, self._planes = block[:words], block[words:]
        self.end = reader.rest()

    def column(self, which: int) -> array[int]:
        """Return the values of one column."""
        start = sum(planes_bytes(head, self.count) for head in self._heads[:which])
        head = self._heads[which]
        planes = self._planes[start : start + planes_bytes(head, self.count)]
        return unpack_column(head, planes, self.count)


def _checked(packed: bytes) -> bytes:
    body, check = packed[:-_CHECK_BYTES], packed[-_CHECK_BYTES:]
    if not body or zlib.crc32(body).to_bytes(_CHECK_BYTES, "little") != check:
        raise Corrupt("a ledger segment is damaged; restore the database from a backup")
    return body


def _block(kept: bytes, length: int, *, is_squeezed: bool) -> bytes:
    try:
        block = zlib.decompressobj().decompress(kept, length + 1) if is_squeezed else kept
    except zlib.error as error:
        raise Corrupt("a ledger segment can not be decompressed") from error
    if len(block) != length:
        raise Corrupt("a ledger segment has columns of another length than it says")
    return block


def _head_bytes(head: Head) -> bytes:
    coding = number(head.width << 1 | head.by_steps) + signed(head.low)
    return coding + signed(head.first) if head.by_steps else coding


def _spread(values: Sequence[int]) -> tuple[int, int]:
    """Return the smallest value, and how many bytes the largest distance from it needs."""
    low = min(values)
    width = ((max(values) - low).bit_length() + 7) // 8
    if width > _WIDEST:
        raise ValueError("numbers of one column lie more than 64 bits apart")
    return low, width


def _code(count: int, width: int) -> str:
    """Return the struct format of so many numbers, little-endian on every machine."""
    return f"<{count}{'BBHIIQQQQ'[width]}"


def _planes(values: Sequence[int], low: int, width: int) -> bytes:
    if not width:
        return b""
    raw = struct.pack(_code(len(values), width), *map(low.__rsub__, values))
    size = len(raw) // len(values)
    return b"".join(raw[plane::size] for plane in range(width))


def _unplaned(planes: bytes, width: int, count: int) -> Sequence[int]:
    if count <= 0:
        return ()
    code = _code(count, width)
    raw = bytearray(struct.calcsize(code))
    for plane in range(width):
        raw[plane :: len(raw) // count] = planes[plane * count : (plane + 1) * count]
    return struct.unpack(code, raw)
