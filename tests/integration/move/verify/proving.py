"""A mailbox to copy and to prove, changes of it, and the proof."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from typing import Any, TypeAlias

from tests.integration.move.rig import Box, Pair

from switchover.move.difference import DifferenceKind, Level
from switchover.move.work.known import KnownPair
from switchover.move.work.verifying import VerifyOrder, VerifyReport, verify_mailbox

Change: TypeAlias = Callable[[Box], None]
K = DifferenceKind
COUNTS, PAIRS, HEADERS, BODIES = Level
EVERY = tuple(Level)
MAIL = b"Message-ID: <m%d@contoso.example>\r\nSubject: mail %d\r\n\r\ntext %d\r\n"


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


def created(box: Box) -> None:
    with box.edit("") as connection:
        connection.create("More")


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
