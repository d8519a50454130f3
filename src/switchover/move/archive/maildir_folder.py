"""One folder of a Maildir: reading, flags, expunging; ``maildir_batch`` stores."""

from __future__ import annotations

import os
import stat
from array import array
from bisect import bisect_left
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from switchover import clock
from switchover.move.archive import maildir_name
from switchover.move.archive.body import open_file
from switchover.move.archive.durable import sync
from switchover.move.archive.maildir_batch import MaildirBatch
from switchover.move.archive.maildir_uids import MaildirUids
from switchover.move.archive.store import Mail
from switchover.move.archive.uid_list import FileNames

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

    from switchover.move.archive.store import Body

_SETTLED_NS = 2 * 10**9
"""How old a change must be before the time of a directory tells all later ones apart from it."""


class Place(NamedTuple):
    """Where a mail lies: ``new`` or ``cur``, and the letters of its flags."""

    part: str
    letters: str


_place = lru_cache(maxsize=4096)(Place)  # a folder knows few combinations


class MaildirFolder:
    """An open folder; see ``store.Folder``."""

    def __init__(self, directory: Path, notice: Callable[[str], None], name: str) -> None:
        """Open ``directory``; what can not be kept is told to ``notice``."""
        self.directory = directory
        self.ids = MaildirUids(directory)
        self._notice = notice
        self._name = name
        # Columns of equal length, UIDs ascending: a folder may hold very many mails.
        self._uids = array("Q")
        self._names = FileNames()
        self._places: list[Place] = []
        self._cur, self._new = str(directory / "cur"), str(directory / "new")
        self._stamp: tuple[int, int] | None = None
        self.ids.begin()
        self.refresh()

    @property
    def uid_validity(self) -> int:
        """The validity of the UIDs."""
        return self.ids.list.uid_validity

    @property
    def uid_next(self) -> int:
        """The lowest UID that no mail had yet."""
        return self.ids.list.uid_next

    @property
    def keywords(self) -> tuple[bytes, ...]:
        """The keywords that have a letter."""
        return tuple(keyword for keyword in self.ids.keywords if keyword)

    @property
    def takes_keywords(self) -> bool:
        """True while a letter is free."""
        return len(self.keywords) < maildir_name.KEYWORDS_AT_MOST

    def uids(self) -> Sequence[int]:
        """Return the UIDs, ascending."""
        return self._uids

    def refresh(self) -> None:
        """Look again what is there, if anything changed."""
        stamp = self._changed_at()
        if stamp is not None and stamp == self._stamp:
            return
        self.ids.load()
        places, unknown = self._look(self.ids.list.files)
        if None in places:
            # A file that was renamed meanwhile may have been passed over: gone is what is missing twice.
            again, more = self._look(self.ids.list.files)
            places = [now or before for now, before in zip(again, places, strict=True)]
            unknown |= more
        if unknown:
            known = zip(self.ids.list.files, places, strict=True)
            there = {unique: place for unique, place in known if place is not None} | unknown
            self.ids.assign(list(unknown), there)
            places = [there.get(unique) for unique in self.ids.list.files]
        self._names, self._uids = self.ids.list.files.copy(), self.ids.list.uids[:]
        if None in places:
            chosen = [at for at, place in enumerate(places) if place is not None]
            self._names = FileNames(self._names[at] for at in chosen)
            self._uids = array("Q", map(self._uids.__getitem__, chosen))
        self._places = [place for place in places if place is not None]
        self._stamp = stamp

    def added(self, files: Mapping[str, tuple[int, str]]) -> None:
        """Take note of mails that we stored: their UIDs and letters by file."""
        for unique, (uid, letters) in files.items():
            self._places.append(_place("cur", letters))
            self._names.append(unique)
            self._uids.append(uid)
        self._stamp = None

    def list_mails(self, uids: Collection[int] | None) -> Iterator[Mail]:
        """Yield mails; those that are gone are left out."""
        for mail in self.list_flags(uids):
            at = self._row_of(mail.uid)
            told = self._find(at) if at is not None else None
            if told is not None:
                yield mail._replace(epoch_seconds=told.st_mtime_ns // 10**9)

    def list_flags(self, uids: Collection[int] | None) -> Iterator[Mail]:
        """Yield mails without their dates."""
        chosen = self._uids[:] if uids is None else uids
        for uid in chosen if isinstance(chosen, array) else sorted(chosen):
            at = self._row_of(uid)
            if at is not None:
                letters = self._places[at].letters
                yield Mail(uid, maildir_name.flags_of(letters, self.ids.keywords), 0)

    def size_of(self, uid: int) -> int | None:
        """Return what the file's name says, if it says the size of the file right, else what is in it."""
        at = self._row_of(uid)
        told = self._find(at) if at is not None else None
        if told is None or at is None:
            return None
        unique = self._names[at]
        announced = maildir_name.announced_size(unique, "W")
        if announced is not None and maildir_name.announced_size(unique, "S") == told.st_size:
            return announced
        body = self.open_body(uid)
        if body is None:
            return None
        body.close()
        return body.size

    def open_body(self, uid: int) -> Body | None:
        """Return a mail to read; one that is renamed meanwhile is looked for."""
        at = self._row_of(uid)
        while at is not None and self._find(at) is not None:
            with suppress(FileNotFoundError):
                return open_file(self._path(at))
        return None

    def begin(self) -> MaildirBatch:
        """Begin to store mails."""
        return MaildirBatch(self)

    def set_flags(self, changes: Mapping[int, tuple[bytes, ...]]) -> None:
        """Rename the files of mails to their new flags."""
        with self.ids.locked():
            self.tell_lost(self.ids.add_keywords(f for flags in changes.values() for f in flags))
        for uid, flags in changes.items():
            at = self._row_of(uid)
            while at is not None and self._find(at) is not None:
                former = self._places[at]
                letters = maildir_name.letters_of(flags, self.ids.keywords, former.letters)
                new = self.directory / "cur" / maildir_name.joined(self._names[at], letters)
                with suppress(FileNotFoundError):
                    self._path(at).rename(new)
                    self._places[at] = _place("cur", letters)
                    break
        sync(self.directory / "cur")
        sync(self.directory / "new")
        self._stamp = None

    def expunge(self, uids: Collection[int]) -> list[int]:
        """Remove mails."""
        gone = []
        for uid in sorted(uids):
            at = self._row_of(uid)
            while at is not None and self._find(at) is not None:
                with suppress(FileNotFoundError):
                    self._path(at).unlink()
                    gone.append(uid)
                    break
        if gone:
            sync(self.directory / "cur")
            self._stamp = None
            self.refresh()
            if self.ids.is_slack(len(self._uids)):
                with self.ids.locked():
                    self.ids.write(unique for unique, _ in self._scan())
        return gone

    def close(self) -> None:
        """Nothing is held."""

    def tell_lost(self, keywords: Sequence[bytes]) -> None:
        """Tell of keywords that can not be kept."""
        for keyword in sorted(set(keywords)):
            said = keyword.decode("ascii", "replace")
            self._notice(
                f"{self._name} can not keep the keyword {said}: a Maildir folder has room for "
                f"{maildir_name.KEYWORDS_AT_MOST}"
            )

    def _row_of(self, uid: int) -> int | None:
        at = bisect_left(self._uids, uid)
        return at if at < len(self._uids) and self._uids[at] == uid else None

    def _path(self, at: int) -> Path:
        return Path(self._path_text(at))

    def _path_text(self, at: int) -> str:
        place, unique = self._places[at], self._names[at]
        if place.part == "new":
            return f"{self._new}/{unique}"
        return f"{self._cur}/{maildir_name.joined(unique, place.letters)}"

    def _find(self, at: int) -> os.stat_result | None:
        """Return the state of a file, also when it was renamed; None when it is gone or no plain file."""
        for _ in range(3):
            with suppress(FileNotFoundError):
                told = os.lstat(self._path_text(at))
                return told if stat.S_ISREG(told.st_mode) else None
            now, _unknown = self._look(self._names)
            self._places = [
                place or before for place, before in zip(now, self._places, strict=True)
            ]
        return None

    def _look(self, files: Sequence[str]) -> tuple[list[Place | None], dict[str, Place]]:
        """Return where each of these files is, and all others that are there."""
        rows = {unique: at for at, unique in enumerate(files)}
        found: list[Place | None] = [None] * len(files)
        others: dict[str, Place] = {}
        for unique, place in self._scan():
            at = rows.get(unique)
            if at is None:
                others[unique] = place
            else:
                found[at] = place
        return found, others

    def _scan(self) -> Iterator[tuple[str, Place]]:
        for part in ("new", "cur"):
            with suppress(FileNotFoundError), os.scandir(self.directory / part) as entries:
                for entry in entries:
                    if entry.name.startswith(".") or not entry.is_file(follow_symlinks=False):
                        continue
                    unique, letters = maildir_name.split(entry.name)
                    yield unique, _place(part, letters)

    def _changed_at(self) -> tuple[int, int] | None:
        """Return when the directories changed last; None while a change could still hide behind that."""
        times = [0, 0]
        for at, part in enumerate(("new", "cur")):
            with suppress(FileNotFoundError):
                times[at] = (self.directory / part).stat().st_mtime_ns
        if clock.now().timestamp() * 10**9 - max(times) < _SETTLED_NS:
            return None
        return times[0], times[1]
