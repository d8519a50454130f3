"""UIDs as columns of numbers, compared a part at a time: 200,000 of them never become 200,000 objects. Pure."""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Mapping
from itertools import compress
from operator import lt
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

_AT_A_TIME = 4096


def column(uids: Iterable[int]) -> array[int]:
    """Return UIDs as a column, the same one where they are one."""
    return uids if isinstance(uids, array) else array("q", uids)


def ascending(uids: Iterable[int]) -> array[int]:
    """Return UIDs as a column in their order."""
    found = column(uids)
    return found if all(map(lt, found, found[1:])) else array("q", sorted(found))


def place_of(uid: int, uids: Sequence[int]) -> int | None:
    """Return where a UID stands among ascending ones, None where it does not."""
    at = bisect_left(uids, uid)
    return at if at < len(uids) and uids[at] == uid else None


def beside(these: array[int], those: array[int]) -> Iterator[tuple[slice, slice]]:
    """Yield parts of ``these``, each with the part of ``those`` that lies between its ends; both ascend.

    What of ``those`` lies between two parts stands beside none.
    """
    end = 0
    for at in range(0, len(these), _AT_A_TIME):
        part = slice(at, min(at + _AT_A_TIME, len(these)))
        begin = bisect_left(those, these[part.start], end)
        end = bisect_right(those, these[part.stop - 1], begin)
        yield part, slice(begin, end)


def absent(these: array[int], those: array[int]) -> list[int]:
    """Return those of ``these`` that are not among ``those``; all ascend."""
    found: list[int] = []
    for part, other in beside(these, those):
        ours, theirs = these[part], those[other]
        if ours != theirs:
            found += sorted(set(ours).difference(theirs)) if theirs else ours
    return found


def found_in(those: array[int], uids: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Yield for each of ``uids``, in their order, that ``those`` have: its place, and the one among those.

    ``those`` ascend. The others may have any order; quick is it where they ascend too.
    """
    following = 0
    for at, uid in enumerate(uids):
        if following >= len(those) or those[following] != uid:
            following = bisect_left(those, uid)
            if following >= len(those) or those[following] != uid:
                continue
        yield at, following
        following += 1


def places(uids: Sequence[int], those: array[int]) -> Sequence[int]:
    """Return the places of ascending UIDs among ``those``, which ascend too; without those that are not there."""
    if not uids:
        return ()
    begin = bisect_left(those, uids[0])
    end = begin + len(uids)
    if those[begin:end] == array("q", uids):
        return range(begin, end)
    return [place for _, place in found_in(those, uids)]


class UidPairs(Mapping[int, int]):
    """One UID by another, in two columns of which the first ascends; quick is who asks in that order."""

    __slots__ = ("_following", "_keys", "_values")

    def __init__(self, keys: array[int], values: array[int]) -> None:
        """Take two columns of one length."""
        self._keys, self._values, self._following = keys, values, 0

    def __getitem__(self, uid: int) -> int:
        """Return what a UID stands for; KeyError where nothing is known of it."""
        at, keys = self._following, self._keys
        if at >= len(keys) or keys[at] != uid:
            at = bisect_left(keys, uid)
            if at >= len(keys) or keys[at] != uid:
                raise KeyError(uid)
        self._following = at + 1
        return self._values[at]

    def __iter__(self) -> Iterator[int]:
        """Return the UIDs in their order."""
        return iter(self._keys)

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self._keys)


class UidPlaces:
    """The place of each UID among rows of UIDs put one behind the other; rows ascend, UIDs may come again.

    Rows whose UIDs lie apart take nothing for a mail; only those among others are kept one by one.
    """

    __slots__ = ("_firsts", "_rows", "_strays", "uids")

    def __init__(self) -> None:
        """Begin with none."""
        self.uids = array("q")
        """All UIDs by their place."""
        self._firsts: list[int] = []
        self._rows: list[range] = []
        self._strays: dict[int, int] = {}

    def add(self, uids: array[int]) -> list[int]:
        """Put a row behind the others; return the places of UIDs that were there before."""
        start = len(self.uids)
        row = range(start, start + len(uids))
        self.uids.extend(uids)
        if not uids:
            return []
        at = bisect_right(self._firsts, uids[0])
        is_apart = (at == 0 or self._last(at - 1) < uids[0]) and (
            at == len(self._firsts) or uids[-1] < self._firsts[at]
        )
        if not is_apart:
            before = [place for uid in uids if (place := self.find(uid)) is not None]
            self._strays.update(zip(uids, row, strict=True))
            return before
        self._firsts.insert(at, uids[0])
        self._rows.insert(at, row)
        strays = self._strays
        return [strays.pop(uid) for uid in uids if uid in strays] if strays else []

    def find(self, uid: int) -> int | None:
        """Return the place of a UID, the last one where it came again."""
        stray = self._strays.get(uid)
        if stray is not None:
            return stray
        at = bisect_right(self._firsts, uid) - 1
        if at < 0 or uid > self._last(at):
            return None
        row = self._rows[at]
        place = bisect_left(self.uids, uid, row.start, row.stop)
        return place if self.uids[place] == uid else None

    def in_order(self, chosen: bytes | bytearray) -> array[int]:
        """Return the places that are chosen (by a byte that is not 0), in the order of their UIDs."""
        found = array("q")
        for row in self._rows:
            found.extend(compress(row, chosen[row.start : row.stop]))
        if not self._strays:
            return found
        strays = sorted((uid, place) for uid, place in self._strays.items() if chosen[place])
        merged, done = array("q"), 0
        for uid, place in strays:
            at = bisect_left(found, uid, done, key=self.uids.__getitem__)
            merged += found[done:at]
            merged.append(place)
            done = at
        return merged + found[done:]

    def _last(self, at: int) -> int:
        return self.uids[self._rows[at].stop - 1]
