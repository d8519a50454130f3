"""A scripted target that takes mails, one by one or several in a command, as far as a test lets it."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from tests.integration.imap_servers import PASSWORD
from tests.integration.move.scripted import Scripted

from switchover.move.sync_plan import Rules
from switchover.move.work.copying import CopyOrder, CopyReport, copy_mailbox
from switchover.move.work.mailbox import Account
from switchover.move.work.sign_in import unchanging
from switchover.store.pool import Database
from switchover.wire.imap.sasl import Password
from switchover.wire.imap.shell import Target

SINGLE = b"IMAP4rev1 LITERAL+ UIDPLUS AUTH=PLAIN SASL-IR"
MANY = SINGLE + b" MULTIAPPEND"
SLOW = SINGLE.replace(b"LITERAL+ ", b"")


def mail(number: int, words: str = "good", size: int = 0) -> bytes:
    return b"Subject: %b\r\n\r\n%d\r\n" % (words.encode(), number) + b"x" * size


def goods(many: int, *bad: int, words: str = "bad") -> dict[int, bytes]:
    return {uid: mail(uid, words if uid in bad else "good") for uid in range(1, many + 1)}


@dataclass(kw_only=True)
class Taking(Scripted):
    """Stores what ``verdict`` says nothing about; what ``leave`` says comes in place of a continuation."""

    mails: dict[int, bytes] = field(default_factory=dict)
    capabilities: bytes = SINGLE
    verdict: Callable[[list[bytes]], bytes] = lambda _mails: b""
    leave: Callable[[int], bytes] = lambda _number: b""
    commands: list[int] = field(default_factory=list)
    """How many mails came with each APPEND."""
    announced: int = 0

    async def serve(self, reader: asyncio.StreamReader, out: asyncio.StreamWriter) -> None:
        await self.greet(out)
        while line := await reader.readline():
            tag, _, text = line.rstrip(b"\r\n").partition(b" ")
            self.asked.append(text)
            if text.upper().startswith(b"APPEND"):
                out.write(tag + b" " + await self.take(text, reader, out) + b"\r\n")
                continue
            await self._answer(text, out)
            out.write(tag + b" OK done\r\n")
            await out.drain()

    async def take(
        self, text: bytes, reader: asyncio.StreamReader, out: asyncio.StreamWriter
    ) -> bytes:
        came: list[bytes] = []
        while found := re.search(rb"\{(\d+)(\+?)\}$", text):
            self.announced += 1
            if not found[2]:
                if words := self.leave(self.announced):
                    return words
                out.write(b"+ go on\r\n")
            came.append(await reader.readexactly(int(found[1])))
            text = (await reader.readline()).rstrip(b"\r\n")
        self.commands.append(len(came))
        if words := self.verdict(came):
            return words
        first = max(self.mails, default=0) + 1
        self.mails |= dict(enumerate(came, first))
        places = first, first + len(came) - 1
        return b"OK [APPENDUID %d %d:%d] stored" % (self.uid_validity, *places)


def account(server: Scripted) -> Account:
    return Account(
        target=Target(
            host=server.host, port=server.port, tls=False, allow_plaintext=True, answer_seconds=10.0
        ),
        user="ann",
        credentials=unchanging(Password(user="ann", password=PASSWORD)),
    )


async def copy(
    database: Database, source: Scripted, target: Scripted, rules: Rules | None = None
) -> CopyReport:
    order = CopyOrder(
        source=account(source),
        target=account(target),
        source_key=f"source {source.port}",
        target_key=f"target {target.port}",
        rules=rules or Rules(),
    )
    return await copy_mailbox(database, replace(order, lanes=1))
