"""``switchover copy`` while its own database is killed, stopped, or has no disk left to write to."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import psycopg
import pytest
from tests.integration.imap_servers import Dovecot, dovecot
from tests.integration.move.copying import Copy, digests, mails
from tests.integration.processes import short_directory

from switchover.store.embedded import EmbeddedPostgres

pytestmark = pytest.mark.timeout(180)


@pytest.fixture(scope="module")
def source() -> Iterator[Dovecot]:
    """Serves what is only read: 60 mails in two folders."""
    with dovecot() as server:
        server.put_mails(mails(36))
        server.put_mails(mails(24, first=100), folder="Sent")
        yield server


@dataclass(frozen=True, kw_only=True)
class Disk:
    """A file system of its own that can be filled to the last byte."""

    directory: Path

    @property
    def ballast(self) -> Path:
        return self.directory / "ballast"

    def fill(self) -> None:
        with self.ballast.open("wb", 0) as file, contextlib.suppress(OSError):
            while file.write(bytes(4096)):
                pass

    def make_room(self) -> None:
        self.ballast.unlink()

    def mount(self, *options: str) -> None:
        subprocess.run(["mount", *options, str(self.directory)], check=True)


@contextlib.contextmanager
def small_disk(megabytes: int) -> Iterator[Disk]:
    with short_directory() as place:
        disk = Disk(directory=place / "data")
        disk.directory.mkdir()
        disk.mount("-t", "tmpfs", "-o", f"size={megabytes}m,mode=0711", "tmpfs")
        try:
            yield disk
        finally:
            subprocess.run(["umount", str(disk.directory)], check=True)


def postmaster(data: Path) -> int:
    return int((data / "postgresql" / "cluster" / "postmaster.pid").read_text().split()[0])


def begun(pair: Copy, *options: str, mails_sent: int = 15) -> subprocess.Popen[str]:
    """Start a copy, slow enough to be caught, and return when it is in the middle."""
    running = pair.start(
        "--max-mails-per-second", "12", "--progress", "json", "-o", "json", *options
    )
    assert running.stderr is not None
    for line in running.stderr:
        if line.startswith("{") and json.loads(line)["mails"] >= mails_sent:
            break
    return running


def write_much(superuser: psycopg.Connection) -> None:
    """Write ahead until no room is left for that: PostgreSQL ends itself then."""
    while True:
        superuser.execute("select pg_logical_emit_message(true, 'filling', repeat('x', 100000))")


def said(err: str) -> str:
    """Return what came on the error output beside the progress."""
    return " ".join(line for line in err.splitlines() if not line.startswith("{"))


def test_a_full_disk_is_named_and_with_room_the_same_command_goes_on(
    source: Dovecot, target: Dovecot
) -> None:
    with small_disk(100) as disk:
        pair = Copy(source=source, target=target, data=disk.directory)
        running = begun(pair)
        disk.fill()
        _, err = running.communicate(timeout=60)
        assert running.returncode == 75
        assert f"the database at {disk.directory}/postgresql has no disk space left" in said(err)
        assert "run the same command again" in said(err)
        assert "Traceback" not in err
        still = pair.run(code=75)
        assert "no disk space left" in still.words
        assert str(disk.directory) in still.words
        disk.make_room()
        report = pair.run("-o", "json").json
        assert report["complete"]
        assert report["copied"] + report["folders"][0]["found"] > 0
        assert digests(target) == digests(source)


def test_a_database_that_dies_of_a_full_disk_loses_nothing(
    source: Dovecot, target: Dovecot
) -> None:
    with small_disk(100) as disk:
        pair = Copy(source=source, target=target, data=disk.directory)
        running = begun(pair)
        superuser = psycopg.connect(
            host=str(disk.directory / "run" / "postgresql"),
            user="postgres",
            dbname="template1",
            autocommit=True,
        )
        disk.fill()
        with pytest.raises(psycopg.OperationalError):
            write_much(superuser)
        superuser.close()
        _, err = running.communicate(timeout=60)
        # What it had taken for its last record is free again: that may do for the rest.
        assert running.returncode == 0 or "no disk space left" in said(err), err
        assert "Traceback" not in err
        disk.make_room()
        assert pair.run("-o", "json").json["complete"]
        assert digests(target) == digests(source)


def test_a_data_directory_that_turned_read_only_is_named(source: Dovecot, target: Dovecot) -> None:
    with small_disk(100) as disk:
        pair = Copy(source=source, target=target, data=disk.directory)
        pair.run("--dry-run")
        disk.mount("-o", "remount,ro")
        refused = pair.run(code=5)
        assert "its file system is read-only" in refused.words
        assert str(disk.directory) in refused.words
        assert digests(target) == {}


def test_a_database_that_is_killed_is_started_again_and_no_mail_comes_twice(
    source: Dovecot, target: Dovecot
) -> None:
    with short_directory() as place:
        pair = Copy(source=source, target=target, data=place / "data")
        running = begun(pair)
        before = postmaster(pair.data)
        os.kill(before, signal.SIGKILL)
        out, err = running.communicate(timeout=60)
        assert running.returncode == 0, out + err
        assert said(err) == ""
        report = json.loads(out)
        assert (report["complete"], report["copied"]) == (True, 60)
        assert digests(target) == digests(source)
        again = pair.run("-o", "json").json
        assert (again["copied"], again["complete"]) == (0, True)


async def test_a_database_elsewhere_may_be_away_for_a_while(
    source: Dovecot, target: Dovecot
) -> None:
    with short_directory() as place:
        server = EmbeddedPostgres(place / "elsewhere", place / "sockets")
        try:
            await server.start()
            pair = Copy(source=source, target=target, data=place / "data")
            pair.environment["SWITCHOVER_DATABASE_URL"] = (
                f"postgresql://switchover@/switchover?host={quote(str(place / 'sockets'))}"
            )
            running = begun(pair)
            await server.stop()
            await asyncio.sleep(3)  # longer than a request waits for a connection
            await server.start()
            out, err = await asyncio.to_thread(running.communicate, timeout=60)
        finally:
            await server.stop()
        assert running.returncode == 0, out + err
        assert said(err) == ""
        assert json.loads(out)["copied"] == 60
        assert digests(target) == digests(source)
