"""A Maildir as others leave it: their UIDs, their files, their renames."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest
from tests.unit.move.archive.stores import body, put, shown

from switchover.errors import NotFound, Refused, Unavailable
from switchover.move.archive import durable
from switchover.move.archive.store_maildir import MaildirStore


def make(path: Path, files: dict[str, bytes]) -> Path:
    for part in ("cur", "new", "tmp"):
        (path / part).mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (path / name).write_bytes(text)
        os.utime(path / name, (1000, 1000))
    return path


def test_dovecots_uids_and_keywords_hold_and_new_mails_follow(tmp_path: Path) -> None:
    make(tmp_path, {"cur/5.b:2,Sab": b"b\n", "new/6.c": b"c\r\n", "cur/1.a:2,FP": b"a\n"})
    (tmp_path / "dovecot-uidlist").write_text("3 V77 N9 G01\n4 :5.b:2,\n6 :3.gone\n")
    (tmp_path / "dovecot-keywords").write_text("0 work\n1 later\n")
    folder = MaildirStore(tmp_path).open("INBOX")
    assert folder.uid_validity == 77
    assert shown(folder) == [
        (4, {b"\\Seen", b"work", b"later"}, 1000, b"b\r\n"),
        (9, {b"\\Flagged", b"$Forwarded"}, 1000, b"a\r\n"),
        (10, set(), 1000, b"c\r\n"),
    ]
    text = (tmp_path / "dovecot-uidlist").read_text()
    assert text == "3 V77 N9 G01\n4 :5.b:2,\n6 :3.gone\n9 :1.a\n10 :6.c\n"
    folder.set_flags({10: (b"\\Seen", b"new")})
    assert (tmp_path / "cur" / "6.c:2,Sc").read_bytes() == b"c\r\n"
    assert put(folder, b"d\r\n") == [11]


def test_couriers_uids_hold(tmp_path: Path) -> None:
    make(tmp_path, {"cur/5.b:2,S": b"b\n"})
    (tmp_path / "courierimapuiddb").write_text("1 66 8\n7 5.b\n")
    (tmp_path / "courierimapsubscribed").write_text("INBOX.Sent\n")
    store = MaildirStore(tmp_path)
    folder = store.open("INBOX")
    assert (folder.uid_validity, list(folder.uids()), folder.uid_next) == (66, [7], 8)
    assert (tmp_path / "dovecot-uidlist").read_text() == "3 V66 N8\n7 :5.b\n"
    assert store.subscriptions() == ["Sent"]


def test_files_that_others_rename_add_and_remove_are_seen(tmp_path: Path) -> None:
    make(tmp_path, {"new/1.a": b"a\n", "cur/2.b:2,": b"b\n", "cur/3.c:2,": b"c\n"})
    folder = MaildirStore(tmp_path).open("INBOX")
    (tmp_path / "new" / "1.a").rename(tmp_path / "cur" / "1.a:2,S")
    (tmp_path / "cur" / "2.b:2,").rename(tmp_path / "cur" / "2.b:2,F")
    (tmp_path / "cur" / "3.c:2,").unlink()
    assert body(folder, 1) == b"a\r\n"
    assert folder.open_body(3) is None
    folder.set_flags({2: (b"\\Seen",), 3: (b"\\Seen",)})
    assert folder.expunge([3]) == []
    assert {one.name for one in (tmp_path / "cur").iterdir()} == {"1.a:2,S", "2.b:2,S"}
    (tmp_path / "new" / "9.d").write_bytes(b"d\n")
    folder.refresh()
    assert list(folder.uids()) == [1, 2, 4]


def test_a_size_in_a_name_is_believed_only_if_it_is_that_of_the_file(tmp_path: Path) -> None:
    make(tmp_path, {"cur/1.a,S=2,W=3:2,": b"a\n", "cur/2.b,S=9,W=9:2,": b"b\nb\n"})
    folder = MaildirStore(tmp_path).open("INBOX")
    assert [folder.size_of(uid) for uid in (1, 2)] == [3, 6]


def test_an_index_that_makes_no_sense_is_another_uidvalidity(tmp_path: Path) -> None:
    make(tmp_path, {"cur/1.a:2,": b"a\n"})
    (tmp_path / "dovecot-uidlist").write_text("nonsense\n")
    folder = MaildirStore(tmp_path).open("INBOX")
    assert list(folder.uids()) == [1]
    before = folder.uid_validity
    (tmp_path / "dovecot-uidlist").write_text("more nonsense\n")
    (tmp_path / "new" / "2.b").write_bytes(b"b\n")
    folder.refresh()
    assert folder.uid_validity > before


def test_a_list_of_uids_with_hardly_a_mail_left_is_written_anew(tmp_path: Path) -> None:
    make(tmp_path, {"cur/1.a:2,": b"a\n", "cur/2.b:2,": b"b\n"})
    gone = "".join(f"{uid} :gone{uid}\n" for uid in range(1, 1100))
    (tmp_path / "dovecot-uidlist").write_text("3 V77 N1\n" + gone)
    folder = MaildirStore(tmp_path).open("INBOX")
    folder.expunge([1101])
    text = (tmp_path / "dovecot-uidlist").read_text()
    assert text == "3 V77 N1102\n1100 :1.a\n"
    assert folder.uid_next == 1102


def test_a_batch_that_fails_half_way_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make(tmp_path, {})
    folder = MaildirStore(tmp_path).open("INBOX")
    rename = Path.rename

    def fail_second(path: Path, target: Path) -> Path:
        if list((tmp_path / "cur").iterdir()):
            raise OSError(28, "No space left on device")
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", fail_second)
    batch = folder.begin()
    for text in (b"one", b"two"):
        batch.begin_mail((), 0)
        batch.write(memoryview(text))
        batch.end_mail()
    with pytest.raises(OSError, match="No space"):
        batch.commit()
    batch.abort()
    assert not [path for path in tmp_path.rglob("*") if path.parent.name in {"cur", "tmp"}]


def test_a_mail_is_found_with_its_flags_after_a_crash_before_it_had_a_uid(tmp_path: Path) -> None:
    make(tmp_path, {})
    folder = MaildirStore(tmp_path).open("INBOX")
    put(folder, b"one", flags=(b"\\Seen",))
    floor = folder.uid_next
    make(tmp_path, {"cur/9.crashed:2,F": b"two"})
    with (tmp_path / "dovecot-uidlist").open("a") as file:
        file.write("2 :9.cra")
    again = MaildirStore(tmp_path).open("INBOX")
    assert [(uid, flags) for uid, flags, _, _ in shown(again)] == [
        (1, {b"\\Seen"}),
        (floor, {b"\\Flagged"}),
    ]
    assert (tmp_path / "dovecot-uidlist").read_text().endswith(f"{floor} :9.crashed\n")


def test_a_part_of_a_folder_that_is_a_link_is_refused(tmp_path: Path) -> None:
    make(tmp_path / "a", {})
    make(tmp_path / "b", {"cur/1.secret:2,": b"secret\n"})
    (tmp_path / "a" / "cur").rmdir()
    (tmp_path / "a" / "cur").symlink_to(tmp_path / "b" / "cur")
    store = MaildirStore(tmp_path / "a")
    with pytest.raises(Refused, match="symbolic link"):
        store.open("INBOX")
    (tmp_path / "a" / "cur").unlink()
    with pytest.raises(NotFound):
        store.open("INBOX")


def test_a_lock_is_waited_for_and_a_dead_one_is_broken(tmp_path: Path) -> None:
    lock = tmp_path / "x.lock"
    lock.write_text(f"{os.getpid()}:{os.uname().nodename}")
    with pytest.raises(Unavailable, match="held by another"), durable.dot_lock(lock, seconds=0.05):
        pass
    lock.write_text(f"999999999:{os.uname().nodename}")
    with durable.dot_lock(lock, seconds=0.05):
        assert lock.exists()
    assert not lock.exists()
    lock.write_text("1:elsewhere")
    long_ago = time.time() - 500
    os.utime(lock, (long_ago, long_ago))
    with durable.dot_lock(lock, seconds=0.05):
        pass
    lock.write_text("1:elsewhere")
    with pytest.raises(Unavailable), durable.dot_lock(lock, seconds=0.05):
        pass


def test_what_is_no_plain_file_is_not_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to("pipe")
    with pytest.raises(Refused):
        durable.read(tmp_path / "pipe")
    with pytest.raises(Refused):
        durable.read(tmp_path / "link")
    assert durable.read(tmp_path / "nothing") is None
