"""Mails that a server rewrites or does not hand out, compared under the declared form."""

from __future__ import annotations

import contextlib
import re
from collections.abc import AsyncIterator, Iterator

import pytest
from tests.integration.move.rig import Pair
from tests.integration.move.verify.proving import BODIES, PAIRS, K, found_by, verify
from tests.integration.wire.scripted import Client, Script, serving

from switchover.move.canonical import Form
from switchover.move.difference import Level
from switchover.wire.imap.shell import Target

pytestmark = pytest.mark.timeout(180)


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
