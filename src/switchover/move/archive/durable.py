"""Files that survive a power cut, locks that other programs respect, and no way out of the archive."""

from __future__ import annotations

import contextlib
import fcntl
import os
import stat
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from switchover import clock
from switchover.errors import InvalidInput, NotFound, Refused, Unavailable

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

LOCK_SECONDS = 120.0
_STALE_SECONDS = 120.0
_POLL_SECONDS = 0.02
_SYNC_THREADS = 8


def sync(path: Path) -> None:
    """Bring a file or a directory to the disk."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_all(paths: Sequence[Path]) -> None:
    """Bring many files to the disk, several at a time: a journal then commits them together."""
    if len(paths) < 3:
        for path in paths:
            sync(path)
        return
    with ThreadPoolExecutor(_SYNC_THREADS) as pool:
        list(pool.map(sync, paths))


def own(descriptor: int, beside: Path) -> None:
    """Give what root made to the owner of the directory that it lies in."""
    if os.geteuid() == 0:
        owner = beside.stat()
        if (owner.st_uid, owner.st_gid) != (0, 0):
            os.fchown(descriptor, owner.st_uid, owner.st_gid)


def create(path: Path, *, beside: Path | None = None) -> int:
    """Create a file that was not there and return its descriptor."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    own(descriptor, beside or path.parent)
    return descriptor


def share(descriptor: int, beside: Path) -> None:
    """Let those read a file of notes who may read what it tells of, a directory or a file."""
    os.fchmod(descriptor, 0o600 | stat.S_IMODE(beside.stat().st_mode) & 0o044)


def replace(path: Path, content: bytes) -> None:
    """Write a file anew: after a crash it is the old one or the new one, never a part."""
    new = path.with_name(f"{path.name}.new.{os.getpid()}.{clock.new_id()}")
    descriptor = create(new)
    try:
        share(descriptor, path.parent)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(descriptor)
        new.replace(path)
    except BaseException:
        new.unlink(missing_ok=True)
        raise
    sync(path.parent)


def append(path: Path, content: bytes) -> None:
    """Add octets to a file, on the disk when this returns; where there is no room for all, none are added."""
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        before = os.fstat(descriptor).st_size
        view = memoryview(content)
        try:
            while view:
                view = view[os.write(descriptor, view) :]
            os.fsync(descriptor)
        except OSError:
            os.ftruncate(descriptor, before)
            raise
    finally:
        os.close(descriptor)


def read(path: Path) -> bytes | None:
    """Return a file, None where there is none; raises Refused where it is no plain file."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except FileNotFoundError:
        return None
    except OSError as error:
        if path.is_symlink():
            raise Refused(f"{path} is a symbolic link, which is not followed") from error
        raise
    with os.fdopen(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise Refused(f"{path} is not a plain file")
        return file.read()


def make_directory(path: Path) -> None:
    """Make a directory that was not there, for the owner of the one above."""
    path.mkdir(mode=0o700)
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_DIRECTORY)
    try:
        own(descriptor, path.parent)
    finally:
        os.close(descriptor)


def inside(root: Path, levels: Iterable[str]) -> Path:
    """Return a path below ``root``, level by level; raises Refused where a symbolic link is among them."""
    path = root
    for level in levels:
        path /= level
        if path.is_symlink():
            raise Refused(f"{path} is a symbolic link, which is not followed")
    return path


def require_directory(path: Path) -> Path:
    """Return the directory with links resolved; raises NotFound where there is none, InvalidInput for a file."""
    try:
        is_directory = stat.S_ISDIR(path.stat().st_mode)
    except (FileNotFoundError, NotADirectoryError):
        raise NotFound(f"{path} is not there") from None
    if not is_directory:
        raise InvalidInput(f"{path} is a file, not a directory")
    return path.resolve()


@contextlib.contextmanager
def dot_lock(path: Path, *, seconds: float = LOCK_SECONDS) -> Iterator[None]:
    """Hold the lock file ``path``, as mail programs do; raises Unavailable when others keep it.

    A lock whose process is gone, or that nobody touched for two minutes, is taken away.
    """
    deadline = clock.monotonic() + seconds
    while not _take_lock(path):
        _break_stale(path)
        if clock.monotonic() > deadline:
            raise Unavailable(f"{path} is held by another program; try again later")
        time.sleep(_POLL_SECONDS)
    try:
        yield
    finally:
        path.unlink(missing_ok=True)


def _take_lock(path: Path) -> bool:
    try:
        descriptor = create(path)
    except FileExistsError:
        return False
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(f"{os.getpid()}:{os.uname().nodename}".encode())
    except OSError:
        # On a full disk a lock that says nobody's name would keep everybody out, us too.
        path.unlink(missing_ok=True)
        raise
    return True


def _break_stale(path: Path) -> None:
    with contextlib.suppress(FileNotFoundError):
        before = path.lstat()
        owner, _, host = path.read_text("ascii", "replace").partition(":")
        is_here = host.strip() == os.uname().nodename and owner.isdigit()
        is_old = clock.now().timestamp() - before.st_mtime > _STALE_SECONDS
        if not (is_old or (is_here and not _is_alive(int(owner)))):
            return
        now = path.lstat()
        if (now.st_ino, now.st_mtime_ns) == (before.st_ino, before.st_mtime_ns):
            path.unlink()


def _is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True


@contextlib.contextmanager
def record_lock(descriptor: int, path: Path, *, seconds: float = LOCK_SECONDS) -> Iterator[None]:
    """Hold the whole file exclusively as ``fcntl`` does it; raises Unavailable when others keep it."""
    deadline = clock.monotonic() + seconds
    while True:
        try:
            fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except (BlockingIOError, PermissionError):
            if clock.monotonic() > deadline:
                raise Unavailable(f"{path} is locked by another program; try again later") from None
            time.sleep(_POLL_SECONDS)
        else:
            break
    try:
        yield
    finally:
        fcntl.lockf(descriptor, fcntl.LOCK_UN)
