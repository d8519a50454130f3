"""The end of a file replaced so that a crash never leaves a part: the new end is on the disk first, beside the file.

The file stays the same file: programs that wait for its lock go on with it. What was begun is finished by whoever
opens the file next, and what others added behind meanwhile is kept. Two steps, each told by the name of the journal:

``splice``
    The new end is copied over the old one, and what the old one is longer is blanked. The file only grows.
``cut``
    All that is done; the blank lines are cut off. Behind them or in their place are only mails that others added.
"""

from __future__ import annotations

import os
import re
import shutil
from typing import TYPE_CHECKING, BinaryIO

from switchover.move.archive.durable import create, sync
from switchover.move.archive.store import CHUNK_BYTES

if TYPE_CHECKING:
    from pathlib import Path

HEAD_BYTES = 64
"""At the begin of a staged file, for where its content belongs."""
_HEAD = re.compile(rb"splice ([0-9]{1,18}) ([0-9]{1,18}) +\n")


def stage_path(path: Path, number: str) -> Path:
    """Return where to write a new end before it is used; left over by a crash it means nothing."""
    return path.with_name(f".{path.name}.switchover-stage.{number}")


def splice(path: Path, descriptor: int, start: int, staged: Path) -> None:
    """Replace the file from ``start`` on by what follows the head of ``staged``; the lock is held.

    ``staged`` is used up.
    """
    former = os.fstat(descriptor).st_size
    head = (b"splice %d %d" % (start, former)).ljust(HEAD_BYTES - 1) + b"\n"
    with staged.open("r+b") as file:
        file.write(head)
    sync(staged)
    begun = _begun(path)
    staged.replace(begun)
    sync(path.parent)
    try:
        _apply(path, descriptor, start, former)
    except OSError:
        _take_back(path, descriptor, start, former)
        raise


def _take_back(path: Path, descriptor: int, start: int, former: int) -> None:
    """Undo what was only added, if nobody added anything since: a full disk leaves the file as it was."""
    begun = _begun(path)
    if start != former or not begun.exists():
        return
    size = os.fstat(descriptor).st_size
    if start + _same_octets(descriptor, start, begun) == size:
        os.ftruncate(descriptor, former)
        os.fsync(descriptor)
        begun.unlink()


def recover(path: Path, descriptor: int, number: str) -> None:
    """Finish what a crash left; the lock is held, ``number`` names a file that is not there."""
    if _begun(path).exists():
        _cut(path).unlink(missing_ok=True)  # what was begun later includes it
        _go_on(path, descriptor, number)
    elif _cut(path).exists():
        start, former = _numbers(_cut(path))
        _shorten(path, descriptor, start + _length(_cut(path)), former, number)


def _go_on(path: Path, descriptor: int, number: str) -> None:
    begun = _begun(path)
    start, former = _numbers(begun)
    size = os.fstat(descriptor).st_size
    if size < former:
        begun.unlink()  # it never becomes shorter before the cut: others wrote it anew meanwhile
        return
    others = former
    if start + _length(begun) > former:  # it grows, so what is behind may be ours
        same = _same_octets(descriptor, start, begun)
        if same == _length(begun):
            os.fsync(descriptor)
            begun.unlink()
            return
        others = _behind_a_part(descriptor, former, max(former, start + same), size)
    if others >= size:
        _apply(path, descriptor, start, former)
        return
    joined = stage_path(path, number)
    with begun.open("rb") as new, os.fdopen(create(joined), "wb") as file:
        shutil.copyfileobj(new, file, CHUNK_BYTES)
        _copy(descriptor, others, size, file)
    splice(path, descriptor, start, joined)


def _behind_a_part(descriptor: int, start: int, stop: int, size: int) -> int:
    """Return where begins what others added behind a part of ours that ends at ``stop`` at most."""
    if stop >= size:
        return size  # all of it is ours
    for at in range(stop, start, -1):
        if os.pread(descriptor, 5, at) == b"From ":
            return at
    return start


def _apply(path: Path, descriptor: int, start: int, former: int) -> None:
    begun, at = _begun(path), start
    with begun.open("rb") as file:
        file.seek(HEAD_BYTES)
        while chunk := file.read(CHUNK_BYTES):
            at = _write(descriptor, chunk, at)
    end = at
    while end < former:
        end = _write(descriptor, b"\n" * min(CHUNK_BYTES, former - end), end)
    os.fsync(descriptor)
    if end == at:
        begun.unlink()
        return
    begun.replace(_cut(path))
    sync(path.parent)
    _shorten(path, descriptor, at, former)


def _shorten(path: Path, descriptor: int, at: int, former: int, number: str = "") -> None:
    """Cut the blank lines off, if they are still there; what others added behind them moves forward."""
    size = os.fstat(descriptor).st_size
    is_cut = not _is_blank(descriptor, at, former)
    if is_cut or size == former:
        if not is_cut:
            os.ftruncate(descriptor, at)
            os.fsync(descriptor)
        _cut(path).unlink()
        return
    staged = stage_path(path, number)
    with os.fdopen(create(staged), "wb") as file:
        file.write(bytes(HEAD_BYTES))
        _copy(descriptor, former, size, file)
    splice(path, descriptor, at, staged)


def _is_blank(descriptor: int, at: int, end: int) -> bool:
    while at < end:
        chunk = os.pread(descriptor, min(CHUNK_BYTES, end - at), at)
        if not chunk or chunk.strip(b"\n"):
            return False
        at += len(chunk)
    return True


def _numbers(journal: Path) -> tuple[int, int]:
    with journal.open("rb") as file:
        found = _HEAD.fullmatch(file.read(HEAD_BYTES))
    return (int(found[1]), int(found[2])) if found else (2**62, 2**62)


def _length(journal: Path) -> int:
    return journal.stat().st_size - HEAD_BYTES


def _same_octets(descriptor: int, start: int, begun: Path) -> int:
    at = 0
    with begun.open("rb") as file:
        file.seek(HEAD_BYTES)
        while chunk := file.read(CHUNK_BYTES):
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


def _copy(descriptor: int, start: int, end: int, file: BinaryIO) -> None:
    while start < end and (chunk := os.pread(descriptor, min(CHUNK_BYTES, end - start), start)):
        file.write(chunk)
        start += len(chunk)


def _write(descriptor: int, data: bytes, at: int) -> int:
    """Write at an offset and return where it ends."""
    view = memoryview(data)
    while view:
        written = os.pwrite(descriptor, view, at)
        view, at = view[written:], at + written
    return at


def _begun(path: Path) -> Path:
    return path.with_name(f".{path.name}.switchover-splice")


def _cut(path: Path) -> Path:
    return path.with_name(f".{path.name}.switchover-cut")
