from __future__ import annotations

import os
from pathlib import Path

import pytest

from switchover.errors import Conflict, Refused
from switchover.store.lock import DataLock


def test_a_second_holder_is_refused_with_the_first_ones_process_id(tmp_path: Path) -> None:
    path = tmp_path / "switchover.lock"
    with DataLock(path), pytest.raises(Conflict, match=f"process id {os.getpid()}.*--data"):
        DataLock(path).take()


def test_the_lock_can_be_taken_again_after_release(tmp_path: Path) -> None:
    path = tmp_path / "switchover.lock"
    first = DataLock(path)
    first.take()
    first.take()
    first.release()
    first.release()
    assert path.read_text() == ""
    with DataLock(path):
        assert path.read_text() == f"{os.getpid()}\n"


def test_an_old_longer_process_id_leaves_no_digits_behind(tmp_path: Path) -> None:
    path = tmp_path / "switchover.lock"
    path.write_text("4194303999\n")
    with DataLock(path):
        assert path.read_text() == f"{os.getpid()}\n"


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    target = tmp_path / "precious"
    target.write_text("keep")
    (tmp_path / "switchover.lock").symlink_to(target)
    with pytest.raises(Refused, match="cannot open"):
        DataLock(tmp_path / "switchover.lock").take()
    assert target.read_text() == "keep"


def test_whoever_only_asks_is_told_of_the_holder_and_makes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "switchover.lock"
    DataLock(path).require_free()
    assert not path.exists()
    with DataLock(path), pytest.raises(Conflict, match=f"process id {os.getpid()}"):
        DataLock(path).require_free()
    DataLock(path).require_free()
