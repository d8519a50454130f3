"""The directories one process keeps its state in, made with the rights each needs."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

from switchover.errors import Refused
from switchover.settings import LONGEST_DATA_PATH_BYTES, Settings

if TYPE_CHECKING:
    from pathlib import Path


def prepare_data_directory(settings: Settings) -> None:
    """Make the data directory, the engine's and the one for sockets; safe to repeat.

    As root the data and socket directories can be entered by every user (0711), because PostgreSQL
    runs as another one; what is secret in them has its own mode. A data directory that exists keeps
    its mode: its owner may have had a reason.

    Raises:
        Refused: a directory cannot be made, or the one for sockets is not safely ours.
    """
    mode = 0o711 if settings.is_root else 0o700
    _make(settings.data_dir, mode)
    _make(settings.engine_dir, mode)
    _make(settings.run_dir, mode)
    _verify(settings.run_dir, settings.user_id)
    # Outside the data directory the mode may stem from an earlier life of the same user.
    settings.run_dir.chmod(mode)


def _make(path: Path, mode: int) -> None:
    try:
        if path.is_dir():
            return
        path.mkdir(mode=mode, parents=True, exist_ok=True)
        path.chmod(mode)  # mkdir leaves out the bits of the umask
    except OSError as error:
        raise Refused(
            f"cannot make the directory {path}: {error.strerror}; make it and give it to this user, "
            "or choose another data directory with --data"
        ) from error


def _verify(path: Path, user_id: int) -> None:
    """Refuse a link or another user's directory: in /tmp anyone may make the name before us."""
    found = path.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != user_id:
        raise Refused(
            f"{path} is not a directory of user id {user_id}: somebody else made it; remove it, "
            f"or give a data directory with a path of at most {LONGEST_DATA_PATH_BYTES} "
            "letters, digits and ._-+/"
        )
    if os.statvfs(path).f_flag & os.ST_RDONLY:
        raise Refused(
            f"{path} can not be written, its file system is read-only; mount it writable, or choose "
            "another data directory with --data"
        )
    if not os.access(path, os.W_OK | os.X_OK):
        raise Refused(f"cannot write to {path}; remove it, or make it writable for this user")
