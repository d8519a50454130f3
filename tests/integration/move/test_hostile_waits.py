"""Servers that fall silent, drip or never come to an end: copies and proofs end in a sentence, and in time.

The limits are those of the command, made shorter: nothing here waits for a minute.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from tests.integration.move.scripted import Ended, Patience, Scripted, data, run, running
from tests.integration.processes import short_directory

pytestmark = [pytest.mark.timeout(120)]
MAILS = {uid: b"Subject: %d\r\n\r\n" % uid + b"%d " % uid * 200 + b"\r\n" for uid in range(1, 8)}
MOST_BYTES = 150 * 2**20
SOON = Patience(answer_seconds=0.4, stall_seconds=0.6)
# Where a limit of size is claimed, the clock must not be the first to end the copy, however slow the machine is.
LATER = Patience(answer_seconds=30, stall_seconds=30)
FOREVER = 3600
DATE = b'INTERNALDATE "01-May-2020 00:00:00 +0000"'


@pytest.fixture
def place() -> Iterator[Path]:
    with short_directory() as directory:
        yield directory


@dataclass(kw_only=True)
class Store(Scripted):
    """A target that takes every mail, and shows what it has."""

    mails: dict[int, bytes] = field(default_factory=dict)

    async def append(self, tag: bytes, mail: bytes, out: asyncio.StreamWriter) -> None:
        uid = max(self.mails, default=0) + 1
        self.mails[uid] = mail
        out.write(b"%b OK [APPENDUID 7 %d] stored\r\n" % (tag, uid))


@dataclass(kw_only=True)
class Source(Scripted):
    mails: dict[int, bytes] = field(default_factory=lambda: dict(MAILS))


async def drip(out: asyncio.StreamWriter, data: bytes) -> None:
    """Send a byte a time, for ever."""
    for byte in itertools.cycle(data):
        out.write(bytes([byte]))
        await out.drain()
        await asyncio.sleep(0.05)


class SilentInListing(Source):
    async def list_folders(self, out: asyncio.StreamWriter) -> None:
        out.write(b'* LIST () "/" INBOX\r\n* LIST () "/')
        await asyncio.sleep(FOREVER)


class SilentInMails(Source):
    async def list_mails(self, out: asyncio.StreamWriter, uids: list[int]) -> None:
        self.say_mails(out, uids[:3])
        await asyncio.sleep(FOREVER)


class SilentInLiteral(Source):
    async def send_mail(self, out: asyncio.StreamWriter, uid: int) -> None:
        if uid == 4:
            out.write(self.head(uid, 10**6) + MAILS[uid])
            await asyncio.sleep(FOREVER)
        await Scripted.send_mail(self, out, uid)


class DrippingInLiteral(Source):
    async def send_mail(self, out: asyncio.StreamWriter, uid: int) -> None:
        if uid == 4:
            out.write(self.head(uid, 10**6))
            await drip(out, b"x")
        await Scripted.send_mail(self, out, uid)


class DrippingInListing(Source):
    async def list_folders(self, out: asyncio.StreamWriter) -> None:
        out.write(b'* LIST () "/" "')
        await drip(out, b"x")


class TalkingOnly(Source):
    async def list_mails(self, out: asyncio.StreamWriter, uids: list[int]) -> None:
        await drip(out, b"* OK Still here\r\n")


class InjectingIntoStartTls(Source):
    """Puts an answer into the clear behind its OK to STARTTLS: who reads on believes it after the handshake."""

    async def greet(self, out: asyncio.StreamWriter) -> None:
        out.write(b"* OK [CAPABILITY IMAP4rev1 STARTTLS] hello\r\n")

    async def serve(self, reader: asyncio.StreamReader, out: asyncio.StreamWriter) -> None:
        await self.greet(out)
        while line := await reader.readline():
            tag, _, text = line.rstrip(b"\r\n").partition(b" ")
            self.asked.append(text)
            out.write(tag + b" OK go on\r\n* CAPABILITY IMAP4rev1 AUTH=PLAIN\r\n")
            await out.drain()


class Deflating:
    """Compresses what is written to it (RFC 4978)."""

    def __init__(self, out: asyncio.StreamWriter) -> None:
        self._out = out
        self._deflate = zlib.compressobj(9, wbits=-zlib.MAX_WBITS)
        self.drain, self.transport = out.drain, out.transport

    def write(self, data: bytes) -> None:
        self._out.write(self._deflate.compress(data) + self._deflate.flush(zlib.Z_SYNC_FLUSH))


@dataclass(kw_only=True)
class Bomb(Source):
    """A gigabyte of one folder name, which takes a megabyte on the wire."""

    capabilities: bytes = b"IMAP4rev1 LITERAL+ AUTH=PLAIN SASL-IR COMPRESS=DEFLATE"

    async def greet(self, out: asyncio.StreamWriter) -> None:
        if not isinstance(out, Deflating):
            await super().greet(out)

    async def serve(self, reader: asyncio.StreamReader, out: asyncio.StreamWriter) -> None:
        await self.greet(out)
        while line := await reader.readline():
            tag, _, text = line.rstrip(b"\r\n").partition(b" ")
            self.asked.append(text)
            if not text.startswith(b"COMPRESS"):
                await self._answer(text, out)
            out.write(tag + b" OK done\r\n")
            if text.startswith(b"COMPRESS"):
                inner = asyncio.StreamReader()
                inflating = asyncio.create_task(inflate(reader, inner))
                await super().serve(inner, Deflating(out))  # type: ignore[arg-type] # as much of one as is used
                await inflating

    async def list_folders(self, out: asyncio.StreamWriter) -> None:
        assert isinstance(out, Deflating)
        out.write(b'* LIST () "/" "')
        for _ in range(1024):
            out.write(b"x" * 2**20)
            await out.drain()


async def inflate(reader: asyncio.StreamReader, inner: asyncio.StreamReader) -> None:
    work = zlib.decompressobj(wbits=-zlib.MAX_WBITS)
    while data := await reader.read(4096):
        inner.feed_data(work.decompress(data))
    inner.feed_eof()


def left(ended: Ended) -> str:
    if not ended.said:
        return ended.error
    report = json.loads(ended.said)
    return f"{report['message']} {report['left']} {report['skipped']}"


async def copy(
    source: Scripted, target: Scripted, place: Path, *more: str, patience: Patience = SOON
) -> Ended:
    async with running(source), running(target):
        ends = source.url, target.url.replace("ann@", "bob@")
        ended = await run("copy", *ends, "-o", "json", *data(place), *more, patience=patience)
    assert ended.peak_bytes < MOST_BYTES, ended
    assert "Traceback" not in ended.error, ended.error
    return ended


@pytest.mark.parametrize(
    ("server", "words"),
    [
        (SilentInListing, "did not answer within"),
        (DrippingInListing, "answered nothing for"),
        (SilentInMails, "did not answer within"),
        (TalkingOnly, "answered nothing for"),
    ],
)
async def test_a_source_that_stops_in_a_listing_is_a_sentence_and_nothing_is_copied(
    server: Callable[[], Source], words: str, place: Path
) -> None:
    target = Store()
    ended = await copy(server(), target, place)
    assert ended.code == 75, ended
    assert words in left(ended)
    assert target.mails == {}


@pytest.mark.parametrize("server", [SilentInLiteral, DrippingInLiteral])
async def test_a_source_that_stops_within_a_mail_costs_that_mail_alone(
    server: Callable[[], Source], place: Path
) -> None:
    target = Store()
    ended = await copy(server(), target, place)
    assert ended.code in {5, 75}, ended
    assert [one["uid"] for one in json.loads(ended.said)["skipped"]] == [4]
    assert sorted(target.mails.values()) == sorted(mail for uid, mail in MAILS.items() if uid != 4)


class SilentTarget(Store):
    async def append(self, tag: bytes, mail: bytes, out: asyncio.StreamWriter) -> None:
        await asyncio.sleep(FOREVER)


class EndlessTarget(Store):
    """Has one mail and lists without end."""

    async def list_mails(self, out: asyncio.StreamWriter, uids: list[int]) -> None:
        for first in itertools.count(1, 1000):
            self.say_mails(out, range(first, first + 1000))
            await out.drain()


class TellingTarget(Store):
    """Tells of flags without end where an answer is due."""

    async def append(self, tag: bytes, mail: bytes, out: asyncio.StreamWriter) -> None:
        while True:
            out.write(b"* 1 FETCH (UID 1 FLAGS (\\Seen))\r\n" * 1000)
            await out.drain()
            await asyncio.sleep(0)


@pytest.mark.parametrize(
    ("target", "patience", "words"),
    [
        (SilentTarget, SOON, "breaks off at every mail"),
        (TellingTarget, LATER, "answers to APPEND take more than"),
        (EndlessTarget, LATER, "lists more than"),
    ],
)
async def test_a_target_without_end_is_a_sentence_and_nothing_counts_as_copied(
    target: type[Store], patience: Patience, words: str, place: Path
) -> None:
    source, there = Source(), target(mails={1: b"Subject: there\r\n\r\n"})
    ended = await copy(source, there, place, "--delete", patience=patience)
    assert ended.code in {5, 75}, ended
    assert words in left(ended)
    assert json.loads(ended.said)["copied"] == 0


async def test_a_mail_above_the_limit_of_its_folder_is_named_and_never_sent(place: Path) -> None:
    @dataclass(kw_only=True)
    class Limited(Store):
        capabilities: bytes = b"IMAP4rev1 LITERAL+ UIDPLUS AUTH=PLAIN SASL-IR APPENDLIMIT"

        async def _answer(self, text: bytes, out: asyncio.StreamWriter) -> None:
            if text == b'STATUS "INBOX" (APPENDLIMIT)':
                out.write(b"* STATUS INBOX (APPENDLIMIT 300)\r\n")
            else:
                await super()._answer(text, out)

    source, target = Source(mails={1: b"a: 1\r\n\r\n", 2: b"b: 2\r\n\r\n" + b"x" * 300}), Limited()
    ended = await copy(source, target, place)
    assert ended.code == 5
    (skipped,) = json.loads(ended.said)["skipped"]
    assert (skipped["uid"], skipped["reason"]) == (2, "larger than the target takes")
    assert list(target.mails.values()) == [source.mails[1]]


@pytest.mark.parametrize("side", ["source", "target"])
async def test_a_compressed_bomb_is_a_sentence_in_little_memory(side: str, place: Path) -> None:
    ends = (Bomb(), Store()) if side == "source" else (Source(), Bomb())
    ended = await copy(*ends, place, f"--{side}-compress", patience=LATER)
    assert ended.code == 75, ended
    assert "a line of more than" in left(ended)
    assert b"COMPRESS DEFLATE" in ends[side == "target"].asked


@pytest.mark.parametrize("side", ["source", "target"])
async def test_what_is_put_behind_starttls_is_an_attack_and_no_password_is_sent(
    side: str, place: Path
) -> None:
    good, bad = Source(), InjectingIntoStartTls()
    async with running(good), running(bad):
        ends = [bad.url, good.url.replace("ann@", "bob@")]
        if side == "target":
            ends = [good.url, bad.url.replace("ann@", "bob@")]
        ended = await run("copy", *ends, "--data", str(place / "data"), patience=SOON)
    assert ended.code == 5, ended
    if side == "source":
        assert "somebody interferes with the connection" in ended.error
    assert [one.upper() for one in bad.asked] in ([b"STARTTLS"], [b"CAPABILITY", b"STARTTLS"])


# --- proofs ------------------------------------------------------------------------------------


class EndlessBodies(Source):
    async def send_mail(self, out: asyncio.StreamWriter, uid: int) -> None:
        while True:
            await Scripted.send_mail(self, out, 1)
            await out.drain()


@pytest.mark.parametrize(
    ("server", "level", "side", "words"),
    [
        (SilentInListing, 1, "source", "did not answer within"),
        (DrippingInListing, 1, "target", "answered nothing for"),
        (SilentInMails, 1, "target", "did not answer within"),
        (TalkingOnly, 1, "source", "answered nothing for"),
        (EndlessTarget, 1, "target", "lists more than"),
        (SilentInLiteral, 3, "target", "did not answer within"),
        (DrippingInLiteral, 3, "source", "answered nothing for"),
        (EndlessBodies, 3, "source", "lists more than"),
    ],
)
async def test_a_proof_with_a_server_without_end_is_no_verdict_but_a_sentence(
    server: Callable[[], Source], level: int, side: str, words: str, place: Path
) -> None:
    good, bad = Source(), server()
    bad.mails = dict(MAILS)
    patience = LATER if words == "lists more than" else SOON
    async with running(good), running(bad):
        ends = [bad.url, good.url.replace("ann@", "bob@")]
        if side == "target":
            ends = [good.url, bad.url.replace("ann@", "bob@")]
        more = ("-o", "json", "--level", str(level), *data(place))
        ended = await run("verify", *ends, *more, patience=patience)
    assert ended.peak_bytes < MOST_BYTES, ended
    assert "Traceback" not in ended.error, ended.error
    assert ended.code == 75, ended
    assert words in ended.said + ended.error
