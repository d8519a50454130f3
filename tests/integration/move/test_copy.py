"""``switchover copy`` between two real Dovecots: everything arrives as it was, and again only what changed."""

from __future__ import annotations

import contextlib
import hashlib
import imaplib
import json
import os
import pwd
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from tests.integration.processes import loopback

PORT = 20143
USER = "ann"
PASSWORD = "kept quiet"
NAMES = ("INBOX", "Sent", "Archive/2024", 'He said "hello"', "Entw&APw-rfe", "Archive/empty")
ODD = (
    b"no header at all, no line end",
    b"Subject: only a header\r\n\r\n",
    b"Subject: \xe4\xf6\xfc raw\r\n\r\n8 bit: \xff\xfe\r\n",
    b"Subject: long line\r\n\r\n" + b"x" * 20_000 + b"\r\n",
    b"Subject: lone CR\r\n\r\na\rb\r\n.\r\nFrom here\r\n",
    b"Message-ID: <same@contoso.example>\r\n\r\none\r\n",
    b"Message-ID: <same@contoso.example>\r\n\r\ntwo\r\n",
    b"Subject: twin\r\n\r\ntwin\r\n",
    b"Subject: twin\r\n\r\ntwin\r\n",
)
FLAGS = (
    r"()",
    r"(\Seen)",
    r"(\Answered \Flagged)",
    r"(\Deleted \Seen)",
    r"($Forwarded work)",
    r"(\Draft)",
)
pytestmark = pytest.mark.timeout(180)


@dataclass(frozen=True, kw_only=True)
class Dovecot:
    """One server with one account."""

    address: str
    process: subprocess.Popen[bytes]

    def open(self) -> imaplib.IMAP4:
        connection = imaplib.IMAP4(self.address, PORT, timeout=20)
        connection.login(USER, f'"{PASSWORD}"' if " " not in PASSWORD else PASSWORD)
        return connection


@contextlib.contextmanager
def dovecot(directory: Path) -> Iterator[Dovecot]:
    program = shutil.which("dovecot", path="/usr/sbin:/usr/bin")
    assert program, "dovecot is not installed: script/test-servers does that"
    assert os.geteuid() == 0, "Dovecot starts as root only: run script/test as root"
    address, mail = loopback(), directory / "mail"
    mail.mkdir(parents=True)
    nobody = pwd.getpwnam("nobody")
    os.chown(mail, nobody.pw_uid, nobody.pw_gid)
    configuration = directory / "dovecot.conf"
    configuration.write_text(
        f"""
        base_dir = {directory}/run
        log_path = {directory}/dovecot.log
        listen = {address}
        protocols = imap
        ssl = no
        disable_plaintext_auth = no
        auth_mechanisms = plain
        mail_location = maildir:{mail}/%u:LAYOUT=fs
        first_valid_uid = 1
        namespace inbox {{
          inbox = yes
          separator = /
        }}
        passdb {{
          driver = static
          args = password={PASSWORD.replace(" ", "_")}
        }}
        userdb {{
          driver = static
          args = uid=nobody gid=nogroup home={mail}/%u
        }}
        service imap-login {{
          inet_listener imap {{
            port = {PORT}
          }}
          inet_listener imaps {{
            port = 0
          }}
        }}
        """
    )
    process = subprocess.Popen(
        [program, "-F", "-c", str(configuration)], stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip
    try:
        server = Dovecot(address=address, process=process)
        _wait_until_ready(server)
        yield server
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(10)


def _wait_until_ready(server: Dovecot) -> None:
    deadline = time.monotonic() + 20
    while True:
        try:
            imaplib.IMAP4(server.address, PORT, timeout=2).shutdown()
        except OSError:
            assert time.monotonic() < deadline, "Dovecot did not start"
            time.sleep(0.05)
        else:
            return


@pytest.fixture
def servers(place: Path) -> Iterator[tuple[Dovecot, Dovecot]]:
    with dovecot(place / "old") as source, dovecot(place / "new") as target:
        yield source, target


def append(server: Dovecot, folder: str, number: int, body: bytes) -> None:
    append_all(server, [(folder, number, body)])


def append_all(server: Dovecot, mails: Iterable[tuple[str, int, bytes]]) -> None:
    """Append without imaplib's rewriting of line ends: the literals go out as they are."""
    connection = sign_in(server)
    tags = []
    for folder, number, body in mails:
        flags = FLAGS[number % len(FLAGS)]
        date = f"{number % 28 + 1:02d}-Jan-20{10 + number % 15} 12:00:{number % 60:02d} +0100"
        tags.append(connection._new_tag())
        line = f'{tags[-1].decode()} APPEND "{folder}" {flags} "{date}" {{{len(body)}+}}\r\n'
        connection.send(line.encode() + body + b"\r\n")
    for tag in tags:
        while not connection.readline().startswith(tag + b" OK"):
            pass
    connection.logout()


def sign_in(server: Dovecot) -> imaplib.IMAP4:
    connection = imaplib.IMAP4(server.address, PORT, timeout=20)
    connection.login(USER, PASSWORD.replace(" ", "_"))
    return connection


def fill(server: Dovecot) -> None:
    connection = sign_in(server)
    for name in NAMES[1:]:
        quoted = name.replace('"', '\\"')
        assert connection.create(f'"{quoted}"')[0] == "OK"
    connection.subscribe('"Sent"')
    connection.logout()
    append_all(server, map(mail, range(60)))


def mail(number: int) -> tuple[str, int, bytes]:
    plain = b"Subject: %d\r\n\r\n%d\r\n" % (number, number)
    folder = NAMES[number % 5].replace('"', '\\"')
    return folder, number, ODD[number % len(ODD)] if number % 3 else plain


def contents(server: Dovecot) -> dict[str, Counter[tuple[Any, ...]]]:
    """Return the mails of every folder as a multiset of digest, flags and date."""
    connection = sign_in(server)
    found = {}
    for line in connection.list()[1]:
        assert isinstance(line, bytes)
        name = line.decode().partition(' "/" ')[2]
        if b"\\Noselect" in line:
            continue
        connection.select(name, readonly=True)
        _, parts = connection.uid("fetch", "1:*", "(FLAGS INTERNALDATE BODY.PEEK[])")
        mails: Counter[tuple[Any, ...]] = Counter()
        for part in parts:
            if isinstance(part, tuple):
                flags = frozenset(imaplib.ParseFlags(part[0])) - {b"\\Recent"}
                date = imaplib.Internaldate2tuple(part[0])
                mails[hashlib.sha256(part[1]).hexdigest(), flags, date] += 1
        found[name.strip('"')] = mails
    subscribed = sorted(line for line in connection.lsub()[1] if isinstance(line, bytes))
    connection.logout()
    found["subscribed"] = Counter((line,) for line in subscribed)
    return found


def copy(
    place: Path, servers: tuple[Dovecot, Dovecot], *options: str, code: int = 0
) -> dict[str, Any]:
    source, target = servers
    secret = PASSWORD.replace(" ", "_")
    done = subprocess.run(
        [
            sys.executable, "-m", "switchover", "copy", f"imap://{USER}@{source.address}:{PORT}",
            f"imap://{USER}@{target.address}:{PORT}", "--allow-plaintext", "-o", "json",
            "--data", str(place / "data"), *options,
        ],
        env={
            **os.environ,
            "SWITCHOVER_SOURCE_PASSWORD": secret,
            "SWITCHOVER_TARGET_PASSWORD": secret,
        },
        capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    assert done.returncode == code, done.stdout + done.stderr
    assert secret not in done.stdout + done.stderr
    return dict(json.loads(done.stdout)) if code == 0 else {"error": done.stderr}


def copied(report: dict[str, Any]) -> int:
    return sum(one["copied"] for one in report["folders"])


def test_everything_arrives_as_it_was_and_a_second_run_sends_nothing(
    place: Path, servers: tuple[Dovecot, Dovecot]
) -> None:
    source, target = servers
    fill(source)
    planned = copy(place, servers, "--dry-run")
    assert {one["source"] for one in planned["mapping"]} >= {"INBOX", "Entwürfe"}
    assert contents(target)["INBOX"] == Counter()
    report = copy(place, servers)
    assert (report["complete"], copied(report)) == (True, 60)
    assert contents(target) == contents(source)
    again = copy(place, servers)
    assert (again["complete"], copied(again)) == (True, 0)
    assert contents(target) == contents(source)


def test_what_changed_comes_over_and_nothing_is_deleted_unless_asked(
    place: Path, servers: tuple[Dovecot, Dovecot]
) -> None:
    source, target = servers
    fill(source)
    copy(place, servers)
    append(source, "INBOX", 99, b"Subject: new\r\n\r\nnew\r\n")
    connection = sign_in(source)
    connection.select("INBOX")
    connection.uid("store", "1", "+FLAGS", r"(\Flagged later)")
    connection.select("Sent")
    connection.uid("store", "1:2", "+FLAGS", r"(\Deleted)")
    connection.expunge()
    gone = (
        60
        + 1
        - sum(sum(one.values()) for key, one in contents(source).items() if key != "subscribed")
    )
    connection.logout()
    report = copy(place, servers)
    assert copied(report) == 1
    there, here = contents(source), contents(target)
    assert here["INBOX"] == there["INBOX"]
    assert sum((here["Sent"] - there["Sent"]).values()) == gone
    mirrored = copy(place, servers, "--delete")
    assert sum(one["deleted"] for one in mirrored["folders"]) == gone
    assert contents(target) == contents(source)


def test_killed_in_the_middle_it_goes_on_and_no_mail_is_there_twice(
    place: Path, servers: tuple[Dovecot, Dovecot]
) -> None:
    source, target = servers
    fill(source)
    append_all(
        source,
        (
            ("INBOX", number, b"Subject: %d\r\n\r\n" % number + b"y" * 30_000 + b"\r\n")
            for number in range(200)
        ),
    )
    secret = PASSWORD.replace(" ", "_")
    for delay in (0.7, 1.0, 1.3):
        running = subprocess.Popen(
            [
                sys.executable, "-m", "switchover", "copy",
                f"imap://{USER}@{source.address}:{PORT}", f"imap://{USER}@{target.address}:{PORT}",
                "--allow-plaintext", "--quiet", "--data", str(place / "data"),
            ],
            env={
                **os.environ,
                "SWITCHOVER_SOURCE_PASSWORD": secret,
                "SWITCHOVER_TARGET_PASSWORD": secret,
            },
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        time.sleep(delay)
        running.kill()
        running.wait(10)
        append(source, "INBOX", 500 + int(10 * delay), b"Subject: meanwhile\r\n\r\n%f\r\n" % delay)
    assert copy(place, servers)["complete"]
    assert contents(target) == contents(source)


def test_a_wrong_password_and_one_mailbox_twice_are_clear_sentences(
    place: Path, servers: tuple[Dovecot, Dovecot]
) -> None:
    source, _ = servers
    same = copy(place, (source, source), code=2)
    assert "source and target are the same mailbox" in same["error"]
    password = place / "password"
    password.write_text("wrong\n")
    refused = copy(place, servers, "--source-password-file", str(password), code=5)
    assert "does not let ann in" in refused["error"]
    assert "wrong" not in refused["error"]
