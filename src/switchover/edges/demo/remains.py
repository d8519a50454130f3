"""Processes that belong to a demo's directory, found by their command line, and their end.

HAProxy and PostgreSQL outlive a process that is killed: that is what they are for. The next demo, and
the end of this one, must find them without knowing who started them.
"""

from __future__ import annotations

import contextlib
import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from switchover import clock

if TYPE_CHECKING:
    from collections.abc import Sequence

_POLL_SECONDS = 0.05
PATIENCE_SECONDS = 8.0
_FAREWELL = {
    "haproxy": signal.SIGTERM,
    "postgres": signal.SIGINT,  # fast shutdown; SIGTERM would wait for its clients
    "initdb": signal.SIGTERM,
    "practice": signal.SIGTERM,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Remain:
    """A process of a demo; ``what`` is a key of the table of farewells."""

    process_id: int
    what: str


def list_remains(directory: Path) -> tuple[Remain, ...]:
    """Return the engines, databases and farms that work in this directory.

    An editor or a ``tail`` on one of its files is none of them.
    """
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            what = name_remain(_read_arguments(entry), directory)
            if what:
                found.append(Remain(process_id=int(entry.name), what=what))
    return tuple(found)


def name_remain(arguments: Sequence[str], directory: Path) -> str | None:
    """Return what a command line is, None when it has nothing to do with the directory. Pure."""
    if not any(argument.startswith(f"{directory}/") for argument in arguments):
        return None
    if "switchover.practice" in arguments:
        return "practice"
    program = Path(arguments[0]).name
    return program if program in _FAREWELL else None


def end_remains(directory: Path, *, patience_seconds: float = PATIENCE_SECONDS) -> int:
    """End what ``list_remains`` finds, the hard way after ``patience_seconds``; return how many."""
    remains = list_remains(directory)
    for remain in remains:
        _send(remain, _FAREWELL[remain.what])
    if not _are_gone(directory, patience_seconds):
        for remain in list_remains(directory):
            _send(remain, signal.SIGKILL)
        _are_gone(directory, patience_seconds)
    return len(remains)


def _are_gone(directory: Path, patience_seconds: float) -> bool:
    deadline = clock.monotonic() + patience_seconds
    while list_remains(directory):
        if clock.monotonic() > deadline:
            return False
        time.sleep(_POLL_SECONDS)
    return True


def _send(remain: Remain, number: signal.Signals) -> None:
    # Somebody else's process of that name (a shared /tmp) is not ours to end.
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.kill(remain.process_id, number)


def _read_arguments(entry: Path) -> list[str]:
    """Return a process's command line, empty when it has gone or is a zombie."""
    try:
        content = (entry / "cmdline").read_bytes()
    except OSError:
        return []
    return os.fsdecode(content).rstrip("\0").split("\0")
