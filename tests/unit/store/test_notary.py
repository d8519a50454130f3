"""Seals and the head that lie outside the database can be made with our key alone."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from switchover.errors import Corrupt
from switchover.store.notary import Notary, Note
from switchover.store.seal import add_key

HASH, OTHER = "a" * 64, "b" * 64


def notary(directory: Path) -> Notary:
    return Notary(directory / "secret.key", directory / "audit.head")


def test_a_head_is_read_as_it_was_noted(tmp_path: Path) -> None:
    ours = notary(tmp_path)
    assert ours.find_head() is None
    ours.note_head(Note(number=57, digest=HASH))
    assert notary(tmp_path).find_head() == Note(number=57, digest=HASH)
    assert (tmp_path / "audit.head").stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "audit.head").stat().st_size == 512


def test_an_earlier_end_does_not_replace_a_later_one_but_for_a_new_beginning(
    tmp_path: Path,
) -> None:
    ours = notary(tmp_path)
    ours.note_head(Note(number=57, digest=HASH))
    ours.note_head(Note(number=56, digest=OTHER))
    assert ours.find_head() == Note(number=57, digest=HASH)
    ours.note_head(Note(number=53, digest=OTHER), is_new_beginning=True)
    assert ours.find_head() == Note(number=53, digest=OTHER)


@pytest.mark.parametrize("text", ["", "{}", "[]", "\0" * 512, '{"number": "x"}', "null"])
def test_what_is_no_head_is_told(tmp_path: Path, text: str) -> None:
    (tmp_path / "audit.head").write_text(text)
    with pytest.raises(Corrupt, match="no head of an audit log"):
        notary(tmp_path).find_head()


def test_a_head_that_was_changed_or_signed_elsewhere_is_told(tmp_path: Path) -> None:
    ours = notary(tmp_path)
    ours.note_head(Note(number=57, digest=HASH))
    told = json.loads((tmp_path / "audit.head").read_text())
    (tmp_path / "audit.head").write_text(json.dumps({**told, "number": 56}))
    with pytest.raises(Corrupt, match="was changed, or signed with another"):
        ours.find_head()
    (tmp_path / "elsewhere").mkdir()
    notary(tmp_path / "elsewhere").note_head(Note(number=57, digest=HASH))
    (tmp_path / "elsewhere" / "audit.head").replace(tmp_path / "audit.head")
    with pytest.raises(Corrupt, match="was changed, or signed with another"):
        ours.find_head()


def test_a_head_that_can_not_be_read_is_told_and_one_that_can_not_be_written_is_logged(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "audit.head").mkdir()
    ours = notary(tmp_path)
    with pytest.raises(Corrupt, match="can not be read"):
        ours.find_head()
    ours.note_head(Note(number=1, digest=HASH))
    assert "state=not-written" in caplog.text


def test_a_seal_shows_who_wrote_an_entry(tmp_path: Path) -> None:
    ours = notary(tmp_path)
    seal = ours.seal(HASH)
    assert ours.is_ours(HASH, seal) is True
    assert ours.is_ours(OTHER, seal) is False
    assert ours.is_ours(HASH, seal[:-1]) is False
    assert ours.is_ours(HASH, "") is None
    (tmp_path / "elsewhere").mkdir()
    assert notary(tmp_path / "elsewhere").is_ours(HASH, seal) is None


def test_seals_outlive_a_new_key(tmp_path: Path) -> None:
    seal = notary(tmp_path).seal(HASH)
    add_key(tmp_path / "secret.key")
    again = notary(tmp_path)
    assert again.is_ours(HASH, seal) is True
    assert again.seal(HASH) != seal
