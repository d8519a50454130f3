"""A mail out of a file: its size is known before its first octet goes out, and it is never held whole."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING, BinaryIO

from switchover.errors import Refused
from switchover.move.archive.line_ends import ToWire
from switchover.move.archive.store import CHUNK_BYTES, Body

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


def open_plain(path: Path) -> BinaryIO:
    """Return a file to read; raises Refused where it is no plain file, and follows no link."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    file = os.fdopen(descriptor, "rb")
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        file.close()
        raise Refused(f"{path} is not a plain file")
    return file


def open_file(path: Path, *, is_exact: bool = False) -> Body:
    """Return the mail in a file, its lines ended by CR LF unless ``is_exact``."""
    file = open_plain(path)
    try:
        if is_exact:
            return Body(os.fstat(file.fileno()).st_size, _pieces(file), file)
        first = file.read(CHUNK_BYTES)
        if len(first) < CHUNK_BYTES:  # small, as nearly all are: read once
            file.close()
            text = ToWire().feed(first)
            return Body(len(text), iter((text,)))
        file.seek(0)
        size = sum(map(len, _converted(file)))
        file.seek(0)
        return Body(size, _converted(file), file)
    except BaseException:
        file.close()
        raise


def _pieces(file: BinaryIO) -> Iterator[bytes]:
    return iter(lambda: file.read(CHUNK_BYTES), b"")


def _converted(file: BinaryIO) -> Iterator[bytes]:
    return map(ToWire().feed, _pieces(file))
