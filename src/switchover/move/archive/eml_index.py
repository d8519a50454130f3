"""The index of a directory of .eml files: what their names and times do not tell, as lines of JSON. Pure.

The first line is ``{"uidvalidity": ..., "uidnext": ...}``, each other one a mail:
``{"uid": 7, "file": "...", "flags": [...], "date": 1700000000, "octets": 1234}``. Lines are only added; a later
line about a UID counts instead of an earlier one, ``{"uid": 7, "file": ""}`` takes it away.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable

LARGEST_UID = 2**32 - 2


class Entry(NamedTuple):
    """A mail; ``octets`` are those of the file while it holds the mail exactly as it came, else -1."""

    file: str
    flags: tuple[bytes, ...]
    epoch_seconds: int
    octets: int = -1


@dataclass(slots=True, kw_only=True)
class EmlIndex:
    """What the lines say. ``is_whole`` is False when a crash cut the last line off."""

    uid_validity: int
    uid_next: int = 1
    entries: dict[int, Entry] = field(default_factory=dict)
    is_whole: bool = True
    lines: int = 0

    def add(self, entry: Entry) -> int:
        """Give a mail the next UID and return it; raises OverflowError when there are no more."""
        if self.uid_next > LARGEST_UID:
            raise OverflowError("the folder has used up all UIDs")
        uid = self.uid_next
        self.entries[uid] = entry
        self.uid_next += 1
        return uid


def parse(text: str) -> EmlIndex | None:
    """Return what an index says; None for what is none."""
    rows = text.split("\n")
    torn = rows.pop()
    head = _object(rows[0]) if rows else None
    if head is None or not _is_uid(head.get("uidvalidity")) or not _is_uid(head.get("uidnext")):
        return None
    found = EmlIndex(uid_validity=head["uidvalidity"], uid_next=head["uidnext"])
    found.is_whole = not torn
    found.lines = len(rows) - 1
    for row in rows[1:]:
        line = _object(row)
        if line is None or not _is_uid(line.get("uid")):
            return None
        uid = line["uid"]
        found.uid_next = max(found.uid_next, uid + 1)
        entry = _entry(line)
        if entry is None:
            found.entries.pop(uid, None)
        else:
            found.entries[uid] = entry
    return found


def _entry(line: dict[str, Any]) -> Entry | None:
    file, flags, date = line.get("file"), line.get("flags", []), line.get("date", 0)
    octets = line.get("octets", -1)
    is_sound = isinstance(flags, list) and isinstance(date, int) and isinstance(octets, int)
    if not isinstance(file, str) or not file or not is_sound:
        return None
    # A name that leads out of the directory is nobody's mail here.
    if "/" in file or "\0" in file or file.startswith("."):
        return None
    spelled = tuple(
        flag.encode("utf-8", "surrogateescape") for flag in flags if isinstance(flag, str)
    )
    return Entry(file, spelled, date, octets)


def _object(row: str) -> dict[str, Any] | None:
    try:
        found = json.loads(row)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


def _is_uid(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 < value <= LARGEST_UID + 1


def write(index: EmlIndex) -> str:
    """Return the whole text."""
    head = json.dumps({"uidvalidity": index.uid_validity, "uidnext": index.uid_next})
    return f"{head}\n{lines(sorted(index.entries.items()))}"


def lines(entries: Iterable[tuple[int, Entry | None]]) -> str:
    """Return lines to add."""
    return "".join(
        json.dumps(
            {"uid": uid, "file": ""}
            if entry is None
            else {
                "uid": uid,
                "file": entry.file,
                "flags": [flag.decode("utf-8", "surrogateescape") for flag in entry.flags],
                "date": entry.epoch_seconds,
                "octets": entry.octets,
            }
        )
        + "\n"
        for uid, entry in entries
    )
