"""The log of the embedded PostgreSQL: kept small, and read for its last words."""

from __future__ import annotations

import os
import shutil
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_LIMIT_BYTES = 8 * 1024 * 1024


class ServerLog:
    """One log file, and ``.1`` beside it with what it held before."""

    def __init__(self, file: Path) -> None:
        """Name the file; nothing happens yet."""
        self.file = file
        self._start_bytes = 0  # where the newest server's part begins

    @contextmanager
    def open(self) -> Iterator[int]:
        """Give the file to a server that starts now."""
        self.shorten()
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW
        descriptor = os.open(self.file, flags, 0o600)
        self._start_bytes = os.fstat(descriptor).st_size
        try:
            yield descriptor
        finally:
            os.close(descriptor)

    def shorten(self) -> None:
        """Move a long log aside. The server keeps writing: it appends, so the file can be cut."""
        with suppress(FileNotFoundError):
            if self.file.stat().st_size > _LIMIT_BYTES:
                shutil.copy2(self.file, self.file.with_suffix(".log.1"))
                os.truncate(self.file, 0)

    def last_words(self) -> str:
        """Return the last line that tells of trouble, and where to read more."""
        with suppress(OSError):
            with self.file.open("rb") as log:
                log.seek(max(self._start_bytes, self.file.stat().st_size - 4096))
                lines = log.read().decode("utf-8", "replace").split("\n")
            words = [
                line for line in lines if any(word in line for word in ("FATAL", "PANIC", "error"))
            ]
            last = (words or [line for line in lines if line.strip()] or [""])[-1]
            return f"{last.strip()} ({self.file})"
        return f"see {self.file}"
