"""One directory of .eml files, with its index."""

from __future__ import annotations

import errno
import os
import stat
from contextlib import contextmanager, suppress
from hashlib import blake2b
from typing import TYPE_CHECKING

from switchover import clock
from switchover.move.archive import eml_index
from switchover.move.archive.body import open_file
from switchover.move.archive.durable import append, create, dot_lock, read, replace, sync, sync_all
from switchover.move.archive.eml_index import EmlIndex, Entry
from switchover.move.archive.file_name import subject_of
from switchover.move.archive.store import Body, Mail
from switchover.wire.imap.internal_date import InternalDate

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence
    from pathlib import Path

INDEX = ".switchover-index.jsonl"
ENDING = ".eml"
_READ_ONLY = frozenset({errno.EROFS, errno.EACCES, errno.EPERM})
_HEAD_BYTES = 64 << 10
_SLACK = 1000


class EmlFolder:
    """An open directory; see ``store.Folder``."""

    takes_keywords = True

    def __init__(self, directory: Path) -> None:
        """Open it and give UIDs to files that have none."""
        self.directory = directory
        self.index = EmlIndex(uid_validity=0)
        self._path = directory / INDEX
        self._seen: tuple[int, int, int] | None = None
        self._there: set[str] = set()
        self._uids: list[int] = []
        self.refresh()

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
        found = {flag for entry in self.index.entries.values() for flag in entry.flags}
        return tuple(sorted(flag for flag in found if not flag.startswith(b"\\")))

    def uids(self) -> Sequence[int]:
        """Return the UIDs of all mails, ascending."""
        return self._uids

    def refresh(self) -> None:
        """Look again what is there."""
        is_closed = False
        try:
            self._load()
        except PermissionError:
            is_closed = True  # notes of another user, which are not for us: the mails may be
        with os.scandir(self.directory) as entries:
            self._there = {
                one.name
                for one in entries
                if one.name.lower().endswith(ENDING)
                and one.name[0] != "."
                and one.is_file(follow_symlinks=False)
            }
        unknown = self._there - {entry.file for entry in self.index.entries.values()}
        if is_closed:
            self._number()
        elif unknown or not self._seen:
            self._adopt(unknown)
        self._count()

    def list_mails(self, uids: Collection[int] | None) -> Iterator[Mail]:
        """Yield mails; those that are gone are left out."""
        for uid in list(self._uids) if uids is None else sorted(uids):
            entry = self.index.entries.get(uid)
            if entry is not None and entry.file in self._there:
                yield Mail(uid, entry.flags, entry.epoch_seconds)

    list_flags = list_mails

    def size_of(self, uid: int) -> int | None:
        """Return what was noted while it holds, else what is in the file."""
        body = self.open_body(uid)
        if body is None:
            return None
        body.close()
        return body.size

    def open_body(self, uid: int) -> Body | None:
        """Return a mail to read; as it came where the file is still the one that we wrote."""
        entry = self.index.entries.get(uid)
        if entry is None:
            return None
        path = self.directory / entry.file
        with suppress(FileNotFoundError):
            return open_file(path, is_exact=path.lstat().st_size == entry.octets)
        return None

    def begin(self) -> EmlBatch:
        """Begin to store mails."""
        return EmlBatch(self)

    def set_flags(self, changes: Mapping[int, tuple[bytes, ...]]) -> None:
        """Note other flags."""
        with self.locked():
            known = self.index.entries
            self.note(
                [
                    (uid, known[uid]._replace(flags=flags))
                    for uid, flags in changes.items()
                    if uid in known
                ]
            )

    def expunge(self, uids: Collection[int]) -> list[int]:
        """Remove files, then their lines."""
        with self.locked():
            gone = []
            for uid in sorted(uids):
                entry = self.index.entries.get(uid)
                if entry is not None:
                    with suppress(FileNotFoundError):
                        (self.directory / entry.file).unlink()
                        gone.append(uid)
            sync(self.directory)
            self.note([(uid, None) for uid in gone])
        self._there -= {name for name in self._there if not (self.directory / name).exists()}
        self._count()
        return gone

    def close(self) -> None:
        """Nothing is held."""

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the lock of the index, with what it says now."""
        with dot_lock(self.directory / f"{INDEX}.lock"):
            self._load()
            yield

    def note(self, changes: Sequence[tuple[int, Entry | None]]) -> None:
        """Write lines, durably; only while ``locked``."""
        for uid, entry in changes:
            if entry is None:
                self.index.entries.pop(uid, None)
            else:
                self.index.entries[uid] = entry
        self.index.lines += len(changes)
        if not self.index.is_whole or self.index.lines > 2 * len(self.index.entries) + _SLACK:
            replace(self._path, os.fsencode(eml_index.write(self.index)))
            self.index.is_whole, self.index.lines = True, len(self.index.entries)
        elif changes:
            append(self._path, os.fsencode(eml_index.lines(changes)))
        self._seen = self._stamp()

    def added(self, files: Collection[str]) -> None:
        """Take note of files that we put there."""
        self._there |= set(files)
        self._count()

    def _count(self) -> None:
        self._uids = sorted(
            uid for uid, entry in self.index.entries.items() if entry.file in self._there
        )

    def _load(self) -> None:
        seen = self._stamp()
        if seen is not None and seen == self._seen:
            return
        text = read(self._path)
        found = eml_index.parse(os.fsdecode(text)) if text is not None else None
        if found is not None:
            self.index = found
        elif not self.index.uid_validity or self._seen is not None:
            validity = max(int(clock.now().timestamp()), self.index.uid_validity + 1)
            self.index = EmlIndex(uid_validity=validity, is_whole=False)
        self._seen = seen

    def _adopt(self, files: Collection[str]) -> None:
        """Give UIDs to files that others put there, in the order of their times."""
        try:
            with self.locked():
                known = {entry.file for entry in self.index.entries.values()}
                found = [one for one in map(self._foreign, files) if one and one.file not in known]
                found.sort(key=lambda one: (one.epoch_seconds, one.file))
                self.note([(self.index.add(one), one) for one in found])
        except OSError as error:
            if error.errno not in _READ_ONLY:
                raise
            self._number()

    def _number(self) -> None:
        """Number mails where nothing can be written: other mails are then another UIDVALIDITY."""
        found = [one for one in map(self._foreign, sorted(self._there)) if one]
        text = "\n".join(one.file for one in found)
        digest = blake2b(os.fsencode(text), digest_size=4).digest()
        self.index = EmlIndex(uid_validity=int.from_bytes(digest, "big") >> 1 or 1)
        for one in found:
            self.index.add(one)

    def _foreign(self, file: str) -> Entry | None:
        with suppress(FileNotFoundError):
            told = (self.directory / file).lstat()
            if stat.S_ISREG(told.st_mode):
                return Entry(file, (), told.st_mtime_ns // 10**9)
        return None

    def _stamp(self) -> tuple[int, int, int] | None:
        try:
            told = self._path.lstat()
        except FileNotFoundError:
            return None
        return told.st_ino, told.st_size, told.st_mtime_ns


class EmlBatch:
    """See ``store.Batch``: the octets are written as they came, with CR LF."""

    def __init__(self, folder: EmlFolder) -> None:
        """Begin without a mail."""
        self._folder = folder
        self._mails: list[tuple[Path, str, Entry]] = []
        self._descriptor = -1
        self._head = bytearray()

    def begin_mail(self, flags: tuple[bytes, ...], epoch_seconds: int) -> None:
        """Begin a hidden file."""
        path = self._folder.directory / f".{clock.new_id()}.tmp"
        self._descriptor = create(path)
        self._mails.append((path, "", Entry("", flags, epoch_seconds, 0)))
        self._head.clear()

    def write(self, data: memoryview) -> None:
        """Write octets as they are."""
        path, subject, entry = self._mails[-1]
        if len(self._head) < _HEAD_BYTES:
            self._head += data[:_HEAD_BYTES]
        self._mails[-1] = (path, subject, entry._replace(octets=entry.octets + len(data)))
        while data:
            data = data[os.write(self._descriptor, data) :]

    def end_mail(self) -> None:
        """Close the file; its time is the date of the mail."""
        path, _, entry = self._mails[-1]
        self._mails[-1] = (path, subject_of(bytes(self._head)), entry)
        moment = entry.epoch_seconds * 10**9
        os.utime(self._descriptor, ns=(moment, moment))
        self._close()

    def commit(self) -> list[int]:
        """Note the mails, then give the files their names: a crash between leaves notes without files."""
        folder = self._folder
        sync_all([path for path, _, _ in self._mails])
        moved: list[Path] = []
        noted: list[tuple[int, Entry | None]] = []
        with folder.locked():
            for _, subject, entry in self._mails:
                uid = folder.index.add(entry)
                noted.append((uid, entry._replace(file=_file(uid, entry, subject))))
            folder.note(noted)
            try:
                for (path, _, _), (_, named) in zip(self._mails, noted, strict=True):
                    place = folder.directory / (named.file if named else "")
                    os.link(
                        path, place, follow_symlinks=False
                    )  # unlike a rename it replaces nothing
                    moved.append(place)
                    path.unlink()
                sync(folder.directory)
            except BaseException:
                for place in moved:
                    place.unlink(missing_ok=True)
                folder.note([(uid, None) for uid, _ in noted])
                raise
        self._mails.clear()
        folder.added([place.name for place in moved])
        return [uid for uid, _ in noted]

    def abort(self) -> None:
        """Remove the hidden files."""
        self._close()
        for path, _, _ in self._mails:
            path.unlink(missing_ok=True)
        self._mails.clear()

    def _close(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


def _file(uid: int, entry: Entry, subject: str) -> str:
    day = _day(entry.epoch_seconds)
    return " ".join(part for part in (f"{uid:06d}", day, subject) if part) + ENDING


def _day(epoch_seconds: int) -> str:
    text = InternalDate(epoch_seconds, 0).encode().decode("ascii")
    months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
    day, month, year = text[:11].split("-")
    return f"{year}-{months.index(month) + 1:02d}-{day}"
