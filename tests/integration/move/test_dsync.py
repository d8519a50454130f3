"""The dsync lane keeps UIDs, fills the ledger, and leaves a mailbox that the IMAP lane and the proof go on with."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import os
import stat
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from tests.integration.imap_servers import (
    PASSWORD,
    PORT,
    TLS_PORT,
    Dovecot,
    Options,
    dovecot,
)
from tests.integration.move.rig import USERS, Box, Pair, free_user
from tests.integration.move.verify.proving import expunge, fill, put, store, verify
from tests.integration.processes import short_directory

from switchover.edges.cli.main import build
from switchover.errors import Conflict, InvalidInput, Refused, Unavailable
from switchover.move.difference import Level
from switchover.move.folder_plan import Choice
from switchover.move.sync_plan import Deletions, Rules
from switchover.move.work.copying import CopyOrder
from switchover.move.work.doveadm import parse_doveadm
from switchover.move.work.dsync import DsyncLane, pull_mailbox
from switchover.move.work.report import CopyReport
from switchover.store.pool import Database

pytestmark = pytest.mark.timeout(120)
API_KEY = "open sesame"
API = """
doveadm_api_key = open sesame
service doveadm {{
  inet_listener http {{
    port = 18080
  }}
}}
"""


@pytest.fixture(scope="module")
def servers() -> Iterator[tuple[Dovecot, Dovecot]]:
    options = Options(users=USERS, mechanisms=("plain",))
    with dovecot(options) as source:
        # Where doveadm is asked over HTTP, its own configuration says where mailboxes come from.
        imapc = f'imapc_host = {source.address}\nimapc_port = {PORT}\nimapc_user = %u\nimapc_password = "{PASSWORD}"'
        with dovecot(replace(options, more=API + imapc)) as target:
            yield source, target


@pytest.fixture
def pair(servers: tuple[Dovecot, Dovecot], database: Database) -> Pair:
    return Pair.of(*servers, database)


def order_of(pair: Pair, **wishes: Any) -> CopyOrder:
    order = CopyOrder(
        source=pair.source.account,
        target=pair.target.account,
        source_key=f"{pair.source.server.address}/{pair.source.user}",
        target_key=f"{pair.target.server.address}/{pair.target.user}",
    )
    return replace(order, **wishes)


async def pull(pair: Pair, way: str = "", key: Path | None = None, **wishes: Any) -> CopyReport:
    way = way or f"local:{pair.target.server.directory}/dovecot.conf"
    lane = DsyncLane(doveadm=parse_doveadm(way, key), user=pair.target.user)
    return await pull_mailbox(pair.database, order_of(pair, **wishes), lane)


def uids(box: Box) -> dict[str, tuple[str, str]]:
    found = {}
    for name in box.folders():
        with box.edit(name) as connection:
            listed = connection.uid("search", None, "ALL")[1][0].decode()
            told = connection.status(f'"{name}"', "(UIDVALIDITY)")[1][0]
            assert isinstance(told, bytes)
            found[name] = (told.decode().partition("UIDVALIDITY")[2], listed)
    return found


def gapped(box: Box) -> None:
    """Fill a mailbox whose UIDs have gaps."""
    fill(box)
    expunge("Sent", "1")(box)
    put(box, "Sent", 13)


async def test_uids_are_kept_and_the_ledger_knows_every_mail(pair: Pair) -> None:
    gapped(pair.source)
    report = await pull(pair)
    assert report.is_complete, report.failures
    assert report.copied == 13
    assert uids(pair.target) == uids(pair.source)
    assert pair.are_equal()
    for level in Level:
        found = await verify(pair, level)
        assert (found.proof.differences, found.unfinished) == ((), ())
        assert found.has_ledger
    again = await pull(pair)
    assert (again.is_complete, again.copied, again.unchanged) == (True, 0, 4)


async def test_the_imap_lane_goes_on_from_there_and_dsync_again_from_there(pair: Pair) -> None:
    gapped(pair.source)
    await pull(pair)
    nothing = await pair.copy()
    assert (nothing.is_complete, nothing.copied) == (True, 0)
    assert not pair.target.sent("APPEND", "UID STORE")
    put(pair.source, "INBOX", 50)
    store("+FLAGS", r"(\Answered later)")(pair.source)
    by_imap = await pair.copy()
    assert (by_imap.is_complete, by_imap.copied) == (True, 1)
    assert pair.are_equal()
    put(pair.source, "INBOX", 51)
    by_dsync = await pull(pair)
    assert (by_dsync.is_complete, by_dsync.copied) == (True, 1)
    assert (await verify(pair, Level.BODIES)).proof.differences == ()


async def test_nothing_is_deleted_unless_a_mirror_is_wanted(pair: Pair) -> None:
    gapped(pair.source)
    with pair.target.edit("") as connection:
        connection.create("Mine")
    await pull(pair)
    expunge("INBOX", "1")(pair.source)
    with pytest.raises(Conflict, match="1 mails of INBOX were deleted on the source"):
        await pull(pair)
    assert "Mine" in pair.target.folders()
    mirror = await pull(pair, rules=Rules(deletions=Deletions.MIRROR))
    assert mirror.is_complete
    assert pair.are_equal()
    assert (await verify(pair, Level.BODIES)).proof.differences == ()


async def test_only_chosen_folders_are_fetched(pair: Pair) -> None:
    gapped(pair.source)
    report = await pull(pair, choice=Choice(excluded=("Ent*",)))
    assert report.is_complete
    assert set(pair.target.folders()) == {"INBOX", "Sent", "Empty"}
    chosen = await pull(pair, choice=Choice(folders=("Entw\u00fcrfe",)))
    assert (chosen.is_complete, [one.name for one in chosen.folders]) == (True, ["Entw\u00fcrfe"])
    assert pair.are_equal()


async def test_a_target_that_others_filled_is_not_taken_for_a_copy(pair: Pair) -> None:
    gapped(pair.source)
    put(pair.target, "INBOX", 77)
    report = await pull(pair)
    assert not report.is_complete
    assert "INBOX" in report.failures
    assert "Sent" not in report.failures


async def test_the_password_is_in_no_argument_no_log_and_no_file_that_stays(
    pair: Pair, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gapped(pair.source)
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    seen: set[str] = set()
    modes: set[int] = set()

    async def watch() -> None:
        while True:
            for file in Path("/proc").glob("[0-9]*/cmdline"):
                with contextlib.suppress(OSError):
                    seen.add(file.read_bytes().replace(b"\0", b" ").decode("utf-8", "replace"))
            for file in tmp_path.rglob("*"):
                with contextlib.suppress(OSError):
                    modes.add(stat.S_IMODE(file.stat().st_mode))
            await asyncio.sleep(0)

    watching = asyncio.create_task(watch())
    report = await pull(pair)
    watching.cancel()
    assert report.is_complete
    assert any("imapc:" in one for one in seen)
    assert not any(PASSWORD in one for one in seen)
    assert PASSWORD not in pair.target.server.said()
    assert modes == {0o700, 0o600}
    assert not list(tmp_path.iterdir())


async def test_what_doveadm_says_comes_without_the_password(pair: Pair) -> None:
    way = f"local:{pair.target.server.directory}/dovecot.conf"
    lane = DsyncLane(doveadm=parse_doveadm(way, None), user="nobody.there@contoso.example")
    with pytest.raises(InvalidInput, match="knows no such user") as caught:
        await pull_mailbox(pair.database, order_of(pair), lane)
    assert PASSWORD not in str(caught.value)


async def test_over_ssh_the_configuration_goes_through_standard_input(
    pair: Pair, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A stand-in for ssh does what sshd does: it gives the words to the user's shell."""
    gapped(pair.source)
    ssh = tmp_path / "ssh"
    ssh.write_text(
        f'#!/bin/sh\nprintf "%s\\n" "$@" >{tmp_path}/said\nshift 5\nexec /bin/sh -c "$*"\n'
    )
    ssh.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    way = f"ssh://root@new.contoso.example{pair.target.server.directory}/dovecot.conf"
    report = await pull(pair, way)
    assert report.is_complete
    said = (tmp_path / "said").read_text()
    assert said.startswith("-T\n-o\nBatchMode=yes\n--\nroot@new.contoso.example\n")
    assert PASSWORD not in said
    assert uids(pair.target) == uids(pair.source)


async def test_over_http_dovecot_itself_knows_the_source(pair: Pair, tmp_path: Path) -> None:
    gapped(pair.source)
    key = tmp_path / "key"
    key.write_text(f"{API_KEY}\n")
    way = f"http://{pair.target.server.address}:18080"
    report = await pull(pair, way, key)
    assert report.is_complete
    assert uids(pair.target) == uids(pair.source)
    assert (await pull(pair, way, key)).copied == 0
    key.write_text("wrong\n")
    with pytest.raises(Refused, match="does not take the key"):
        await pull(pair, way, key)


@contextlib.asynccontextmanager
async def http_server(answer: web.Response) -> AsyncIterator[str]:
    async def handle(request: web.Request) -> web.Response:
        assert (
            request.headers["Authorization"] == f"X-Dovecot-API {base64.b64encode(b'k').decode()}"
        )
        return answer

    app = web.Application()
    app.router.add_post("/doveadm/v1", handle)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


async def test_a_doveadm_that_answers_nonsense_or_not_at_all_is_unavailable(
    pair: Pair, tmp_path: Path
) -> None:
    key = tmp_path / "key"
    key.write_text("k")
    async with http_server(web.Response(text="<html>")) as url:
        with pytest.raises(Unavailable):
            await pull(pair, url, key)
    with pytest.raises(Unavailable, match="can not be asked"):
        await pull(pair, url, key)


@pytest.mark.parametrize(
    "wish",
    [
        {"choice": Choice(overrides={"Sent": "Gone"})},
        {"rules": Rules(largest_bytes=5)},
    ],
)
async def test_wishes_that_dsync_can_not_meet_are_refused(pair: Pair, wish: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput, match="--lane dsync"):
        await pull(pair, **wish)


@pytest.mark.parametrize(
    ("urls", "options", "words"),
    [
        (("maildir:/nowhere", "imaps://a@b"), ("--doveadm", "local"), "maildir:/nowhere: dsync"),
        (("imaps://a@c", "mbox:/nowhere"), ("--doveadm", "local"), "mbox:/nowhere: dsync"),
        (("imaps://a@c", "imaps://a@b"), (), "needs the target's doveadm"),
        (("imaps://a@c", "imaps://a@b"), ("--doveadm", "ftp://x"), "write local"),
        (("imaps://a@c", "imaps://a@b"), ("--doveadm", "ssh://-oProxy@x"), "write ssh://"),
        (("imaps://a@c", "imaps://a@b"), ("--doveadm", "https://x:1"), "needs its key"),
        (
            ("imaps://a@c", "imaps://a@b"),
            ("--lane=imap", "--doveadm=local"),
            "goes with --lane dsync",
        ),
    ],
)
def test_a_way_that_leads_nowhere_is_a_sentence(
    urls: tuple[str, str],
    options: tuple[str, ...],
    words: str,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for side in ("SOURCE", "TARGET"):
        monkeypatch.setenv(f"SWITCHOVER_{side}_PASSWORD", PASSWORD)
    with pytest.raises(SystemExit) as ended:
        build(["copy"])(["copy", *urls, "--lane", "dsync", *options])
    assert ended.value.code == 2
    assert words in " ".join(capfd.readouterr().err.split())


def test_the_command_fetches_over_tls_and_the_proof_follows(
    servers: tuple[Dovecot, Dovecot], tmp_path: Path
) -> None:
    source, target = servers
    user = free_user()
    gapped(Box(server=source, user=user))
    urls = [f"imaps://{user}@{one.address}:{TLS_PORT}" for one in servers]
    trust = (
        "--source-ca",
        f"{source.directory}/ca.pem",
        "--target-ca",
        f"{target.directory}/ca.pem",
    )
    way = ("--lane", "dsync", "--doveadm", f"local:{target.directory}/dovecot.conf")
    with short_directory() as place:

        def run(name: str, *options: str) -> dict[str, Any]:
            done = subprocess.run(
                [
                    sys.executable, "-m", "switchover", name, *urls, *trust, "-o", "json", "--quiet",
                    "--data", str(place / "data"), *options,
                ],
                env={
                    **os.environ,
                    "SWITCHOVER_SOURCE_PASSWORD": PASSWORD,
                    "SWITCHOVER_TARGET_PASSWORD": PASSWORD,
                },
                capture_output=True, text=True, check=False, timeout=100,
            )  # fmt: skip
            assert done.returncode == 0, done.stdout + done.stderr
            assert PASSWORD not in done.stdout + done.stderr
            return dict(json.loads(done.stdout))

        first = run("copy", *way)
        assert sum(one["copied"] for one in first["folders"]) == 13
        proof = run("verify", "--level", "3")
        assert (proof["verdict"], proof["proof"]["differences"]) == ("the same", [])
        again = run("copy", *way)
        assert sum(one["copied"] for one in again["folders"]) == 0
