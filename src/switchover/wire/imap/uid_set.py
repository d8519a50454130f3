"""Sets of UIDs for commands: ascending numbers to compact text and back, cut to a line's limit.

RFC 9051 section 9, sequence-set and uid-set. A mailbox of a million messages passes through here on
each listing, so the way over the single numbers is left to ``NumberRanges``.
"""

from __future__ import annotations

import re
from itertools import islice
from operator import lt
from typing import TYPE_CHECKING, Final, NamedTuple

from switchover.errors import InvalidInput
from switchover.wire.imap.number_ranges import NumberRanges

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

# Two numbers of 64 bits and a colon: a chunk must be able to hold any one range.
SMALLEST_CHUNK_OCTETS: Final = 41

_SET = re.compile(rb"[0-9*][0-9:,*]*|\$")


class Chunk(NamedTuple):
    """One set that fits, and which of the given UIDs it holds: ``uids[start:stop]``."""

    text: bytes
    start: int
    stop: int


def encode(uids: Sequence[int]) -> bytes:
    """Return the shortest set for ``uids``, which ascend strictly from 1 or more: ``1:4,7``.

    Raises InvalidInput when they do not, and for no UID at all, which the grammar cannot say.
    """
    if not uids:
        raise InvalidInput("a set of UIDs cannot be empty")
    return _ranges(uids).encode()


def _ranges(uids: Sequence[int]) -> NumberRanges:
    try:
        ranges = NumberRanges.from_numbers(uids)
    except OverflowError as error:
        raise InvalidInput("a UID is negative or beyond 64 bits") from error
    ascend = all(map(lt, ranges.lasts, islice(ranges.firsts, 1, None)))
    if not ascend or (uids and uids[0] < 1):
        raise InvalidInput("UIDs must ascend from 1 or more, each only once")
    return ranges


def chunks(uids: Sequence[int], *, octets: int, most_uids: int | None = None) -> Iterator[Chunk]:
    """Yield sets of at most ``octets`` octets and ``most_uids`` UIDs that together hold ``uids``.

    In order, none empty, none twice. Raises InvalidInput for UIDs that ``encode`` refuses and for
    limits that not even one range meets.
    """
    most = len(uids) if most_uids is None else most_uids
    if octets < SMALLEST_CHUNK_OCTETS or (uids and most < 1):
        raise InvalidInput(f"{octets} octets and {most} UIDs are too few for a set of UIDs")
    texts: list[bytes] = []
    length = start = stop = 0
    for first, last in _ranges(uids):
        at = first
        while at <= last:
            end = min(last, at + most - (stop - start) - 1)
            text = b"%d" % at if at >= end else b"%d:%d" % (at, end)
            if texts and (end < at or length + len(text) > octets):
                yield Chunk(b",".join(texts), start, stop)
                texts.clear()
                length, start = 0, stop
                continue
            texts.append(text)
            length += len(text) + 1
            stop += end - at + 1
            at = end + 1
    if texts:
        yield Chunk(b",".join(texts), start, stop)


def checked(text: bytes) -> bytes:
    """Return ``text`` if it can stand for a set in a command: ``1:4,7``, ``9:*``, or ``$`` (RFC 5182).

    Raises InvalidInput for anything that could be read as more than a set.
    """
    if not _SET.fullmatch(text):
        raise InvalidInput(f"{text[:40]!r} is not a set of UIDs")
    return text


def decode(text: bytes, *, most: int) -> list[int]:
    """Return the UIDs of a set in its order, at most ``most``.

    Raises InvalidInput for what is no set of UIDs, ``*`` included, and for more UIDs: a hostile
    ``1:4294967295`` would fill the memory.
    """
    ranges = NumberRanges.parse_set(text)
    if ranges is None or 0 in ranges.firsts:
        raise InvalidInput(f"{text[:40]!r} is not a set of UIDs")
    if ranges.count > most:
        raise InvalidInput(f"a set of {ranges.count} UIDs came where at most {most} can be meant")
    return list(ranges.numbers())
