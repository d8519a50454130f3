"""The mails of a folder as parallel columns, made while they are listed: 200,000 of them stay small."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import zip_longest
from operator import lt
from typing import TYPE_CHECKING, overload

from switchover.move.flags import NO_FLAGS, FlagReader
from switchover.move.uid_columns import found_in
from switchover.wire.imap.internal_date import DateReader, InternalDate
from switchover.wire.imap.message_commands import FetchField

if TYPE_CHECKING:
    from switchover.move.flags import FlagSet
    from switchover.wire.imap.fetch import FetchItem

ALL_FIELDS = (FetchField.UID, FetchField.FLAGS, FetchField.INTERNAL_DATE, FetchField.SIZE)
DETAIL_FIELDS = (FetchField.UID, FetchField.INTERNAL_DATE, FetchField.SIZE)
FLAG_FIELDS = (FetchField.UID, FetchField.FLAGS)
_UNDATED = InternalDate(0, 0)
_LARGEST_BYTES = 1 << 40
"""No mail is larger; what a server claims is bounded by nothing, and sizes are added up."""
_MOST_UID = (1 << 63) - 1


def _numbers() -> array[int]:
    return array("q")


class Dates(Sequence[InternalDate]):
    """Internal dates, two numbers each."""

    def __init__(self, seconds: array[int], zones: array[int]) -> None:
        """Take two columns of one length."""
        self._seconds = seconds
        self._zones = zones

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self._seconds)

    @overload
    def __getitem__(self, at: int) -> InternalDate: ...

    @overload
    def __getitem__(self, at: slice) -> Dates: ...

    def __getitem__(self, at: int | slice) -> InternalDate | Dates:
        """Return the date at a place."""
        if isinstance(at, slice):
            return Dates(self._seconds[at], self._zones[at])
        return InternalDate(self._seconds[at], self._zones[at])


@dataclass(slots=True, kw_only=True)
class Mails:
    """Mails as parallel columns, UIDs ascending."""

    uids: array[int] = field(default_factory=_numbers)
    flags: list[FlagSet] = field(default_factory=list)
    sizes: array[int] = field(default_factory=_numbers)
    seconds: array[int] = field(default_factory=_numbers)
    zones: array[int] = field(default_factory=_numbers)

    @property
    def dates(self) -> Dates:
        """The internal dates; the first second of 1970 where the server named no moment."""
        return Dates(self.seconds, self.zones)


class FlagGatherer:
    """Takes UIDs and flags, however they come; what came last of a mail counts."""

    def __init__(self) -> None:
        """Begin with none."""
        self.uids = _numbers()
        self.flags: list[FlagSet] = []
        self._reader = FlagReader()

    def take(self, items: Sequence[FetchItem]) -> None:
        """Take what FETCH told; without a UID or flags it tells nothing here."""
        reader = self._reader
        told = [
            one
            for one in items
            if one.flags is not None and one.uid is not None and one.uid <= _MOST_UID
        ]
        self.uids.extend([one.uid for one in told if one.uid is not None])
        self.flags += [reader[one.flags] for one in told if one.flags is not None]

    def columns(self) -> tuple[array[int], list[FlagSet]]:
        """Return UIDs, ascending, and flags."""
        order = _order(self.uids)
        if order is None:
            return self.uids, self.flags
        return _picked(self.uids, order), list(map(self.flags.__getitem__, order))


class MailGatherer(FlagGatherer):
    """Takes sizes and dates too; a mail of which only flags come has them from an answer before."""

    def __init__(self) -> None:
        """Begin with none."""
        super().__init__()
        self._detailed = _numbers()
        self._sizes = _numbers()
        self._seconds = _numbers()
        self._zones = _numbers()
        self._dates = DateReader()

    def take(self, items: Sequence[FetchItem]) -> None:
        """Take what FETCH told."""
        super().take(items)
        for item in items:
            if item.size is not None and item.uid is not None and item.uid <= _MOST_UID:
                when = (self._dates.read(item.date) if item.date else None) or _UNDATED
                self._detailed.append(item.uid)
                self._sizes.append(min(item.size, _LARGEST_BYTES))
                self._seconds.append(when.epoch_seconds)
                self._zones.append(when.zone_minutes)

    def mails(self) -> Mails:
        """Return the mails whose flags came; one without a size has 0, and no date."""
        return self._filled(*self.columns())

    def every(self) -> Mails:
        """Return the mails of which anything came; one whose flags did not come has none."""
        uids, flags = self.columns()
        told = set(uids)
        bare = array("q", (uid for uid in self._detailed if uid not in told))
        if bare:
            uids, flags = uids + bare, [*flags, *[NO_FLAGS] * len(bare)]
            order = _order(uids)
            if order is not None:
                uids, flags = _picked(uids, order), list(map(flags.__getitem__, order))
        return self._filled(uids, flags)

    def _filled(self, uids: array[int], flags: list[FlagSet]) -> Mails:
        found = self.details(uids, flags)
        if len(found.uids) == len(uids):
            return found
        sizes, seconds, zones = (array("q", bytes(8 * len(uids))) for _ in range(3))
        for at, place in found_in(uids, found.uids):
            sizes[place] = found.sizes[at]
            seconds[place] = found.seconds[at]
            zones[place] = found.zones[at]
        return Mails(uids=uids, flags=flags, sizes=sizes, seconds=seconds, zones=zones)

    def details(self, uids: array[int], flags: list[FlagSet]) -> Mails:
        """Return those of mails whose sizes came, UIDs ascending; what is not among them is no mail.

        ``n:*`` brings the last mail even where its UID is below n.
        """
        columns = (self._sizes, self._seconds, self._zones)
        if uids != self._detailed:
            order = _order(self._detailed)
            if order is None:
                order = range(len(self._detailed))
            detailed = _picked(self._detailed, order)
            both = list(found_in(uids, detailed))
            uids = array("q", (detailed[at] for at, _ in both))
            flags = [flags[place] for _, place in both]
            sizes, seconds, zones = (
                array("q", (column[order[at]] for at, _ in both)) for column in columns
            )
        else:
            sizes, seconds, zones = columns
        return Mails(uids=uids, flags=flags, sizes=sizes, seconds=seconds, zones=zones)


def _order(uids: array[int]) -> Sequence[int] | None:
    """Return the places in the order of UIDs, each only where it came last; None where they ascend already."""
    if all(map(lt, uids, uids[1:])):
        return None
    order = sorted(range(len(uids)), key=uids.__getitem__)
    # Sorting keeps the order of equals: what came last of a mail stands last.
    return [
        at
        for at, following in zip_longest(order, order[1:])
        if following is None or uids[at] != uids[following]
    ]


def _picked(column: array[int], places: Sequence[int]) -> array[int]:
    return array("q", map(column.__getitem__, places))
