"""Where an archive may be: a place that can be written to, and not within the archive that it is copied from."""

from __future__ import annotations

import errno
import os
import stat
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from switchover import clock
from switchover.errors import InvalidInput, Refused
from switchover.move.endpoint import ArchiveEndpoint, ArchiveKind

if TYPE_CHECKING:
    from switchover.move.endpoint import Endpoint

_UNKNOWN = frozenset({errno.EOPNOTSUPP, errno.EISDIR, errno.EINVAL, errno.ENOENT})


def require_two_places(source: Endpoint, target: Endpoint) -> None:
    """Raise InvalidInput where two archives are one, or one lies inside the other: it would grow at every run."""
    if not (isinstance(source, ArchiveEndpoint) and isinstance(target, ArchiveEndpoint)):
        return
    old, new = (Path(os.path.realpath(one.path)) for one in (source, target))
    if old == new:
        raise InvalidInput(
            f"source and target are the same archive: {old}; name another place for the target"
        )
    if new.is_relative_to(old):
        raise InvalidInput(
            f"the target lies inside the source: {new} in {old}; name a place beside it"
        )
    if old.is_relative_to(new):
        raise InvalidInput(
            f"the source lies inside the target: {old} in {new}; name a place beside it"
        )


def require_writable(target: Endpoint) -> None:
    """Raise Refused or InvalidInput where the archive could be neither made nor written to. Nothing stays."""
    if not isinstance(target, ArchiveEndpoint):
        return
    path = Path(os.path.realpath(target.path))
    try:
        there = _nearest(path)
        is_file = not stat.S_ISDIR(there.stat().st_mode)
        if is_file and not (there == path and target.kind is ArchiveKind.MBOX):
            raise InvalidInput(f"{there} is a file, not a directory; name another place")
        if is_file and not os.access(there, os.W_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        _try(there.parent if is_file else there)
    except OSError as error:
        what = "be written to" if os.path.lexists(path) else "be made"
        raise Refused(f"{target.path} can not {what}: {error.strerror or error}") from error


def _nearest(path: Path) -> Path:
    """Return the path, or what is there nearest above it."""
    for one in (path, *path.parents):
        with suppress(FileNotFoundError, NotADirectoryError):
            one.lstat()
            return one
    return path


def _try(directory: Path) -> None:
    """Make a file without a name in a directory, or where that can not be, a directory for a moment."""
    nameless: int | None = getattr(os, "O_TMPFILE", None)
    if nameless is not None:
        try:
            os.close(os.open(directory, nameless | os.O_RDWR, 0o600))
        except OSError as error:
            if error.errno not in _UNKNOWN:
                raise
        else:
            return
    trial = directory / f".switchover-{clock.new_id()}"
    trial.mkdir(mode=0o700)
    trial.rmdir()
