"""Mailboxes into archives and out again: nothing changes on the way, and archives are followed as servers are."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeAlias

import pytest
from tests.integration.imap_servers import PASSWORD, PORT, Dovecot, Options, dovecot
from tests.integration.move.mailbox_reading import connect, load_mailbox, read_mailbox
from tests.integration.move.mailboxes import own
from tests.integration.raw_imap import decode_name
from tests.move_corpus import make_corpus

from switchover.move.archive.opening import open_archive
from switchover.move.endpoint import ArchiveEndpoint, parse_endpoint
from switchover.move.sync_plan import Deletions, Rules
from switchover.move.work.copying import CopyOrder, CopyReport, copy_mailbox
from switchover.move.work.mailbox import Account
from switchover.move.work.order import Side, account_of
from switchover.move.work.sign_in import unchanging
from switchover.store.pool import Database
from switchover.wire.imap.sasl import Password

Shown: TypeAlias = "dict[str, Counter[tuple[Any, ...]]]"
Copy: TypeAlias = Callable[..., Any]
USERS = tuple(f"user{number}@contoso.example" for number in range(40))
FREE = iter(USERS)
KINDS = ("maildir:{}", "maildir:{}?layout=fs", "mbox:{}", "eml:{}")
CORPUS = make_corpus(400, seed=11)
pytestmark = pytest.mark.timeout(240)


@pytest.fixture(scope="module")
def server() -> Iterator[Dovecot]:
    with dovecot(Options(users=USERS, mechanisms=("plain",), storage="maildir")) as running:
        yield running


@pytest.fixture(scope="module")
def filled(server: Dovecot) -> str:
    """Return a user whose mailbox holds everything odd; nobody changes it."""
    user = next(FREE)
    load_mailbox(server, user, CORPUS)
    return user


@pytest.fixture
def copy(server: Dovecot, database: Database) -> Copy:
    """Copy between users and archives; what was sent to the target is in ``lines``."""

    async def run(
        source: str, target: str, *, delete: bool = False
    ) -> tuple[CopyReport, list[str]]:
        lines: list[str] = []
        order = CopyOrder(
            source=account(server, source, lambda *_: None),
            target=account(server, target, lambda to, line: lines.append(f"{to} {line}")),
            source_key=source,
            target_key=target,
            rules=Rules(deletions=Deletions.MIRROR if delete else Deletions.NEVER),
        )
        return await copy_mailbox(database, order), lines

    return run


def account(server: Dovecot, end: str, trace: Callable[[str, str], None]) -> Account:
    if end in USERS:
        return Account(
            target=server.plain,
            credentials=unchanging(Password(user=end, password=PASSWORD)),
            trace=trace,
        )
    side = Side(endpoint=parse_endpoint(end), password=str, may_create=True, trace=trace)
    return account_of(side)


def shown(server: Dovecot, user: str, *, ended: bool = False) -> Shown:
    """Return what the server shows, as another Dovecot keeps it.

    It drops all but one CR before LF, and takes no date beyond today from the one that shows it.
    """
    mailbox = read_mailbox(server, user, bodies=True)
    found: Shown = {
        name: Counter(
            (
                in_lines(mail.body, ended=ended),
                mail.flags,
                mail.seconds if mail.seconds < time.time() - 86_400 else None,
            )
            for mail in mails
        )
        for name, mails in mailbox.folders.items()
    }
    found["subscribed"] = Counter((name,) for name in mailbox.subscribed)
    return found


def in_lines(body: bytes, *, ended: bool) -> bytes:
    text = re.sub(rb"\r+\n", b"\r\n", body)
    return text if text.endswith(b"\n") or not ended else text + b"\r\n"


def held(kind: str, root: Path) -> Shown:
    """Return what lies in an archive, read without any server."""
    endpoint = parse_endpoint(kind.format(root))
    assert isinstance(endpoint, ArchiveEndpoint)
    store = open_archive(endpoint, may_create=False).store
    found: Shown = {}
    for name in store.folders():
        folder = store.open(name)
        mails: Counter[tuple[Any, ...]] = Counter()
        for mail in folder.list_mails(None):
            body = folder.open_body(mail.uid)
            assert body is not None
            text = b"".join(body.chunks)
            body.close()
            flags = frozenset(flag.decode().lower() for flag in mail.flags)
            mails[text, flags, mail.epoch_seconds] += 1
        folder.close()
        found[decode_name(name.encode()).replace(store.separator, "/")] = mails
    return found


def as_given(server: Dovecot, user: str, *, ended: bool) -> Shown:
    """Return the mails as the server gives them, to the last octet."""
    return {
        name: Counter(
            (
                mail.body + b"\r\n" if ended and not mail.body.endswith(b"\n") else mail.body,
                mail.flags,
                mail.seconds,
            )
            for mail in mails
        )
        for name, mails in read_mailbox(server, user, bodies=True).folders.items()
    }


def files(kind: str, root: Path) -> int:
    """Return how many files are there that only this kind of archive has."""
    names = [path for path in root.rglob("*") if path.is_file()]
    match kind.partition(":")[0]:
        case "maildir":
            return sum(path.parent.name == "cur" for path in names)
        case "mbox":
            return sum(path.read_bytes()[:5] == b"From " for path in names)
        case _:
            return sum(path.suffix == ".eml" for path in names)


def copied(report: CopyReport) -> int:
    assert not report.failures, report.failures
    return sum(one.copied for one in report.folders)


@pytest.mark.parametrize("kind", KINDS)
async def test_a_mailbox_goes_into_an_archive_and_out_again_as_it_was(
    kind: str, server: Dovecot, filled: str, copy: Copy, short_directory: Path
) -> None:
    root, other, is_mbox = short_directory / "archive", next(FREE), kind.startswith("mbox")
    archive = kind.format(root)
    wanted = shown(server, filled, ended=is_mbox)
    count = sum(sum(one.values()) for name, one in wanted.items() if name != "subscribed")
    report, _ = await copy(filled, archive)
    assert copied(report) == count
    assert report.is_complete
    assert held(kind, root) == as_given(server, filled, ended=is_mbox)
    assert files(kind, root) == (sum(map(bool, wanted.values())) - 1 if is_mbox else count)
    report, lines = await copy(filled, archive)
    assert copied(report) == 0
    assert not [line for line in lines if "APPEND" in line or "STORE" in line]
    report, _ = await copy(archive, other)
    assert copied(report) == count
    assert shown(server, other, ended=is_mbox) == wanted
    report, lines = await copy(archive, other)
    assert copied(report) == 0
    assert not [line for line in lines if line.startswith("> ") and "APPEND" in line]


@pytest.mark.parametrize("kind", KINDS)
async def test_an_archive_follows_its_source_and_is_followed(
    kind: str, server: Dovecot, copy: Copy, short_directory: Path
) -> None:
    archive, user, other = kind.format(short_directory / "archive"), next(FREE), next(FREE)
    put(server, user, range(30))
    await copy(user, archive)
    await copy(archive, other)
    put(server, user, range(30, 36))
    with connect(server, user) as connection:
        connection.command(b'SELECT "INBOX"')
        connection.command(rb"UID STORE 1:3 +FLAGS (\Flagged later)")
        connection.command(rb"UID STORE 4 -FLAGS (\Seen)")
        connection.command(rb"UID STORE 5:9 +FLAGS (\Deleted)")
        connection.command(b"UID EXPUNGE 5:9")
    for source, target in ((user, archive), (archive, other)):
        report, _ = await copy(source, target)
        assert copied(report) == 6
    assert sum(sum(one.values()) for one in shown(server, other).values()) == 36
    for source, target in ((user, archive), (archive, other)):
        report, _ = await copy(source, target, delete=True)
        assert sum(one.deleted for one in report.folders) == 5
    assert shown(server, other) == shown(server, user)


def put(server: Dovecot, user: str, numbers: range) -> None:
    flags = ((), ("\\Seen",), ("\\Answered", "work"), ("\\Draft", "$Forwarded"))
    with connect(server, user) as connection:
        answers = connection.append_all(
            [
                (
                    b"INBOX", flags[number % 4], f"{number % 28 + 1:02d}-Jan-2019 12:00:00 +0100",
                    b"Subject: %d\r\n\r\nFrom %d\r\n" % (number, number),
                )
                for number in numbers
            ]
        )  # fmt: skip
        assert all(one.startswith("OK") for one in answers), answers


@pytest.mark.parametrize("layout", ["", ":LAYOUT=fs"])
async def test_dovecot_serves_the_maildir_that_was_written(
    layout: str, server: Dovecot, filled: str, copy: Copy, short_directory: Path
) -> None:
    root = short_directory / "archive"
    await copy(filled, f"maildir:{root}{'?layout=fs' if layout else ''}")
    options = Options(
        users=USERS[:1], mechanisms=("plain",), more=f"mail_location = maildir:~/Maildir{layout}"
    )
    with dovecot(options) as other:
        home = other.mail / USERS[0]
        shutil.copytree(root, home / "Maildir", symlinks=True)
        own(home)
        there = read_mailbox(other, USERS[0])
        here = read_mailbox(server, filled)
        assert all_kept(there) == all_kept(here)
        assert there.subscribed == here.subscribed
        # Dovecot goes on with our UIDs, and we with Dovecot's.
        uids = [one.uid for one in there.folders["INBOX"]]
        put(other, USERS[0], range(1))
        assert read_mailbox(other, USERS[0]).folders["INBOX"][-1].uid == uids[-1] + 1
        own_side = account(
            other, f"maildir:{home / 'Maildir'}{'?layout=fs' if layout else ''}", lambda *_: None
        )
        assert own_side.target.dial is not None
        assert uids_of(own_side) == [*uids, uids[-1] + 1]
        assert "rror" not in other.said(), other.said()


def all_kept(mailbox: Any) -> dict[str, Counter[tuple[Any, ...]]]:
    """Return what each folder holds; mails that had to be asked for once more come after the others."""
    return {
        name: Counter((mail.digest, mail.flags, mail.seconds) for mail in mails)
        for name, mails in mailbox.folders.items()
    }


def uids_of(side: Account) -> list[int]:
    """Return the UIDs of INBOX as the archive's own server lists them."""
    assert side.target.dial is not None
    with side.target.dial() as connection, connection.makefile("rwb") as file:
        file.readline()
        file.write(b"a EXAMINE INBOX\r\nb UID FETCH 1:* (UID)\r\n")
        file.flush()
        lines = list(iter(file.readline, b"b OK done\r\n"))
    return [int(line.split()[4].rstrip(b")")) for line in lines if b" FETCH (UID " in line]


async def test_a_maildir_that_dovecot_made_keeps_its_uids(
    server: Dovecot, filled: str, copy: Copy
) -> None:
    root = server.mail / filled / "Maildir"
    side = account(server, f"maildir:{root}", lambda *_: None)
    here = read_mailbox(server, filled)
    assert uids_of(side) == [one.uid for one in here.folders["INBOX"]]
    other = next(FREE)
    before = {path: path.read_bytes() for path in root.rglob("*") if path.is_file()}
    report, _ = await copy(f"maildir:{root}", other)
    assert report.is_complete
    assert {path: path.read_bytes() for path in root.rglob("*") if path.is_file()} == before
    assert shown(server, other) == shown(server, filled)


@pytest.mark.parametrize("kind", ["maildir:{}", "mbox:{}", "eml:{}"])
def test_killed_in_the_middle_it_goes_on_and_no_mail_is_there_twice(
    kind: str, server: Dovecot, short_directory: Path
) -> None:
    user, other = next(FREE), next(FREE)
    put(server, user, range(20))
    with connect(server, user) as connection:
        mails = [
            (
                b"INBOX",
                (),
                "01-Jan-2020 00:00:00 +0000",
                b"Subject: %d\r\n\r\n" % one + b"y" * 40_000,
            )
            for one in range(500)
        ]
        connection.append_all(mails)
    archive = kind.format(short_directory / "archive")
    for wait in (0.0, 0.05, 0.1, 0.2):
        running = start(server, short_directory, user, archive)
        seen = entries(short_directory / "archive")
        while running.poll() is None and entries(short_directory / "archive") == seen:
            time.sleep(0.005)
        time.sleep(wait)
        running.kill()
        running.wait(10)
    assert start(server, short_directory, user, archive).wait(120) == 0
    assert start(server, short_directory, archive, other).wait(120) == 0
    is_mbox = kind.startswith("mbox")
    assert shown(server, other, ended=is_mbox) == shown(server, user, ended=is_mbox)


def entries(directory: Path) -> int:
    with_parts = list(directory.rglob("*")) if directory.exists() else []
    return len(with_parts) + sum(one.stat().st_size for one in with_parts if one.is_file())


def start(server: Dovecot, place: Path, source: str, target: str) -> subprocess.Popen[bytes]:
    ends = [
        f"imap://{end}@{server.address}:{PORT}" if end in USERS else end for end in (source, target)
    ]
    return subprocess.Popen(
        [
            sys.executable, "-m", "switchover", "copy", *ends, "--allow-plaintext", "--quiet",
            "--data", str(place / "data"),
        ],
        env={
            **os.environ,
            "SWITCHOVER_SOURCE_PASSWORD": PASSWORD,
            "SWITCHOVER_TARGET_PASSWORD": PASSWORD,
        },
        stdout=subprocess.DEVNULL,
        stdin=subprocess.DEVNULL,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("source", "target"), [("maildir", "mbox"), ("mbox", "eml"), ("eml", "maildir")]
)
def test_a_mail_of_100_megabytes_passes_in_constant_memory(
    source: str, target: str, server: Dovecot, short_directory: Path
) -> None:
    root = short_directory / "from"
    mail = b"Subject: large\n\n" + (b"x" * 76 + b"\n") * 1_360_000
    if source == "maildir":
        for part in ("cur", "new", "tmp"):
            (root / part).mkdir(parents=True)
        (root / "cur" / "1.large:2,S").write_bytes(mail)
    else:
        (root).mkdir()
        front = b"From ann Thu Jan  1 00:00:01 2026\n" if source == "mbox" else b""
        (root / ("INBOX" if source == "mbox" else "large.eml")).write_bytes(front + mail)
    running = start(
        server, short_directory, f"{source}:{root}", f"{target}:{short_directory / 'to'}"
    )
    most = 0
    while running.poll() is None:
        status = Path(f"/proc/{running.pid}/status")
        found = re.search(r"VmHWM:\s+(\d+)", status.read_text() if status.exists() else "")
        most = max(most, int(found[1]) if found else 0)
        time.sleep(0.02)
    assert running.returncode == 0
    assert 0 < most < 100_000, f"{most} kB"
    written = sum(one.stat().st_size for one in (short_directory / "to").rglob("*"))
    assert written > 100_000_000
