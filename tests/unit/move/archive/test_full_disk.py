"""A disk without room: nothing half written stays, and the answer says that every mail would meet it."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest
from tests.unit.move.archive.stores import Client, open_store, put, shown

from switchover.move.archive import durable, mbox_splice
from switchover.move.archive.durable import dot_lock

KINDS = ("maildir", "mbox", "eml")


@pytest.fixture(autouse=True)
def no_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "fsync", lambda _: None)


def test_a_lock_that_can_not_name_its_holder_does_not_stay(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lock = tmp_path / "x.lock"

    def create_full(path: Path) -> int:
        path.touch()
        return os.open("/dev/full", os.O_WRONLY)

    monkeypatch.setattr(durable, "create", create_full)
    with pytest.raises(OSError, match="No space left"), dot_lock(lock):
        pass
    assert not lock.exists()


@pytest.mark.parametrize("kind", KINDS)
def test_notes_that_found_no_room_leave_the_folder_as_it_was(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = open_store(kind, tmp_path / "a")
    folder = store.open("INBOX", to_write=True)
    put(folder, b"Subject: one\r\n\r\nx\r\n")
    before, validity = shown(folder), folder.uid_validity
    files = {one.relative_to(tmp_path) for one in tmp_path.rglob("*")}
    write = os.write

    def write_a_part(descriptor: int, data: bytes) -> int:
        if len(data) < 3 or os.fstat(descriptor).st_nlink == 0:
            return write(descriptor, data)
        name = str(Path(f"/proc/self/fd/{descriptor}").readlink())
        if "index" not in name and "uidlist" not in name:
            return write(descriptor, data)
        if len(data) < 10:
            raise OSError(errno.ENOSPC, "No space left on device")
        return write(descriptor, bytes(data[: len(data) - 5]))

    monkeypatch.setattr(os, "write", write_a_part)
    with pytest.raises(OSError, match="No space left"):
        put_and_drop(folder)
    monkeypatch.setattr(os, "write", write)
    again = open_store(kind, tmp_path / "a").open("INBOX", to_write=True)
    if kind != "mbox":  # there the mails are in the file before they are noted
        assert shown(again) == before
        assert {one.relative_to(tmp_path) for one in tmp_path.rglob("*")} == files
    assert again.uid_validity == validity
    folder.close()
    again.close()


def put_and_drop(folder: object) -> None:
    batch = folder.begin()  # type: ignore[attr-defined]
    try:
        batch.begin_mail((), 1_700_000_000)
        batch.write(memoryview(b"Subject: two\r\n\r\ny\r\n"))
        batch.end_mail()
        batch.commit()
    finally:
        batch.abort()


def test_an_mbox_that_can_not_grow_is_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = open_store("mbox", tmp_path / "a").open("INBOX", to_write=True)
    put(folder, b"Subject: one\r\n\r\nx\r\n")
    path = tmp_path / "a" / "INBOX"
    before, files = path.read_bytes(), set(path.parent.iterdir())
    written = mbox_splice._write

    def write_a_part(descriptor: int, data: bytes, at: int) -> int:
        written(descriptor, data[:7], at)
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(mbox_splice, "_write", write_a_part)
    with pytest.raises(OSError, match="No space left"):
        put_and_drop(folder)
    folder.close()
    assert path.read_bytes() == before
    assert set(path.parent.iterdir()) == files


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_no_room_is_not_said_as_a_quota_which_smaller_mails_may_meet(
    number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = Client(open_store("maildir", tmp_path / "a"))

    def full(*_: object) -> int:
        raise OSError(number, "full")

    monkeypatch.setattr(os, "write", full)
    assert client.say(b"a APPEND INBOX {2+}\r\nx\n\r\n").startswith(b"a NO [NOROOM] full")
    monkeypatch.undo()
    assert not list((tmp_path / "a" / "tmp").iterdir())
