"""Mails of which the source's listing says nothing readable: copied or named, never taken for gone."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from tests.integration.imap_servers import PORT, Dovecot, Options, dovecot
from tests.integration.move.scripted import Ended, Scripted, data, run, running

pytestmark = [pytest.mark.timeout(120)]

MAILS = {uid: b"Subject: %d\r\n\r\n" % uid + b"%d " % uid * 200 + b"\r\n" for uid in range(1, 6)}
ODD = 3
DATE = b'INTERNALDATE "01-May-2020 00:00:00 +0000"'


@pytest.fixture(scope="module")
def server() -> Iterator[Dovecot]:
    with dovecot(Options(users=("u1", "u2", "u3", "u4", "u5", "u6", "u7", "u8"))) as one:
        yield one


@pytest.fixture
def user(server: Dovecot, request: pytest.FixtureRequest) -> str:
    used: list[str] = server.__dict__.setdefault("used", [])
    used.append(request.node.name)
    return server.options.users[len(used) - 1]


@dataclass(kw_only=True)
class Leaving(Scripted):
    """Lists one mail in its own way: with no flags, in a line that nobody can read, or not at all."""

    line: bytes = b""
    names_all: bool = True
    mails: dict[int, bytes] = field(default_factory=lambda: dict(MAILS))

    def say_mails(self, out: asyncio.StreamWriter, uids: Iterable[int]) -> None:
        uids = list(uids)
        super().say_mails(out, [uid for uid in uids if uid != ODD])
        if ODD in uids:
            out.write(self.line)

    def head(self, uid: int, size: int) -> bytes:
        return b"* %d FETCH (UID %d BODY[] {%d}\r\n" % (uid, uid, size)

    async def _answer(self, text: bytes, out: asyncio.StreamWriter) -> None:
        words = text.upper()
        named = sorted(uid for uid in self.mails if self.names_all or uid != ODD)
        if words.startswith(b"UID SEARCH"):
            out.write(b"* SEARCH %b\r\n" % b" ".join(b"%d" % uid for uid in named))
        elif words.startswith(b"UID FETCH") and b"FLAGS" not in words and b"BODY" not in words:
            listed = [uid for uid in named if uid != ODD]
            out.writelines(b"* %d FETCH (UID %d)\r\n" % (uid, uid) for uid in listed)
        else:
            await super()._answer(text, out)


NO_FLAGS = b"* 3 FETCH (UID 3 %b RFC822.SIZE %d)\r\n" % (DATE, len(MAILS[ODD]))
UNREADABLE = b"* 3 FETCH (UID 3 FLAGS (\\Seen odd(one) %b RFC822.SIZE 9)\r\n" % DATE


def stored(server: Dovecot, user: str) -> list[bytes]:
    """Return the mails at the target as its files hold them, without what is marked as deleted."""
    home = server.mail / user / "Maildir"
    files = [*home.glob("cur/*"), *home.glob("new/*")]
    return sorted(file.read_bytes().replace(b"\n", b"\r\n") for file in files)


async def bring(
    command: str, source: Scripted, server: Dovecot, user: str, place: Path, *options: str
) -> Ended:
    """Run a command between a source, at the same address each time, and a target."""
    target = f"imap://{user}@{server.address}:{PORT}"
    ended = await run(command, source.url, target, "-o", "json", *options, *data(place))
    assert "Traceback" not in ended.error, ended.error
    return ended


@pytest.mark.parametrize(
    "line", [pytest.param(NO_FLAGS, id="no flags"), pytest.param(UNREADABLE, id="unreadable")]
)
async def test_a_new_mail_is_copied_though_its_listing_says_nothing(
    line: bytes, server: Dovecot, user: str, place: Path
) -> None:
    async with running(Leaving(line=line)) as source:
        ended = await bring("copy", source, server, user, place)
        assert stored(server, user) == sorted(MAILS.values()), ended
        notes = json.loads(ended.said)["notes"]
        assert any("UID 3" in note for note in notes), notes
        proof = await bring("verify", source, server, user, place, "--level", "1")
        assert (proof.code, json.loads(proof.said)["verdict"]) == (75, "not finished"), proof


@pytest.mark.parametrize(
    "line", [pytest.param(NO_FLAGS, id="no flags"), pytest.param(b"", id="no line")]
)
async def test_a_mirror_keeps_the_copy_of_a_mail_that_is_listed_no_more(
    line: bytes, server: Dovecot, user: str, place: Path
) -> None:
    honest = b"* 3 FETCH (UID 3 FLAGS (\\Seen) %b RFC822.SIZE 9)\r\n" % DATE
    async with running(Leaving(line=honest)) as source:
        first = await bring("copy", source, server, user, place, "--delete")
        assert (first.code, stored(server, user)) == (0, sorted(MAILS.values())), first
        source.line = line
        source.mails |= {9: b"Subject: 9\r\n\r\nnine\r\n"}
        again = await bring("copy", source, server, user, place, "--delete")
        assert stored(server, user) == sorted(source.mails.values()), again
        assert server.doveadm("search", "-u", user, "SEEN").count("\n") == 1, again
        source.line = honest
        del source.mails[5]
        last = await bring("copy", source, server, user, place, "--delete")
        assert (last.code, stored(server, user)) == (0, sorted(source.mails.values())), last


async def test_mails_that_are_only_counted_are_left_and_the_folder_is_looked_at_again(
    server: Dovecot, user: str, place: Path
) -> None:
    async with running(Leaving(names_all=False)) as source:
        for _ in range(2):
            ended = await bring("copy", source, server, user, place)
            assert ended.code == 75, ended
            assert "1 mail more" in json.loads(ended.said)["left"]["INBOX"]
        assert len(stored(server, user)) == 4
        source.names_all, source.line = True, NO_FLAGS
        await bring("copy", source, server, user, place)
        assert stored(server, user) == sorted(MAILS.values())


async def test_a_mail_of_which_the_source_names_no_date_gets_its_own_and_is_named(
    server: Dovecot, user: str, place: Path
) -> None:
    odd = b"Date: Fri, 01 May 2020 02:00:00 +0200\r\nSubject: odd\r\n\r\nx\r\n"
    line = b'* 3 FETCH (UID 3 FLAGS () INTERNALDATE "yesterday" RFC822.SIZE %d)\r\n' % len(odd)
    source = Leaving(line=line)
    source.mails[ODD] = odd
    async with running(source):
        ended = await bring("copy", source, server, user, place)
        report = json.loads(ended.said)
        (changed,) = report["dates_changed"]
        named = changed["uid"], changed["subject"], changed["date"], changed["copied_with"]
        assert named == (3, "odd", None, "2020-05-01T00:00:00+00:00")
        assert (ended.code, report["notes"]) == (0, [])
        received = server.doveadm("fetch", "-u", user, "date.received", "subject", "odd")
        assert "2020-05-01" in received or "2020-04-30" in received
        proof = await bring("verify", source, server, user, place, "--level", "1")
        assert proof.code == 0, proof
