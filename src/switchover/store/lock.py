"""One process per data directory.

The kernel holds the lock, not the file: it ends with the process, however that dies, so nothing is
left that blocks the next start. The process id inside is only there to be named.
"""

from __future__ import annotations

import fcntl
import os
from typing import TYPE_CHECKING, Self

from switchover.errors import Conflict, Refused

if TYPE_CHECKING:
    from pathlib import Path


class DataLock:
    """The right to serve one data directory, held from ``take`` to ``release``."""

    def __init__(self, path: Path) -> None:
        """Name the lock file; nothing is opened yet."""
        self._path = path
        self._descriptor: int | None = None

    def take(self) -> None:
        """Hold the lock, or fail at once.

        Children do not inherit it: the descriptor is closed on exec (PEP 446), so an engine or a
        database that outlives us keeps nobody out.

        Raises:
            Conflict: another process holds it; the message names its process id.
            Refused: the file cannot be opened.
        """
        if self._descriptor is not None:
            return
        try:
            descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
        except OSError as error:
            raise Refused(f"cannot open {self._path}: {error.strerror}") from error
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            conflict = self._conflict(descriptor)
            os.close(descriptor)
            raise conflict from None
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        self._descriptor = descriptor

    def require_free(self) -> None:
        """Raise Conflict while another process holds the lock; takes and makes nothing."""
        try:
            descriptor = os.open(self._path, os.O_RDONLY | os.O_NOFOLLOW)
        except OSError:
            return
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            raise self._conflict(descriptor) from None
        finally:
            os.close(descriptor)

    def _conflict(self, descriptor: int) -> Conflict:
        return Conflict(
            f"switchover already serves {self._path.parent} (process id {_read_holder(descriptor)}); "
            "stop that process, or give another directory with --data"
        )

    def release(self) -> None:
        """Let the next process in; nothing happens when the lock is not held.

        The file stays: removing it would let two processes lock two files of one name.
        """
        if self._descriptor is not None:
            os.ftruncate(self._descriptor, 0)
            os.close(self._descriptor)
            self._descriptor = None

    def __enter__(self) -> Self:
        """Take the lock."""
        self.take()
        return self

    def __exit__(self, *reason: object) -> None:
        """Release the lock."""
        self.release()


def _read_holder(descriptor: int) -> str:
    # Empty for the moment between the holder's lock and its write.
    return os.pread(descriptor, 32, 0).decode("ascii", "replace").strip() or "unknown"
