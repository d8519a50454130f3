"""Servers that refuse, lie and flood while they are probed: a report or a sentence, in time, within memory."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from tests.integration.move.scripted import Ended, Scripted, data, list_a_million, run, running

pytestmark = pytest.mark.timeout(60)

MAILS = {uid: b"Subject: %d\r\n\r\ntext\r\n" % uid for uid in range(1, 8)}


async def probe(server: Scripted, place: Path) -> Ended:
    async with running(server):
        ended = await run("probe-endpoint", server.url, "-o", "json", *data(place))
    assert "Traceback" not in ended.error, ended.error
    assert ended.peak_bytes < 100 * 2**20
    return ended


@dataclass(kw_only=True)
class Refusing(Scripted):
    mails: dict[int, bytes] = field(default_factory=lambda: dict(MAILS))


async def test_a_server_that_takes_no_mail_at_all_is_described(place: Path) -> None:
    ended = await probe(Refusing(), place)
    assert ended.code == 0, ended.error
    report = json.loads(ended.said)
    assert {one["verdict"] for one in report["mails"]} == {"refused"}
    assert "nothing can be copied" in report["mails"][0]["means"]
    assert report["pace"]["reading"]["mails"] == len(MAILS)


@dataclass(kw_only=True)
class Leaving(Refusing):
    async def append(self, tag: bytes, mail: bytes, out: asyncio.StreamWriter) -> None:
        out.transport.abort()


async def test_a_server_that_leaves_at_every_mail_is_a_clear_sentence(place: Path) -> None:
    ended = await probe(Leaving(), place)
    assert ended.code == 75
    assert "one connection after the other" in ended.error


@dataclass(kw_only=True)
class Endless(Refusing):
    """Every mail has 2 GB, and none ever ends."""

    async def send_mail(self, out: asyncio.StreamWriter, uid: int) -> None:
        out.write(self.head(uid, 2**31 - 1))
        while True:
            out.write(b"x" * 2**20)
            await out.drain()


async def test_mails_without_end_are_read_no_longer_than_it_takes_to_see_that(place: Path) -> None:
    ended = await probe(Endless(), place)
    assert ended.code == 5
    assert "not to be trusted" in ended.error


@dataclass(kw_only=True)
class Forging(Refusing):
    """Says that it stores every mail, and shows forged folders and mails of 2 GB in their place."""

    deleted: list[bytes] = field(default_factory=list)

    async def append(self, tag: bytes, mail: bytes, out: asyncio.StreamWriter) -> None:
        out.write(tag + b" OK [APPENDUID 7 3] done\r\n")

    async def list_folders(self, out: asyncio.StreamWriter) -> None:
        for name in (
            b"INBOX",
            b"Sent",
            b"switchover-probe-mine",
            b"x/switchover-probe-0123456789ab",
        ):
            out.write(b'* LIST () "/" %b\r\n' % name)


async def test_nothing_that_is_not_ours_is_deleted_whatever_the_server_lists(place: Path) -> None:
    server = Forging()
    ended = await probe(server, place)
    assert ended.code == 0, ended.error
    deleted = [text for text in server.asked if text.startswith((b"DELETE", b"UNSUBSCRIBE"))]
    assert deleted == []
    report = json.loads(ended.said)
    assert "kept" not in {one["verdict"] for one in report["mails"]}
    assert report["left_behind"] == []


@dataclass(kw_only=True)
class ManyFolders(Refusing):
    async def list_folders(self, out: asyncio.StreamWriter) -> None:
        await list_a_million(out)


async def test_a_million_folders_are_a_clear_sentence(place: Path) -> None:
    ended = await probe(ManyFolders(), place)
    assert ended.code == 75
    assert "take more than" in ended.error
