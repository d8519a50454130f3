"""``switchover probe-endpoint`` against real servers: what it finds is so, and nothing of it stays behind."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.integration.imap_servers import (
    PASSWORD,
    PORT,
    USER,
    Dovecot,
    ImapServer,
    Kind,
    Options,
    dovecot,
    imap_server,
)

from switchover.move.probes.profile_store import knowing, profile_for
from switchover.move.probes.torture import DATES, ZONES, Torture
from switchover.move.work.mailbox import Account, open_mailbox
from switchover.wire.imap import commands
from switchover.wire.imap.mailbox_name import NameEncoding, encode
from switchover.wire.imap.quirks import Quirk
from switchover.wire.imap.sasl import Password
from switchover.wire.imap.shell import open_connection

pytestmark = pytest.mark.timeout(120)


@pytest.fixture(scope="module")
def server() -> Iterator[Dovecot]:
    with dovecot() as one:
        one.put_mails([b"Subject: %d\r\n\r\ntext\r\n" % number for number in range(30)])
        yield one


def command(server: ImapServer, place: Path, *options: str) -> list[str]:
    url = f"imap://{server.user}@{server.address}:{server.port}"
    return [
        sys.executable, "-m", "switchover", "probe-endpoint", url, "--allow-plaintext",
        "--data", str(place / "data"), *options,
    ]  # fmt: skip


def probe(server: ImapServer, place: Path, *options: str, code: int = 0) -> str:
    done = subprocess.run(
        command(server, place, *options),
        env={**os.environ, "SWITCHOVER_PASSWORD": server.password},
        capture_output=True, text=True, check=False, timeout=100,
    )  # fmt: skip
    assert done.returncode == code, done.stdout + done.stderr
    assert PASSWORD not in done.stdout + done.stderr
    return done.stdout if code == 0 else done.stderr


def probe_json(server: ImapServer, place: Path, *options: str) -> dict[str, Any]:
    return dict(json.loads(probe(server, place, "-o", "json", *options)))


def folders(server: Dovecot) -> list[str]:
    return sorted(server.doveadm("mailbox", "list", "-u", USER).split("\n"))


def test_a_dovecot_is_described_as_it_is_and_left_as_it_was(server: Dovecot, place: Path) -> None:
    before = folders(server)
    report = probe_json(server, place)
    assert folders(server) == before
    assert server.doveadm("mailbox", "list", "-s", "-u", USER).split() == []
    assert report["server"]["recognised"] == "Dovecot"
    assert "MULTIAPPEND" in report["server"]["capabilities"]
    assert report["mailbox"]["mails"] == 30
    assert report["mailbox"]["bytes"] == 30 * 20 + 20
    assert report["pace"]["reading"]["mails"] == 30
    assert report["pace"]["writing"]["mails"] == 200
    verdicts = {one["tried"]: one["verdict"] for one in report["mails"]}
    assert verdicts == {kind.value: "kept" for kind in Torture} | {
        Torture.BARE_LF: "changed",
        Torture.CR_CR_LF: "changed",
        Torture.NUL: "changed",
        Torture.EMPTY: "refused",
        Torture.DATE_1950: "changed",
        Torture.DATE_2038: "changed",
        Torture.DATE_2099: "changed",
        Torture.ZONE_ODD: "changed",
        Torture.ZONE_FAR: "changed",
        Torture.ZONE_WEST: "changed",
    }
    assert report["profile"]["measured"]["form"] == "lines"
    assert report["left_behind"] == []


async def test_copies_go_by_what_was_found(server: Dovecot, place: Path) -> None:
    async def credentials() -> Password:
        return server.credentials

    account = Account(target=server.plain, credentials=credentials)
    probe(server, place, "--connections", "2")
    guessing = await open_mailbox(account)
    await guessing.close()
    knowing_account = knowing(account, place / "data")
    connection = await open_mailbox(knowing_account)
    await connection.close()
    guessed, known = guessing.conversation.profile, connection.conversation.profile
    assert profile_for(place / "data", server.plain, guessing.conversation) == known
    assert guessed.keywords_a_folder == 26
    assert known.keywords_a_folder is None
    assert Quirk.NUL_BECOMES_0X80 in known.quirks & guessed.quirks
    assert Quirk.DOTS_MAKE_LEVELS not in known.quirks
    assert (known.forbidden_in_names, known.longest_name) == (".", 254)
    assert guessed.takes_keyword(b"a]b")
    assert not known.takes_keyword(b"a]b")
    assert knowing(account, place / "elsewhere") is account


def test_reading_only_writes_nothing(server: Dovecot, place: Path) -> None:
    report = probe_json(server, place, "--reading-only", "--connections", "1")
    assert (report["mails"], report["profile"]["measured"]) == ([], None)
    assert report["pace"]["writing"] is None
    assert not (place / "data" / "endpoints").exists()
    log = server.said()
    text = probe(server, place, "--reading-only", "--connections", "1")
    assert "Nothing was written" in text
    assert "CREATE" not in server.said()[len(log) :]


def test_a_kept_folder_goes_with_the_next_probe(server: Dovecot, place: Path) -> None:
    before = folders(server)
    probe(server, place, "--keep", "--connections", "1")
    kept = [name for name in folders(server) if name.startswith("switchover-probe-")]
    assert len(kept) > 1
    text = probe(server, place, "--connections", "1")
    assert "Removed what an earlier probe left" in text
    assert folders(server) == before


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_broken_off_it_cleans_up_or_the_next_one_does(
    server: Dovecot, place: Path, number: signal.Signals
) -> None:
    before = folders(server)
    running = subprocess.Popen(
        command(server, place, "-o", "json"),
        env={**os.environ, "SWITCHOVER_PASSWORD": PASSWORD},
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert running.stderr is not None
    home = server.mail / USER / "Maildir"
    deadline = time.monotonic() + 30
    while not list(home.glob(".switchover-probe-*/cur")):
        assert time.monotonic() < deadline
        assert running.poll() is None, running.stderr.read()
        time.sleep(0.005)
    running.send_signal(number)
    running.communicate(timeout=60)
    if number is signal.SIGKILL:
        assert folders(server) != before
        probe(server, place, "--connections", "1")
    else:
        assert running.returncode == 130
    assert folders(server) == before


async def test_folders_that_only_look_like_ours_stay(server: Dovecot, place: Path) -> None:
    names = (
        "switchover-probe-mine",
        "switchover-probe-0123456789ab-x",
        "old/switchover-probe-0123456789ab",
    )
    connection = await open_connection(server.plain)
    try:
        await connection.sign_in(server.credentials, nonce="nonce")
        raws = [encode(name, NameEncoding.MODIFIED_UTF7) for name in names]
        for raw in raws:
            await connection.run(commands.create(raw))
        probe(server, place, "--connections", "1")
        there = folders(server)
        for raw in raws:
            await connection.run(commands.delete(raw))
    finally:
        await connection.close()
    assert set(names) <= set(there)


def test_a_mailbox_that_nothing_can_be_written_to_is_a_clear_sentence(place: Path) -> None:
    acl = (
        "protocol imap {{\n mail_plugins = acl\n}}\n"
        "plugin {{\n acl = vfile:{directory}/acls\n acl_globals_only = yes\n}}\n"
    )
    with dovecot(Options(more=acl)) as one:
        (one.directory / "acls").write_text("* owner lr\n* anyone lr\n")
        said = probe(one, place, code=5)
        assert "create no folder to try things in" in said
        assert "--reading-only" in said
        assert probe_json(one, place, "--reading-only")["mailbox"]["folders"] >= 1


def test_the_number_of_connections_is_found(place: Path) -> None:
    more = "protocol imap {{\n mail_max_userip_connections = 3\n}}\n"
    with dovecot(Options(more=more)) as one:
        report = probe_json(one, place, "--reading-only")
    assert report["limits"]["connections"] == 3
    assert "connections" in report["limits"]["connection_refusal"].lower()


def test_a_wrong_password_is_a_clear_sentence(server: Dovecot, place: Path) -> None:
    file = place / "password"
    file.write_text("wrong\n")
    with contextlib.suppress(KeyError):
        del os.environ["SWITCHOVER_PASSWORD"]
    said = probe(server, place, "--password-file", str(file), code=5)
    assert f"does not let {USER} in" in said


def test_a_copy_goes_by_what_was_found(server: Dovecot, place: Path) -> None:
    """Names and keywords that this server refuses are brought into a form that it takes."""
    with dovecot(Options(users=("other@contoso.example",), separator=".")) as source:
        source.put_mails([b"Subject: in\r\n\r\ntext\r\n"])
        secret = {"SWITCHOVER_SOURCE_PASSWORD": PASSWORD, "SWITCHOVER_TARGET_PASSWORD": PASSWORD}
        source.put_mails([b"Subject: tilde\r\n\r\ntext\r\n"], folder="~first")
        source.doveadm("mailbox", "create", "-u", "other@contoso.example", "a.~second")
        probe(server, place, "--connections", "1")
        done = subprocess.run(
            [
                sys.executable, "-m", "switchover", "copy",
                f"imap://other@contoso.example@{source.address}:{PORT}",
                f"imap://{USER}@{server.address}:{PORT}",
                "--allow-plaintext", "-o", "json", "--dry-run", "--data", str(place / "data"),
            ],
            env={**os.environ, **secret}, capture_output=True, text=True, check=False, timeout=100,
        )  # fmt: skip
    # Dovecot opens a folder of such a name for nobody, on the source either.
    assert done.returncode == 75, done.stderr
    mapping = {one["source"]: one["target"] for one in json.loads(done.stdout)["mapping"]}
    assert mapping == {"INBOX": "INBOX", "~first": "_first", "a.~second": "a/~second"}


@pytest.mark.parametrize(
    ("kind", "form", "refused", "changed", "forbidden", "quirks"),
    [
        (
            Kind.CYRUS,
            "exact",
            {Torture.BARE_LF, Torture.NUL, Torture.EMPTY, Torture.ONE_BYTE, Torture.DATE_1950},
            {Torture.EIGHT_BIT_HEADER, Torture.UTF8_HEADER},
            '!"%;<>\\^`{|}',
            {Quirk.BARE_NEWLINES_REFUSED, Quirk.NUL_REFUSED, Quirk.EIGHT_BIT_HEADERS_CHANGED},
        ),
        (
            Kind.COURIER,
            "lines",
            {Torture.DATE_1950},
            {
                Torture.BARE_LF, Torture.CR_CR_LF, Torture.LONE_CR, Torture.NO_FINAL_NEWLINE,
                Torture.EMPTY, Torture.ONE_BYTE,
            },
            "/",
            {Quirk.LINE_ENDS_NORMALISED, Quirk.DOTS_MAKE_LEVELS},
        ),
        (
            Kind.SDBOX,
            "lines",
            {Torture.EMPTY},
            {Torture.BARE_LF, Torture.CR_CR_LF, Torture.NUL},
            "",
            {Quirk.LINE_ENDS_NORMALISED, Quirk.NUL_BECOMES_0X80, Quirk.FUTURE_DATES_BECOME_NOW},
        ),
    ],
)  # fmt: skip
def test_other_servers_are_described_as_they_are(
    kind: Kind,
    form: str,
    refused: set[Torture],
    changed: set[Torture],
    forbidden: str,
    quirks: set[Quirk],
    place: Path,
) -> None:
    with imap_server(kind) as one:
        measured = probe_json(one, place, "--connections", "1")["profile"]["measured"]
        after = probe_json(one, place, "--connections", "1", "--reading-only")["mailbox"]["folders"]
    assert after == 1
    assert measured["form"] == form
    dated = {kind.name for kind in DATES | ZONES}
    assert set(measured["refused"]) == {one.name for one in refused}
    assert set(measured["changed"]) - dated == {one.name for one in changed}
    assert measured["names"]["forbidden"] == forbidden
    assert {one.name for one in quirks} <= set(measured["quirks"])
