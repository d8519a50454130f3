"""Mails on their way into an mbox file: written beside it, then added behind it at once."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from switchover import clock
from switchover.errors import Refused
from switchover.move.archive import mbox_text
from switchover.move.archive.durable import create
from switchover.move.archive.mbox_index import LARGEST_UID, Entry
from switchover.move.archive.mbox_scan import Meter
from switchover.move.archive.mbox_splice import HEAD_BYTES, splice, stage_path
from switchover.move.archive.mbox_text import Quoter, Unquoter

if TYPE_CHECKING:
    from switchover.move.archive.mbox_folder import MboxFolder


@dataclass(slots=True, kw_only=True)
class _Written:
    """A mail in the staged file, by offsets there."""

    flags: tuple[bytes, ...]
    epoch_seconds: int
    begin: int
    block: int
    end: int = 0
    size: int = 0
    mark: int = 0


class MboxBatch:
    """See ``store.Batch``."""

    def __init__(self, folder: MboxFolder) -> None:
        """Begin without a mail."""
        self._folder = folder
        self._staged = stage_path(folder.path, clock.new_id())
        self._descriptor = -1
        self._octets = 0
        self._mails: list[_Written] = []
        self._quoter = Quoter()
        # The mail is measured as it will be read: its last line may get an end.
        self._reader = Unquoter(is_quoted=True)
        self._meter = Meter()

    def begin_mail(self, flags: tuple[bytes, ...], epoch_seconds: int) -> None:
        """Begin a mail with its From_ line and room for what is in front of it."""
        if self._descriptor < 0:
            self._descriptor = create(self._staged)
            os.write(self._descriptor, bytes(HEAD_BYTES))
        begin = self._octets
        self._put(mbox_text.from_line(epoch_seconds))
        mail = _Written(flags=flags, epoch_seconds=epoch_seconds, begin=begin, block=self._octets)
        self._put(mbox_text.block(0, flags, _room(flags)))
        self._mails.append(mail)
        self._quoter, self._reader = Quoter(), Unquoter(is_quoted=True)
        self._meter = Meter()

    def write(self, data: memoryview) -> None:
        """Write octets with LF as line end and quoted."""
        self._take(self._quoter.feed(bytes(data)))

    def end_mail(self) -> None:
        """End the mail with an empty line behind it."""
        self._take(self._quoter.end())
        mail = self._mails[-1]
        self._meter.update(self._reader.end())
        mail.size, mail.mark = self._meter.size, self._meter.mark()
        mail.end = self._octets
        self._put(b"\n")

    def commit(self) -> list[int]:
        """Add all mails behind the file."""
        folder, uids = self._folder, []
        with folder.locked():
            index = folder.index
            if index.uid_next + len(self._mails) > LARGEST_UID:
                raise Refused(f"{folder.path} has used up all UIDs")
            for uid, mail in enumerate(self._mails, index.uid_next):
                os.pwrite(
                    self._descriptor,
                    mbox_text.block(uid, mail.flags, _room(mail.flags)),
                    HEAD_BYTES + mail.block,
                )
                uids.append(uid)
            start = _end_with_empty_line(folder.descriptor)
            splice(folder.path, folder.descriptor, start, self._staged)
            first = len(index.uids)
            for uid, mail in zip(uids, self._mails, strict=True):
                index.append(
                    Entry(
                        uid, start + mail.begin, start + mail.end, mail.size, mail.epoch_seconds,
                        mail.mark, mail.flags,
                    )
                )  # fmt: skip
            folder.noted(first)
        self.abort()
        return uids

    def abort(self) -> None:
        """Remove what lies beside the file."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1
            self._staged.unlink(missing_ok=True)
        self._mails = []

    def _take(self, text: bytes) -> None:
        self._put(text)
        self._meter.update(self._reader.feed(text))

    def _put(self, data: bytes) -> None:
        view = memoryview(data)
        self._octets += len(data)
        while view:
            view = view[os.write(self._descriptor, view) :]


def _room(flags: tuple[bytes, ...]) -> int:
    return max(40, sum(len(flag) + 1 for flag in flags if not flag.startswith(b"\\")) + 24)


def _end_with_empty_line(descriptor: int) -> int:
    """See to it that a mail can follow; return where."""
    size = os.fstat(descriptor).st_size
    tail = os.pread(descriptor, 2, max(0, size - 2))
    if not size or tail == b"\n\n":
        return size
    missing = b"\n" if tail.endswith(b"\n") else b"\n\n"
    return size + os.pwrite(descriptor, missing, size)
