"""A cluster as it is before anything is kept in it, put by for the next data directory.

Making a cluster and its tables takes more than a second; copying one that is ready takes a tenth. The
copy lies in a cache of the account that made it; whatever is wrong with it, a cluster is made anew.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

from switchover import clock

if TYPE_CHECKING:
    from collections.abc import Sequence

_NAME_LETTERS = 24
_KEPT = 2
"""Of several versions, the newest so many stay."""


def cache_directory() -> Path:
    """Return where templates are kept: /var/cache for root, else XDG_CACHE_HOME or ~/.cache."""
    if os.geteuid() == 0:
        return Path("/var/cache/switchover")
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "switchover"


def template_path(what: Sequence[str]) -> Path:
    """Return the place of the template for ``what``: everything that makes one cluster unlike another."""
    name = hashlib.sha256("\0".join(what).encode()).hexdigest()[:_NAME_LETTERS]
    return cache_directory() / f"cluster-{name}"


def use_template(template: Path, draft: Path) -> bool:
    """Make ``draft`` a copy of the template, on disk; False, and nothing there, where that can not be."""
    if not _is_ours(template):
        return False
    done = _copy(template, draft)
    if not done:
        shutil.rmtree(draft, ignore_errors=True)
    return done


def keep_template(cluster: Path, template: Path) -> None:
    """Put a copy of a cluster by that no server runs from; what fails is let be."""
    with contextlib.suppress(OSError):
        directory = template.parent
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        if template.exists() or not _is_safe(directory):
            return
        draft = directory / f"new-{clock.new_id()[:8]}"
        if _copy(cluster, draft):
            draft.rename(template)
        shutil.rmtree(draft, ignore_errors=True)
        others = [one for one in directory.glob("cluster-*") if one != template]
        for old in sorted(others, key=lambda one: one.stat().st_mtime)[: 1 - _KEPT]:
            shutil.rmtree(old, ignore_errors=True)


def _copy(source: Path, target: Path) -> bool:
    """Copy with owners and modes, and wait until it is on disk."""
    words = ("-a", "--sparse=always", "--reflink=auto", "--", str(source), str(target))
    return _run("cp", *words) and _run("sync", "-f", str(target))


def _run(*command: str) -> bool:
    try:
        done = subprocess.run(command, check=False, stdin=subprocess.DEVNULL, capture_output=True)
    except OSError:
        return False
    return done.returncode == 0


def _is_ours(template: Path) -> bool:
    return _is_safe(template.parent) and (template / "PG_VERSION").exists()


def _is_safe(directory: Path) -> bool:
    """Return whether nobody else can have put anything there."""
    try:
        told = directory.lstat()
    except OSError:
        return False
    return told.st_uid == os.geteuid() and not told.st_mode & 0o022 and directory.is_dir()
