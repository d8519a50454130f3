"""``switchover copy`` between two real Dovecots: everything arrives as it was, and again only what changed."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.integration.imap_servers import USER, Dovecot, dovecot
from tests.integration.move.copying import Copy, sign_in, url
from tests.integration.move.mailboxes import multiset

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


@pytest.fixture
def pair(target: Dovecot, data: Path) -> Iterator[Copy]:
    with dovecot() as source:
        yield Copy(source=source, target=target, data=data)


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
        found[name.strip('"')] = multiset(parts)
    subscribed = sorted(line for line in connection.lsub()[1] if isinstance(line, bytes))
    connection.logout()
    found["subscribed"] = Counter((line,) for line in subscribed)
    return found


def copy(pair: Copy, *options: str) -> dict[str, Any]:
    return pair.run("-o", "json", *options).json


def copied(report: dict[str, Any]) -> int:
    return sum(one["copied"] for one in report["folders"])


def test_everything_arrives_as_it_was_and_a_second_run_sends_nothing(pair: Copy) -> None:
    fill(pair.source)
    planned = copy(pair, "--dry-run")
    assert {one["source"] for one in planned["mapping"]} >= {"INBOX", "Entwürfe"}
    assert contents(pair.target)["INBOX"] == Counter()
    report = copy(pair)
    assert (report["complete"], copied(report)) == (True, 60)
    assert contents(pair.target) == contents(pair.source)
    again = copy(pair)
    assert (again["complete"], copied(again)) == (True, 0)
    assert contents(pair.target) == contents(pair.source)


def test_what_changed_comes_over_and_nothing_is_deleted_unless_asked(pair: Copy) -> None:
    source, target = pair.source, pair.target
    fill(source)
    copy(pair)
    append(source, "INBOX", 99, b"Subject: new\r\n\r\nnew\r\n")
    connection = sign_in(source)
    connection.select("INBOX")
    connection.uid("store", "1", "+FLAGS", r"(\Flagged later)")
    connection.select("Sent")
    connection.uid("store", "1:2", "+FLAGS", r"(\Deleted)")
    connection.expunge()
    connection.logout()
    left = sum(one.total() for key, one in contents(source).items() if key != "subscribed")
    gone = 60 + 1 - left
    assert copied(copy(pair)) == 1
    there, here = contents(source), contents(target)
    assert here["INBOX"] == there["INBOX"]
    assert (here["Sent"] - there["Sent"]).total() == gone
    mirrored = copy(pair, "--delete")
    assert sum(one["deleted"] for one in mirrored["folders"]) == gone
    assert contents(target) == contents(source)


def test_copies_that_are_gone_from_the_target_are_told_by_a_plain_copy(pair: Copy) -> None:
    fill(pair.source)
    assert copy(pair)["notes"] == []
    connection = sign_in(pair.target)
    connection.select("INBOX")
    connection.uid("store", "1:2", "+FLAGS", r"(\Deleted)")
    connection.uid("expunge", "1:2")
    connection.logout()
    told = "2 mails of INBOX copied before are gone from the target; --delete brings them back"
    assert told in copy(pair)["notes"]
    append(pair.source, "INBOX", 99, b"Subject: new\r\n\r\nnew\r\n")
    assert told in copy(pair)["notes"]
    copy(pair, "--delete")
    assert copy(pair)["notes"] == []


def test_killed_in_the_middle_it_goes_on_and_no_mail_is_there_twice(pair: Copy) -> None:
    fill(pair.source)
    append_all(
        pair.source,
        (
            ("INBOX", number, b"Subject: %d\r\n\r\n" % number + b"y" * 30_000 + b"\r\n")
            for number in range(200)
        ),
    )
    for delay in (0.7, 1.0, 1.3):
        running = pair.start("--quiet")
        time.sleep(delay)
        running.kill()
        running.communicate(timeout=10)
        meanwhile = b"Subject: meanwhile\r\n\r\n%f\r\n" % delay
        append(pair.source, "INBOX", 500 + int(10 * delay), meanwhile)
    assert copy(pair)["complete"]
    assert contents(pair.target) == contents(pair.source)


def test_a_wrong_password_and_one_mailbox_twice_are_clear_sentences(
    pair: Copy, tmp_path: Path
) -> None:
    same = pair.run(code=2, target=url(pair.source))
    assert "source and target are the same mailbox" in same.words
    password = tmp_path / "password"
    password.write_text("wrong\n")
    refused = pair.run("--source-password-file", str(password), code=5)
    assert f"does not let {USER} in" in refused.words
    assert "wrong" not in refused.err
