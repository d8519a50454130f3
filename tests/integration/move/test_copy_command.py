"""``switchover copy`` for the person who types it: what it says, what it leaves, how it ends."""

from __future__ import annotations

import hashlib
import json
import os
import pty
import re
import select
import signal
import ssl
import subprocess
import time
from collections import Counter
from pathlib import Path

import pytest
from tests.integration.imap_servers import (
    MASTER,
    MASTER_PASSWORD,
    PASSWORD,
    PORT,
    USER,
    Dovecot,
    Options,
    dovecot,
    make_certificate,
)
from tests.integration.move.copying import Copy, append, digests, mail, mails, url
from tests.integration.oauth import OAUTH, accept_tokens, token

pytestmark = pytest.mark.timeout(180)


def certified(server: Dovecot, names: tuple[str, ...], valid_days: tuple[int, int]) -> None:
    """Give a server another certificate."""
    server.stop()
    make_certificate(server.directory, names, valid_days)
    server.start()


def fingerprint(server: Dovecot) -> str:
    pem = (server.directory / "server.crt").read_text()
    return hashlib.sha256(ssl.PEM_cert_to_DER_cert(pem)).hexdigest()


# Certificates


@pytest.mark.parametrize(
    ("names", "valid_days", "trusts", "says", "advises"),
    [
        ((), (-30, -1), True, "it has expired", "have it renewed there, or pin"),
        (("other.contoso.example",), (-1, 30), True, "it is for another name", "use a host name"),
        ((), (-1, 30), False, "its authority is not known here", "with --target-ca, or pin"),
        ((), (1, 30), True, "it is not valid yet", "set the clocks right, or pin"),
    ],
)
def test_a_certificate_that_is_not_trusted_is_one_sentence_and_can_be_pinned(
    pair: Copy,
    names: tuple[str, ...],
    valid_days: tuple[int, int],
    trusts: bool,
    says: str,
    advises: str,
) -> None:
    certified(pair.target, names or (pair.target.address,), valid_days)
    trust = ["--source-ca", f"{pair.source.directory}/ca.pem"]
    trust += ["--target-ca", f"{pair.target.directory}/ca.pem"] if trusts else []
    pair.trusts = False
    refused = pair.run(*trust, code=5)
    assert says in refused.words
    assert advises in refused.words
    assert "--target-fingerprint" in refused.words
    wrong = pair.run(*trust, "--target-fingerprint", "ab" * 32, code=5)
    assert "not the one that was pinned" in wrong.words
    assert fingerprint(pair.target)[-6:].upper() in wrong.words.replace(":", "")
    assert pair.target.doveadm("search", "-u", USER, "all") == ""
    pinned = pair.run(*trust, "--target-fingerprint", fingerprint(pair.target), "--dry-run")
    assert "30 mails" in pinned.out


def test_starttls_is_demanded_and_its_certificate_checked(pair: Copy) -> None:
    plain = [f"imap://{USER}@{one.address}:{PORT}" for one in (pair.source, pair.target)]
    pair.run(source=plain[0], target=plain[1])
    assert digests(pair.target) == digests(pair.source)
    certified(pair.target, ("other.contoso.example",), (-1, 30))
    refused = pair.run(source=plain[0], target=plain[1], code=5)
    assert "it is for another name" in refused.words
    pair.run("--target-fingerprint", fingerprint(pair.target), target=plain[1])


def test_without_starttls_nothing_is_said_in_the_clear(source: Dovecot, data: Path) -> None:
    with dovecot(Options(more="ssl = no")) as bare:
        pair = Copy(source=source, target=bare, data=data)
        where = f"imap://{USER}@{bare.address}:{PORT}"
        refused = pair.run(target=where, code=5)
        assert "offers no STARTTLS" in refused.words
        pair.run("--allow-plaintext", "--target-mechanism", "scram-sha-256", target=where)


# Signing in


@pytest.mark.parametrize(
    "mechanism", ["plain", "login", "login-command", "scram-sha-1", "scram-sha-256"]
)
def test_each_mechanism_can_be_demanded(pair: Copy, mechanism: str, tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    pair.run("--source-mechanism", mechanism, "--dry-run", "--trace", str(trace))
    said = trace.read_text()
    word = " LOGIN " if mechanism == "login-command" else f"AUTHENTICATE {mechanism.upper()}"
    assert word in next(line for line in said.splitlines() if "source > " in line)
    assert PASSWORD not in said
    assert trace.stat().st_mode & 0o777 == 0o600


def test_a_master_user_opens_the_mailbox_of_another_in_both_forms(
    pair: Copy, tmp_path: Path
) -> None:
    secret = tmp_path / "secret"
    secret.write_text(MASTER_PASSWORD + "\n")
    master = ("--target-password-file", str(secret))
    starred = url(pair.target, f"{USER}*{MASTER}")
    pair.run(*master, target=starred)
    assert digests(pair.target) == digests(pair.source)
    again = pair.run(*master, "--target-authuser", MASTER, "-o", "json")
    # The ledger knows the mailbox by its owner, whoever opens it.
    assert (again.json["copied"], again.json["complete"]) == (0, True)


def test_a_wrong_password_is_said_without_repeating_it(pair: Copy, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("mistyped-secret\n")
    refused = pair.run("--source-password-file", str(secret), code=5)
    assert f"does not let {USER} in" in refused.words
    assert "check its user and password (the source)" in refused.words
    assert "mistyped" not in refused.err


def test_a_token_is_fetched_for_each_connection_and_once_more_when_it_is_refused(
    pair: Copy, tmp_path: Path
) -> None:
    key = b"0123456789abcdef0123456789abcdef"
    with dovecot(Options(mechanisms=("xoauth2", "oauthbearer"), more=OAUTH)) as source:
        accept_tokens(source, key)
        source.put_mails(mails(5))
        source.put_mails(mails(5, first=50), folder="Sent")
        pair.source = source
        fresh, expired = token(USER, key), token(USER, key, seconds=-60)
        file, asked, trace = tmp_path / "token", tmp_path / "asked", tmp_path / "trace"
        file.write_text(expired + "\n")
        refused = pair.run("--source-token-file", str(file), code=5)
        assert "check where its token comes from (the source)" in refused.words
        # The first answer has run out already, the next has not.
        script = f"echo x >> {asked}; cat {file}; echo {fresh} > {file}"
        command = f"sh -c '{script}'"
        done = pair.run("--source-token-command", command, "--trace", str(trace))
        assert asked.read_text().count("x") >= 2
        assert digests(pair.target)["Sent"]
        for text in (done.out, done.err, refused.out, refused.err, trace.read_text()):
            assert expired[-40:] not in text
            assert fresh[-40:] not in text


@pytest.mark.parametrize(
    ("option", "words"),
    [
        ("--source-password-file=/nonexistent", "the password file /nonexistent can not be read"),
        ("--source-token-command=/nonexistent", "the token command /nonexistent can not be run"),
        ("--source-token-command=false", "failed with exit code 1"),
        ("--source-token-command='", "the token command can not be read"),
        ("--source-mechanism=xoauth2", "xoauth2 takes a token, and none is given"),
        ("--source-mechanism=ntlm", "is no way to sign in that is known here"),
        ("--source-fingerprint=abc", "a fingerprint is a SHA-256"),
        ("--since=yesterday", "is no date and no age"),
        ("--max-size=big", "is no size"),
        ("--map=Sent", "is not OLD=NEW"),
        ("--lane=dsync", "--lane dsync needs the target's doveadm"),
        ("--trace=/nonexistent/trace", "can not be written"),
    ],
)
def test_what_can_not_be_meant_is_said_before_anything_is_written(
    pair: Copy, option: str, words: str
) -> None:
    refused = pair.run(option, code=75 if "false" in option else 2)
    assert words in refused.words
    assert digests(pair.target) == {}


@pytest.mark.parametrize(
    ("where", "words"),
    [
        ("imaps://ann:hidden-secret@mail.contoso.example", "the imaps endpoint holds a password"),
        ("pop3://ann@mail.contoso.example", "is no endpoint that mail can be copied from or to"),
        ("mail.contoso.example", "an endpoint begins with the way to reach it"),
        ("imaps://mail.contoso.example", "the imaps endpoint names no user"),
        ("imaps://ann@[2001:db8::zz]", "is no IPv6 address"),
    ],
)
def test_a_url_that_names_no_mailbox_is_refused_and_no_password_repeated(
    pair: Copy, where: str, words: str
) -> None:
    refused = pair.run(target=where, code=2)
    assert words in refused.words
    assert "hidden-secret" not in refused.err + refused.out


# One mailbox twice


def test_one_mailbox_by_two_names_is_seen(source: Dovecot, data: Path) -> None:
    pair = Copy(source=source, target=source, data=data)
    assert "are the same mailbox" in pair.run(code=2).words
    # Another port is another server by name; the folders tell.
    other = f"imap://{USER}@{source.address}:{PORT}"
    before = digests(source)
    refused = pair.run(target=other, code=4)
    assert "seem to be one server by two names" in refused.words
    assert digests(source) == before


# What is chosen


def test_mails_are_chosen_by_age_and_size_and_come_when_they_are_wanted(
    pair: Copy, data: Path
) -> None:
    with dovecot() as source:
        pair.source = source
        append(source, "INBOX", [mail(1)], "01-Jan-2001 12:00:00 +0000")
        append(source, "INBOX", [mail(2), mail(3, size=50_000)])
        planned = pair.run("--since", "30d", "--max-size", "20k", "--dry-run", "-o", "json").json
        (inbox,) = planned["folders"]
        assert inbox["to_copy"] == 1
        assert inbox["to_skip"] == {"older than --since": 1, "larger than --max-size": 1}
        first = pair.run("--since", "30d", "--max-size", "20k", "-o", "json").json
        assert (first["copied"], first["folders"][0]["not_wanted"]) == (1, 2)
        assert pair.run("--max-size", "20k", "-o", "json").json["copied"] == 1
        assert pair.run("-o", "json").json["copied"] == 1
        assert digests(pair.target) == digests(source)


def test_folders_are_renamed_and_left_out_as_asked(pair: Copy) -> None:
    pair.run("--map", "Sent=Old/Sent mails", "--exclude", "INBOX")
    found = digests(pair.target)
    assert found == {"Old/Sent mails": digests(pair.source)["Sent"]}


def test_a_dry_run_tells_everything_and_writes_nothing(pair: Copy) -> None:
    append(pair.target, "INBOX", [mail(9999)])
    append(pair.target, "Sent", [mail(9998)])
    before = digests(pair.target)
    planned = pair.run("--dry-run", "--delete")
    assert "30 mails" in planned.out
    assert "2 deleted on the target" in planned.out
    assert "nothing was written on either side" in planned.out
    assert digests(pair.target) == before


def test_limits_on_the_pace_hold(pair: Copy) -> None:
    begun = time.monotonic()
    report = pair.run("--max-mails-per-second", "10", "-o", "json").json
    # Ten go at once, twenty take two seconds; nothing is claimed about how much longer.
    assert report["copied"] == 30
    assert time.monotonic() - begun > 2.0


# How it ends


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_interrupted_it_stops_and_says_how_to_go_on(
    pair: Copy, number: signal.Signals, code: int
) -> None:
    running = pair.start("--max-mails-per-second", "3", "--progress", "json")
    assert running.stderr is not None
    for line in running.stderr:  # until mails are on their way
        if json.loads(line)["mails"] > 3:
            break
    running.send_signal(number)
    out, err = running.communicate(timeout=20)
    assert running.returncode == code, out + err
    assert "run the same command again" in err
    assert "Traceback" not in err
    acknowledged = re.search(r"has acknowledged ([0-9]+) mails? of this run", err)
    assert acknowledged
    stored = sum(digests(pair.target).get("INBOX", Counter()).values())
    report = pair.run("-o", "json").json
    assert report["complete"]
    (inbox,) = [one for one in report["folders"] if one["name"] == "INBOX"]
    assert int(acknowledged[1]) == inbox["known_before"] <= stored
    brought = inbox["copied"] + inbox["found"] + inbox["known_before"]
    assert brought == sum(digests(pair.source)["INBOX"].values())
    assert digests(pair.target) == digests(pair.source)


def test_progress_is_a_table_on_a_terminal_lines_in_a_pipe_and_nothing_when_quiet(
    pair: Copy,
) -> None:
    leader, follower = pty.openpty()
    running = subprocess.Popen(
        pair.command("--max-mails-per-second", "10"),
        env={**pair.environ(), "TERM": "xterm"}, stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=follower,
    )  # fmt: skip
    os.close(follower)
    shown = b""
    while select.select([leader], [], [], 20)[0]:
        try:
            shown += os.read(leader, 65536)
        except OSError:
            break
    running.communicate(timeout=20)
    os.close(leader)
    text = shown.decode()
    assert "copying, " in text
    assert re.search(r"INBOX +\d+/20 ", text)
    quiet = pair.run("--quiet")
    assert quiet.err == ""
    piped = pair.run("--progress", "json")
    assert {json.loads(line)["phase"] for line in piped.err.splitlines()}


# Again


LOUD = """
  mail_plugins = notify mail_log
  protocol imap {{
    mail_plugins = notify mail_log
    rawlog_dir = {directory}/raw
  }}
"""


def test_running_it_again_sends_nothing_that_could_change_a_thing(data: Path) -> None:
    loud = Options(compresses=False, more=LOUD)
    with dovecot(loud) as source, dovecot(loud) as target:
        source.put_mails(mails(20))
        source.put_mails(mails(10, first=100), folder="Sent")
        for server in (source, target):
            (server.directory / "raw").mkdir(mode=0o777)
            (server.directory / "raw").chmod(0o777)
        pair = Copy(source=source, target=target, data=data)
        pair.run()
        changing = re.compile(
            rb" (?:UID )?(APPEND|STORE|EXPUNGE|CREATE|SUBSCRIBE|DELETE|RENAME|COPY|MOVE|SETACL)\b"
        )

        def sent(server: Dovecot) -> set[bytes]:
            texts = [one.read_bytes() for one in (server.directory / "raw").glob("*.in")]
            assert texts
            return {match[1] for text in texts for match in changing.finditer(text)}

        assert sent(target) >= {b"APPEND", b"CREATE"}
        assert sent(source) == set()
        for server in (source, target):
            for file in (server.directory / "raw").iterdir():
                file.unlink()
        before = [server.said().count("\n") for server in (source, target)]
        again = pair.run("-o", "json").json
        assert (again["copied"], again["complete"]) == (0, True)
        assert sent(source) | sent(target) == set()
        for server, lines in zip((source, target), before, strict=True):
            fresh = "\n".join(server.said().splitlines()[lines:])
            assert not re.search(r"(save|expunge|flag_change|delete|copy): ", fresh), fresh
