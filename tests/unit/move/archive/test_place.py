"""What can be no archive is said before anything is asked or written."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from switchover.errors import InvalidInput, NotFound, Refused, SwitchoverError
from switchover.move.archive import place, store_maildir
from switchover.move.archive.opening import open_archive
from switchover.move.archive.place import require_two_places, require_writable
from switchover.move.endpoint import ArchiveEndpoint, parse_endpoint


def endpoint(kind: str, path: Path) -> ArchiveEndpoint:
    found = parse_endpoint(f"{kind}:{path}")
    assert isinstance(found, ArchiveEndpoint)
    return found


@pytest.mark.parametrize(
    ("source", "target", "words"),
    [
        ("a", "a", "the same archive"),
        ("a", "a/b/c", "the target lies inside the source"),
        ("a", "link/b", "the target lies inside the source"),
        ("a/b", "a", "the source lies inside the target"),
    ],
)
def test_an_archive_is_not_copied_into_itself(
    source: str, target: str, words: str, tmp_path: Path
) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "a")
    with pytest.raises(InvalidInput, match=words):
        require_two_places(endpoint("eml", tmp_path / source), endpoint("mbox", tmp_path / target))


def test_archives_beside_each_other_and_servers_are_two_places(tmp_path: Path) -> None:
    require_two_places(endpoint("eml", tmp_path / "a"), endpoint("eml", tmp_path / "ab"))
    server = parse_endpoint("imaps://ann@mail.contoso.example")
    require_two_places(server, endpoint("eml", tmp_path / "a"))
    require_writable(server)


@pytest.mark.parametrize("kind", ["maildir", "mbox", "eml"])
def test_a_place_for_an_archive_is_tried_and_nothing_stays(kind: str, tmp_path: Path) -> None:
    require_writable(endpoint(kind, tmp_path / "new" / "archive"))
    require_writable(endpoint(kind, tmp_path))
    assert not list(tmp_path.iterdir())
    (tmp_path / "file").touch()
    with pytest.raises(InvalidInput, match=r"file is a file, not a directory"):
        require_writable(endpoint(kind, tmp_path / "file" / "below"))
    with pytest.raises(Refused, match=r"/proc/ann can not be made: "):
        require_writable(endpoint(kind, Path("/proc/ann")))


def test_only_an_mbox_may_be_a_file(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    require_writable(endpoint("mbox", tmp_path / "file"))
    with pytest.raises(InvalidInput, match="is a file, not a directory"):
        require_writable(endpoint("maildir", tmp_path / "file"))
    with pytest.raises(InvalidInput, match="is a file, not a directory"):
        open_archive(endpoint("maildir", tmp_path / "file"), may_create=False)


def test_a_place_that_takes_nothing_is_said_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def forbidden(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(place, "_try", forbidden)
    with pytest.raises(Refused, match="can not be written to: Permission denied"):
        require_writable(endpoint("eml", tmp_path))
    with pytest.raises(Refused, match="can not be made: Permission denied"):
        require_writable(endpoint("eml", tmp_path / "new"))


def test_a_path_that_may_not_be_looked_at_is_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def forbidden(*_: object) -> None:
        raise PermissionError(13, "Permission denied", "/root/x")

    monkeypatch.setattr(store_maildir, "require_directory", forbidden)
    with pytest.raises(Refused, match="/root/x can not be read: Permission denied"):
        open_archive(endpoint("maildir", tmp_path), may_create=False)


def with_text(path: Path) -> None:
    path.write_text("127.0.0.1 localhost\n")


def with_a_text_below(path: Path) -> None:
    (path / "below").mkdir(parents=True)
    with_text(path / "below" / "hosts")


@pytest.mark.parametrize(
    ("kind", "make", "error", "words"),
    [
        ("mbox", with_text, InvalidInput, "is no mbox: it does not begin with 'From '"),
        ("eml", with_a_text_below, NotFound, r"there is no \.eml file in .* or below"),
        ("mbox", with_a_text_below, NotFound, "there is no mbox file below"),
        ("maildir", with_a_text_below, NotFound, "is no Maildir"),
        ("maildir", Path.exists, NotFound, "x is not there"),
    ],
)
def test_what_is_no_mailbox_is_not_an_empty_one(
    kind: str,
    make: Callable[[Path], object],
    error: type[SwitchoverError],
    words: str,
    tmp_path: Path,
) -> None:
    make(tmp_path / "x")
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(error, match=words):
        open_archive(endpoint(kind, tmp_path / "x"), may_create=False)
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize("text", ["", "\n\n", "From a@contoso.example Thu Jan  1 00:00:00 1970\n"])
def test_an_mbox_may_be_empty(text: str, tmp_path: Path) -> None:
    (tmp_path / "x").write_text(text)
    open_archive(endpoint("mbox", tmp_path / "x"), may_create=False)
    assert os.listdir(tmp_path) == ["x"]  # noqa: PTH208 - names
