"""The file of ``--trace``: what is said to both servers, a line each, readable by its owner alone."""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING

from switchover import clock
from switchover.errors import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


@contextmanager
def open_trace(file: Path | None) -> Iterator[Callable[[str], Callable[[str, str], None] | None]]:
    """Give what makes the trace of one side, by its name; of none where there is no file.

    What comes here has no secrets and no bodies in it any more (``wire.imap.trace``).
    """
    if file is None:
        yield lambda _: None
        return
    try:
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
    except OSError as error:
        raise InvalidInput(f"the trace {file} can not be written: {error.strerror}") from error
    with os.fdopen(descriptor, "w", 1, encoding="utf-8", errors="backslashreplace") as opened:
        yield lambda side: _writer(opened, side)


def _writer(opened: IO[str], side: str) -> Callable[[str, str], None]:
    begun = clock.monotonic()

    def write(direction: str, text: str) -> None:
        opened.write(f"{clock.monotonic() - begun:9.3f} {side} {direction} {text}\n")

    return write
