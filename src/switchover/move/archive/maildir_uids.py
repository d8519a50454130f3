"""The UIDs and keywords of one Maildir folder, in the files where Dovecot has them."""

from __future__ import annotations

import contextlib
import errno
import os
from array import array
from hashlib import blake2b
from typing import TYPE_CHECKING

from switchover import clock
from switchover.move.archive import maildir_name, uid_list
from switchover.move.archive.durable import (
    append,
    create,
    dot_lock,
    make_directory,
    read,
    replace,
    sync,
)
from switchover.move.archive.uid_list import FileNames, UidList

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

_READ_ONLY = frozenset({errno.EROFS, errno.EACCES, errno.EPERM})
_SLACK = 1000
"""Lines of mails that are gone, beyond as many as there are mails, before the file is written anew."""


class MaildirUids:
    """What the folder's files say, read again when they changed."""

    def __init__(self, directory: Path) -> None:
        """Begin with nothing read."""
        self.list = UidList(uid_validity=0, uid_next=1)
        self.keywords: list[bytes] = []
        self.is_read_only = False
        self._is_closed = False
        self._directory = directory
        self._path = directory / "dovecot-uidlist"
        self._keywords_path = directory / "dovecot-keywords"
        self._seen: tuple[int, int, int] | None = None

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Hold Dovecot's lock, with everything read as it is now."""
        with dot_lock(self._path.with_name("dovecot-uidlist.lock")):
            self.load()
            if self._is_closed:
                raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(self._path))
            yield

    def load(self) -> None:
        """Read what changed since the last time."""
        try:
            self.keywords = maildir_name.parse_keywords(read(self._keywords_path) or b"")
            seen = self._stamp()
            if seen is not None and seen == self._seen:
                return
            found = self._read(self._path) or self._read(self._directory / "courierimapuiddb")
        except PermissionError:
            # Of another user, whose notes are not for us: the mails may be.
            if not self._is_closed:
                self._number(())
            self._is_closed = True
            return
        if found is not None:
            self.list = found
        elif not self.list.uid_validity or self._seen is not None:
            validity = max(int(clock.now().timestamp()), self.list.uid_validity + 1)
            guid = "G" + clock.new_id().replace("-", "")
            self.list = UidList(uid_validity=validity, uid_next=1, header=guid, is_whole=False)
        self._seen = seen

    def give(self, files: Sequence[str]) -> list[int]:
        """Give files the next UIDs, durably; only while ``locked``."""
        uids = [self.list.add(file) for file in files]
        if not self.list.is_whole:
            self.write()
            return uids
        added = zip(files, uids, strict=True)
        append(self._path, os.fsencode(uid_list.lines(self.list, added)))
        self._seen = self._stamp()
        return uids

    def write(self, there: Iterable[str] | None = None) -> None:
        """Write the file anew, only with the files ``there``; only while ``locked``."""
        if there is not None:
            self.list.keep(set(there))
        replace(self._path, os.fsencode(uid_list.write(self.list)))
        self.list.is_whole = True
        self._seen = self._stamp()

    def is_slack(self, there: int) -> bool:
        """Return whether most lines are of mails that are gone."""
        return len(self.list.files) > 2 * there + _SLACK

    def assign(self, unknown: Sequence[str], there: Iterable[str]) -> None:
        """Give UIDs to files that others put there, in the order in which they were delivered."""
        try:
            with self.locked():
                known = self.list.by_file
                fresh = [one for one in unknown if one not in known]
                self.give(sorted(fresh, key=maildir_name.order))
        except OSError as error:
            if error.errno not in _READ_ONLY:
                raise
            self._number(there)

    def begin(self) -> None:
        """Make the file where there is none or an older one, so that the UIDs told once are kept."""
        self.load()
        if self.list.is_whole:
            return
        try:
            with self.locked():
                if not self.list.is_whole:
                    self.write()
        except OSError as error:
            if error.errno not in _READ_ONLY:
                raise
            self._number(())

    def add_keywords(self, flags: Iterable[bytes]) -> list[bytes]:
        """Give keywords their letters and return those that got none; only while ``locked``."""
        keywords, lost = maildir_name.added_keywords(self.keywords, flags)
        if keywords != self.keywords:
            replace(self._keywords_path, maildir_name.format_keywords(keywords))
            self.keywords = keywords
        return lost

    def _number(self, there: Iterable[str]) -> None:
        """Number mails where nothing can be written: other mails are then another UIDVALIDITY."""
        files = sorted(there, key=maildir_name.order)
        digest = blake2b("\n".join(files).encode("utf-8", "surrogateescape"), digest_size=4)
        validity = int.from_bytes(digest.digest(), "big") >> 1 or 1
        self.is_read_only = True
        self.list = UidList(uid_validity=validity, uid_next=len(files) + 1)
        self.list.files = FileNames(files)
        self.list.uids = array("Q", range(1, len(files) + 1))

    def _read(self, path: Path) -> UidList | None:
        raw = read(path)
        if raw is None:
            return None
        text = os.fsdecode(raw)
        del raw  # of very many mails both are large
        return uid_list.parse(text)

    def _stamp(self) -> tuple[int, int, int] | None:
        try:
            told = self._path.lstat()
        except FileNotFoundError:
            return None
        return told.st_ino, told.st_size, told.st_mtime_ns


def make_folder(path: Path, *, is_root: bool = False) -> None:
    """Make the directories of a Maildir folder, durably; harmless where some are there."""
    if not path.is_dir():
        make_directory(path)
        sync(path.parent)
    for part in ("tmp", "new", "cur"):
        with contextlib.suppress(FileExistsError):
            make_directory(path / part)
    if not is_root:
        with contextlib.suppress(FileExistsError):
            os.close(create(path / "maildirfolder"))
    sync(path)
