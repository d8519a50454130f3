"""The index file beside an mbox file, and how it is made from the file itself."""

from __future__ import annotations

import os
from collections import defaultdict, deque
from hashlib import blake2b
from typing import TYPE_CHECKING

from switchover import clock
from switchover.errors import Refused
from switchover.move.archive import mbox_index
from switchover.move.archive.durable import append, create, share, sync
from switchover.move.archive.mbox_index import LARGEST_UID, Entry, MboxIndex
from switchover.move.archive.mbox_scan import measure, scan

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from switchover.move.archive.mbox_index import Stamp
    from switchover.move.archive.mbox_scan import Layout


def notes_path(path: Path) -> Path:
    """Return where the index of an mbox file is."""
    return path.with_name(f".{path.name}.switchover-index")


def load_notes(path: Path) -> MboxIndex | None:
    """Return the index, None where there is none that makes sense."""
    try:
        descriptor = os.open(notes_path(path), os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except (FileNotFoundError, PermissionError):
        return None  # of another user, whose notes are not for us: the mails are
    with os.fdopen(descriptor, encoding="utf-8", errors="surrogateescape", newline="\n") as file:
        return mbox_index.parse(file)


def write_notes(path: Path, index: MboxIndex, stamp: Stamp) -> None:
    """Write the index anew, line by line."""
    notes = notes_path(path)
    new = notes.with_name(f"{notes.name}.{clock.new_id()}")
    try:
        with os.fdopen(create(new), "w", encoding="utf-8", errors="surrogateescape") as file:
            share(file.fileno(), path)
            file.write(mbox_index.head(index))
            file.writelines(map(mbox_index.line, index.entries()))
            file.write(mbox_index.stamped(index, stamp))
            file.flush()
            os.fsync(file.fileno())
        new.replace(notes)
    except BaseException:
        new.unlink(missing_ok=True)
        raise
    sync(path.parent)
    index.stamp = stamp


def append_notes(path: Path, index: MboxIndex, entries: Sequence[Entry], stamp: Stamp) -> None:
    """Add lines about mails, durably."""
    lines = "".join(map(mbox_index.line, entries)) + mbox_index.stamped(index, stamp)
    append(notes_path(path), lines.encode("utf-8", "surrogateescape"))
    index.stamp = stamp


def reindexed(descriptor: int, known: MboxIndex | None, *, is_noted: bool) -> MboxIndex:
    """Return the index of a file as it is now; mails that were known keep their UIDs.

    Without a former index the UIDs of X-IMAPbase and X-UID count, where Dovecot and others keep them. Where the
    index can not be noted (``is_noted``), other mails are another UIDVALIDITY.
    """
    giver = _Giver(known)
    octets = os.fstat(descriptor).st_size
    for layout in scan(descriptor, octets):
        if giver.is_no_mail(layout):
            continue
        size, mark = measure(descriptor, layout)
        uid = giver.uid(layout, mark)
        entry = Entry(uid, layout.begin, layout.end, size, layout.epoch_seconds, mark, layout.flags)
        giver.index.append(entry)
    return giver.finish(is_noted=is_noted)


def _number_of(index: MboxIndex) -> int:
    """Return a UIDVALIDITY that the mails themselves say."""
    digest = blake2b(index.marks.tobytes(), digest_size=4).digest()
    return int.from_bytes(digest, "big") >> 1 or 1


class _Giver:
    """Gives UIDs, ascending in the order of the file."""

    def __init__(self, known: MboxIndex | None) -> None:
        self.index = MboxIndex(uid_validity=known.uid_validity if known else 0)
        self._next = known.uid_next if known else 1
        self._last = 0
        self._is_known = known is not None
        self._former: defaultdict[int, deque[int]] = defaultdict(deque)
        for entry in known.entries() if known else ():
            self._former[entry.mark].append(entry.uid)

    def is_no_mail(self, layout: Layout) -> bool:
        """Take what the first mail says of the folder; True for one that is only there to say it."""
        told = layout.metadata
        if told is None or self._is_known or self.index.uids:
            return told is not None and told.is_internal
        if told.uid_validity:
            self.index.uid_validity = told.uid_validity
            self._next = max(self._next, told.uid_next)
        return told.is_internal

    def uid(self, layout: Layout, mark: int) -> int:
        """Return the UID for the next mail."""
        former = self._former[mark] if self._is_known and mark in self._former else deque[int]()
        while former and former[0] <= self._last:
            former.popleft()
        if former:
            uid = former.popleft()
        elif self._claimed(layout) > self._last:
            uid = self._claimed(layout)
        else:
            uid = max(self._next, self._last + 1)
        if uid > LARGEST_UID:
            raise Refused("the file has used up all UIDs")
        self._last = uid
        self._next = max(self._next, uid + 1)
        return uid

    def _claimed(self, layout: Layout) -> int:
        is_believed = not self._is_known and self.index.uid_validity
        return layout.metadata.uid if is_believed and layout.metadata else 0

    def finish(self, *, is_noted: bool) -> MboxIndex:
        """Return the index."""
        index = self.index
        index.uid_next = max(index.uid_next, self._next)
        if not is_noted:
            index.uid_validity = _number_of(index)
        elif not index.uid_validity:
            index.uid_validity = int(clock.now().timestamp())
        return index
