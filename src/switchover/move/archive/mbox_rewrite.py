"""The end of an mbox file written anew: without some mails, or with flags for which there was no room."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from switchover import clock
from switchover.move.archive import mbox_text
from switchover.move.archive.durable import create
from switchover.move.archive.mbox_index import MboxIndex
from switchover.move.archive.mbox_scan import chunks, look, measure, read
from switchover.move.archive.mbox_splice import HEAD_BYTES, splice, stage_path
from switchover.move.archive.mbox_text import Quoter

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from switchover.move.archive.mbox_folder import MboxFolder
    from switchover.move.archive.mbox_index import Entry

_MORE_ROOM = 40


def rewrite(
    folder: MboxFolder, flags: Mapping[int, tuple[bytes, ...]], *, gone: Collection[int]
) -> MboxIndex:
    """Write the file anew from the first mail that changes, and return its index; the lock is held."""
    index, out = folder.index, set(gone)
    first = min(index.find(uid) or 0 for uid in (*flags, *out))
    start = index.begins[first]
    new = MboxIndex(uid_validity=index.uid_validity, uid_next=index.uid_next)
    staged = stage_path(folder.path, clock.new_id())
    try:
        with os.fdopen(create(staged), "w+b") as file:
            file.write(bytes(HEAD_BYTES))
            before = start - HEAD_BYTES  # of an offset in the staged file to one in the file
            for at, entry in enumerate(index.entries()):
                if at < first:
                    new.append(entry)
                elif entry.uid not in out:
                    begin = before + file.tell()
                    for piece in _mail(folder.descriptor, entry, flags.get(entry.uid)):
                        file.write(piece)
                    end = before + file.tell()
                    file.write(b"\n")
                    file.flush()
                    # Its last line may have got an end.
                    layout = look(file.fileno(), begin - before, end - before)
                    size, mark = measure(file.fileno(), layout)
                    new.append(
                        entry._replace(
                            begin=begin, end=end, size=size, mark=mark,
                            flags=flags.get(entry.uid, entry.flags),
                        )
                    )  # fmt: skip
        splice(folder.path, folder.descriptor, start, staged)
    finally:
        staged.unlink(missing_ok=True)
    return new


def _mail(descriptor: int, entry: Entry, flags: tuple[bytes, ...] | None) -> Iterator[bytes]:
    """Yield a mail as it lies there, or as we write it, with a line end at its end."""
    if flags is None:
        last = b""
        for chunk in chunks(descriptor, entry.begin, entry.end):
            yield chunk
            last = chunk[-1:]
        if last != b"\n":
            yield b"\n"
        return
    keywords = b" ".join(flag for flag in flags if not flag.startswith(b"\\"))
    yield mbox_text.from_line(entry.epoch_seconds)
    yield mbox_text.block(entry.uid, flags, len(keywords) + _MORE_ROOM)
    quoter = Quoter()
    for piece in read(descriptor, look(descriptor, entry.begin, entry.end)):
        yield quoter.feed(piece)
    yield quoter.end()
