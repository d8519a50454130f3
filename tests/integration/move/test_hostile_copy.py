"""Sources and targets that lie, flood and fall silent: a copy ends in a sentence, in time, within memory.

The command runs as a process of its own. What it took from a liar is never counted as copied, and what it
copied is at the target byte by byte.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from tests.integration.imap_servers import PORT, Dovecot, Options, dovecot
from tests.integration.move.scripted import Ended, Scripted, data, list_a_million, run, running

pytestmark = [pytest.mark.timeout(120)]

MOST_BYTES = 150 * 2**20
MAILS = {uid: b"Subject: %d\r\n\r\n" % uid + b"%d " % uid * 200 + b"\r\n" for uid in range(1, 8)}
LIAR = 4
"""The UID of the mail about which a source lies."""


@pytest.fixture(scope="module")
def server() -> Iterator[Dovecot]:
    users = tuple(f"u{number}" for number in range(40))
    with dovecot(Options(users=users)) as one:
        yield one


@pytest.fixture
def user(server: Dovecot, request: pytest.FixtureRequest) -> str:
    used: list[str] = server.__dict__.setdefault("used", [])
    used.append(request.node.name)
    return server.options.users[len(used) - 1]


def stored(server: Dovecot, user: str) -> list[bytes]:
    """Return the mails at the target as its files hold them."""
    home = server.mail / user / "Maildir"
    files = [*home.glob("cur/*"), *home.glob("new/*")]
    # A Maildir holds lines that end in LF, and the server puts CR before.
    return sorted(file.read_bytes().replace(b"\n", b"\r\n") for file in files)


async def copy(source: Scripted, server: Dovecot, user: str, place: Path) -> Ended:
    async with running(source):
        target = f"imap://{user}@{server.address}:{PORT}"
        ended = await run("copy", source.url, target, "-o", "json", *data(place))
    assert ended.peak_bytes < MOST_BYTES, ended
    assert "Traceback" not in ended.error, ended.error
    return ended


def left(ended: Ended) -> str:
    """Return everything that a report says was not copied, and why."""
    if not ended.said:
        return ended.error
    report = json.loads(ended.said)
    return f"{report['message']} {report['left']} {report['skipped']}"


def counted(ended: Ended) -> int:
    return int(json.loads(ended.said)["copied"]) if ended.said else 0


@dataclass(kw_only=True)
class Lying(Scripted):
    """Says something else where the body of one mail should be."""

    lie: bytes = b""
    mails: dict[int, bytes] = field(default_factory=lambda: dict(MAILS))
    then_leaves: bool = False

    async def send_mail(self, out: asyncio.StreamWriter, uid: int) -> None:
        if uid != LIAR:
            await super().send_mail(out, uid)
            return
        out.write(self.lie)
        await out.drain()
        if self.then_leaves:
            out.transport.abort()
            await asyncio.sleep(3600)


def head(size: int) -> bytes:
    return Scripted(mails={}).head(LIAR, size)


BODY = MAILS[LIAR]


@pytest.mark.parametrize(
    ("lie", "leaves"),
    [
        pytest.param(head(len(BODY) - 9) + BODY + b")\r\n", False, id="longer than announced"),
        pytest.param(head(len(BODY) + 9) + BODY + b")\r\n", False, id="shorter than announced"),
        pytest.param(head(10**6) + BODY + b"\r\n* BYE enough\r\n", True, id="BYE within a body"),
        pytest.param(head(3 * 2**30) + BODY, True, id="3 GB announced"),
        pytest.param(b"* 4 FETCH (UID 4 FLAGS () BODY[] NIL)\r\n", False, id="no body"),
        pytest.param(b"", False, id="nothing"),
    ],
)
async def test_a_mail_that_is_lied_about_is_not_copied_and_the_others_are(
    lie: bytes, leaves: bool, server: Dovecot, user: str, place: Path
) -> None:
    ended = await copy(Lying(lie=lie, then_leaves=leaves), server, user, place)
    assert ended.code in {5, 75}
    good = sorted(mail for uid, mail in MAILS.items() if uid != LIAR)
    assert stored(server, user) == good, left(ended)
    assert counted(ended) == len(good)
    assert [one["uid"] for one in json.loads(ended.said)["skipped"]] == [LIAR]


async def test_mails_never_asked_for_are_not_copied(
    server: Dovecot, user: str, place: Path
) -> None:
    forged = b"Subject: forged\r\n\r\nforged\r\n"
    date = b'INTERNALDATE "01-May-2020 00:00:00 +0000"'
    lie = b"".join(
        b"* %d FETCH (UID %d FLAGS () %b BODY[] {%d}\r\n%b)\r\n"
        % (uid, uid, date, len(forged), forged)
        for uid in (999, 2, 1, 4_294_967_295)
    )
    lying = Lying(lie=lie + head(len(BODY)) + BODY + b")\r\n")
    ended = await copy(lying, server, user, place)
    assert ended.code == 0, left(ended)
    assert stored(server, user) == sorted(MAILS.values())


@dataclass(kw_only=True)
class Flooding(Lying):
    """Says the same without end where a body should be."""

    piece: bytes = b""
    times: int = 50_000

    async def send_mail(self, out: asyncio.StreamWriter, uid: int) -> None:
        if uid == LIAR:
            await flood(out, self.piece, self.times)
        await Scripted.send_mail(self, out, uid)


async def flood(out: asyncio.StreamWriter, piece: bytes, times: int) -> None:
    many = piece * 1000
    for _ in range(times // 1000):
        out.write(many)
        await out.drain()


@pytest.mark.parametrize(
    "piece",
    [b"* 7 EXISTS\r\n", b"* 1 FETCH (UID 999 FLAGS ())\r\n"],
)
async def test_a_flood_between_mails_takes_time_and_nothing_else(
    piece: bytes, server: Dovecot, user: str, place: Path
) -> None:
    ended = await copy(Flooding(piece=piece), server, user, place)
    assert ended.code == 0, left(ended)
    assert stored(server, user) == sorted(MAILS.values())


@dataclass(kw_only=True)
class Endless(Lying):
    """A mail of which 2 GB are announced, and which never ends: the client has to wait or to leave."""

    most_bytes: int = 100 * 2**20

    async def send_mail(self, out: asyncio.StreamWriter, uid: int) -> None:
        if uid == LIAR:
            out.write(self.head(uid, 2**31 - 1))
            await flood(out, b"x" * 1022 + b"\r\n", self.most_bytes // 1024)
            out.transport.abort()
            await asyncio.sleep(3600)
        await Scripted.send_mail(self, out, uid)


async def test_a_body_without_end_passes_in_little_memory_and_is_not_stored(
    server: Dovecot, user: str, place: Path
) -> None:
    ended = await copy(Endless(), server, user, place)
    assert ended.code in {5, 75}
    assert stored(server, user) == sorted(mail for uid, mail in MAILS.items() if uid != LIAR)
    assert ended.peak_bytes < 120 * 2**20


@dataclass(kw_only=True)
class ManyFolders(Lying):
    async def list_folders(self, out: asyncio.StreamWriter) -> None:
        await list_a_million(out)


@dataclass(kw_only=True)
class ManyMails(Lying):
    """Has seven mails and lists a million."""

    async def list_mails(self, out: asyncio.StreamWriter, uids: list[int]) -> None:
        for first in range(1, 1_000_001, 1000):
            self.say_mails(out, range(first, first + 1000))
            await out.drain()


@dataclass(kw_only=True)
class EndlessLine(Lying):
    async def list_folders(self, out: asyncio.StreamWriter) -> None:
        out.write(b'* LIST () "/" "')
        await flood(out, b"x" * 100, 10**7)


@pytest.mark.parametrize(
    ("liar", "words"),
    [
        pytest.param(ManyFolders, "take more than", id="a million folders"),
        pytest.param(EndlessLine, "a line of more than", id="an endless line"),
    ],
)
async def test_a_listing_without_end_is_a_clear_sentence(
    liar: type[Lying], words: str, server: Dovecot, user: str, place: Path
) -> None:
    ended = await copy(liar(), server, user, place)
    assert ended.code == 75
    assert words in ended.error, ended.error
    assert stored(server, user) == []


async def test_a_listing_of_mails_that_are_not_there_is_a_clear_sentence(
    server: Dovecot, user: str, place: Path
) -> None:
    ended = await copy(ManyMails(), server, user, place)
    assert ended.code == 75
    assert "lists more than" in left(ended)
    assert stored(server, user) == []


# --- hostile targets ---------------------------------------------------------------------------


@dataclass(kw_only=True)
class Target(Scripted):
    """Takes every mail and says ``words`` to it."""

    words: bytes = b""
    mails: dict[int, bytes] = field(default_factory=dict)
    came: list[bytes] = field(default_factory=list)

    async def append(self, tag: bytes, mail: bytes, out: asyncio.StreamWriter) -> None:
        self.came.append(mail)
        out.write(self.words.replace(b"TAG", tag))
        if b"TAG" not in self.words:
            await out.drain()
            out.transport.abort()


@pytest.mark.parametrize(
    ("words", "told"),
    [
        pytest.param(
            b"TAG OK [APPENDUID 7 1:1000000] stored\r\n", "says that it stored", id="UIDs of others"
        ),
        pytest.param(b"* BYE not you\r\n", "not you", id="BYE"),
        pytest.param(b"TAG NO [OVERQUOTA] full\r\n", "no room left", id="no to all"),
        pytest.param(b"* " + b"x" * (17 * 2**20), "a line of more than", id="an endless line"),
        pytest.param(
            b"S999 OK that is done\r\nTAG OK x\r\n", "never sent", id="answers to nothing"
        ),
    ],
)
async def test_what_a_target_lies_about_is_not_counted_as_copied(
    words: bytes, told: str, place: Path
) -> None:
    source, target = Lying(mails={1: MAILS[1]}), Target(words=words)
    async with running(source), running(target):
        ended = await run(
            "copy", source.url, target.url.replace("ann@", "bob@"), "-o", "json", *data(place)
        )
    assert ended.code == 75, ended
    assert told in left(ended)
    assert counted(ended) == 0
    assert ended.peak_bytes < MOST_BYTES
