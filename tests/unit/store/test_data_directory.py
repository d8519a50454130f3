from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from switchover.errors import Refused
from switchover.settings import Settings
from switchover.store.data_directory import prepare_data_directory


def settings_for(path: Path) -> Settings:
    return Settings(data_dir=path, user_id=os.geteuid())


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture
def distant(tmp_path: Path) -> Iterator[Settings]:
    """Return settings whose sockets go to /tmp, and remove that directory afterwards."""
    settings = settings_for(tmp_path / ("d" * 100))
    yield settings
    if settings.run_dir.is_symlink():
        settings.run_dir.unlink()
    elif settings.run_dir.exists():
        shutil.rmtree(settings.run_dir)


def test_all_directories_are_made_and_may_exist(distant: Settings) -> None:
    for _ in range(2):
        prepare_data_directory(distant)
        expected = 0o711 if distant.is_root else 0o700
        assert mode_of(distant.data_dir) == expected
        assert mode_of(distant.run_dir) == expected
        assert distant.engine_dir.is_dir()


def test_an_existing_data_directory_keeps_its_mode(distant: Settings) -> None:
    distant.data_dir.mkdir()
    distant.data_dir.chmod(0o750)
    prepare_data_directory(distant)
    assert mode_of(distant.data_dir) == 0o750


def test_a_socket_directory_open_to_all_is_closed(distant: Settings) -> None:
    distant.run_dir.mkdir()
    distant.run_dir.chmod(0o777)
    prepare_data_directory(distant)
    assert mode_of(distant.run_dir) & 0o066 == 0


def test_a_link_in_place_of_the_socket_directory_is_refused(
    distant: Settings, tmp_path: Path
) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    distant.run_dir.symlink_to(elsewhere)
    with pytest.raises(Refused, match="somebody else made it"):
        prepare_data_directory(distant)


def test_another_users_socket_directory_is_refused(distant: Settings) -> None:
    distant.run_dir.mkdir()
    stranger = Settings(data_dir=distant.data_dir, user_id=os.geteuid() + 1)
    stranger.run_dir.mkdir()
    try:
        with pytest.raises(Refused, match=f"not a directory of user id {stranger.user_id}"):
            prepare_data_directory(stranger)
    finally:
        stranger.run_dir.rmdir()


def test_a_directory_that_cannot_be_made_is_refused_with_advice(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(Refused, match=r"cannot make the directory .*--data"):
        prepare_data_directory(settings_for(tmp_path / "file" / "data"))
