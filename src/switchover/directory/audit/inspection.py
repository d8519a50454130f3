"""Reads a chain from its beginning and says what is wrong with it: which entry, and what. Pure.

What the chain alone shows: an entry that was changed, taken out of the middle, put in or moved. What it takes
a head for that lies outside the database: entries cut off at the end, and a chain written anew as a whole. What
it takes seals for: an entry added at the end by somebody who has the database and not our key.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from switchover.directory.audit.chain import START, digest_of, is_acceptance
from switchover.model.wording import counted

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from switchover.directory.audit.chain import Link

FARTHEST = 1000
"""How many places an entry may have been moved to be recognised; beyond, it counts as changed."""
MOST_FAULTS = 200


class FaultKind(StrEnum):
    """What is wrong."""

    CHANGED = "changed"
    MOVED = "moved"
    MISSING = "missing"
    BROKEN = "broken"
    FORGED = "forged"
    UNKNOWN_KEY = "unknown-key"
    REWRITTEN = "rewritten"
    CUT = "cut"
    HEAD = "head"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """Something wrong from entry ``first`` to ``last``; ``moved_by`` is where they stood, for ``MOVED``."""

    kind: FaultKind
    first: int
    last: int
    moved_by: int = 0

    @property
    def sentence(self) -> str:
        """What it means, for people."""
        return _SENTENCES[self.kind].format(
            entries=_named(self.first, self.last),
            were="was" if self.first == self.last else "were",
            do="does" if self.first == self.last else "do",
            stood=_named(self.first + self.moved_by, self.last + self.moved_by, noun="number"),
            first=self.first,
            before=self.first - 1,
        )


_SENTENCES = {
    FaultKind.CHANGED: "{entries} {were} changed: what it says does not fit its hash",
    FaultKind.MOVED: "{entries} {were} written as {stood}: others before it were removed or put in, or "
    "the order was changed",
    FaultKind.MISSING: "{entries} {do} not exist any more: removed from the middle",
    FaultKind.BROKEN: "entry {first} was written after another entry {before} than the one that stands "
    "there: what stood between was removed, or one of the two was put in or written anew",
    FaultKind.FORGED: "{entries} {were} not written by this switchover: the seal is not one of ours",
    FaultKind.UNKNOWN_KEY: "{entries} {were} sealed with a key that is not in secret.key",
    FaultKind.REWRITTEN: "{entries} {were} replaced: another hash was noted for it outside the database, so "
    "the chain was written anew up to here, or the database comes from elsewhere",
    FaultKind.CUT: "{entries} {were} cut off at the end, as what was noted outside the database shows; or the "
    "database was put back from an older copy",
    FaultKind.HEAD: "the head outside the database can not be used, so nobody can tell whether entries "
    "were cut off after {before}",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """Where the log ended as noted outside the database."""

    number: int
    hash: str


@dataclass(slots=True, kw_only=True)
class Inspection:
    """Takes links in the order of their numbers; ``is_ours`` judges seals, None leaves them out.

    ``heads`` are where the log ended at some time, noted outside the database. ``needs_head`` where there
    must be one, unless there is no entry.
    """

    heads: tuple[Head, ...] = ()
    needs_head: bool = False
    is_head_damaged: bool = False
    is_ours: Callable[[str, str], bool | None] | None = None
    count: int = 0
    first_at: datetime | None = None
    last_at: datetime | None = None
    last: int = 0
    accepted: int = 0
    """Number of the entry by which an administrator accepted what was wrong before it."""
    accepted_by: str = ""
    faults: list[Fault] = field(default_factory=list)
    left_out: int = 0
    """Faults beyond MOST_FAULTS, which are only counted."""
    previous: str = START
    """Hash of the entry before the next one."""

    def take(self, link: Link) -> None:
        """Look at the next link."""
        place = self._place(link)
        has_gap = link.number != self.last + 1
        if has_gap:
            self._add(FaultKind.MISSING, self.last + 1, link.number - 1)
        if place is None:
            self._add(FaultKind.CHANGED, link.number)
        elif place != link.number:
            self._add(FaultKind.MOVED, link.number, moved_by=place - link.number)
        else:
            if link.previous != self.previous and not has_gap:
                self._add(FaultKind.BROKEN, link.number)
            self._judge_seal(link)
        if any(head.number == link.number and head.hash != link.hash for head in self.heads):
            self._add(FaultKind.REWRITTEN, link.number)
        self._note(link)

    def finish(self) -> tuple[Fault, ...]:
        """Look at the end and return the faults that nobody accepted."""
        if self.is_head_damaged or (self.needs_head and self.count):
            self._add(FaultKind.HEAD, self.last + 1)
        farthest = max((head.number for head in self.heads), default=0)
        if farthest > self.last:
            self._add(FaultKind.CUT, self.last + 1, farthest)
        return tuple(fault for fault in self.faults if not self.is_accepted(fault))

    def is_accepted(self, fault: Fault) -> bool:
        """True for what an administrator has accepted by a later entry."""
        return fault.last < self.accepted

    def _place(self, link: Link) -> int | None:
        """Return the number for which the link's hash was made, None when there is none near."""
        if digest_of(link) == link.hash:
            return link.number
        if len(self.faults) >= MOST_FAULTS:
            # Looking around costs milliseconds, and there may be a million such entries.
            return None
        for distance in range(1, FARTHEST + 1):
            for number in (link.number + distance, link.number - distance):
                if number > 0 and digest_of(link, number=number) == link.hash:
                    return number
        return None

    def _judge_seal(self, link: Link) -> None:
        if self.is_ours is None:
            return
        verdict = self.is_ours(link.hash, link.seal)
        if verdict is not True:
            kind = FaultKind.UNKNOWN_KEY if verdict is None and link.seal else FaultKind.FORGED
            self._add(kind, link.number)
        elif is_acceptance(link):
            self.accepted, self.accepted_by = link.number, link.actor

    def _note(self, link: Link) -> None:
        self.previous = link.hash
        self.count += 1
        self.last = link.number
        self.last_at = link.at
        if self.first_at is None:
            self.first_at = link.at

    def _add(
        self, kind: FaultKind, first: int, last: int | None = None, *, moved_by: int = 0
    ) -> None:
        """Note a fault; what goes on from the entry before is one fault with it."""
        fault = Fault(
            kind=kind, first=first, last=first if last is None else last, moved_by=moved_by
        )
        same = [one for one in self.faults[-2:] if _goes_on(one, fault)]
        if same:
            place = self.faults.index(same[0])
            self.faults[place] = Fault(
                kind=kind, first=same[0].first, last=fault.last, moved_by=moved_by
            )
        elif len(self.faults) < MOST_FAULTS:
            self.faults.append(fault)
        else:
            self.left_out += 1


def _goes_on(old: Fault, new: Fault) -> bool:
    alike = {FaultKind.MOVED, FaultKind.FORGED, FaultKind.UNKNOWN_KEY}
    return (
        new.kind in alike
        and (old.kind, old.moved_by) == (new.kind, new.moved_by)
        and old.last + 1 == new.first
    )


def fault_body(fault: Fault) -> dict[str, object]:
    """Return a fault for programs."""
    return {
        "kind": fault.kind.value,
        "first": fault.first,
        "last": fault.last,
        "sentence": fault.sentence,
    }


def describe_span(inspection: Inspection) -> str:
    """Return what was read: ``57 entries, from 2026-01-02 03:04 to 2026-01-05 06:07 UTC``."""
    if inspection.first_at is None or inspection.last_at is None:
        return "no entries"
    return (
        f"{counted(inspection.count, 'entry', 'entries')}, from {inspection.first_at:%Y-%m-%d %H:%M} to "
        f"{inspection.last_at:%Y-%m-%d %H:%M} UTC"
    )


def _named(first: int, last: int, *, noun: str = "") -> str:
    if noun:
        return f"{noun} {first}" if first == last else f"{noun}s {first} to {last}"
    return f"entry {first}" if first == last else f"entries {first} to {last}"
