"""Mbox files as others leave them, and what a crash leaves."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.move.archive.stores import put, shown

from switchover.errors import InvalidInput, Refused
from switchover.move.archive import mbox_scan, mbox_splice
from switchover.move.archive.store_mbox import MboxStore

FROM = b"From ann@contoso.example Thu Jan  1 00:00:01 1970\n"


@pytest.fixture(autouse=True)
def no_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "fsync", lambda _: None)


def test_mails_of_others_are_read_with_their_flags_and_without_their_notes(tmp_path: Path) -> None:
    path = tmp_path / "inbox"
    path.write_bytes(
        b"something before\n\n"
        + FROM + b"X-IMAPbase: 77 12\nX-UID: 5\nStatus: RO\nSubject: a\n\n>From x\nFrom y\n\n"
        + FROM + b"X-UID: 9\nContent-Length: %d\nSubject: b\n\n" % (len(FROM) + 8)
        + b">From z\n" + FROM + b"\n"
        + FROM.replace(b"\n", b"\r\n") + b"Subject: c\r\nX-Mozilla-Status: 0004\r\n\r\nc\r\n\r\n"
        + FROM + b"no header\n\n"
        + FROM + b"\nonly a body"
    )  # fmt: skip
    folder = MboxStore(path).open("INBOX")
    assert folder.uid_validity == 77
    assert shown(folder) == [
        (5, {b"\\Seen"}, 1, b"Subject: a\r\n\r\nFrom x\r\nFrom y\r\n"),
        (9, set(), 1, b"Subject: b\r\n\r\n>From z\r\n" + FROM.replace(b"\n", b"\r\n")),
        (13, {b"\\Flagged"}, 1, b"Subject: c\r\n\r\nc\r\n"),
        (14, set(), 1, b"no header\r\n"),
        (15, set(), 1, b"\r\nonly a body"),
    ]
    folder.close()


def test_flags_of_mails_of_others_can_be_set_and_mails_added(tmp_path: Path) -> None:
    path = tmp_path / "inbox"
    path.write_bytes(FROM + b"Subject: a\n\na\n\n" + FROM + b"Status: RO\n\n>From b")
    folder = MboxStore(path).open("INBOX")
    folder.set_flags({2: (b"\\Flagged",)})
    assert put(folder, b"c\r\n") == [3]
    assert [(flags, text) for _, flags, _, text in shown(folder)] == [
        (set(), b"Subject: a\r\n\r\na\r\n"),
        ({b"\\Flagged"}, b"\r\nFrom b\r\n"),
        (set(), b"c\r\n"),
    ]
    assert path.read_bytes().startswith(FROM + b"Subject: a\n\na\n\nFrom MAILER-DAEMON Thu Jan  1")
    folder.close()


def test_uids_hold_when_others_change_the_file(tmp_path: Path) -> None:
    path = tmp_path / "inbox"
    folder = MboxStore(path.parent, may_create=True).open("INBOX", to_write=True)
    put(folder, b"a\r\n", b"b\r\n", b"b\r\n", b"c\r\n")
    file = tmp_path / "INBOX"
    mails = file.read_bytes().split(b"From MAILER")[1:]
    # Another program takes away the second and the fourth, changes the flags of the third and adds one.
    kept = [mails[0], mails[2].replace(b"Status: O ", b"Status: RO", 1)]
    file.write_bytes(b"".join(b"From MAILER" + one for one in kept) + FROM + b"\nnew\n")
    folder.refresh()
    found = [(uid, flags, text) for uid, flags, _, text in shown(folder)]
    assert found[0] == (1, set(), b"a\r\n")
    assert found[1][0] in {2, 3}
    assert found[1][1:] == ({b"\\Seen"}, b"b\r\n")
    assert found[2] == (5, set(), b"\r\nnew\r\n")
    folder.close()


def test_a_torn_or_senseless_index_is_made_again(tmp_path: Path) -> None:
    store = MboxStore(tmp_path, may_create=True)
    folder = store.open("INBOX", to_write=True)
    put(folder, b"a\r\n", b"b\r\n")
    folder.expunge([2])
    validity = folder.uid_validity
    folder.close()
    notes = tmp_path / ".INBOX.switchover-index"
    notes.write_bytes(notes.read_bytes() + b"7 1 2")
    folder = store.open("INBOX")
    assert (folder.uid_validity, list(folder.uids()), folder.uid_next) == (validity, [1], 3)
    folder.close()
    for text in (b"nonsense\n", b"switchover mbox index 1 5 5\nnonsense\n"):
        notes.write_bytes(text)
        folder = store.open("INBOX")
        assert list(folder.uids()) == [1]
        folder.close()


def test_the_pseudo_mail_of_other_programs_is_none(tmp_path: Path) -> None:
    path = tmp_path / "inbox"
    path.write_bytes(
        FROM + b"X-IMAP: 88 4\nSubject: DON'T DELETE THIS MESSAGE -- FOLDER INTERNAL DATA\n\ntext\n\n"
        + FROM + b"X-UID: 3\n\nmail\n\n"
    )  # fmt: skip
    folder = MboxStore(path).open("INBOX")
    assert (folder.uid_validity, folder.uid_next) == (88, 5)
    assert [(uid, text) for uid, _, _, text in shown(folder)] == [(3, b"\r\nmail\r\n")]
    folder.close()


def test_thunderbirds_tree_is_a_tree_of_folders(tmp_path: Path) -> None:
    (tmp_path / "Archive.sbd" / "2024.sbd").mkdir(parents=True)
    (tmp_path / "plain").mkdir()
    for name in ("Inbox", "Sent", "Archive.sbd/2024", "Archive.sbd/2024.sbd/May", "plain/x.mbox"):
        (tmp_path / name).write_bytes(FROM + b"\n%b\n" % name.encode())
    (tmp_path / "Trash").write_bytes(b"")
    for name in ("Inbox.msf", "notes.txt", "filters.dat"):
        (tmp_path / name).write_bytes(b"no mail")
    store = MboxStore(tmp_path)
    assert store.folders() == [
        "Archive/2024", "Archive/2024/May", "INBOX", "Sent", "Trash", "plain/x",
    ]  # fmt: skip
    store.create("plain/y")
    store.create("Archive/2025/Jan")
    assert (tmp_path / "plain" / "y").is_file()
    assert (tmp_path / "Archive.sbd" / "2025.sbd" / "Jan").is_file()


def test_two_files_for_one_folder_are_refused_rather_than_one_hidden(tmp_path: Path) -> None:
    (tmp_path / "Inbox").write_bytes(FROM)
    (tmp_path / "INBOX").write_bytes(FROM)
    with pytest.raises(Refused, match="would both be the folder INBOX"):
        MboxStore(tmp_path)


def test_one_file_is_an_inbox_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "all.mbox"
    path.write_bytes(FROM + b"\nx\n")
    store = MboxStore(path)
    assert (store.folders(), store.subscriptions()) == (["INBOX"], [])
    with pytest.raises(InvalidInput, match="holds INBOX only"):
        store.create("Sent")
    with pytest.raises(InvalidInput, match="no subscriptions"):
        store.subscribe("Sent", wanted=True)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.sampled_from([FROM, b"\n", b"\r\n", b"x", b"From \n", b"x" * 30]), max_size=40),
    st.integers(8, 64),
)
def test_mails_are_found_whatever_the_block_in_which_they_are_read(
    parts: list[bytes], block: int
) -> None:
    text = b"".join(parts)
    with tempfile.TemporaryFile() as file, pytest.MonkeyPatch.context() as patch:
        file.write(text)
        file.flush()
        whole = list(mbox_scan.scan(file.fileno(), len(text)))
        patch.setattr(mbox_scan, "BLOCK_BYTES", block)
        assert list(mbox_scan.scan(file.fileno(), len(text))) == whole
    begins = [layout.begin for layout in whole]
    assert begins == sorted(set(begins))
    for layout in whole:
        assert text[layout.begin :].startswith(b"From ")
        assert layout.begin < layout.text <= layout.end or layout.end <= layout.text


OLD, NEW, OTHERS = FROM + b"\nold\n\n", FROM + b"\nnew new\n\n", FROM + b"\nothers\n\n"
# What is left of the old end begins with a mail, just as what others add does.
TAIL = b"x" * (len(NEW) - 1) + b"\n" + FROM + b"\ngone\n\n"


def journal(path: Path, name: str, start: int, former: int) -> None:
    head = (b"splice %d %d" % (start, former)).ljust(mbox_splice.HEAD_BYTES - 1) + b"\n"
    path.with_name(f".{path.name}.switchover-{name}").write_bytes(head + NEW)


def recovered(path: Path) -> bytes:
    with path.open("r+b") as file:
        mbox_splice.recover(path, file.fileno(), "n")
    assert [one.name for one in path.parent.iterdir()] == [path.name]
    return path.read_bytes()


@pytest.mark.parametrize("written", [0, 5, len(NEW) - 3, len(NEW)])
@pytest.mark.parametrize("others", [b"", OTHERS])
def test_an_addition_that_a_crash_cut_off_is_finished_and_nobodys_mail_is_lost(
    written: int, others: bytes, tmp_path: Path
) -> None:
    path = tmp_path / "box"
    path.write_bytes(OLD + NEW[:written] + others)
    journal(path, "splice", len(OLD), len(OLD))
    assert recovered(path) == OLD + NEW + others


@pytest.mark.parametrize("others", [b"", OTHERS, OTHERS * 9])
@pytest.mark.parametrize(
    "stage", ["nothing", "a part", "all", "half blank", "blank", "to cut", "cut"]
)
def test_a_rewriting_that_a_crash_cut_off_is_finished(
    stage: str, others: bytes, tmp_path: Path
) -> None:
    path, rest = tmp_path / "box", len(TAIL) - len(NEW)
    now = {
        "nothing": TAIL,
        "a part": NEW[:7] + TAIL[7:],
        "all": NEW + TAIL[len(NEW) :],
        "half blank": NEW + b"\n" * 5 + TAIL[len(NEW) + 5 :],
        "blank": NEW + b"\n" * rest,
        "to cut": NEW + b"\n" * rest,
        "cut": NEW,
    }
    path.write_bytes(OLD + now[stage] + others)
    journal(path, "cut" if "cut" in stage else "splice", len(OLD), len(OLD + TAIL))
    assert recovered(path) == OLD + NEW + others


def test_what_others_took_away_meanwhile_stays_away(tmp_path: Path) -> None:
    path = tmp_path / "box"
    path.write_bytes(OLD[:3])
    journal(path, "splice", len(OLD), len(OLD))
    assert recovered(path) == OLD[:3]


class Crash(BaseException):
    """The process is gone."""


@pytest.mark.parametrize("others", [b"", OTHERS])
@pytest.mark.parametrize("change", ["add", "expunge", "reflag"])
def test_after_a_crash_before_any_step_no_mail_is_lost_or_there_twice(
    change: str, others: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    many = tuple(b"keyword-number-%d" % number for number in range(12))
    changes = {
        "add": lambda folder: put(folder, b"d\r\n", b"e\r\n"),
        "expunge": lambda folder: folder.expunge([1, 2]),
        "reflag": lambda folder: folder.set_flags({1: many}),
    }
    before, after = {b"a\r\n", b"b\r\n", b"c\r\n"}, {b"c\r\n"}
    after = before | {b"d\r\n", b"e\r\n"} if change == "add" else after
    after = before if change == "reflag" else after
    steps, left = ("pwrite", "fsync", "ftruncate", "replace", "unlink", "rename"), [0]

    def counted(name: str) -> None:
        real = getattr(os, name)

        def act(*given: object, **more: object) -> object:
            left[0] -= 1
            if left[0] == 0:
                raise Crash
            return real(*given, **more)

        monkeypatch.setattr(os, name, act)

    for name in steps:
        counted(name)
    crashes = 0
    for step in range(1, 200):
        place = tmp_path / str(step)
        left[0] = 0
        store = MboxStore(place, may_create=True)
        folder = store.open("INBOX", to_write=True)
        put(folder, b"a\r\n", b"b\r\n", b"c\r\n")
        floor = folder.uid_next
        left[0] = step
        try:
            changes[change](folder)
        except Crash:
            crashes += 1
        is_over, left[0] = left[0] > 0, 0
        folder.close()
        for lock in place.glob("*.lock"):
            lock.unlink()
        with (place / "INBOX").open("ab") as file:
            file.write(others)
        folder = store.open("INBOX")
        texts = [text for *_, text in shown(folder)]
        assert len(texts) == len(set(texts)), (step, texts)
        ours = set(texts) - {b"\r\nothers\r\n"}
        assert ours in (before, after), (step, texts)
        assert (b"\r\nothers\r\n" in texts) == bool(others), (step, texts)
        new = [uid for uid, *_, text in shown(folder) if text not in before]
        assert all(uid >= floor for uid in new)
        folder.close()
        if is_over:
            break
    assert is_over
    assert crashes > 5
