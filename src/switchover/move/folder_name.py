"""Names of folders: taken apart at one server's separator, written anew as another server wants them. Pure.

Names here are decoded; how they go over the wire is the wire's business. A path is a name without
the prefix of its namespace, level by level. The path ``("INBOX",)`` is the INBOX, whatever the
server's letters.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

Path: TypeAlias = tuple[str, ...]

INBOX = "INBOX"


class NameFault(StrEnum):
    """Why a server can not have a folder of some name."""

    EMPTY_LEVEL = "empty level"
    TOO_DEEP = "too deep"
    TOO_LONG = "too long"
    RESERVED = "reserved"
    INBOX_CHILD = "child of INBOX"


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetFolder:
    """A folder that the target has already."""

    name: str
    is_selectable: bool = True
    is_subscribed: bool = False
    special_use: frozenset[str] = frozenset()


def utf8_length(text: str) -> int:
    """Return the bytes of a name in UTF-8; servers that keep modified UTF-7 need another measure."""
    return len(text.encode("utf-8", "surrogateescape"))


def path_of(name: str, separator: str | None, prefix: str = "") -> Path:
    """Return the levels of a name, without its namespace prefix and with INBOX in capitals."""
    if name.upper() == INBOX:
        return (INBOX,)
    bare = name
    if prefix and name[: len(prefix)].upper() == prefix.upper() and len(name) > len(prefix):
        bare = name[len(prefix) :]
    first, *rest = bare.split(separator) if separator else [bare]
    return (INBOX if first.upper() == INBOX else first, *rest)


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetFacts:
    """What the target's profile and listings say about folder names.

    ``separator`` is None for a flat server, ``prefix`` that of the personal namespace with its
    separator (``INBOX.``). ``forbidden`` and ``forbidden_first`` are characters not taken anywhere,
    or at the start of a name; the separator and control characters never are. ``is_blank_tidy``:
    no blanks at either end of a level nor two in a row (Gmail). ``reserved`` are names of the first
    level, in lower case. Lengths are in what ``length_of`` counts; 0 is no limit.
    ``has_inbox_children`` is False where nothing can stand below INBOX.
    """

    separator: str | None
    prefix: str = ""
    folders: Sequence[TargetFolder] = ()
    is_case_sensitive: bool = True
    composes_unicode: bool = False
    forbidden: str = ""
    forbidden_first: str = ""
    is_blank_tidy: bool = False
    reserved: frozenset[str] = frozenset()
    longest_name: int = 0
    longest_level: int = 0
    deepest: int = 0
    has_inbox_children: bool = True
    creates_special_use: bool = False
    length_of: Callable[[str], int] = utf8_length

    def name_of(self, path: Path) -> str:
        """Return the full name of a path on the target."""
        if path == (INBOX,):
            return INBOX
        between = self.separator or ""
        if path[0] != INBOX:
            return self.prefix + between.join(path)
        if self.prefix.upper() == INBOX + between:
            # All personal folders stand below INBOX there, so its children stand beside the others.
            return self.prefix + between.join(path[1:])
        return between.join(path)

    def path_of(self, name: str) -> Path:
        """Return the path of a full name on the target."""
        return path_of(name, self.separator, self.prefix)

    def folded(self, path: Path) -> str:
        """Return what all names share that the target holds to be this one."""
        name = self.name_of(path)
        text = unicodedata.normalize("NFC", name) if self.composes_unicode else name
        return text if self.is_case_sensitive else text.casefold()

    def cleaned(self, path: Path, replacement: str) -> Path:
        """Return a path without the characters that the target does not take."""
        clean = tuple(self._cleaned_level(level, replacement) for level in path)
        if clean and clean[0] and clean[0][0] in self.forbidden_first:
            return (replacement + clean[0][1:], *clean[1:])
        return clean

    def _cleaned_level(self, level: str, replacement: str) -> str:
        bad = self.forbidden + (self.separator or "")
        text = "".join(
            replacement if char in bad or unicodedata.category(char) == "Cc" else char
            for char in level
        )
        return " ".join(filter(None, text.split(" "))) if self.is_blank_tidy else text

    def fault(self, path: Path) -> tuple[NameFault, str] | None:
        """Return why the target can not have a folder of this path, or None when it can."""
        if not all(path):
            return NameFault.EMPTY_LEVEL, "a level of the name is empty"
        if path == (INBOX,):
            return None
        if path[0] == INBOX and not self.has_inbox_children:
            return NameFault.INBOX_CHILD, "the target takes no folders below INBOX"
        if path[0].lower() in self.reserved:
            return NameFault.RESERVED, f"the target keeps the name {path[0]!r} for itself"
        deepest = self.deepest if self.separator else 1
        if deepest and len(path) > deepest:
            return NameFault.TOO_DEEP, f"{len(path)} levels, the target takes {deepest}"
        return self._length_fault(path)

    def _length_fault(self, path: Path) -> tuple[NameFault, str] | None:
        length = self.length_of(self.name_of(path))
        if self.longest_name and length > self.longest_name:
            return NameFault.TOO_LONG, f"{length} bytes, the target takes {self.longest_name}"
        level = max(map(self.length_of, path))
        if self.longest_level and level > self.longest_level:
            return (
                NameFault.TOO_LONG,
                f"a level of {level} bytes, the target takes {self.longest_level}",
            )
        return None
