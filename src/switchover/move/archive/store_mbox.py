"""Mbox files: one file, or a tree of them as Thunderbird has it, where ``Name.sbd`` holds what is below ``Name``."""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING

from switchover.errors import Conflict, InvalidInput, NotFound
from switchover.move.archive import subscribed
from switchover.move.archive.durable import create, inside, make_directory, require_directory, sync
from switchover.move.archive.file_name import file_to_level, level_to_file, levels_of, name_of
from switchover.move.archive.mbox_folder import MboxFolder
from switchover.move.archive.mbox_scan import BLOCK_BYTES, Scanner
from switchover.move.archive.tree import DEEPEST, Spot, check_depth, chosen, entries, named

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

INBOX = "INBOX"
_LOOKED_AT = 4096
_BELOW = ".sbd"
_ENDING = ".mbox"
_OTHER_ENDINGS = (".msf", ".lock", ".dat", ".json", ".html", ".sqlite")
_NOT_IN_NAMES = (_BELOW, _ENDING, *_OTHER_ENDINGS)


class MboxStore:
    """See ``store.Store``."""

    separator = "/"
    kind = "mbox"

    def __init__(self, root: Path, *, may_create: bool = False) -> None:
        """Open a file or a tree; raises NotFound where none is and none may be made."""
        self.notices: list[str] = []
        self._may_create = may_create
        self._root = root.resolve()
        self._is_file = self._root.is_file()
        if self._is_file and not (_begins_as_mbox(self._root) or _has_from_line(self._root)):
            raise InvalidInput(f"{root} is no mbox: it does not begin with 'From '")
        if may_create or self._is_file:
            return
        require_directory(root)
        if not self._spots():
            raise NotFound(f"there is no mbox file below {root}")

    def folders(self) -> list[str]:
        """Return the names of all folders."""
        return sorted(set(self._spots()) | ({INBOX} if self._may_create else set()))

    def open(self, name: str, *, to_write: bool = False) -> MboxFolder:
        """Return a folder."""
        spots = self._spots()
        if name == INBOX and to_write and INBOX not in spots:
            self.create(INBOX)
            spots = self._spots()
        return MboxFolder(chosen(spots, name))

    def create(self, name: str) -> None:
        """Make an empty file."""
        if self._is_file:
            raise InvalidInput(
                f"{self._root} is one file and holds INBOX only; name a directory for more folders"
            )
        if name in self._spots():
            raise Conflict(f"the folder {name} is there already")
        levels = levels_of(name)
        check_depth(levels)
        self._make_root()
        files = [level_to_file(level, _NOT_IN_NAMES) for level in levels]
        parents = self._parents(files[:-1])
        path = inside(self._root, [*parents, files[-1]])
        for depth in range(1, len(parents) + 1):
            with suppress(FileExistsError):
                make_directory(self._root.joinpath(*parents[:depth]))
        os.close(create(path))
        sync(path.parent)

    def subscriptions(self) -> list[str]:
        """Return the names subscribed."""
        return [] if self._is_file else subscribed.load(self._subscribed, self.separator)

    def subscribe(self, name: str, *, wanted: bool) -> None:
        """Subscribe a name, or end that."""
        if self._is_file:
            raise InvalidInput(f"{self._root} is one file and keeps no subscriptions")
        self._make_root()
        subscribed.change(self._subscribed, self.separator, name, wanted=wanted)

    @property
    def _subscribed(self) -> Path:
        return self._root / ".subscriptions"

    def _parents(self, files: list[str]) -> list[str]:
        """Return the directories of parents: such without ``.sbd`` are used where they are there."""
        parents: list[str] = []
        for file in files:
            plain = self._root.joinpath(*parents, file)
            parents.append(file if plain.is_dir() else file + _BELOW)
        return parents

    def _make_root(self) -> None:
        if not self._root.is_dir():
            self._root.parent.mkdir(parents=True, exist_ok=True)
            make_directory(self._root)

    def _spots(self) -> dict[str, Spot]:
        if self._is_file:
            return {INBOX: Spot(self._root)}
        return named(self._below(self._root, [])) if self._root.is_dir() else {}

    def _below(self, directory: Path, before: list[str]) -> Iterator[tuple[str, Spot]]:
        for entry in entries(directory):
            path = directory / entry.name
            if entry.is_dir(follow_symlinks=False):
                levels = [*before, file_to_level(_without(entry.name, _BELOW))]
                if len(levels) < DEEPEST:
                    yield from self._below(path, levels)
            elif not entry.name.lower().endswith(_OTHER_ENDINGS):
                levels = [*before, file_to_level(_without(entry.name, _ENDING))]
                if entry.is_symlink():
                    yield name_of(levels), Spot(path, is_link=True)
                elif entry.is_file() and _is_mbox(path):
                    yield name_of(levels), Spot(path)


def _without(name: str, ending: str) -> str:
    return name[: -len(ending)] if name.lower().endswith(ending) and name != ending else name


def _is_mbox(path: Path) -> bool:
    """Return whether a file is empty or begins with a From_ line; one that can not be read may be one."""
    try:
        return _begins_as_mbox(path)
    except PermissionError:
        return True


def _begins_as_mbox(path: Path) -> bool:
    with path.open("rb") as file:
        begin = file.read(_LOOKED_AT)
    # Blank lines are what a crash may leave of mails that were all removed.
    begin = begin.lstrip(b"\r\n")
    return not begin or begin.startswith(b"From ")


def _has_from_line(path: Path) -> bool:
    """Return whether a mail begins behind some other text, as some programs leave it there."""
    with path.open("rb") as file:
        octets = min(os.fstat(file.fileno()).st_size, BLOCK_BYTES)
        return Scanner(file.fileno(), octets).next_separator(0) < octets
