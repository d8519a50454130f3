"""Mails on their way into a Maildir folder: written to ``tmp``, brought to the disk, moved to ``cur`` together."""

from __future__ import annotations

import itertools
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from switchover import clock
from switchover.move.archive import maildir_name
from switchover.move.archive.durable import create, sync, sync_all
from switchover.move.archive.line_ends import ToFile, ToWire

if TYPE_CHECKING:
    from pathlib import Path

    from switchover.move.archive.maildir_folder import MaildirFolder

_NUMBERS = itertools.count(1)


@dataclass(slots=True, kw_only=True)
class _Written:
    """A mail in ``tmp``; sizes are those of the file and of the mail as it will be read."""

    path: Path
    flags: tuple[bytes, ...]
    epoch_seconds: int
    octets: int = 0
    octets_on_wire: int = 0


class MaildirBatch:
    """See ``store.Batch``."""

    def __init__(self, folder: MaildirFolder) -> None:
        """Begin without a mail."""
        self._folder = folder
        self._mails: list[_Written] = []
        self._descriptor = -1
        self._to_file = ToFile()
        self._to_wire = ToWire()

    def begin_mail(self, flags: tuple[bytes, ...], epoch_seconds: int) -> None:
        """Begin a file in ``tmp``."""
        now = clock.now()
        name = (
            f"{int(now.timestamp())}.M{now.microsecond}P{os.getpid()}Q{next(_NUMBERS)}"
            f"R{clock.new_id()[:8]}.{_host()}"
        )
        path = self._folder.directory / "tmp" / name
        self._descriptor = create(path, beside=self._folder.directory)
        self._mails.append(_Written(path=path, flags=flags, epoch_seconds=epoch_seconds))
        self._to_file, self._to_wire = ToFile(), ToWire()

    def write(self, data: memoryview) -> None:
        """Write octets with LF as line end."""
        self._put(self._to_file.feed(bytes(data)))

    def end_mail(self) -> None:
        """Close the file; its time is the date of the mail."""
        self._put(self._to_file.end())
        mail = self._mails[-1]
        mail.octets_on_wire = self._to_wire.octets
        moment = mail.epoch_seconds * 10**9
        os.utime(self._descriptor, ns=(moment, moment))
        self._close()

    def commit(self) -> list[int]:
        """Move all into ``cur``: with what goes wrong on the way all are taken out again."""
        folder, mails = self._folder, self._mails
        sync_all([mail.path for mail in mails])
        moved: list[Path] = []
        files: dict[str, tuple[int, str]] = {}
        try:
            with folder.ids.locked():
                folder.tell_lost(folder.ids.add_keywords(f for mail in mails for f in mail.flags))
                named = {}
                for mail in mails:
                    letters = maildir_name.letters_of(mail.flags, folder.ids.keywords)
                    unique = f"{mail.path.name},S={mail.octets},W={mail.octets_on_wire}"
                    place = folder.directory / "cur" / maildir_name.joined(unique, letters)
                    mail.path.rename(place)
                    moved.append(place)
                    named[unique] = letters
                sync(folder.directory / "cur")
                uids = folder.ids.give(list(named))
                files = {
                    unique: (uid, letters)
                    for uid, (unique, letters) in zip(uids, named.items(), strict=True)
                }
        except BaseException:
            for place in moved:
                place.unlink(missing_ok=True)
            raise
        mails.clear()
        folder.added(files)
        return uids

    def abort(self) -> None:
        """Remove what lies in ``tmp``."""
        self._close()
        for mail in self._mails:
            mail.path.unlink(missing_ok=True)
        self._mails.clear()

    def _put(self, data: bytes) -> None:
        self._to_wire.feed(data)
        self._mails[-1].octets += len(data)
        view = memoryview(data)
        while view:
            view = view[os.write(self._descriptor, view) :]

    def _close(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


def _host() -> str:
    return os.uname().nodename.replace("/", "\\057").replace(":", "\\072").replace(",", "\\054")
