"""Where the running demo keeps its farm, so that a second terminal finds it."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import stat
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from switchover.edges.demo.remains import end_remains
from switchover.errors import Conflict, Refused
from switchover.settings import Settings, read_settings

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

LOCK_NAME = "demo.lock"
_PASSED_ON = ("SWITCHOVER_HAPROXY", "HOME", "PATH")


def demo_directory() -> Path:
    """Return the demo's own directory, one for each user: ``/tmp/switchover-demo-UID``."""
    return Path(tempfile.gettempdir()).resolve() / f"switchover-demo-{os.geteuid()}"


def demo_farm_directory() -> Path:
    """Return the directory of the demo's practice farm."""
    return demo_directory() / "farm"


def demo_settings(environment: Mapping[str, str]) -> Settings:
    """Return the settings of the demo's switchover.

    Only the engine may come from the environment: a demo must not touch the database or the port of
    the switchover that its user really runs.
    """
    passed_on = {name: environment[name] for name in _PASSED_ON if name in environment}
    return read_settings(passed_on, data=demo_directory() / "data", api="127.0.0.1:0")


@contextlib.contextmanager
def hold_place(*, keep: bool) -> Iterator[Path]:
    """Hold the demo's directory, emptied; on leaving end what still runs from it and remove it.

    A demo that was killed leaves its directory, its database and its engine behind: they are ended
    first. ``keep`` leaves the files, never a process.

    Raises:
        Conflict: another demo of this user runs.
        Refused: the directory is somebody else's, or cannot be made.
    """
    directory = demo_directory()
    lock = _take(directory)
    try:
        _empty(directory)
        yield directory
    finally:
        end_remains(directory)
        if not keep:
            _remove(directory)
        os.close(lock)


def _take(directory: Path) -> int:
    """Make the directory and lock it; return the descriptor that holds the lock."""
    while True:
        _make(directory)
        lock = _open_lock(directory)
        with contextlib.suppress(FileNotFoundError):
            if (directory / LOCK_NAME).stat().st_ino == os.fstat(lock).st_ino:
                return lock
        os.close(lock)  # a demo that ended just now took the directory with it


def _make(directory: Path) -> None:
    # PostgreSQL runs as another user when we are root, and must be able to pass.
    mode = 0o711 if os.geteuid() == 0 else 0o700
    try:
        directory.mkdir(mode=mode, exist_ok=True)
        found = directory.lstat()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid():
            raise Refused(
                f"{directory} is not a directory of this user: somebody else made it; remove it, "
                "or choose another place with TMPDIR=/some/directory"
            )
        directory.chmod(mode)
    except OSError as error:
        raise Refused(f"cannot make {directory}: {error.strerror}") from error


def _open_lock(directory: Path) -> int:
    flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW
    try:
        lock = os.open(directory / LOCK_NAME, flags, 0o600)
    except OSError as error:
        raise Refused(f"cannot write to {directory}: {error.strerror}") from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        holder = os.pread(lock, 32, 0).decode("ascii", "replace").strip() or "unknown"
        os.close(lock)
        raise Conflict(
            f"a demo already runs (process id {holder}); end it with q or Ctrl-C where it runs, or "
            f"with: kill {holder}"
        ) from None
    os.ftruncate(lock, 0)
    os.pwrite(lock, f"{os.getpid()}\n".encode(), 0)
    return lock


def _empty(directory: Path) -> None:
    end_remains(directory)
    for path in directory.iterdir():
        if path.name != LOCK_NAME:
            _delete(path)
    _delete_sockets()


def _remove(directory: Path) -> None:
    shutil.rmtree(directory, ignore_errors=True)
    _delete_sockets()


def _delete_sockets() -> None:
    """Delete the socket directory where the path was too long for sockets to be inside."""
    settings = demo_settings({})
    if not settings.run_dir.is_relative_to(settings.data_dir):
        shutil.rmtree(settings.run_dir, ignore_errors=True)


def _delete(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink()
