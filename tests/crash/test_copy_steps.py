"""A copy is stopped by SIGKILL before every step of its ledger and of both conversations; the next one ends it.

After each death the same command runs again: then the target is as the source is, no mail is there twice,
and one more run finds nothing to do.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import os
from collections.abc import Iterator
from dataclasses import replace

import pytest
from tests.crash.copy_life import Life, Lived, live
from tests.integration.imap_servers import Options, dovecot
from tests.integration.move.mailboxes import MIRROR, Contents, Mailbox, mails
from tests.integration.suite import lent_database

from switchover.move.sync_plan import Rules
from switchover.store.embedded import EmbeddedPostgres
from switchover.store.migrate import migrate

MOST_STEPS = 150
USERS = ("first", "second", *(f"t{number}" for number in range(3 * MOST_STEPS)))
FORKS = multiprocessing.get_context("forkserver")
TWIN = b"Subject: twin\r\n\r\nno Message-ID, twice\r\n"
pytestmark = pytest.mark.timeout(300)


@pytest.fixture(scope="module")
def dsn(postgres: EmbeddedPostgres) -> Iterator[str]:
    with lent_database(postgres) as url:
        asyncio.run(migrate(url))
        yield url


@pytest.fixture(scope="module")
def boxes() -> Iterator[tuple[Mailbox, Mailbox]]:
    """A mailbox, and the same one some days later."""
    with dovecot(Options(users=USERS)) as server:
        first = Mailbox.of(server, "first")
        first.create("Sent", "Archive", "Archive/2024")
        first.append(
            *mails("INBOX", range(12)),
            *mails("Sent", range(20, 26)),
            *mails("Archive/2024", range(30, 40)),
            ("INBOX", 7, TWIN),
            ("INBOX", 7, TWIN),
        )
        second = first.clone("second")
        second.create("New")
        second.append(
            *mails("INBOX", range(50, 54)), *mails("New", range(60, 63)), ("INBOX", 7, TWIN)
        )
        second.change(
            "Sent",
            ("store", "1:2", "+FLAGS", r"(\Deleted)"),
            ("expunge",),
            ("store", "3", "+FLAGS", r"(\Flagged later)"),
        )
        # Two mails are moved, which IMAP shows as mails that vanish and others that appear.
        second.change("Archive/2024", ("move", "4:5", "Archive"))
        yield first, second


def lived(life: Life) -> Lived:
    """Run one life and return what it told."""
    ours, theirs = FORKS.Pipe()
    process = FORKS.Process(target=live, args=(life, theirs))
    process.start()
    theirs.close()
    assert ours.poll(60), "a copy that never ends"
    told: Lived = ours.recv()
    process.join(20)
    assert (process.exitcode == -9) == bool(life.step and len(told.steps) == life.step)
    return told


def ends_well(life: Life, expected: Contents) -> None:
    again = lived(life)
    assert (again.is_complete, again.failures) == (True, {})
    assert life.target.contents() == expected
    nothing = lived(life)
    assert (nothing.copied, nothing.deleted, nothing.moved) == (0, 0, 0)


@pytest.mark.parametrize("is_distant", [False, True])
def test_a_first_copy_may_end_anywhere(
    dsn: str, boxes: tuple[Mailbox, Mailbox], is_distant: bool
) -> None:
    source = boxes[0]
    expected, seen = source.contents(), set()
    for step in range(1, MOST_STEPS):
        target = replace(source, user=f"t{step + 2 * MOST_STEPS * is_distant}")
        life = Life(dsn=dsn, source=source, target=target, rules=Rules(), is_distant=is_distant)
        told = lived(replace(life, step=step))
        seen |= set(told.steps)
        ends_well(life, expected)
        if len(told.steps) < step:
            break
    else:
        raise AssertionError("more steps than expected: say so in MOST_STEPS")
    assert seen == {"written", "committed", "sent", "answer"}
    print(f"{step} steps, process {os.getpid()}")


def test_an_increment_may_end_anywhere(dsn: str, boxes: tuple[Mailbox, Mailbox]) -> None:
    first, second = boxes
    expected = second.contents()
    for step in range(1, MOST_STEPS):
        target = replace(first, user=f"t{MOST_STEPS + step}")
        assert lived(Life(dsn=dsn, source=first, target=target, rules=MIRROR)).is_complete
        life = Life(dsn=dsn, source=second, target=target, rules=MIRROR)
        told = lived(Life(dsn=dsn, source=second, target=target, rules=MIRROR, step=step))
        ends_well(life, expected)
        if len(told.steps) < step:
            break
    else:
        raise AssertionError("more steps than expected: say so in MOST_STEPS")
    print(f"{step} steps")
