"""A tree of directories with .eml files: a directory is a folder, a file a mail."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from switchover.errors import Conflict, NotFound
from switchover.move.archive import subscribed
from switchover.move.archive.durable import inside, make_directory, require_directory, sync
from switchover.move.archive.eml_folder import ENDING, INDEX, EmlFolder
from switchover.move.archive.file_name import file_to_level, level_to_file, levels_of, name_of
from switchover.move.archive.tree import DEEPEST, Spot, check_depth, chosen, entries, named

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

INBOX = "INBOX"


class EmlStore:
    """See ``store.Store``. Files that lie in the root itself are INBOX, else its directory INBOX is."""

    separator = "/"
    kind = "eml"

    def __init__(self, root: Path, *, may_create: bool = False) -> None:
        """Open the tree at ``root``; raises NotFound where none is and none may be made."""
        self.notices: list[str] = []
        self._may_create = may_create
        self._root = root.resolve()
        if not may_create:
            require_directory(root)
            if not any(_holds_mails(spot.path) or spot.is_link for spot in self._spots().values()):
                raise NotFound(f"there is no {ENDING} file in {root} or below")

    def folders(self) -> list[str]:
        """Return the names of all folders."""
        found = set(self._spots())
        return sorted(found | ({INBOX} if self._may_create else set()))

    def open(self, name: str, *, to_write: bool = False) -> EmlFolder:
        """Return a folder."""
        spots = self._spots()
        if name == INBOX and to_write and INBOX not in spots:
            self.create(INBOX)
            spots = self._spots()
        return EmlFolder(chosen(spots, name))

    def create(self, name: str) -> None:
        """Make a directory."""
        if name in self._spots():
            raise Conflict(f"the folder {name} is there already")
        levels = levels_of(name)
        check_depth(levels)
        self._make_root()
        files = [level_to_file(level) for level in levels]
        path = inside(self._root, files)
        for depth in range(1, len(files)):
            with suppress(FileExistsError):
                make_directory(self._root.joinpath(*files[:depth]))
        with suppress(FileExistsError):
            make_directory(path)
        sync(path.parent)
        EmlFolder(path)

    def subscriptions(self) -> list[str]:
        """Return the names subscribed."""
        return subscribed.load(self._root / ".subscriptions", self.separator)

    def subscribe(self, name: str, *, wanted: bool) -> None:
        """Subscribe a name, or end that."""
        self._make_root()
        subscribed.change(self._root / ".subscriptions", self.separator, name, wanted=wanted)

    def _make_root(self) -> None:
        if not self._root.is_dir():
            self._root.parent.mkdir(parents=True, exist_ok=True)
            make_directory(self._root)

    def _spots(self) -> dict[str, Spot]:
        found = list(self._below(self._root, [])) if self._root.is_dir() else []
        if any(one.name.lower().endswith(ENDING) for one in entries(self._root)):
            found.append((INBOX, Spot(self._root)))
        return named(found)

    def _below(self, directory: Path, before: list[str]) -> Iterator[tuple[str, Spot]]:
        for entry in entries(directory):
            if not entry.is_dir():
                continue
            levels = [*before, file_to_level(entry.name)]
            path = directory / entry.name
            if entry.is_symlink():
                yield name_of(levels), Spot(path, is_link=True)
                continue
            below = list(self._below(path, levels)) if len(levels) < DEEPEST else []
            if not below or _holds_mails(path):
                yield name_of(levels), Spot(path)
            yield from below


def _holds_mails(path: Path) -> bool:
    """Return whether there is a mail in a directory, or was one."""
    if (path / INDEX).exists():
        return True
    return any(one.name.lower().endswith(ENDING) for one in entries(path))
