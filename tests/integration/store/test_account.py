from __future__ import annotations

import os
import pwd
import subprocess
from pathlib import Path

import pytest

from switchover.errors import Refused
from switchover.store.embedded import account
from switchover.store.embedded.account import get_account

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root makes system users")


def test_postgresql_never_runs_as_root() -> None:
    found = get_account()
    assert found.user_id != 0
    assert found.is_other is (os.geteuid() == 0)
    assert found.name in found.may_connect
    assert pwd.getpwuid(found.user_id).pw_name == found.name


@needs_root
def test_a_missing_system_user_is_made_without_login(monkeypatch: pytest.MonkeyPatch) -> None:
    name = f"swtest{os.getpid()}"
    monkeypatch.setattr(account, "SYSTEM_USER", name)
    try:
        assert get_account() == get_account()
        entry = pwd.getpwnam(name)
        assert entry.pw_shell.endswith("nologin")
        assert not Path(entry.pw_dir).exists()
    finally:
        subprocess.run(["userdel", name], check=True)


@needs_root
def test_a_user_that_cannot_be_made_is_refused_with_advice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(account, "SYSTEM_USER", "not:a:name")
    with pytest.raises(Refused, match=r"useradd failed \(.*SWITCHOVER_DATABASE_URL"):
        get_account()


@needs_root
def test_a_machine_without_useradd_is_told_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(account, "SYSTEM_USER", "switchover-unknown")
    monkeypatch.setattr("shutil.which", lambda name, path: None)  # cannot be taken away here
    with pytest.raises(Refused, match="useradd is not on this machine"):
        get_account()


@needs_root
def test_root_by_another_name_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(account, "SYSTEM_USER", "root")
    with pytest.raises(Refused, match="root under another name"):
        get_account()
