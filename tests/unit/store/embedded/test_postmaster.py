from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from switchover.store.embedded import postmaster
from switchover.store.embedded.postmaster import (
    Postmaster,
    is_server_of,
    is_stranger,
    mark_of,
    parse_lock_file,
)

LOCK = "812\n/data/cluster\n1763800000\n5432\n/run/x\n\n  5432001     32768\nready   \n"


def test_a_whole_lock_file_is_read() -> None:
    expected = Postmaster(process_id=812, socket_directory="/run/x", status="ready")
    assert parse_lock_file(LOCK) == expected


def test_a_lock_file_in_the_making_is_read_as_far_as_it_goes() -> None:
    assert parse_lock_file("812\n/data/cluster\n") == Postmaster(process_id=812)


def test_a_single_user_server_has_a_negative_process_id() -> None:
    assert parse_lock_file("-812\n") == Postmaster(process_id=812)


@pytest.mark.parametrize("text", ["", "\n", "zero\n", "0\n", "²\n", "\0\0\0\0"])
def test_a_broken_lock_file_names_nobody(text: str) -> None:
    assert parse_lock_file(text) is None


def test_a_server_is_recognised_by_its_mark_wherever_its_directory_went(tmp_path: Path) -> None:
    arguments = (
        "/opt/bin/postgres",
        "-D",
        "/moved/away",
        "-c",
        f"cluster_name={mark_of(tmp_path)}",
    )
    assert is_server_of(arguments, tmp_path, mark_of(tmp_path))


def test_a_server_started_by_hand_is_recognised_by_its_directory(tmp_path: Path) -> None:
    arguments = ("postgres", "-D", str(tmp_path))
    assert is_server_of(arguments, tmp_path, mark_of(tmp_path))
    assert not is_stranger(arguments, tmp_path)


def test_a_process_that_only_mentions_the_directory_is_no_server(tmp_path: Path) -> None:
    arguments = ("vim", "-D", str(tmp_path), f"cluster_name={mark_of(tmp_path)}")
    assert not is_server_of(arguments, tmp_path, mark_of(tmp_path))
    assert is_stranger(arguments, tmp_path)


def test_the_server_of_another_directory_is_a_stranger(tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    arguments = ("postgres", "-D", str(other))
    assert not is_server_of(arguments, tmp_path, mark_of(tmp_path))
    assert is_stranger(arguments, tmp_path)


@pytest.mark.parametrize("arguments", [("postgres",), ("postgres", "-D", "/no/longer/there")])
def test_a_server_of_an_unknown_directory_may_be_ours(
    arguments: tuple[str, ...], tmp_path: Path
) -> None:
    assert not is_server_of(arguments, tmp_path, mark_of(tmp_path))
    assert not is_stranger(arguments, tmp_path)


def test_a_process_that_is_gone_is_nobody(tmp_path: Path) -> None:
    assert not is_server_of((), tmp_path, "mark")
    assert is_stranger((), tmp_path)


def test_a_mark_stays_when_the_directory_moves(tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    first.mkdir()
    before = mark_of(first)
    first.rename(second)
    assert mark_of(second) == before
    assert mark_of(tmp_path) != before


def test_our_own_command_line_can_be_read() -> None:
    assert postmaster.read_arguments(os.getpid())
    assert postmaster.read_arguments(4_194_305) == ()


def test_a_process_that_becomes_another_program_has_not_ended() -> None:
    # Popen returns when the child has given up our memory and has no command line yet.
    for _ in range(100):
        with subprocess.Popen(["/bin/sleep", "20"]) as child:
            try:
                assert not postmaster.has_ended(child.pid)
            finally:
                child.kill()


def test_a_process_that_is_gone_or_waits_to_be_reaped_has_ended() -> None:
    with subprocess.Popen(["/bin/true"]) as child:
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
        assert postmaster.has_ended(child.pid)
    assert postmaster.has_ended(4_194_305)


def test_only_processes_with_the_mark_are_listed() -> None:
    assert postmaster.list_processes("switchover-0-0") == []


def test_a_directory_without_lock_file_has_no_server(tmp_path: Path) -> None:
    assert postmaster.find_postmaster(tmp_path) is None
    assert postmaster.find_postmaster(tmp_path / "missing") is None


def test_a_lock_file_of_a_live_stranger_is_removed(tmp_path: Path) -> None:
    lock = tmp_path / postmaster.LOCK_FILE
    for text in (f"{os.getpid()}\n", "", "garbage"):
        lock.write_text(text)
        assert postmaster.find_postmaster(tmp_path) is None
        postmaster.clear_leftovers(tmp_path, tmp_path)
        assert not lock.exists()


def test_a_lock_file_of_a_dead_process_is_left_to_postgresql(tmp_path: Path) -> None:
    lock = tmp_path / postmaster.LOCK_FILE
    lock.write_text("4194305\n")
    postmaster.clear_leftovers(tmp_path, tmp_path)
    assert lock.exists()
