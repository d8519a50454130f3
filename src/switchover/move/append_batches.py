"""New mails cut into batches for one command each. Pure."""

from __future__ import annotations

from array import array
from bisect import bisect_right
from dataclasses import dataclass
from itertools import accumulate
from typing import TYPE_CHECKING

from switchover.move.sync_action import Append

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchLimits:
    """How much one MULTIAPPEND takes; mails above ``alone_bytes`` are streamed by themselves.

    ``unanswered_singles`` are the mails on their way to a target that takes one in a command.
    """

    bytes_at_most: int = 8 << 20
    mails_at_most: int = 200
    alone_bytes: int = 4 << 20
    unanswered_singles: int = 32


def batches(
    uids: Sequence[int], sizes: Mapping[int, int] | None, limits: BatchLimits
) -> list[Append]:
    """Return the UIDs in batches, in their order; without sizes they are bounded by count alone.

    Large mails stand alone, and so do mails without a byte: an empty literal cancels the whole
    MULTIAPPEND (RFC 3502 section 6.3.11).
    """
    if sizes is None:
        step = limits.mails_at_most
        cuts = range(0, len(uids), step)
        return [Append(source_uids=tuple(uids[at : at + step]), size_bytes=0) for at in cuts]
    amounts = array("Q", (sizes.get(uid, 0) for uid in uids))
    totals = array("Q", accumulate(amounts, initial=0))
    lonely = [at for at, size in enumerate(amounts) if size > limits.alone_bytes or not size]
    found: list[Append] = []
    start = 0
    for stop in (*lonely, len(uids)):
        ends = _ends(totals, start, stop, limits)
        for begin, end in zip((start, *ends), ends, strict=False):
            size = totals[end] - totals[begin]
            found.append(Append(source_uids=tuple(uids[begin:end]), size_bytes=size))
        if stop < len(uids):
            found.append(Append(source_uids=(uids[stop],), size_bytes=amounts[stop]))
        start = stop + 1
    return found


def _ends(totals: Sequence[int], start: int, stop: int, limits: BatchLimits) -> list[int]:
    """Return where the batches between two positions end; ``totals`` are the sums of sizes before each."""
    ends = []
    while start < stop:
        most = bisect_right(totals, totals[start] + limits.bytes_at_most) - 1
        start = max(start + 1, min(most, start + limits.mails_at_most, stop))
        ends.append(start)
    return ends
