"""Which revision took a server or service out of the platform file. Pure.

Read from the texts as people wrote them, line by line: parsing hundreds of platform files to answer a wrong
address would cost more than the answer is worth. What is written in another way is simply not found.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,62}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Removal:
    """The revision that removed something."""

    number: int
    author: str
    at: datetime
    reason: str


def removed_line(name: str) -> str | None:
    """Return what a difference that removes this key matches (POSIX), None for what is no name."""
    if not _NAME.fullmatch(name):
        return None
    return rf"(^|\n)-[ \t]+[\"']?{re.escape(name)}[\"']?[ \t]*:"


def stands_in(text: str, section: str, name: str) -> bool:
    """Return whether a platform file has an entry of that name in ``servers`` or ``services``."""
    key = re.compile(r"(?P<blanks>[ \t]+)[\"']?(?P<key>[^\s\"':#]+)[\"']?[ \t]*:")
    is_inside, blanks = False, None
    for line in text.splitlines():
        if line[:1] not in {"", " ", "\t", "#"}:
            is_inside, blanks = line.startswith(f"{section}:"), None
        elif is_inside and (found := key.match(line)):
            blanks = blanks if blanks is not None else found["blanks"]
            if found["blanks"] == blanks and found["key"] == name:
                return True
    return False
