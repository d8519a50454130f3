"""The engine's files outlive a power cut, cost no more than what changed, and damaged notes stop nobody."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from switchover.balance.work.engine_files import EngineFiles
from switchover.wire.haproxy.render import MAIN_FILE, digest_files

OLD = {MAIN_FILE: b"old", "maps/a": b"a", "maps/b": b"b"}
NEW = {**OLD, MAIN_FILE: b"new"}


def placed(files: EngineFiles, contents: dict[str, bytes]) -> Path:
    draft = files.write_draft(contents)
    files.settle(draft)
    files.place(draft, digest_files(contents))
    files.activate(digest_files(contents))
    return files.current.resolve()


def test_only_what_changed_is_brought_to_the_disk_and_before_the_flip(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = EngineFiles(tmp_path)
    synced: list[str] = []

    def note(descriptor: int) -> None:
        path = Path(f"/proc/self/fd/{descriptor}").readlink()
        synced.append(path.name if path.is_file() else "folder")
        assert files.current_name() != digest_files(NEW)[:24]

    monkeypatch.setattr(os, "fsync", note)
    placed(files, OLD)
    assert sorted(name for name in synced if name != "folder") == ["a", "b", MAIN_FILE]
    assert synced.count("folder") == 3
    synced.clear()
    placed(files, NEW)
    assert [name for name in synced if name != "folder"] == [MAIN_FILE]
    assert files.digest() == digest_files(NEW)


def test_a_check_alone_brings_nothing_to_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[int] = []
    monkeypatch.setattr(os, "fsync", synced.append)
    EngineFiles(tmp_path).write_draft(OLD)
    assert synced == []


@pytest.mark.parametrize("meddle", ["edited", "readable", "linked"])
def test_a_file_that_somebody_meddled_with_is_written_anew(tmp_path: Path, meddle: str) -> None:
    files = EngineFiles(tmp_path)
    old = placed(files, OLD) / "maps/a"
    if meddle == "edited":
        old.write_bytes(b"x")
    elif meddle == "readable":
        old.chmod(0o644)
    else:
        (tmp_path / "elsewhere").write_bytes(b"a")
        old.unlink()
        old.symlink_to(tmp_path / "elsewhere")
    new = placed(files, NEW) / "maps/a"
    assert (new.read_bytes(), new.lstat().st_mode & 0o777) == (b"a", 0o600)
    assert not new.is_symlink()


@pytest.mark.parametrize("note", ["accepted", "advised", "loaded"])
def test_a_damaged_note_counts_as_absent(tmp_path: Path, note: str) -> None:
    (tmp_path / note).write_bytes(b"\xff\xfe\x00")
    files = EngineFiles(tmp_path)
    assert (files.accepted, files.advised) == (None, frozenset())
