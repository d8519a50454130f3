"""The index beside an mbox file: where each mail begins, its UID, size, date and flags, in little memory. Pure.

Lines of text, only added: a header, ``<uid> <begin> <end> <octets> <date> <mark> <flags>`` for each mail (a later line
about a UID counts), and a stamp ``= <uid next> <octets of the file> <time> <file number>`` whenever all is noted. An
index whose last stamp is not that of the file is not believed: the file is read again.
"""

from __future__ import annotations

import re
from array import array
from bisect import bisect_left
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator

LARGEST_UID = 2**32 - 2
_HEAD = re.compile(r"switchover mbox index 1 ([0-9]{1,10}) ([0-9]{1,10})")
_MAIL = re.compile(r"([0-9]+) ([0-9]+) ([0-9]+) ([0-9]+) (-?[0-9]+) ([0-9a-f]{16})((?: [^ ]+)*)")
_STAMP = re.compile(r"= ([0-9]+) ([0-9]+) ([0-9]+) ([0-9]+)")


class Stamp(NamedTuple):
    """What a file looked like."""

    octets: int
    time_ns: int
    number: int


class Entry(NamedTuple):
    """A mail: ``begin`` of its From_ line, ``end`` of its text, octets as a mail, ``mark`` of its content."""

    uid: int
    begin: int
    end: int
    size: int
    epoch_seconds: int
    mark: int
    flags: tuple[bytes, ...]


@dataclass(slots=True, kw_only=True)
class MboxIndex:
    """The mails in the order of the file, which is that of their UIDs; columns of equal length."""

    uid_validity: int
    uid_next: int = 1
    stamp: Stamp | None = None
    uids: array[int] = field(default_factory=lambda: array("Q"))
    begins: array[int] = field(default_factory=lambda: array("Q"))
    ends: array[int] = field(default_factory=lambda: array("Q"))
    sizes: array[int] = field(default_factory=lambda: array("Q"))
    dates: array[int] = field(default_factory=lambda: array("q"))
    marks: array[int] = field(default_factory=lambda: array("Q"))
    flags: list[tuple[bytes, ...]] = field(default_factory=list)
    _flag_sets: dict[tuple[bytes, ...], tuple[bytes, ...]] = field(default_factory=dict)

    def append(self, entry: Entry) -> None:
        """Add a mail behind the others."""
        self.uids.append(entry.uid)
        self.begins.append(entry.begin)
        self.ends.append(entry.end)
        self.sizes.append(entry.size)
        self.dates.append(entry.epoch_seconds)
        self.marks.append(entry.mark)
        self.flags.append(self._flag_sets.setdefault(entry.flags, entry.flags))
        self.uid_next = max(self.uid_next, entry.uid + 1)

    def find(self, uid: int) -> int | None:
        """Return the place of a mail, None where there is none."""
        at = bisect_left(self.uids, uid)
        return at if at < len(self.uids) and self.uids[at] == uid else None

    def entry(self, at: int) -> Entry:
        """Return the mail at a place."""
        return Entry(
            self.uids[at], self.begins[at], self.ends[at], self.sizes[at], self.dates[at],
            self.marks[at], self.flags[at],
        )  # fmt: skip

    def entries(self) -> Iterator[Entry]:
        """Yield all mails."""
        return map(self.entry, range(len(self.uids)))

    def without(self, uids: Collection[int]) -> MboxIndex:
        """Return the index without some mails; the next UID stays."""
        left = MboxIndex(uid_validity=self.uid_validity, uid_next=self.uid_next)
        for entry in self.entries():
            if entry.uid not in uids:
                left.append(entry)
        return left

    def keywords(self) -> tuple[bytes, ...]:
        """Return the keywords in use."""
        found = {flag for flags in set(self.flags) for flag in flags}
        return tuple(sorted(flag for flag in found if not flag.startswith(b"\\")))


def parse(lines: Iterable[str]) -> MboxIndex | None:
    """Return what an index says up to its last stamp that a newline ends; None for what is none."""
    rows = iter(lines)
    head = _HEAD.fullmatch(next(rows, "").rstrip("\n"))
    if head is None:
        return None
    found = MboxIndex(uid_validity=int(head[1]), uid_next=int(head[2]))
    for row in rows:
        if not row.endswith("\n"):
            found.stamp = None  # a crash cut it off
            break
        if not _take(found, row[:-1]):
            return None
    return found


def _take(index: MboxIndex, row: str) -> bool:
    stamp = _STAMP.fullmatch(row)
    if stamp is not None:
        index.uid_next = max(index.uid_next, int(stamp[1]))
        index.stamp = Stamp(int(stamp[2]), int(stamp[3]), int(stamp[4]))
        return True
    mail = _MAIL.fullmatch(row)
    if mail is None:
        return False
    numbers = [int(mail[group]) for group in range(1, 6)]
    if max(map(abs, numbers)) >= 2**62 or not 0 < numbers[0] <= LARGEST_UID:
        return False
    index.stamp = None
    flags = tuple(one.encode("utf-8", "surrogateescape") for one in mail[7].split())
    uid, begin, end, size, date = numbers
    entry = Entry(uid, begin, end, size, date, int(mail[6], 16), flags)
    at = index.find(entry.uid)
    if at is not None:
        index.flags[at] = flags
    elif index.uids and entry.uid <= index.uids[-1]:
        return False
    else:
        index.append(entry)
    return True


def head(index: MboxIndex) -> str:
    """Return the first line."""
    return f"switchover mbox index 1 {index.uid_validity} {index.uid_next}\n"


def line(entry: Entry) -> str:
    """Return the line of a mail."""
    flags = "".join(" " + flag.decode("utf-8", "surrogateescape") for flag in entry.flags)
    return (
        f"{entry.uid} {entry.begin} {entry.end} {entry.size} {entry.epoch_seconds} "
        f"{entry.mark:016x}{flags}\n"
    )


def stamped(index: MboxIndex, stamp: Stamp) -> str:
    """Return the line that says that all is noted."""
    return f"= {index.uid_next} {stamp.octets} {stamp.time_ns} {stamp.number}\n"
