"""What it means when a disk takes nothing: full, read-only, or not ours to write to."""

from __future__ import annotations

import errno
import shutil
from contextlib import contextmanager
from typing import TYPE_CHECKING

from switchover.errors import Refused, Unavailable

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_LEAST_BYTES = 8 * 1024 * 1024
"""PostgreSQL writes ahead in files of 4 MiB; with less than two of them it hardly goes on."""
_WORDS = ("No space left on device", "Disk quota exceeded")


class NoSpace(Unavailable):
    """A disk is full: somebody has to make room, waiting alone does not help."""


def tells_of_full_disk(words: str) -> bool:
    """Return whether a message of the system or of PostgreSQL means that."""
    return any(one in words for one in _WORDS)


def find_full_disk(directory: Path) -> str:
    """Return the words to it when hardly anything can be written below ``directory``, else none."""
    try:
        free = shutil.disk_usage(directory).free
    except OSError:
        return ""
    if free >= _LEAST_BYTES:
        return ""
    return f"{_WORDS[0]}: {free / 1e6:.1f} MB are free in {directory}"


@contextmanager
def writing(place: Path) -> Iterator[None]:
    """Turn what keeps anything below ``place`` from being written into NoSpace or Refused."""
    try:
        yield
    except OSError as error:
        words = error.strerror or str(error)
        if error.errno in {errno.ENOSPC, errno.EDQUOT}:
            raise NoSpace(
                f"there is no disk space left for {place}; make room there and run the same command "
                "again: nothing is lost"
            ) from error
        raise Refused(
            f"{error.filename or place} can not be written: {words}; make {place} writable for this "
            "user, or choose another data directory with --data"
        ) from error
