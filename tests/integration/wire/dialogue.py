"""Connections to a Dovecot, and mails sent and read over them."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from tests.integration.imap_servers import (
    Dovecot,
)

from switchover.wire.imap import message_commands
from switchover.wire.imap.message_commands import NewMessage
from switchover.wire.imap.response_codes import AppendUid
from switchover.wire.imap.responses import (
    BodyChunk,
    BodyEnd,
    BodyStart,
)
from switchover.wire.imap.shell import Connection, Target, open_connection

NONCE = "rOprNGfwEbeRWgbNEkqO"
DATE = b"17-Jul-1996 02:44:25 -0700"
SYNCHRONISING = "IMAP4rev1 UIDPLUS MULTIAPPEND SASL-IR ENABLE CONDSTORE QRESYNC"


@asynccontextmanager
async def signed_in(
    server: Dovecot, target: Target | None = None, lines: list[str] | None = None
) -> AsyncIterator[Connection]:
    def trace(direction: str, line: str) -> None:
        if lines is not None:
            lines.append(f"{direction} {line}")

    connection = await open_connection(target or server.plain, trace=trace)
    try:
        await connection.sign_in(server.credentials, nonce=NONCE)
        yield connection
    finally:
        await connection.close()


def mail(number: int, size: int) -> bytes:
    head = b"From: a@contoso.example\r\nSubject: mail %d\r\n\r\n" % number
    line = b"%08d The quick brown fox jumps over the lazy dog\r\n" % number
    return head + line * (size // len(line) + 1)


async def read_mails(connection: Connection, uids: bytes = b"1:*") -> list[bytes]:
    """Return the digests of mails in the open folder, which are never held."""
    request = await connection.send(
        message_commands.uid_fetch(uids, message_commands.body_fields())
    )
    digests, digest = [], hashlib.sha256()
    while request.answer is None:
        match await connection.next_event():
            case BodyStart():
                digest = hashlib.sha256()
            case BodyChunk(data):
                digest.update(data)
            case BodyEnd():
                digests.append(digest.digest())
            case _:
                pass
    connection.require(request)
    return digests


def digests_of(mails: Sequence[bytes]) -> list[bytes]:
    return [hashlib.sha256(one).digest() for one in mails]


async def append_all(connection: Connection, folder: bytes, mails: Sequence[bytes]) -> AppendUid:
    """Append mails in one command, each in pieces, and return their UIDs."""
    append = await connection.open_append(folder)
    for one in mails:
        assert await append.add(NewMessage(len(one), (b"\\Seen", b"$Label1"), DATE))
        for at in range(0, len(one), 10_000):
            await append.write(memoryview(one)[at : at + 10_000])
    request = connection.require(await connection.wait(await append.finish()))
    assert request.answer is not None
    assert isinstance(request.answer.code, AppendUid)
    return request.answer.code
