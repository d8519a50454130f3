"""The end of a file replaced so that a crash never leaves a part: the new end is on the disk first, beside the file.

The file stays the same file: programs that wait for its lock go on with it. What was begun is finished by whoever
opens the file next; what others added behind meanwhile is kept.
"""

from __future__ import annotations

import os
import re
from contextlib import suppress
from typing import TYPE_CHECKING

from switchover.move.archive.durable import create, sync
from switchover.move.archive.store import CHUNK_BYTES

if TYPE_CHECKING:
    from pathlib import Path

_NAME = re.compile(r"\.switchover-splice\.([0-9]{1,18})\.([0-9]{1,18})")


def stage_path(path: Path, number: str) -> Path:
    """Return where to write a new end before it is used; left over by a crash it means nothing."""
    return path.with_name(f".{path.name}.switchover-stage.{number}")


def splice(path: Path, descriptor: int, start: int, staged: Path) -> None:
    """Replace the file from ``start`` on by what is in ``staged``, which is used up; the lock is held."""
    sync(staged)
    begun = path.with_name(f".{path.name}.switchover-splice.{start}.{os.fstat(descriptor).st_size}")
    staged.rename(begun)
    sync(path.parent)
    _apply(descriptor, start, begun)


def recover(path: Path, descriptor: int, number: str) -> None:
    """Finish what a crash left; the lock is held."""
    prefix = f".{path.name}"
    with os.scandir(path.parent) as entries:
        names = [one.name for one in entries if one.name.startswith(prefix)]
    for name in names:
        found = _NAME.fullmatch(name[len(prefix) :])
        if found is not None:
            begun = path.with_name(name)
            _finish(path, descriptor, begun, (int(found[1]), int(found[2]), number))


def _finish(path: Path, descriptor: int, begun: Path, numbers: tuple[int, int, str]) -> None:
    start, former, number = numbers
    size, length = os.fstat(descriptor).st_size, begun.stat().st_size
    same = _same_octets(descriptor, start, begun)
    is_done = same == length and size != former
    if size < start or is_done:
        begun.unlink()
        return
    others = _others(descriptor, start, former, same)
    if others is None or others >= size:
        _apply(descriptor, start, begun)
        return
    joined = stage_path(path, number)
    with begun.open("rb") as new, os.fdopen(create(joined), "wb") as file:
        for chunk in iter(lambda: new.read(CHUNK_BYTES), b""):
            file.write(chunk)
        _copy(descriptor, others, file.write)
    splice(path, descriptor, start, joined)
    begun.unlink()


def _others(descriptor: int, start: int, former: int, same: int) -> int | None:
    """Return where begins what others added since, None when nothing of ours was begun behind it."""
    if start < former:
        return former
    # Ours was cut off somewhere, and the next mail begins right there.
    for at in range(start + same, start - 1, -1):
        if os.pread(descriptor, 5, at) == b"From ":
            return at if at > start or same == 0 else None
    return None


def _same_octets(descriptor: int, start: int, begun: Path) -> int:
    at = 0
    with begun.open("rb") as file:
        for chunk in iter(lambda: file.read(CHUNK_BYTES), b""):
            there = os.pread(descriptor, len(chunk), start + at)
            if there != chunk:
                return at + _same_begin(there, chunk)
            at += len(chunk)
    return at


def _same_begin(one: bytes, other: bytes) -> int:
    """Return how many octets are equal, by halves: chunks are large."""
    same, most = 0, min(len(one), len(other))
    while same < most:
        middle = (same + most + 1) // 2
        if one[same:middle] == other[same:middle]:
            same = middle
        else:
            most = middle - 1
    return same


def _apply(descriptor: int, start: int, begun: Path) -> None:
    at = start
    with begun.open("rb") as file:
        for chunk in iter(lambda: file.read(CHUNK_BYTES), b""):
            view = memoryview(chunk)
            while view:
                written = os.pwrite(descriptor, view, at)
                view, at = view[written:], at + written
    os.ftruncate(descriptor, at)
    os.fsync(descriptor)
    with suppress(FileNotFoundError):
        begun.unlink()


def _copy(descriptor: int, start: int, write: object) -> None:
    while chunk := os.pread(descriptor, CHUNK_BYTES, start):
        write(chunk)  # type: ignore[operator]
        start += len(chunk)
