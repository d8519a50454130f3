"""The mails of a folder as parallel columns, made while they are listed: 200,000 of them stay small."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from dataclasses import dataclass, field
from operator import lt
from typing import TYPE_CHECKING, overload

from switchover.move.flags import FlagReader
from switchover.wire.imap.internal_date import DateReader, InternalDate
from switchover.wire.imap.message_commands import FetchField

if TYPE_CHECKING:
    from switchover.move.flags import FlagSet
    from switchover.wire.imap.fetch import FetchItem

ALL_FIELDS = (FetchField.UID, FetchField.FLAGS, FetchField.INTERNAL_DATE, FetchField.SIZE)
DETAIL_FIELDS = (FetchField.UID, FetchField.INTERNAL_DATE, FetchField.SIZE)
FLAG_FIELDS = (FetchField.UID, FetchField.FLAGS)
_UNDATED = InternalDate(0, 0)


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
        told = [one for one in items if one.uid is not None and one.flags is not None]
        self.uids.extend([one.uid for one in told if one.uid is not None])
        self.flags += [reader[one.flags] for one in told if one.flags is not None]

    def columns(self) -> tuple[array[int], list[FlagSet]]:
        """Return UIDs, ascending, and flags."""
        if all(map(lt, self.uids, self.uids[1:])):
            return self.uids, self.flags
        latest = sorted(dict(zip(self.uids, self.flags, strict=True)).items())
        return array("q", (uid for uid, _ in latest)), [flags for _, flags in latest]

    def changed(self) -> dict[int, FlagSet]:
        """Return flags by UID."""
        return dict(zip(self.uids, self.flags, strict=True))


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
            if item.uid is not None and item.size is not None:
                when = (self._dates.read(item.date) if item.date else None) or _UNDATED
                self._detailed.append(item.uid)
                self._sizes.append(item.size)
                self._seconds.append(when.epoch_seconds)
                self._zones.append(when.zone_minutes)

    def mails(self) -> Mails:
        """Return the mails whose flags came; one without a size has 0, and no date."""
        uids, flags = self.columns()
        if uids == self._detailed:
            sizes, seconds, zones = self._sizes, self._seconds, self._zones
        else:
            places = {uid: at for at, uid in enumerate(self._detailed)}
            found = [places.get(uid, -1) for uid in uids]
            sizes, seconds, zones = (
                array("q", (column[at] if at >= 0 else 0 for at in found))
                for column in (self._sizes, self._seconds, self._zones)
            )
        return Mails(uids=uids, flags=flags, sizes=sizes, seconds=seconds, zones=zones)

    def details(self, flags_of: dict[int, FlagSet]) -> Mails:
        """Return the mails whose sizes came, with flags from elsewhere; without those it is no mail.

        ``n:*`` brings the last mail even where its UID is below n.
        """
        places = {uid: at for at, uid in enumerate(self._detailed) if uid in flags_of}
        order = sorted(places.items())
        return Mails(
            uids=array("q", (uid for uid, _ in order)),
            flags=[flags_of[uid] for uid, _ in order],
            sizes=array("q", (self._sizes[at] for _, at in order)),
            seconds=array("q", (self._seconds[at] for _, at in order)),
            zones=array("q", (self._zones[at] for _, at in order)),
        )
