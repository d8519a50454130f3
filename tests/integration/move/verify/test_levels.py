"""``switchover verify`` finds every kind of difference at the levels that promise it, and names the mail."""

from __future__ import annotations

import os

import pytest
from tests.integration.move.rig import Box, Pair
from tests.integration.move.verify.proving import (
    BODIES,
    COUNTS,
    EVERY,
    HEADERS,
    Change,
    K,
    created,
    expunge,
    fill,
    found_by,
    put,
    rewritten,
    store,
    verify,
)

from switchover.move.difference import DifferenceKind, Level

pytestmark = pytest.mark.timeout(180)


def extra(box: Box) -> None:
    put(box, "Sent", 99)


def subscribed(box: Box) -> None:
    with box.edit("") as connection:
        connection.subscribe("Empty")


def unsubscribed(box: Box) -> None:
    with box.edit("") as connection:
        connection.unsubscribe("Sent")


def deleted(box: Box) -> None:
    with box.edit("") as connection:
        connection.delete("Empty")


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
