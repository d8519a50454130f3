"""A Maildir: Maildir++ with dot folders as Dovecot and Courier have it, or a tree of Maildirs (``layout=fs``).

Source: https://cr.yp.to/proto/maildir.html, https://www.courier-mta.org/imap/README.maildirquota.html
"""

from __future__ import annotations

import os
import threading
from contextlib import suppress
from typing import TYPE_CHECKING

from switchover.errors import Conflict, InvalidInput, NotFound
from switchover.move.archive import subscribed
from switchover.move.archive.durable import inside, make_directory, require_directory
from switchover.move.archive.maildir_folder import MaildirFolder
from switchover.move.archive.maildir_uids import make_folder

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

INBOX = "INBOX"
DEEPEST = 64
LONGEST_LEVEL_BYTES = 250
_PARTS = frozenset({"cur", "new", "tmp"})


class MaildirStore:
    """See ``store.Store``."""

    kind = "maildir"

    def __init__(self, root: Path, *, is_tree: bool = False, may_create: bool = False) -> None:
        """Open the Maildir at ``root``; raises NotFound where none is and none may be made."""
        self.separator = "/" if is_tree else "."
        self._is_tree = is_tree
        self.notices: list[str] = []
        self._guard = threading.Lock()
        self._may_create = may_create
        self._root = root.resolve()
        if not may_create:
            require_directory(root)
        if not self.folders():
            raise NotFound(f"{root} is no Maildir: it has no directory cur, nor has one below it")

    def folders(self) -> list[str]:
        """Return the names of all folders; those behind links too, which ``open`` refuses."""
        found = [INBOX] if self._may_create or (self._root / "cur").is_dir() else []
        if not self._root.is_dir():
            return found
        found += sorted(self._tree(self._root, "", 1) if self._is_tree else self._dotted())
        return found

    def open(self, name: str, *, to_write: bool = False) -> MaildirFolder:
        """Return a folder."""
        path = self._path(name)
        if to_write and name == INBOX:
            self._make_root()
        if not (path / "cur").is_dir():
            raise NotFound(f"there is no folder {name}")
        for part in _PARTS:
            inside(path, (part,))
        return MaildirFolder(path, self._note, name)

    def create(self, name: str) -> None:
        """Make a folder."""
        self._make_root()
        path = self._path(name)
        if (path / "cur").is_dir():
            raise Conflict(f"the folder {name} is there already")
        for parent in reversed(path.relative_to(self._root).parents[:-1]):
            with suppress(FileExistsError):
                make_directory(self._root / parent)
        make_folder(path)

    def subscriptions(self) -> list[str]:
        """Return the names subscribed."""
        courier = self._root / "courierimapsubscribed"
        return subscribed.load(self._root / "subscriptions", self.separator, courier=courier)

    def subscribe(self, name: str, *, wanted: bool) -> None:
        """Subscribe a name, or end that."""
        courier = self._root / "courierimapsubscribed"
        self._make_root()
        path = self._root / "subscriptions"
        subscribed.change(path, self.separator, name, wanted=wanted, courier=courier)

    def _make_root(self) -> None:
        if self._may_create and not (self._root / "cur").is_dir():
            self._root.parent.mkdir(parents=True, exist_ok=True)
            make_folder(self._root, is_root=True)

    def _note(self, notice: str) -> None:
        with self._guard:
            if notice not in self.notices:
                self.notices.append(notice)

    def _path(self, name: str) -> Path:
        if name == INBOX:
            return self._root
        levels = name.split(self.separator)
        for level in levels:
            _check(level)
        if self._is_tree:
            forbidden = [level for level in levels if level in _PARTS or level.startswith(".")]
            if forbidden:
                raise InvalidInput(f"{forbidden[0]!r} can not be a folder of a tree of Maildirs")
            return inside(self._root, levels)
        if len(os.fsencode(name)) > LONGEST_LEVEL_BYTES:
            raise InvalidInput(f"the folder name {name[:80]}... is too long for a file system")
        return inside(self._root, ("." + name,))

    def _dotted(self) -> Iterator[str]:
        with os.scandir(self._root) as entries:
            for entry in entries:
                is_name = entry.name.startswith(".") and all(entry.name[1:].split("."))
                if is_name and _has_mails(entry):
                    yield entry.name[1:]

    def _tree(self, directory: Path, before: str, depth: int) -> Iterator[str]:
        with os.scandir(directory) as entries:
            found = [one for one in entries if one.name not in _PARTS and one.name[0] != "."]
        for entry in found:
            if _has_mails(entry):
                yield before + entry.name
            if depth < DEEPEST and entry.is_dir(follow_symlinks=False):
                yield from self._tree(directory / entry.name, f"{before}{entry.name}/", depth + 1)


def _has_mails(entry: os.DirEntry[str]) -> bool:
    return os.path.isdir(os.path.join(entry.path, "cur"))  # noqa: PTH112, PTH118 - one for each entry


def _check(level: str) -> None:
    octets = os.fsencode(level)
    if not level or level in {".", ".."} or "/" in level or "\0" in level:
        raise InvalidInput(f"{level!r} can not be a folder of a Maildir")
    if len(octets) > LONGEST_LEVEL_BYTES:
        raise InvalidInput(f"the folder name {level[:80]}... is too long for a file system")
