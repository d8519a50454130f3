"""An archive of another user: its mails are read, whether or not its notes may be, and nothing is written."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.unit.move.archive.stores import Client, body, open_store, put

from switchover.errors import SwitchoverError
from switchover.move.archive import (
    eml_folder,
    maildir_uids,
    mbox_folder,
    mbox_notes,
    subscribed,
)

MAIL = b"Subject: one\r\n\r\nx\r\n"


@pytest.fixture(autouse=True)
def no_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "fsync", lambda _: None)


def closed(*_: object, **__: object) -> None:
    raise PermissionError(13, "Permission denied")


def close_eml(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(eml_folder, "read", closed)
    monkeypatch.setattr(eml_folder, "dot_lock", closed)


def close_maildir(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(maildir_uids, "read", closed)


def close_mbox(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mbox_folder, "_open", lambda path: os.open(path, os.O_RDONLY))
    monkeypatch.setattr(mbox_notes, "notes_path", lambda _: Path("/nowhere/index"))


@pytest.mark.parametrize(
    ("kind", "close"), [("eml", close_eml), ("maildir", close_maildir), ("mbox", close_mbox)]
)
def test_mails_are_read_where_the_notes_may_not_be(
    kind: str,
    close: Callable[[pytest.MonkeyPatch], None],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    own = open_store(kind, tmp_path / "a").open("INBOX", to_write=True)
    put(own, MAIL, MAIL)
    own.close()
    before = {one: one.read_bytes() for one in tmp_path.rglob("*") if one.is_file()}
    close(monkeypatch)
    folder = open_store(kind, tmp_path / "a", may_create=False).open("INBOX")
    validity = folder.uid_validity
    folder.refresh()
    assert [body(folder, uid) for uid in folder.uids()] == [MAIL, MAIL]
    assert folder.uid_validity == validity > 0
    assert {one: one.read_bytes() for one in tmp_path.rglob("*") if one.is_file()} == before
    with pytest.raises((OSError, SwitchoverError)):
        put(folder, MAIL)
    folder.close()


def test_an_mbox_that_may_only_be_read_keeps_the_uids_that_are_noted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = open_store("mbox", tmp_path / "a").open("INBOX", to_write=True)
    put(own, MAIL, MAIL)
    own.expunge([1])
    monkeypatch.setattr(mbox_folder, "_open", lambda path: os.open(path, os.O_RDONLY))
    folder = open_store("mbox", tmp_path / "a").open("INBOX")
    assert (folder.uid_validity, list(folder.uids())) == (own.uid_validity, [2])
    own.close()
    folder.close()


@pytest.mark.parametrize("kind", ["eml", "maildir", "mbox"])
@pytest.mark.parametrize("mode", [0o755, 0o700])
def test_notes_may_be_read_by_those_who_may_read_what_they_tell_of(
    mode: int, kind: str, tmp_path: Path
) -> None:
    root = tmp_path / "a"
    open_store(kind, root).open("INBOX", to_write=True).close()
    for one in (root, *root.rglob("*")):
        one.chmod(mode if one.is_dir() else mode & 0o644)
    for notes in (*root.rglob(".*switchover*"), *root.rglob("dovecot-uidlist")):
        notes.unlink()
    if kind == "eml":
        (root / "INBOX" / "one.eml").write_bytes(MAIL)
    open_store(kind, root).open("INBOX", to_write=True).close()
    notes = [*root.rglob(".*switchover-index*"), *root.rglob("dovecot-uidlist")]
    assert [one.stat().st_mode & 0o777 for one in notes] == [mode & 0o644]


def test_subscriptions_of_another_user_are_none_of_ours(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = Client(open_store("eml", tmp_path / "a"))
    monkeypatch.setattr(subscribed, "read", closed)
    assert client.run(b'LIST "" "*" RETURN (SUBSCRIBED)')[-1] == b"a OK done"
    assert client.run(b'SUBSCRIBE "x"')[-1].startswith(b"a NO [NOPERM]")
