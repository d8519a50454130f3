"""``switchover verify`` finds every kind of difference at the levels that promise it, and names the mail."""

from __future__ import annotations

import contextlib
import json
import os
import re
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeAlias

import pytest
from tests.integration.imap_servers import PASSWORD, PORT, Dovecot, Options, dovecot
from tests.integration.move.rig import USERS, Box, Pair, cutter, free_user
from tests.integration.suite import short_directory
from tests.integration.wire.test_imap_hostile import Client, Script, serving

from switchover.errors import InvalidInput
from switchover.move.canonical import Form
from switchover.move.difference import DifferenceKind, Level
from switchover.move.folder_plan import Choice
from switchover.move.selection import Selection
from switchover.move.sync_plan import Rules
from switchover.move.work.known import KnownPair
from switchover.move.work.verifying import VerifyOrder, VerifyReport, verify_mailbox
from switchover.store.pool import Database
from switchover.wire.imap.shell import Target

pytestmark = pytest.mark.timeout(180)
Change: TypeAlias = Callable[[Box], None]
K = DifferenceKind
COUNTS, PAIRS, HEADERS, BODIES = Level
EVERY = tuple(Level)
MAIL = b"Message-ID: <m%d@contoso.example>\r\nSubject: mail %d\r\n\r\ntext %d\r\n"


@pytest.fixture(scope="module")
def servers() -> Iterator[tuple[Dovecot, Dovecot]]:
    options = Options(users=USERS, mechanisms=("plain",))
    with dovecot(options) as source, dovecot(options) as target:
        yield source, target


@pytest.fixture
def pair(servers: tuple[Dovecot, Dovecot], database: Database) -> Pair:
    user = free_user()
    return Pair(
        source=Box(server=servers[0], user=user),
        target=Box(server=servers[1], user=user),
        database=database,
    )


def put(box: Box, folder: str, number: int, *, body: bytes = b"", date: int = 0) -> None:
    with box.edit("") as connection:
        when = f'"{date or number % 28 + 1:02d}-Jan-2020 12:00:{number % 60:02d} +0100"'
        flags = ("", r"(\Seen)", r"(\Flagged work)")[number % 3]
        text = body or MAIL % (number, number, number)
        assert connection.append(f'"{folder}"', flags, when, text)[0] == "OK"


def fill(box: Box) -> None:
    with box.edit("") as connection:
        for folder in ("Sent", "Entw&APw-rfe", "Empty"):
            assert connection.create(f'"{folder}"')[0] == "OK"
        connection.subscribe("Sent")
    for number in range(12):
        put(box, ("INBOX", "Sent", "Entw&APw-rfe")[number % 3], number)
    put(box, "INBOX", 0)  # a twin


def order_of(pair: Pair, level: Level, **wishes: Any) -> VerifyOrder:
    order = VerifyOrder(
        source=pair.source.account,
        target=pair.target.account,
        source_key=f"{pair.source.server.address}/{pair.source.user}",
        target_key=f"{pair.target.server.address}/{pair.target.user}",
        level=level,
    )
    return replace(order, **wishes)


async def verify(pair: Pair, level: Level, *, knows: bool = True, **wishes: Any) -> VerifyReport:
    order = order_of(pair, level, **wishes)
    known = await KnownPair.load(pair.database, order.source_key, order.target_key)
    return await verify_mailbox(known if knows else KnownPair(), order)


def found_by(report: VerifyReport) -> list[tuple[DifferenceKind, str]]:
    assert not report.unfinished
    return [(one.kind, one.folder) for one in report.proof.differences if not one.explanation]


def store(*arguments: str) -> Change:
    def change(box: Box) -> None:
        with box.edit("Sent") as connection:
            assert connection.uid("store", "2", *arguments)[0] == "OK"

    return change


def expunge(folder: str, uid: str) -> Change:
    def change(box: Box) -> None:
        with box.edit(folder) as connection:
            connection.uid("store", uid, "+FLAGS", r"(\Deleted)")
            connection.uid("expunge", uid)

    return change


def extra(box: Box) -> None:
    put(box, "Sent", 99)


def subscribed(box: Box) -> None:
    with box.edit("") as connection:
        connection.subscribe("Empty")


def unsubscribed(box: Box) -> None:
    with box.edit("") as connection:
        connection.unsubscribe("Sent")


def created(box: Box) -> None:
    with box.edit("") as connection:
        connection.create("More")


def deleted(box: Box) -> None:
    with box.edit("") as connection:
        connection.delete("Empty")


def rewritten(text: bytes, other: bytes) -> Change:
    """Return the change of a mail's file behind the server's back, its name and size kept."""

    def change(box: Box) -> None:
        base = box.server.mail / box.user / "Maildir"
        for path in (base / ".Sent" / "cur").iterdir():
            if text in path.read_bytes():
                times = path.stat().st_atime, path.stat().st_mtime
                path.write_bytes(path.read_bytes().replace(text, other))
                os.utime(path, times)
        # The index holds parts of headers.
        for path in (base / ".Sent").glob("dovecot.index.cache*"):
            path.unlink()

    return change


def redated(box: Box) -> None:
    base = box.server.mail / box.user / "Maildir"
    for path in (base / ".Sent" / "cur").iterdir():
        if b"mail 4" in path.read_bytes():
            os.utime(path, (1_500_000_000, 1_500_000_000))
    for path in (base / ".Sent").glob("dovecot.index.cache*"):
        path.unlink()


CHANGES: dict[str, tuple[Change, tuple[Level, ...], DifferenceKind, str]] = {
    "flag": (store("+FLAGS", r"(\Answered)"), EVERY[1:], K.FLAGS, "Sent"),
    "keyword": (store("+FLAGS", "(urgent)"), EVERY[1:], K.KEYWORDS, "Sent"),
    "date": (redated, EVERY[1:], K.DATE, "Sent"),
    "header": (rewritten(b"mail 4", b"mail 5"), EVERY[2:], K.BYTES, "Sent"),
    "byte": (rewritten(b"text 4", b"text 5"), EVERY[3:], K.BYTES, "Sent"),
    "deleted": (expunge("Sent", "2"), EVERY, K.MISSING, "Sent"),
    "twin": (expunge("INBOX", "1"), EVERY, K.MISSING, "INBOX"),
    "extra": (extra, EVERY, K.EXTRA, "Sent"),
    "subscription": (unsubscribed, EVERY, K.SUBSCRIPTION_MISSING, "Sent"),
    "more subscribed": (subscribed, EVERY, K.SUBSCRIPTION_EXTRA, "Empty"),
    "folder": (deleted, EVERY, K.FOLDER_MISSING, "Empty"),
    "more folders": (created, EVERY, K.FOLDER_EXTRA, "More"),
}


def expected(level: Level, kind: DifferenceKind) -> DifferenceKind:
    if level is COUNTS and kind in {K.MISSING, K.EXTRA}:
        return K.COUNT
    return K.HEADER if level is HEADERS and kind is K.BYTES else kind


async def test_a_copy_is_proved_at_every_level_with_one_root(pair: Pair) -> None:
    fill(pair.source)
    await pair.copy()
    pair.source.lines.clear()
    pair.target.lines.clear()
    for level in Level:
        report = await verify(pair, level)
        assert (report.proof.differences, report.unfinished) == ((), ())
        assert report.proof.source_root == report.proof.target_root
        assert sum(one.source_mails for one in report.proof.folders) == 13
    assert not pair.target.sent("SELECT ", "UID STORE", "APPEND", "CREATE", "SUBSCRIBE ")
    assert not pair.source.sent("SELECT ", "UID STORE")


@pytest.mark.parametrize("name", CHANGES)
async def test_each_difference_is_found_at_the_levels_that_promise_it(
    pair: Pair, name: str
) -> None:
    change, levels, kind, folder = CHANGES[name]
    fill(pair.source)
    await pair.copy()
    change(pair.target)
    for level in Level:
        wanted = [(expected(level, kind), folder)] if level in levels else []
        assert found_by(await verify(pair, level)) == wanted, level
    # Without a ledger mails are known by what they show.
    for level in levels:
        found = found_by(await verify(pair, level, knows=False))
        assert found == [(expected(level, kind), folder)], level


async def test_a_difference_says_which_mail_it_is_and_what_differs(pair: Pair) -> None:
    fill(pair.source)
    await pair.copy()
    store("-FLAGS", r"(\Seen)")(pair.target)
    expunge("INBOX", "2")(pair.target)
    report = await verify(pair, BODIES)
    missing, flags = report.proof.differences
    assert (flags.source, flags.target, flags.subject) == (r"\Seen", "", "mail 4")
    assert (flags.source_uid, flags.target_uid) == (2, 2)
    assert (missing.subject, missing.message_id) == ("mail 3", "<m3@contoso.example>")
    assert "was copied as UID 2, which is gone" in missing.hint


async def test_a_changed_mail_is_one_difference_even_without_a_ledger(pair: Pair) -> None:
    fill(pair.source)
    await pair.copy()
    rewritten(b"text 4", b"text 5")(pair.target)
    (one,) = (await verify(pair, BODIES, knows=False)).proof.differences
    assert (one.kind, one.source_uid, one.target_uid) == (K.BYTES, 2, 2)


async def test_what_the_source_lost_and_what_came_later_is_accounted_for(pair: Pair) -> None:
    fill(pair.source)
    await pair.copy()
    expunge("Sent", "2")(pair.source)
    await pair.copy()
    put(pair.source, "INBOX", 50)
    for level in Level:
        report = await verify(pair, level)
        gone = [one for one in report.proof.differences if one.folder == "Sent"]
        assert [bool(one.explanation) for one in gone] == [True], level
        (new,) = [one for one in report.proof.differences if one.folder == "INBOX"]
        assert not new.explanation
        assert (new.hint == "it came after the last copy; copy again") is (level > COUNTS)


async def test_only_chosen_folders_are_compared(pair: Pair) -> None:
    fill(pair.source)
    await pair.copy()
    expunge("Sent", "2")(pair.target)
    created(pair.target)
    report = await verify(pair, PAIRS, choice=Choice(folders=("INBOX", "Ent*")))
    assert found_by(report) == []
    assert {one.folder for one in report.proof.folders} == {"INBOX", "Entw\u00fcrfe"}
    assert {one.folder: one.reason for one in report.left_out}["Sent"] == "not chosen by --folder"
    excluded = await verify(pair, PAIRS, choice=Choice(excluded=("Sent",)))
    assert found_by(excluded) == [(K.FOLDER_EXTRA, "More")]
    with pytest.raises(InvalidInput, match="Nowhere"):
        await verify(pair, PAIRS, choice=Choice(folders=("Nowhere",)))


async def test_what_was_not_wanted_need_not_be_there(pair: Pair) -> None:
    fill(pair.source)
    put(pair.source, "INBOX", 60, body=MAIL % (60, 60, 60) + b"x" * 5000)
    selection = Selection(since_seconds=1_578_000_000, largest_bytes=4000)
    await pair.copy(rules=Rules(selection=selection))
    for level in EVERY[1:]:
        report = await verify(pair, level, selection=selection)
        assert found_by(report) == [], level
        why = {one.reason for one in report.skipped}
        assert why == {"older than --since", "larger than --max-size"}
        assert found_by(await verify(pair, level)), level


async def test_empty_parents_that_the_target_made_are_explained(pair: Pair) -> None:
    fill(pair.source)
    with pair.source.edit("") as connection:
        connection.create("Projects/One")
    await pair.copy()
    with pair.target.edit("") as connection:
        connection.create("Projects")
    (one,) = (await verify(pair, PAIRS)).proof.differences
    assert (one.kind, one.folder) == (K.FOLDER_EXTRA, "Projects")
    assert "only holds other folders" in one.explanation


async def test_a_sample_reads_no_more_than_it_says(pair: Pair) -> None:
    fill(pair.source)
    await pair.copy()
    for knows in (True, False):
        report = await verify(pair, BODIES, sample=6, knows=knows)
        assert report.proof.differences == ()
        assert report.sampled is not None
        assert 3 <= report.sampled <= 13
    rewritten(b"text 4", b"text 5")(pair.target)
    every = await verify(pair, BODIES, sample=1000)
    assert found_by(every) == [(K.BYTES, "Sent")]


async def test_connections_that_break_are_opened_again(pair: Pair) -> None:
    fill(pair.source)
    for number in range(20):
        put(pair.source, "INBOX", number, body=MAIL % (number, 1, 1) + b"x" * 20_000)
    await pair.copy()
    async with cutter(pair.source.server, [150_000, 90_000]) as target:
        pair.source.target = target
        report = await verify(pair, BODIES)
    assert (report.proof.differences, report.unfinished) == ((), ())


async def test_a_folder_that_can_not_be_opened_is_not_finished_and_the_rest_is_compared(
    pair: Pair,
) -> None:
    fill(pair.source)
    await pair.copy()

    def remove(line: str) -> None:
        if line.startswith(">") and "EXAMINE" in line:
            pair.target.hook = lambda _line: None
            with pair.target.edit("") as connection:
                connection.delete("Sent")

    pair.target.hook = remove
    report = await verify(pair, PAIRS)
    (one,) = report.unfinished
    assert one.folder == "Sent"
    assert "refuses EXAMINE" in one.reason
    assert len(report.proof.folders) == 3


# A source that hands mails out as they are, which none of Debian's servers does.
RAW = (
    b"Subject: bare\n\nline one\nline two\n",
    b"Subject: nul\r\n\r\na\0b\r\n",
    b"Subject: \xe4\xf6\r\n\r\n\xff\xfe 8 bit\r\n",
    b"Subject: mixed\r\n\r\none\r\ntwo\nthree\r\r\nfour",
)
CAPABLE = b"IMAP4rev1 SASL-IR AUTH=PLAIN LITERAL+"
_ITEM = re.compile(rb"UID FETCH (\S+) \((.*)\)")


def raw_source(mails: tuple[bytes, ...]) -> Script:
    async def script(client: Client) -> None:
        await client.say(b"* OK [CAPABILITY " + CAPABLE + b"] ready\r\n")
        while True:
            tag, text = await client.hear()
            if not tag:
                return
            verb = text.split(b" ")[0].upper()
            if verb == b"LOGOUT":
                await client.say(b"* BYE\r\n", tag + b" OK bye\r\n")
                return
            await client.say(*answer(text, mails), tag + b" OK done\r\n")

    return script


def answer(text: bytes, mails: tuple[bytes, ...]) -> Iterator[bytes]:
    if text.startswith(b"LIST"):
        yield b'* LIST () "/" INBOX\r\n'
    elif text.startswith(b"STATUS"):
        yield b"* STATUS INBOX (MESSAGES %d UIDNEXT 9 UIDVALIDITY 7)\r\n" % len(mails)
    elif text.startswith((b"EXAMINE", b"SELECT")):
        yield b"* %d EXISTS\r\n* OK [UIDVALIDITY 7] .\r\n* OK [UIDNEXT 9] .\r\n" % len(mails)
    elif found := _ITEM.match(text):
        yield from fetched(found[1], found[2], mails)


def fetched(uids: bytes, fields: bytes, mails: tuple[bytes, ...]) -> Iterator[bytes]:
    for uid, mail in enumerate(mails, 1):
        if not is_in(uid, uids):
            continue
        line = b'* %d FETCH (UID %d FLAGS (\\Seen) INTERNALDATE "17-Jul-2019 02:44:25 +0200"'
        line %= (uid, uid)
        if b"RFC822.SIZE" in fields:
            line += b" RFC822.SIZE %d" % len(mail)
        if b"[HEADER]" in fields:
            header = mail[: (re.search(rb"\r?\n\r?\n", mail) or [mail]).end()]  # type: ignore[union-attr] # there is one
            line += b" BODY[HEADER] {%d}\r\n%b" % (len(header), header)
        if b"BODY.PEEK[]" in fields:
            line += b" BODY[] {%d}\r\n%b" % (len(mail), mail)
        yield line + b")\r\n"


def is_in(uid: int, uids: bytes) -> bool:
    ranges = [part.partition(b":") for part in uids.replace(b"*", b"999").split(b",")]
    return any(int(first) <= uid <= int(last or first) for first, _, last in ranges)


@contextlib.asynccontextmanager
async def copied_from(pair: Pair, mails: tuple[bytes, ...]) -> AsyncIterator[Target]:
    """Give a raw source whose mails were copied to the target."""
    async with serving(raw_source(mails)) as target:
        pair.source.target = target
        await pair.copy()
        yield target


async def test_rewritten_line_ends_and_nul_are_equal_under_the_declared_form(pair: Pair) -> None:
    async with copied_from(pair, RAW):
        for level in Level:
            report = await verify(pair, level)
            assert (report.form, report.proof.differences) == (Form.LINES, ()), level
            assert (await verify(pair, level, knows=False)).proof.differences == (), level
        exact = await verify(pair, BODIES, form=Form.EXACT)
        assert found_by(exact) == [(K.BYTES, "INBOX")] * 3
        assert all("only line ends" in one.hint for one in exact.proof.differences)
        sizes = found_by(await verify(pair, PAIRS, form=Form.EXACT))
        assert sizes == [(K.SIZE, "INBOX")]


async def test_a_mail_that_a_server_lists_and_does_not_hand_out_is_named(pair: Pair) -> None:
    async with copied_from(pair, RAW[2:3] * 3):
        pass
    healthy = raw_source(RAW[2:3] * 3)

    async def script(client: Client) -> None:
        say = client.say

        async def censored(*pieces: bytes) -> None:
            await say(*(one for one in pieces if not (b"UID 2 " in one and b"BODY[" in one)))

        client.say = censored  # type: ignore[method-assign] # a server that leaves one mail out
        await healthy(client)

    async with serving(script) as target:
        pair.source.target = target
        report = await verify(pair, BODIES)
    (one,) = report.proof.differences
    assert (one.kind, one.source_uid, one.source) == (K.BYTES, 2, "not delivered by the server")


# The command as people use it.


@pytest.fixture
def place() -> Iterator[Path]:
    with short_directory() as directory:
        yield directory


def run(
    pair: Pair, place: Path, *options: str, name: str = "verify", code: int = 0
) -> subprocess.CompletedProcess[str]:
    urls = [f"imap://{box.user}@{box.server.address}:{PORT}" for box in (pair.source, pair.target)]
    done = subprocess.run(
        [
            sys.executable, "-m", "switchover", name, *urls, "--allow-plaintext", "--quiet",
            "--data", str(place / "data"), *options,
        ],
        env={
            **os.environ,
            "SWITCHOVER_SOURCE_PASSWORD": PASSWORD,
            "SWITCHOVER_TARGET_PASSWORD": PASSWORD,
        },
        capture_output=True, text=True, check=False, timeout=100,
    )  # fmt: skip
    assert done.returncode == code, done.stdout + done.stderr
    assert PASSWORD not in done.stdout + done.stderr
    return done


def check(place: Path, file: Path, *options: str, code: int = 0) -> str:
    done = subprocess.run(
        [
            sys.executable, "-m", "switchover", "verify", "--check", str(file),
            "--data", str(place / "data"), *options,
        ],
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout + done.stderr


def test_a_signed_manifest_is_believed_and_a_tampered_one_refused(
    servers: tuple[Dovecot, Dovecot], place: Path
) -> None:
    user = free_user()
    pair = Pair(
        source=Box(server=servers[0], user=user),
        target=Box(server=servers[1], user=user),
        database=None,  # type: ignore[arg-type] # the command brings its own
    )
    fill(pair.source)
    file, page = place / "proof.json", place / "proof.html"
    written = ("--manifest", str(file), "--page", str(page))
    nothing_there = run(pair, place, "--level", "0", code=1)
    assert "folder missing" in nothing_there.stdout
    assert not (place / "data" / "postgresql").exists()
    run(pair, place, name="copy")
    same = json.loads(run(pair, place, "--level", "3", "-o", "json", *written).stdout)
    assert (same["verdict"], same["has_ledger"]) == ("the same", True)
    assert (place / "data" / "manifest.key").stat().st_mode & 0o777 == 0o600
    assert same["signed_by"] in page.read_text("utf-8")
    assert "Nothing differs." in page.read_text("utf-8")
    assert "whole" in check(place, file, "--key", same["signed_by"])
    assert "another key" in check(place, file, "--key", "ab" * 32, code=5)
    file.write_bytes(file.read_bytes().replace(b'"source_mails":5', b'"source_mails":6'))
    assert "not as it was signed" in check(place, file, code=5)
    expunge("Sent", "2")(pair.target)
    different = run(pair, place, "--level", "1", code=1)
    assert "mail missing" in different.stdout
    assert "mail 4" in different.stdout
    assert "not the same" in different.stdout


def test_an_unreachable_server_is_no_verdict(servers: tuple[Dovecot, Dovecot], place: Path) -> None:
    source = Box(server=servers[0], user=free_user())
    target = Box(server=replace(servers[1], address="127.0.0.1"), user=free_user())
    pair = Pair(source=source, target=target, database=None)  # type: ignore[arg-type] # not used
    done = run(pair, place, code=75)
    assert "127.0.0.1" in done.stderr
