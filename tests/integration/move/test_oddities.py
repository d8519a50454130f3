"""What single servers do that no two have in common, each with a copy that must bear it."""

from __future__ import annotations

import json
import os
import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.integration.imap_servers import ImapServer, Kind, imap_server
from tests.integration.move.copy_command import copy_mailbox
from tests.integration.move.mailbox_reading import connect, digest, read_mailbox
from tests.integration.processes import short_directory
from tests.integration.suite import run_cli
from tests.integration.unpacked_servers import Courier, Cyrus

A, B = "ann", "bob"
DATE = "01-Jun-2024 10:00:00 +0000"
pytestmark = [pytest.mark.timeout(120), pytest.mark.xdist_group("oddities")]


@pytest.fixture(scope="module")
def maildir() -> Iterator[ImapServer]:
    with imap_server(Kind.MAILDIR, USERS) as server:
        yield server


@pytest.fixture(scope="module")
def cyrus() -> Iterator[ImapServer]:
    with imap_server(Kind.CYRUS, USERS, more="maxmessagesize: 100000") as server:
        yield server


@pytest.fixture(scope="module")
def courier() -> Iterator[ImapServer]:
    with imap_server(Kind.COURIER, USERS) as server:
        yield server


@pytest.fixture(scope="module")
def place() -> Iterator[Path]:
    with short_directory() as directory:
        yield directory


USERS = tuple(f"{name}{number}" for name in (A, B) for number in range(6))


def mail(number: int, size: int = 40) -> bytes:
    return b"Subject: %d\r\n\r\n%s\r\n" % (number, b"x" * size)


def put(
    server: ImapServer, user: str, mails: list[tuple[str, bytes]], raw: bytes = b"INBOX"
) -> None:
    with connect(server, user) as connection:
        answers = connection.append_all([(raw, ("\\Seen",), date, body) for date, body in mails])
    assert all(one.startswith("OK") for one in answers), answers


def digests(server: ImapServer, user: str, folder: str = "INBOX") -> list[bytes]:
    return [one.digest for one in read_mailbox(server, user).folders[folder]]


def test_a_second_run_changes_nothing_as_the_log_of_both_sides_shows(
    place: Path, cyrus: ImapServer
) -> None:
    assert isinstance(cyrus, Cyrus)
    ends = (cyrus, "ann0"), (cyrus, "bob0")
    put(cyrus, "ann0", [(DATE, mail(number)) for number in range(300)])
    assert copy_mailbox(place, *ends)["copied"] == 300
    logs = [cyrus.listen_in(user) for _, user in ends]
    assert copy_mailbox(place, *ends)["copied"] == 0
    wait_until_said(logs)
    commands = {command for log in logs for command in said(log)}
    assert commands <= {
        "CAPABILITY", "ENABLE", "ID", "LIST", "LOGOUT", "LSUB", "NAMESPACE", "NOOP", "STATUS",
    }  # fmt: skip


def wait_until_said(logs: list[Path]) -> None:
    """Wait for the sessions to end on the server's side too: it writes down what was said as it closes them."""
    deadline = time.monotonic() + 10
    while not all("LOGOUT" in said(log) for log in logs):
        assert time.monotonic() < deadline, [said(log) for log in logs]
        time.sleep(0.02)


def said(log: Path) -> list[str]:
    """Return the commands that a user's sessions gave, as Cyrus noted them."""
    text = "".join(one.read_text("utf-8", "replace") for one in log.iterdir())
    received = re.findall(r"^<\d+<(.*?)(?=^[<>]\d+[<>]|\Z)", text, re.DOTALL | re.MULTILINE)
    return re.findall(r"^\S+ ([A-Za-z]+)", "".join(received), re.MULTILINE)


@pytest.mark.parametrize("target", ["cyrus", "courier"])
def test_a_mail_with_a_date_that_the_target_refuses_is_copied_with_the_nearest_and_named(
    place: Path, target: str, request: pytest.FixtureRequest
) -> None:
    there: ImapServer = request.getfixturevalue(target)
    # An archive: Dovecot shows such dates as ones of the next century.
    archive = place / f"archive-{target}"
    for part in ("cur", "new", "tmp"):
        (archive / part).mkdir(parents=True)
    for number in range(12):
        file = archive / "cur" / f"17000000{number:02}.M1.test:2,S"
        file.write_bytes(mail(number))
        os.utime(file, (1_700_000_000, -631_152_000 if number == 5 else 1_700_000_000))
    ends = f"maildir:{archive}", f"imap://bob1@{there.address}:{there.port}"
    common = ("--allow-plaintext", "--output", "json", "--data", str(place / f"data-{target}"))
    secrets = {"SWITCHOVER_TARGET_PASSWORD": there.password}
    done = run_cli("copy", *ends, *common, environment=secrets)
    assert done.code == 0, done.err
    report = json.loads(done.out)
    (changed,) = report["dates_changed"]
    assert (changed["folder"], changed["subject"], report["skipped"]) == ("INBOX", "5", [])
    assert (changed["date"], changed["copied_with"]) == (
        "1950-01-01T00:00:00+00:00",
        "1970-01-01T00:00:01+00:00",
    )
    found = {one.digest: one.seconds for one in read_mailbox(there, "bob1").folders["INBOX"]}
    assert found == {
        digest(mail(number)): 1 if number == 5 else 1_700_000_000 for number in range(12)
    }
    again = json.loads(run_cli("copy", *ends, *common, environment=secrets).out)
    assert (again["copied"], again["dates_changed"], again["complete"]) == (0, [], True)
    proof = run_cli("verify", *ends, *common, "--level", "3", environment=secrets)
    differences = json.loads(proof.out)["proof"]["differences"]
    explained = [one for one in differences if one["explanation"]]
    assert [(one["kind"], one["subject"]) for one in explained] == [("date", "5")]
    assert "refuses mails from before 1970" in explained[0]["explanation"]
    # Cyrus subscribes its users to their INBOX by itself.
    assert {one["kind"] for one in differences} <= {"date", "subscription extra"}


def test_a_mail_above_the_limit_of_the_target_is_named_and_never_sent(
    place: Path, maildir: ImapServer, cyrus: ImapServer
) -> None:
    sizes = (40, 200_000, 99_000, 100_100, 50)
    put(maildir, "ann3", [(DATE, mail(at, size)) for at, size in enumerate(sizes)])
    report = copy_mailbox(place, (maildir, "ann3"), (cyrus, "bob3"))
    assert digests(cyrus, "bob3") == [digest(mail(at, sizes[at])) for at in (0, 2, 4)]
    assert [(one["uid"], one["reason"]) for one in report["skipped"]] == [
        (2, "larger than the target takes"),
        (4, "larger than the target takes"),
    ]
    assert report["skipped"][0]["subject"] == "1"


def test_a_mail_without_a_byte_is_named_and_the_others_arrive(
    place: Path, courier: ImapServer, maildir: ImapServer
) -> None:
    assert isinstance(courier, Courier)
    put(courier, "ann4", [(DATE, mail(1))])
    (courier.mailbox("ann4") / "new" / "1700000000.empty.test").touch(0o666)
    report = copy_mailbox(place, (courier, "ann4"), (maildir, "bob4"))
    assert [(one["folder"], one["uid"], one["reason"]) for one in report["skipped"]] == [
        ("INBOX", 2, "has no bytes at all")
    ]
    assert digests(maildir, "bob4") == [digest(mail(1))]


def test_uids_up_to_the_highest_there_are_do_no_harm(
    place: Path, courier: ImapServer, maildir: ImapServer
) -> None:
    put(maildir, "ann5", [(DATE, mail(1)), (DATE, mail(2))])
    doveadm = getattr(maildir, "doveadm")  # noqa: B009 - Dovecot's alone
    doveadm("mailbox", "update", "-u", "ann5", "--min-next-uid", "4294967200", "INBOX")
    put(maildir, "ann5", [(DATE, mail(3)), (DATE, mail(4))])
    uids = [one.uid for one in read_mailbox(maildir, "ann5").folders["INBOX"]]
    assert uids == [1, 2, 4294967200, 4294967201]
    assert copy_mailbox(place, (maildir, "ann5"), (courier, "bob5"))["copied"] == 4
    assert digests(courier, "bob5") == [digest(mail(number)) for number in range(1, 5)]
    again = copy_mailbox(place, (maildir, "ann5"), (courier, "bob5"))
    assert (again["copied"], again["left"]) == (0, {})


def test_parents_that_courier_names_among_subscriptions_stay_unsubscribed(
    place: Path, courier: ImapServer, maildir: ImapServer
) -> None:
    with connect(courier, "ann5") as connection:
        connection.command(b"CREATE INBOX.a.b.c")
        connection.command(b"SUBSCRIBE INBOX.a.b.c")
        assert [one.name for one in connection.list_names(b"LSUB")] != ["INBOX.a.b.c"]
    copy_mailbox(place, (courier, "ann5"), (maildir, "bob5"))
    assert read_mailbox(maildir, "bob5").subscribed == {"a/b/c"}
