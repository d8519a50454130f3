"""The files in which Dovecot and Courier keep the UIDs of a Maildir, read and written. Pure.

``dovecot-uidlist`` version 3: ``3 V<uidvalidity> N<next uid> G<mailbox guid>``, then a line
``<uid> [<letter><value> ...] :<file>`` for each mail. Lines may be added behind; the next UID is then one beyond
the last. Version 1, which is also Courier's ``courierimapuiddb``: ``1 <uidvalidity> <next uid>`` and
``<uid> <file>``. Source: https://doc.dovecot.org/2.3/admin_manual/mailbox_formats/maildir/
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from switchover.move.archive.maildir_name import split

if TYPE_CHECKING:
    from collections.abc import Iterable

LARGEST_UID = 2**32 - 2
_HEADER = re.compile(r"3((?: [A-Z][!-~]*)*)")
_OLD_HEADER = re.compile(r"1 ([0-9]{1,10}) ([0-9]{1,10})")
_LINE = re.compile(r"([0-9]{1,10})((?: [A-Z][^ :]*)*) :(.+)", re.DOTALL)
_OLD_LINE = re.compile(r"([0-9]{1,10}) (.+)", re.DOTALL)


class Known(NamedTuple):
    """The UID of a file; ``extra`` is what else its line says (``W1234 P00001``), kept as it is."""

    uid: int
    extra: str = ""


@dataclass(slots=True, kw_only=True)
class UidList:
    """What such a file says; ``by_file`` by the part of the file name that never changes.

    ``is_whole`` is False when the file must be written anew before lines can be added: another format,
    or a last line that a crash cut off.
    """

    uid_validity: int
    uid_next: int
    header: str = ""
    by_file: dict[str, Known] = field(default_factory=dict)
    is_whole: bool = True

    def add(self, file: str, extra: str = "") -> int:
        """Give a file the next UID and return it; raises OverflowError when there are no more."""
        if self.uid_next > LARGEST_UID:
            raise OverflowError("the folder has used up all UIDs")
        uid = self.uid_next
        self.by_file[file] = Known(uid, extra)
        self.uid_next += 1
        return uid


def parse(text: str) -> UidList | None:
    """Return what a uidlist says; None for what is none, or whose UIDs make no sense."""
    head, newline, rest = text.partition("\n")
    found = _begin(head) if newline else None
    if found is None:
        return None
    pattern = _LINE if found.is_whole else _OLD_LINE
    lines = rest.split("\n")
    if (
        lines.pop()
    ):  # a crash cut it off: its UID may have been told to nobody, but is never used again
        found.is_whole = False
    last = 0
    for line in lines:
        match = pattern.fullmatch(line)
        uid = int(match[1]) if match else 0
        if match is None or not last < uid <= LARGEST_UID:
            return None
        last = uid
        extra = match[2].strip() if pattern is _LINE else ""
        found.by_file[split(match[match.lastindex or 0]).unique] = Known(uid, extra)
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
    ordered = sorted(uids.by_file.items(), key=lambda one: one[1].uid)
    return f"{head} {uids.header}".rstrip() + "\n" + lines(ordered)


def lines(files: Iterable[tuple[str, Known]]) -> str:
    """Return lines to add behind."""
    return "".join(
        f"{known.uid} {known.extra} :{file}\n" if known.extra else f"{known.uid} :{file}\n"
        for file, known in files
    )
