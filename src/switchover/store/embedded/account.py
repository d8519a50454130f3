"""Which system user the embedded PostgreSQL runs as."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypedDict

from switchover.errors import Refused

if TYPE_CHECKING:
    from pathlib import Path

SYSTEM_USER = "switchover"


class Identity(TypedDict, total=False):
    """The keywords of a subprocess that give it a user; empty for our own."""

    user: int
    group: int
    extra_groups: list[int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """A system user; ``is_other`` when we are root and it is not us."""

    name: str
    user_id: int
    group_id: int
    is_other: bool

    @property
    def identity(self) -> Identity:
        """What to pass to a subprocess so that it runs as this user."""
        if not self.is_other:
            return {}
        return {"user": self.user_id, "group": self.group_id, "extra_groups": []}

    @property
    def may_connect(self) -> tuple[str, ...]:
        """Names of the system users that may connect to the server: this one, and we."""
        return ("root", self.name) if self.is_other else (self.name,)

    def can_enter(self, path: Path) -> bool:
        """True when this user reaches ``path`` and may enter or run it.

        The kernel is asked by a process of that user: modes alone leave out access lists.
        """
        if not self.is_other:
            return os.access(path, os.X_OK)
        command = ["test", "-x", str(path)]
        return subprocess.run(command, check=False, cwd="/", **self.identity).returncode == 0

    def find_barrier(self, path: Path) -> Path | None:
        """Return the first directory on the way to ``path`` that this user cannot enter."""
        if self.can_enter(path):  # then there is none on the way
            return None
        way = [*reversed(path.parents), path]
        return next((step for step in way if not self.can_enter(step)), None)


def get_account() -> Account:
    """Return the user to run PostgreSQL as: ourselves, or ``switchover`` when we are root.

    PostgreSQL refuses to run as root, so root gets a system user, made here when it is missing.

    Raises:
        Refused: there is no such user and none can be made.
    """
    user = os.geteuid()
    if user == 0:
        return _get_system_user()
    try:
        entry = pwd.getpwuid(user)
    except KeyError:
        # initdb and the peer check both look the name up.
        raise Refused(
            f"user id {user} has no name in the user database, and PostgreSQL needs one; add a line "
            "to /etc/passwd, or set SWITCHOVER_DATABASE_URL to a PostgreSQL server"
        ) from None
    return Account(name=entry.pw_name, user_id=user, group_id=entry.pw_gid, is_other=False)


def _get_system_user() -> Account:
    entry = _find(SYSTEM_USER) or _make(SYSTEM_USER)
    if entry.pw_uid == 0:
        raise Refused(f"the user {SYSTEM_USER} is root under another name; PostgreSQL refuses that")
    return Account(name=SYSTEM_USER, user_id=entry.pw_uid, group_id=entry.pw_gid, is_other=True)


def _find(name: str) -> pwd.struct_passwd | None:
    try:
        return pwd.getpwnam(name)
    except KeyError:
        return None


def _make(name: str) -> pwd.struct_passwd:
    advice = (
        f"PostgreSQL does not run as root and needs the system user {name}; make it with "
        f"'useradd --system {name}', or set SWITCHOVER_DATABASE_URL to a PostgreSQL server"
    )
    program = shutil.which("useradd", path="/usr/sbin:/sbin:/usr/bin:/bin")
    if program is None:
        raise Refused(f"useradd is not on this machine: {advice}")
    options = ["--system", "--user-group", "--no-create-home", "--home-dir", "/nonexistent"]
    command = [program, *options, "--shell", "/usr/sbin/nologin", name]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    # Another start may have made it while we tried: what counts is that it is there.
    entry = _find(name)
    if entry is None:
        raise Refused(f"useradd failed ({done.stderr.strip()}): {advice}")
    return entry
