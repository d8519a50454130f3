"""A target that another tool filled: its mails are adopted, and nothing is there twice or missing.

Real Dovecots; the copier runs in this process. Other tools are played by APPEND.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace

import pytest
from tests.integration.imap_servers import Dovecot, Options, dovecot
from tests.integration.move.mailboxes import (
    MIRROR,
    Mail,
    Mailbox,
    assert_same,
    mails,
    order,
    plain,
)

from switchover.move.sync_plan import Rules
from switchover.move.work.copying import CopyReport, copy_mailbox
from switchover.store.pool import Database

USERS = tuple(f"user{number}" for number in range(60))
pytestmark = pytest.mark.timeout(120)
_numbers = itertools.count()


@pytest.fixture(scope="module")
def server() -> Iterator[Dovecot]:
    with dovecot(Options(users=USERS)) as running:
        yield running


def boxes(server: Dovecot) -> tuple[Mailbox, Mailbox]:
    number = 2 * next(_numbers)
    return Mailbox.of(server, USERS[number]), Mailbox.of(server, USERS[number + 1])


def letter(number: int, *, name: int | None = None, text: str = "") -> bytes:
    """Return a mail with a Message-ID, as long as all others."""
    name = number if name is None else name
    head = f"Message-ID: <{name:06d}@contoso.example>\r\nSubject: {number:06d}\r\n\r\n"
    return (head + (text or f"{number:06d}") + "\r\n").encode()


def letters(folder: str, numbers: range) -> list[Mail]:
    return [(folder, number, letter(number)) for number in numbers]


async def copy(
    database: Database, source: Mailbox, target: Mailbox, rules: Rules | None = None
) -> CopyReport:
    # Made in one second on one server, with as many mails: they would look like one mailbox.
    report = await copy_mailbox(database, order(source, target, rules, is_two_mailboxes=True))
    assert report.failures == {}
    return report


def total(report: CopyReport, name: str) -> int:
    return sum(int(getattr(one, name)) for one in report.folders)


async def test_what_another_tool_copied_is_adopted_and_the_rest_is_sent(
    database: Database, server: Dovecot
) -> None:
    source, target = boxes(server)
    every = [*letters("INBOX", range(40)), *mails("INBOX", range(40, 60))]
    source.append(*every)
    target.append(*every[30:50], *every[:10])
    report = await copy(database, source, target)
    assert (total(report, "adopted"), total(report, "copied")) == (30, 30)
    assert_same(target, source)
    again = await copy(database, source, target, MIRROR)
    assert [total(again, name) for name in ("adopted", "copied", "deleted")] == [0, 0, 0]
    assert_same(target, source)


async def test_copies_under_another_date_are_adopted_by_their_bodies(
    database: Database, server: Dovecot
) -> None:
    source, target = boxes(server)
    source.append(*letters("INBOX", range(20)), *mails("INBOX", range(20, 30)))
    target.append(*[("INBOX", number + 7, body) for _, number, body in letters("", range(15))])
    target.append(*[("INBOX", number + 7, body) for _, number, body in mails("", range(20, 25))])
    report = await copy(database, source, target)
    assert [total(report, name) for name in ("adopted", "adopted_redated", "copied")] == [
        20,
        20,
        10,
    ]
    assert bodies(target) == bodies(source)


def bodies(box: Mailbox) -> Counter[str]:
    return Counter(
        {one: count for mails in box.contents().values() for one, count in digests(mails).items()}
    )


def digests(found: Counter[tuple[str, ...]]) -> Counter[str]:
    summed: Counter[str] = Counter()
    for (digest, *_), count in found.items():
        summed[digest] += count
    return summed


async def test_what_only_looks_alike_is_sent(database: Database, server: Dovecot) -> None:
    r"""Mails of one size, date and Message-ID: an edited draft, and what came by two ways."""
    source, target = boxes(server)
    draft = 4  # the flags of this number are \\Draft \\Seen
    source.append(("INBOX", draft, letter(1, text="edited")), ("INBOX", 1, letter(2, name=9)))
    source.append(("INBOX", 1, letter(3, name=9)), ("INBOX", 2, plain(7)))
    target.append(("INBOX", draft, letter(1, text="before")), ("INBOX", 1, letter(3, name=9)))
    target.append(("INBOX", 2, plain(8)))
    before = target.contents()["INBOX"]
    report = await copy(database, source, target)
    assert (total(report, "adopted"), total(report, "copied")) == (1, 3)
    assert source.contents()["INBOX"] <= target.contents()["INBOX"]
    assert before <= target.contents()["INBOX"]
    mirror = await copy(database, source, target, MIRROR)
    assert total(mirror, "deleted") == 2
    assert_same(target, source)


async def test_equal_mails_are_adopted_one_for_one(database: Database, server: Dovecot) -> None:
    source, target = boxes(server)
    twin: Mail = ("INBOX", 3, letter(5))
    source.append(twin, twin, twin)
    target.append(twin, twin)
    report = await copy(database, source, target)
    assert (total(report, "adopted"), total(report, "copied")) == (2, 1)
    assert_same(target, source)


async def test_a_mirror_keeps_what_it_adopts_and_deletes_what_the_source_never_had(
    database: Database, server: Dovecot
) -> None:
    source, target = boxes(server)
    source.append(*letters("INBOX", range(10)))
    target.append(*letters("INBOX", range(5, 12)), ("INBOX", 5, letter(5)))
    report = await copy(database, source, target, MIRROR)
    assert [total(report, one) for one in ("adopted", "copied", "deleted")] == [5, 5, 3]
    assert_same(target, source)


async def test_flags_of_adopted_mails_become_those_of_the_source_unless_it_is_in_use(
    database: Database, server: Dovecot
) -> None:
    source, target = boxes(server)
    source.append(*letters("INBOX", range(10)))
    target.append(*letters("INBOX", range(10)))
    target.change("INBOX", ("store", "1:3", "FLAGS", r"(\Flagged mine)"))
    used = replace(target, user=target.clone(USERS[-1 - next(_numbers)]).user)
    own = used.contents()
    assert total(await copy(database, source, target), "adopted") == 10
    assert_same(target, source)
    in_use = Rules(is_in_use=True)
    assert total(await copy(database, source, used, in_use), "adopted") == 10
    assert used.contents() == own
    source.change("INBOX", ("store", "1:2", "+FLAGS", r"(\Answered)"))
    await copy(database, source, used, in_use)
    flags = used.flags_of("INBOX", 2)
    assert all(flag in flags for flag in (b"\\Flagged", b"mine", b"\\Answered"))


async def test_an_adopted_mail_is_moved_on_the_target_when_its_owner_moves_it(
    database: Database, server: Dovecot
) -> None:
    source, target = boxes(server)
    for box in (source, target):
        box.create("Sent")
        box.append(*letters("INBOX", range(10)))
    assert total(await copy(database, source, target, MIRROR), "adopted") == 10
    source.change("INBOX", ("move", "2:4", "Sent"))
    report = await copy(database, source, target, MIRROR)
    assert (total(report, "moved"), total(report, "copied")) == (3, 0)
    assert_same(target, source)
