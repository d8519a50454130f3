"""One mbox file with its index."""

from __future__ import annotations

import errno
import fcntl
import os
import stat
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from switchover import clock
from switchover.errors import NotFound, Refused
from switchover.move.archive import mbox_text
from switchover.move.archive.durable import dot_lock, record_lock
from switchover.move.archive.mbox_batch import MboxBatch
from switchover.move.archive.mbox_index import MboxIndex, Stamp
from switchover.move.archive.mbox_notes import append_notes, load_notes, reindexed, write_notes
from switchover.move.archive.mbox_rewrite import rewrite
from switchover.move.archive.mbox_scan import look, read
from switchover.move.archive.mbox_splice import recover
from switchover.move.archive.store import Body, Mail

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence
    from pathlib import Path

_READ_ONLY = frozenset({errno.EROFS, errno.EACCES, errno.EPERM})


class MboxFolder:
    """An open file; see ``store.Folder``."""

    takes_keywords = True

    def __init__(self, path: Path) -> None:
        """Open it, and read it through when it is not as the index says."""
        self.path = path
        self.index = MboxIndex(uid_validity=0)
        self.descriptor = _open(path)
        try:
            self.refresh()
        except BaseException:
            self.close()
            raise

    @property
    def uid_validity(self) -> int:
        """The validity of the UIDs."""
        return self.index.uid_validity

    @property
    def uid_next(self) -> int:
        """The lowest UID that no mail had yet."""
        return self.index.uid_next

    @property
    def keywords(self) -> tuple[bytes, ...]:
        """The keywords in use."""
        return self.index.keywords()

    def uids(self) -> Sequence[int]:
        """Return the UIDs of all mails, ascending."""
        return self.index.uids

    def refresh(self) -> None:
        """Look again what is there."""
        if self.index.uid_validity and self.index.stamp == self._stamp():
            return
        try:
            with self.locked():
                pass
        except OSError as error:
            if error.errno not in _READ_ONLY:
                raise
            known, stamp = load_notes(self.path), self._stamp()
            if known is None or known.stamp != stamp:
                known = reindexed(self.descriptor, known, is_noted=False)
                known.stamp = stamp
            self.index = known

    def list_mails(self, uids: Collection[int] | None) -> Iterator[Mail]:
        """Yield mails."""
        index = self.index
        for uid in list(index.uids) if uids is None else sorted(uids):
            at = index.find(uid)
            if at is not None:
                yield Mail(uid, index.flags[at], index.dates[at])

    list_flags = list_mails

    def size_of(self, uid: int) -> int | None:
        """Return what the index says."""
        at = self.index.find(uid)
        return None if at is None else self.index.sizes[at]

    def open_body(self, uid: int) -> Body | None:
        """Return a mail to read."""
        at = self.index.find(uid)
        if at is None:
            return None
        entry = self.index.entry(at)
        layout = look(self.descriptor, entry.begin, entry.end)
        return Body(entry.size, read(self.descriptor, layout))

    def begin(self) -> MboxBatch:
        """Begin to store mails."""
        return MboxBatch(self)

    def set_flags(self, changes: Mapping[int, tuple[bytes, ...]]) -> None:
        """Write flags in place where there is room for them, else from there on anew."""
        with self.locked():
            index = self.index
            known = {uid: flags for uid, flags in changes.items() if index.find(uid) is not None}
            crowded = {
                uid: flags for uid, flags in known.items() if not self._set_in_place(uid, flags)
            }
            os.fsync(self.descriptor)
            for uid, flags in known.items():
                index.flags[index.find(uid) or 0] = flags
            if crowded:
                self.index = rewrite(self, crowded, gone=())
                write_notes(self.path, self.index, self._stamp())
            else:
                places = [index.find(uid) or 0 for uid in sorted(known)]
                append_notes(self.path, index, [index.entry(at) for at in places], self._stamp())

    def expunge(self, uids: Collection[int]) -> list[int]:
        """Write the file anew from the first of these mails on."""
        with self.locked():
            gone = [uid for uid in sorted(uids) if self.index.find(uid) is not None]
            if gone:
                self.index = rewrite(self, {}, gone=gone)
                write_notes(self.path, self.index, self._stamp())
        return gone

    def close(self) -> None:
        """Close the file."""
        if self.descriptor >= 0:
            os.close(self.descriptor)
            self.descriptor = -1

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the locks that other programs respect, with the index as the file is now."""
        if fcntl.fcntl(self.descriptor, fcntl.F_GETFL) & os.O_ACCMODE == os.O_RDONLY:
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(self.path))
        lock = self.path.with_name(self.path.name + ".lock")
        with record_lock(self.descriptor, self.path), dot_lock(lock):
            if os.fstat(self.descriptor).st_nlink == 0:
                raise NotFound(f"{self.path} was removed or replaced meanwhile")
            recover(self.path, self.descriptor, clock.new_id())
            if not self.index.uid_validity or self.index.stamp != self._stamp():
                self._reload()
            yield

    def noted(self, first: int) -> None:
        """Note the mails from place ``first`` on, which were added; only while ``locked``."""
        entries = [self.index.entry(at) for at in range(first, len(self.index.uids))]
        append_notes(self.path, self.index, entries, self._stamp())

    def _reload(self) -> None:
        found = load_notes(self.path)
        if found is None or found.stamp is None or found.stamp != self._stamp():
            known = found or (self.index if self.index.uid_validity else None)
            found = reindexed(self.descriptor, known, is_noted=True)
            write_notes(self.path, found, self._stamp())
        self.index = found

    def _set_in_place(self, uid: int, flags: tuple[bytes, ...]) -> bool:
        entry = self.index.entry(self.index.find(uid) or 0)
        layout = look(self.descriptor, entry.begin, entry.end)
        if layout.block is None:
            return False
        octets = layout.block.octets
        text = mbox_text.block(uid, flags, mbox_text.keyword_room(octets))
        if len(text) != octets:
            return False
        os.pwrite(self.descriptor, text, layout.text - octets)
        return True

    def _stamp(self) -> Stamp:
        told = os.fstat(self.descriptor)
        return Stamp(told.st_size, told.st_mtime_ns, told.st_ino)


def _open(path: Path) -> int:
    flags = os.O_NOFOLLOW | os.O_NONBLOCK
    try:
        descriptor = os.open(path, os.O_RDWR | flags)
    except OSError as error:
        if error.errno not in _READ_ONLY:
            raise
        descriptor = os.open(path, os.O_RDONLY | flags)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        with suppress(OSError):
            os.close(descriptor)
        raise Refused(f"{path} is not a plain file")
    return descriptor
