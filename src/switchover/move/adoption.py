"""Which mails of a source folder lie on the target already, because another tool put them there. Pure.

A wrong answer costs a mail: what is taken for a copy is never sent. So this is proof:

1. Size, date and Message-ID together, where one mail alone on either side has all three. Copies of one mail
   that came by two ways, and mails that a sender numbered alike, are more than one; a draft keeps all three
   while its text changes, so it is none.
2. Else the digests of both bodies, in the canonical form of the pair. Read are those that share a
   Message-ID, or have none: the other tool may have lost the date, or mended line ends and with them the
   size.

Matched as a multiset: of three equal mails two copies are found, and the third is sent. Nothing here holds an
object for each mail, only numbers in columns.
"""

from __future__ import annotations

from array import array
from collections import defaultdict
from itertools import groupby
from typing import TYPE_CHECKING, NamedTuple, Protocol

from switchover.move.flags import FlagSet, PermanentFlags, comparable, storable
from switchover.move.segment import (
    DIGEST_BYTES,
    FULL_MAILS,
    Row,
    RowKind,
    pack_columns,
    pack_uids,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

NO_ID, NOT_ASKED = 0, -1
"""What stands for the id of a mail without a Message-ID, and of one whose header was not read."""
_NOT_THERE = -1
_DRAFT = "\\Draft"


class Columns(Protocol):
    """Mails as parallel columns, UIDs ascending; a mail is named by its place in them."""

    @property
    def uids(self) -> array[int]: ...
    @property
    def flags(self) -> Sequence[FlagSet]: ...
    @property
    def sizes(self) -> array[int]: ...
    @property
    def seconds(self) -> array[int]: ...
    @property
    def zones(self) -> array[int]: ...


class Group(NamedTuple):
    """Places on the source and on the target of mails that may be the same."""

    ours: list[int]
    theirs: list[int]


class Adoption:
    """The mails of both sides, and which of them are known to be the same."""

    def __init__(self, source: Columns, target: Columns) -> None:
        """Begin with nothing known; the ids are numbers made of Message-IDs."""
        self.source = source
        self.target = target
        self.our_ids = array("q", [NOT_ASKED]) * len(source.uids)
        self.their_ids = array("q", [NOT_ASKED]) * len(target.uids)
        self.count = 0
        self._copies = array("q", [_NOT_THERE]) * len(source.uids)
        self._taken = bytearray(len(target.uids))
        self._digests = bytearray()

    def is_of(self, source: Columns, target: Columns) -> bool:
        """Return whether these are the mails that it began with."""
        return source.uids == self.source.uids and target.uids == self.target.uids

    def left(self) -> Iterator[Group]:
        """Yield everything that has no partner yet as one group, if both sides have such mails."""
        group = Group(
            [at for at, copy in enumerate(self._copies) if copy == _NOT_THERE],
            [at for at, is_taken in enumerate(self._taken) if not is_taken],
        )
        if group.ours and group.theirs:
            yield group

    def of_size(self) -> Iterator[Group]:
        """Yield what is left, in groups of one size."""
        sizes = self.source.sizes, self.target.sizes
        for group in self.left():
            yield from shared(group, sizes[0].__getitem__, sizes[1].__getitem__)

    def of_size_and_date(self) -> Iterator[Group]:
        """Yield what is left, in groups of one size and date."""
        ours, theirs = self.source, self.target
        for group in self.left():
            yield from shared(
                group,
                # As one number: a pair for each mail would take three times the memory.
                lambda at: (ours.seconds[at] << 63) + ours.sizes[at],
                lambda at: (theirs.seconds[at] << 63) + theirs.sizes[at],
            )

    def match_ids(self, group: Group) -> Iterator[Group]:
        """Pair in a group of one size and date what has a Message-ID of its own, and yield what to read."""
        for same in self.by_id(group):
            ours, theirs = same.ours[0], same.theirs[0]
            is_one = len(same.ours) == len(same.theirs) == 1
            if is_one and self.our_ids[ours] > NO_ID and not self._is_draft(ours, theirs):
                self._pair(ours, theirs)
            else:
                yield same

    def by_id(self, group: Group) -> Iterator[Group]:
        """Yield parts of a group, each of one Message-ID; one part has none at all."""
        return shared(group, self.our_ids.__getitem__, self.their_ids.__getitem__)

    def match_digests(
        self, group: Group, ours: Mapping[int, bytes], theirs: Mapping[int, bytes]
    ) -> None:
        """Pair equal mails, those of one date first; digests are by UID, without what can not be read."""
        free: defaultdict[bytes, list[int]] = defaultdict(list)
        for at in group.theirs:
            digest = theirs.get(self.target.uids[at])
            if digest and not self._taken[at]:
                free[digest].append(at)
        read = [(at, ours.get(self.source.uids[at], b"")) for at in group.ours]
        for is_same_date in (True, False):
            for at, digest in read:
                same = free.get(digest) if self._copies[at] == _NOT_THERE else None
                copy = self._first(at, same, is_same_date=is_same_date) if same else None
                if same and copy is not None:
                    same.remove(copy)
                    self._pair(at, copy, digest)

    def _first(self, ours: int, copies: Sequence[int], *, is_same_date: bool) -> int | None:
        date = self.source.seconds[ours]
        dates = self.target.seconds
        return next((at for at in copies if not is_same_date or dates[at] == date), None)

    def _pair(self, ours: int, theirs: int, digest: bytes = b"") -> None:
        self._copies[ours] = theirs
        self._taken[theirs] = 1
        self.count += 1
        if digest:
            if not self._digests:
                self._digests = bytearray(DIGEST_BYTES * len(self._copies))
            self._digests[DIGEST_BYTES * ours : DIGEST_BYTES * (ours + 1)] = digest

    def _is_draft(self, ours: int, theirs: int) -> bool:
        return _DRAFT in self.source.flags[ours] or _DRAFT in self.target.flags[theirs]

    @property
    def other_dates(self) -> int:
        """How many copies have another date than their mail."""
        ours, theirs = self.source.seconds, self.target.seconds
        return sum(
            copy != _NOT_THERE and ours[at] != theirs[copy] for at, copy in enumerate(self._copies)
        )

    def rows(self, flags: Callable[[FlagSet, FlagSet], FlagSet]) -> Iterator[Row]:
        """Yield the ledger's rows; ``flags`` says what is to be noted, from those of mail and copy."""
        found = [at for at, copy in enumerate(self._copies) if copy != _NOT_THERE]
        # A segment has digests of all its mails or of none.
        for with_digest in (True, False):
            part = [at for at in found if bool(self._digest(at)) is with_digest]
            for begin in range(0, len(part), FULL_MAILS):
                yield self._row(part[begin : begin + FULL_MAILS], flags)

    def _row(self, places: Sequence[int], flags: Callable[[FlagSet, FlagSet], FlagSet]) -> Row:
        source, target = self.source, self.target
        copies = [self._copies[at] for at in places]
        packed = pack_columns(
            [source.uids[at] for at in places],
            [source.sizes[at] for at in places],
            [source.seconds[at] for at in places],
            [source.zones[at] for at in places],
            [
                flags(source.flags[at], target.flags[copy])
                for at, copy in zip(places, copies, strict=True)
            ],
            b"".join(self._digest(at) for at in places),
        )
        return Row(RowKind.STORED, packed, pack_uids([target.uids[copy] for copy in copies]))

    def _digest(self, at: int) -> bytes:
        digest = bytes(self._digests[DIGEST_BYTES * at : DIGEST_BYTES * (at + 1)])
        return digest if any(digest) else b""


def shared(
    group: Group, our_key: Callable[[int], int], their_key: Callable[[int], int]
) -> Iterator[Group]:
    """Yield parts of a group, each with the mails of one key that both sides have."""
    left = groupby(sorted(group.ours, key=our_key), our_key)
    right = groupby(sorted(group.theirs, key=their_key), their_key)
    one, other = next(left, None), next(right, None)
    while one is not None and other is not None:
        if one[0] == other[0]:
            yield Group(list(one[1]), list(other[1]))
            one, other = next(left, None), next(right, None)
        elif one[0] < other[0]:
            one = next(left, None)
        else:
            other = next(right, None)


def noted_flags(ours: FlagSet, theirs: FlagSet, permanent: PermanentFlags | None) -> FlagSet:
    """Return which flags to note as written, so that the copy gets those of the source if it has others."""
    is_same = comparable(storable(ours, permanent)) == comparable(theirs)
    return ours if is_same else theirs
