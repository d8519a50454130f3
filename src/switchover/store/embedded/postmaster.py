"""Who serves a database directory: PostgreSQL's lock file, and the processes behind it.

A process id alone proves nothing: after a crash or a reboot another process may have it. So a
server is recognised by its command line, which carries the identity of the directory it serves.
Command lines are used because root in a container without CAP_SYS_PTRACE may read nothing else of
another user's process (proc(5)).
"""

from __future__ import annotations

import itertools
import os
import signal
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

LOCK_FILE = "postmaster.pid"


@dataclass(frozen=True, slots=True, kw_only=True)
class Postmaster:
    """A server as its lock file describes it; fields it has not written yet are empty.

    Layout: ``src/include/utils/pidfile.h`` of PostgreSQL. ``status`` is ``starting``, ``ready``,
    ``standby`` or ``stopping``.
    """

    process_id: int
    socket_directory: str = ""
    status: str = ""


def parse_lock_file(text: str) -> Postmaster | None:
    """Return what the lock file says; None when it is empty or broken, as after a power cut."""
    lines = [line.strip() for line in text.splitlines()]
    first = lines[0].removeprefix("-") if lines else ""  # negative: a single-user server
    if not (first.isascii() and first.isdigit() and int(first) > 0):
        return None
    lines += [""] * 8
    return Postmaster(process_id=int(first), socket_directory=lines[4], status=lines[7])


def mark_of(cluster: Path) -> str:
    """Return the name a server of this directory carries, the same wherever it is moved to.

    It is the server's ``cluster_name``, so the titles of all its processes start with it.
    """
    found = cluster.stat()
    return f"switchover-{found.st_dev:x}-{found.st_ino:x}"


def read_arguments(process_id: int) -> tuple[str, ...]:
    """Return the command line of a process; empty when it is gone or only waits to be reaped."""
    try:
        content = Path(f"/proc/{process_id}/cmdline").read_bytes()
    except OSError:
        return ()
    return tuple(os.fsdecode(part) for part in content.rstrip(b"\0").split(b"\0") if part)


def has_ended(process_id: int) -> bool:
    """True when a process is gone or only waits to be reaped.

    An empty command line does not say so: a process that is becoming another program (execve) has none
    until that is loaded, which takes a while when its file must come from disk.
    """
    try:
        text = Path(f"/proc/{process_id}/stat").read_text("utf-8", "replace")
    except OSError:
        return True
    return text.rpartition(")")[2].split()[0] in {"Z", "X"}


def is_server_of(arguments: Sequence[str], cluster: Path, mark: str) -> bool:
    """True when this command line is a PostgreSQL that serves ``cluster``, started by us or by hand."""
    if not arguments or Path(arguments[0]).name != "postgres":
        return False
    return f"cluster_name={mark}" in arguments or _is_same(_directory_of(arguments), cluster)


def is_stranger(arguments: Sequence[str], cluster: Path) -> bool:
    """True when this command line certainly does not serve ``cluster``; an empty one does not.

    A PostgreSQL without ``-D`` may serve any directory: then we do not know, and PostgreSQL decides.
    """
    if not arguments or Path(arguments[0]).name != "postgres":
        return True
    directory = _directory_of(arguments)
    return directory is not None and directory.is_dir() and not _is_same(directory, cluster)


def find_postmaster(cluster: Path) -> Postmaster | None:
    """Return the live server of ``cluster``, or None."""
    try:
        text = (cluster / LOCK_FILE).read_text("utf-8", "replace")
        mark = mark_of(cluster)
    except OSError:
        return None
    found = parse_lock_file(text)
    if found is None or not is_server_of(read_arguments(found.process_id), cluster, mark):
        return None
    return found


def list_processes(mark: str) -> list[int]:
    """Return the ids of all processes of the server with this mark, its workers included."""
    numbers = [int(name) for name in os.listdir("/proc") if name.isdigit()]  # noqa: PTH208 - names only; /proc entries vanish while listed
    return [number for number in numbers if _carries(read_arguments(number), mark)]


def send(number: signal.Signals, process_ids: Iterable[int]) -> None:
    """Send a signal to each process that is still there."""
    for process_id in process_ids:
        with suppress(ProcessLookupError):
            os.kill(process_id, number)


def clear_leftovers(cluster: Path, socket_directory: Path) -> None:
    """Remove what a server that died leaves behind and what would block the next one.

    Call only when ``find_postmaster`` found nobody. Workers that outlived their server are ended
    (nothing they do can be committed any more); a lock file is removed when it is broken or when its
    process id is a stranger's or waits to be reaped. The lock file of a process that is gone is left
    for PostgreSQL, which also checks the shared memory.
    """
    send(signal.SIGKILL, list_processes(mark_of(cluster)))
    lock = cluster / LOCK_FILE
    if lock.exists():
        found = parse_lock_file(lock.read_text("utf-8", "replace"))
        if found is None or _is_taken_by_stranger(found.process_id, cluster):
            lock.unlink()
    # Their lock file has the same weakness. Nobody else puts a socket into this directory.
    for path in socket_directory.glob(".s.PGSQL.*"):
        path.unlink(missing_ok=True)


def _is_taken_by_stranger(process_id: int, cluster: Path) -> bool:
    exists = Path(f"/proc/{process_id}").exists()
    return exists and is_stranger(read_arguments(process_id), cluster)


def _carries(arguments: Sequence[str], mark: str) -> bool:
    if not arguments:
        return False
    if arguments[0].startswith(f"postgres: {mark}: "):
        return True
    return Path(arguments[0]).name == "postgres" and f"cluster_name={mark}" in arguments


def _directory_of(arguments: Sequence[str]) -> Path | None:
    pairs = itertools.pairwise(arguments)
    return next((Path(value) for option, value in pairs if option == "-D"), None)


def _is_same(directory: Path | None, cluster: Path) -> bool:
    with suppress(OSError):
        return directory is not None and directory.samefile(cluster)
    return False
