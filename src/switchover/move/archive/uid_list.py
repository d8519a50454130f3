"""The files in which Dovecot and Courier keep the UIDs of a Maildir, read and written. Pure.

``dovecot-uidlist`` version 3: ``3 V<uidvalidity> N<next uid> G<mailbox guid>``, then a line
``<uid> [<letter><value> ...] :<file>`` for each mail. Lines may be added behind; the next UID is then one beyond
the last. Version 1, which is also Courier's ``courierimapuiddb``: ``1 <uidvalidity> <next uid>`` and
``<uid> <file>``. Source: https://doc.dovecot.org/2.3/admin_manual/mailbox_formats/maildir/
"""

from __future__ import annotations

import os
import re
from array import array
from collections.abc import Sequence
from dataclasses import dataclass, field
from operator import itemgetter
from typing import TYPE_CHECKING, overload

from switchover.move.archive.maildir_name import split

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator

LARGEST_UID = 2**32 - 2
_HEADER = re.compile(r"3((?: [A-Z][!-~]*)*)")
_OLD_HEADER = re.compile(r"1 ([0-9]{1,10}) ([0-9]{1,10})")
_LINE = re.compile(r"([0-9]{1,10})((?: [A-Z][^ :]*)*) :(.+)", re.DOTALL)
_OLD_LINE = re.compile(r"([0-9]{1,10}) (.+)", re.DOTALL)


class FileNames(Sequence[str]):
    """Names of files, put together as bytes: of very many mails they would be most of what is held."""

    __slots__ = ("_ends", "_octets")

    def __init__(self, names: Iterable[str] = ()) -> None:
        """Take names as they are given."""
        self._octets = bytearray()
        self._ends = array("Q", (0,))
        for name in names:
            self.append(name)

    def append(self, name: str) -> None:
        """Take one more."""
        self._octets += os.fsencode(name)
        self._ends.append(len(self._octets))

    def copy(self) -> FileNames:
        """Return the same names, to go on with."""
        other = FileNames()
        other._octets, other._ends = self._octets[:], self._ends[:]
        return other

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self._ends) - 1

    @overload
    def __getitem__(self, at: int) -> str: ...

    @overload
    def __getitem__(self, at: slice) -> list[str]: ...

    def __getitem__(self, at: int | slice) -> str | list[str]:
        """Return one name, or several."""
        if isinstance(at, slice):
            return [self[place] for place in range(*at.indices(len(self)))]
        if not 0 <= at < len(self):
            raise IndexError(at)
        return os.fsdecode(bytes(self._octets[self._ends[at] : self._ends[at + 1]]))

    def __iter__(self) -> Iterator[str]:
        """Return them in their order."""
        return map(self.__getitem__, range(len(self)))


@dataclass(slots=True, kw_only=True)
class UidList:
    """What such a file says: the part of each file's name that never changes, and its UID, ascending.

    ``extras`` is what else a line says (``W1234 P00001``), kept as it is.
    ``is_whole`` is False when the file must be written anew before lines can be added: another format,
    or a last line that a crash cut off.
    """

    uid_validity: int
    uid_next: int
    header: str = ""
    files: FileNames = field(default_factory=FileNames)
    uids: array[int] = field(default_factory=lambda: array("Q"))
    extras: dict[str, str] = field(default_factory=dict)
    is_whole: bool = True

    @property
    def by_file(self) -> dict[str, int]:
        """The UIDs by file, made anew each time; of a file with two the last counts."""
        return dict(zip(self.files, self.uids, strict=True))

    def add(self, file: str) -> int:
        """Give a file the next UID and return it; raises OverflowError when there are no more."""
        if self.uid_next > LARGEST_UID:
            raise OverflowError("the folder has used up all UIDs")
        uid = self.uid_next
        self.files.append(file)
        self.uids.append(uid)
        self.uid_next += 1
        return uid

    def keep(self, files: Collection[str]) -> None:
        """Forget all other files."""
        kept = [(file, uid) for file, uid in self.by_file.items() if file in files]
        kept.sort(key=itemgetter(1))
        self.files = FileNames(file for file, _ in kept)
        self.uids = array("Q", (uid for _, uid in kept))


def parse(text: str) -> UidList | None:
    """Return what a uidlist says; None for what is none, or whose UIDs make no sense."""
    end = text.find("\n")
    found = _begin(text[:end]) if end >= 0 else None
    if found is None:
        return None
    is_new = found.is_whole
    pattern = _LINE if is_new else _OLD_LINE
    last, at = 0, end + 1
    # Line by line: a list of them would take more than what is made of them.
    while (end := text.find("\n", at)) >= 0:
        match = pattern.fullmatch(text, at, end)
        uid = int(match[1]) if match else 0
        if match is None or not last < uid <= LARGEST_UID:
            return None
        last, at = uid, end + 1
        file = split(match[match.lastindex or 0]).unique
        found.files.append(file)
        found.uids.append(uid)
        if is_new and match[2]:
            found.extras[file] = match[2].strip()
    if at < len(
        text
    ):  # a crash cut it off: its UID may have been told to nobody, but is never used again
        found.is_whole = False
    found.uid_next = max(found.uid_next, last + 1)
    return found


def _begin(head: str) -> UidList | None:
    old = _OLD_HEADER.fullmatch(head)
    if old is not None:
        numbers = int(old[1]), int(old[2])
        return _checked(UidList(uid_validity=numbers[0], uid_next=numbers[1], is_whole=False))
    new = _HEADER.fullmatch(head)
    if new is None:
        return None
    words = {word[0]: word[1:] for word in new[1].split()}
    validity, following = words.get("V", ""), words.get("N", "")
    if not (_is_number(validity) and _is_number(following)):
        return None
    others = " ".join(letter + value for letter, value in words.items() if letter not in "VN")
    return _checked(UidList(uid_validity=int(validity), uid_next=int(following), header=others))


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= 10


def _checked(found: UidList) -> UidList | None:
    is_sound = 0 < found.uid_validity < 2**32 and 0 < found.uid_next <= LARGEST_UID + 1
    return found if is_sound else None


def write(uids: UidList) -> str:
    """Return the whole file in version 3."""
    head = f"3 V{uids.uid_validity} N{uids.uid_next}"
    ordered = sorted(uids.by_file.items(), key=itemgetter(1))
    return f"{head} {uids.header}".rstrip() + "\n" + lines(uids, ordered)


def lines(uids: UidList, files: Iterable[tuple[str, int]]) -> str:
    """Return lines to add behind."""
    extras = uids.extras
    return "".join(
        f"{uid} {extras[file]} :{file}\n" if file in extras else f"{uid} :{file}\n"
        for file, uid in files
    )
