"""What the ledger is for: nothing is copied twice, nothing is deleted that is not ours to delete.

Real Dovecots, also with capabilities taken away; the copier runs in this process.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import replace

import pytest
from tests.integration.imap_servers import Dovecot, Options, dovecot
from tests.integration.move.mailboxes import MIRROR, Mailbox, assert_same, mails, order, plain

from switchover.move.append_batches import BatchLimits
from switchover.move.segment import SkipReason
from switchover.move.sync_plan import Rules
from switchover.move.tally import Tally
from switchover.move.work.copying import CopyReport, copy_mailbox
from switchover.store.pool import Database

USERS = tuple(f"user{number}" for number in range(60))
TWIN = ("INBOX", 3, b"Subject: twin\r\n\r\ntwin\r\n")
WITHOUT = "IMAP4rev1 LITERAL+ ENABLE NAMESPACE MULTIAPPEND SPECIAL-USE"
pytestmark = pytest.mark.timeout(120)
_numbers = itertools.count()


@pytest.fixture(scope="module")
def server() -> Iterator[Dovecot]:
    with dovecot(Options(users=USERS)) as running:
        yield running


@pytest.fixture(scope="module")
def old_server() -> Iterator[Dovecot]:
    """A server that knows no UIDPLUS, no MOVE and no modification sequences."""
    with dovecot(Options(users=USERS, capabilities=WITHOUT)) as running:
        yield running


def boxes(source: Dovecot, target: Dovecot) -> tuple[Mailbox, Mailbox]:
    """Return a mailbox with some mails, and an empty one."""
    number = next(_numbers)
    full = Mailbox.of(source, USERS[2 * number % len(USERS)])
    empty = Mailbox.of(target, USERS[(2 * number + 1) % len(USERS)])
    full.create("Sent", "Archive")
    # Mails 100 to 119 are of one size, and five of each second: only their bodies tell them apart.
    alike = [("Archive", number // 5, plain(number)) for number in range(100, 120)]
    full.append(*mails("INBOX", range(30)), TWIN, TWIN, *mails("Sent", range(40, 50)), *alike)
    return full, empty


async def copy(
    database: Database, source: Mailbox, target: Mailbox, rules: Rules | None = None
) -> CopyReport:
    report = await copy_mailbox(database, order(source, target, rules))
    assert report.failures == {}
    return report


def total(report: CopyReport, name: str) -> int:
    return sum(int(getattr(one, name)) for one in report.folders)


@pytest.mark.parametrize("side", ["source", "target", "both"])
async def test_new_uids_on_a_side_copy_nothing_again(
    database: Database, server: Dovecot, side: str
) -> None:
    source, target = boxes(server, server)
    assert total(await copy(database, source, target), "copied") == 62
    for box, name in ((source, "source"), (target, "target")):
        if side in {name, "both"}:
            for folder in ("", "Sent", "Archive"):
                box.renumber(folder)
    source.append(*mails("INBOX", [200]))
    report = await copy(database, source, target)
    assert total(report, "copied") == 1
    assert total(report, "paired") == 62 * (1 + (side == "both"))
    assert_same(target, source)
    assert total(await copy(database, source, target, MIRROR), "deleted") == 0
    assert_same(target, source)


@pytest.mark.parametrize("side", ["source", "target"])
async def test_while_uids_change_a_mail_of_the_same_size_and_second_is_taken_for_no_other(
    database: Database, server: Dovecot, side: str
) -> None:
    """One went, and another came that size and date do not tell from it."""
    source, target = boxes(server, server)
    await copy(database, source, target)
    box = source if side == "source" else target
    box.change("Sent", ("store", "3", "+FLAGS", r"(\Deleted)"), ("expunge",))
    box.append(("Sent", 42, plain(97)))
    box.renumber("Sent")
    report = await copy(database, source, target)
    assert (total(report, "copied"), total(report, "paired")) == (1, 9)
    assert source.contents()["Sent"] < target.contents()["Sent"]
    assert total(await copy(database, source, target, MIRROR), "deleted") == 1
    assert_same(target, source)


async def test_a_mirror_knows_what_went_while_the_uids_changed(
    database: Database, server: Dovecot
) -> None:
    source, target = boxes(server, server)
    await copy(database, source, target)
    source.change("Archive", ("store", "1:3", "+FLAGS", r"(\Deleted)"), ("expunge",))
    source.renumber("Archive")
    report = await copy(database, source, target)
    assert (total(report, "copied"), total(report, "paired")) == (0, 17)
    assert total(await copy(database, source, target, MIRROR), "deleted") == 3
    assert_same(target, source)


async def test_a_target_folder_that_was_made_anew_is_filled_again(
    database: Database, server: Dovecot
) -> None:
    source, target = boxes(server, server)
    await copy(database, source, target)
    with target.open() as connection:
        connection.delete("Sent")
    report = await copy(database, source, target)
    assert total(report, "copied") == 10
    assert_same(target, source)


async def test_a_mail_that_was_moved_is_moved_on_the_target(
    database: Database, server: Dovecot
) -> None:
    source, target = boxes(server, server)
    await copy(database, source, target, MIRROR)
    source.change("INBOX", ("move", "2:4,31", "Sent"), ("store", "5", "+FLAGS", r"(\Flagged)"))
    source.change("Sent", ("store", "11", "+FLAGS", r"(later)"))
    report = await copy(database, source, target, MIRROR)
    assert (total(report, "moved"), total(report, "copied")) == (4, 0)
    assert_same(target, source)
    report = await copy(database, source, target, MIRROR)
    assert (total(report, "moved"), total(report, "copied"), total(report, "deleted")) == (0, 0, 0)


async def test_without_deletions_a_moved_mail_is_copied_on_the_target(
    database: Database, server: Dovecot
) -> None:
    source, target = boxes(server, server)
    await copy(database, source, target)
    before = target.contents()
    source.change("INBOX", ("move", "2:4", "Sent"))
    report = await copy(database, source, target)
    assert (total(report, "moved"), total(report, "copied")) == (3, 0)
    after = target.contents()
    assert after["INBOX"] == before["INBOX"]
    assert after["Sent"] == source.contents()["Sent"]


async def test_a_server_without_uidplus_gets_every_mail_once(
    database: Database, server: Dovecot, old_server: Dovecot
) -> None:
    source, target = boxes(server, old_server)
    assert total(await copy(database, source, target), "copied") == 62
    assert_same(target, source)
    source.append(*mails("INBOX", range(300, 304)), TWIN)
    assert total(await copy(database, source, target), "copied") == 5
    assert total(await copy(database, source, target), "copied") == 0
    assert_same(target, source)


async def test_without_uidplus_nothing_is_removed_that_others_marked(
    database: Database, server: Dovecot, old_server: Dovecot
) -> None:
    source, target = boxes(server, old_server)
    await copy(database, source, target, MIRROR)
    source.change("Sent", ("store", "1", "+FLAGS", r"(\Deleted)"), ("expunge",))
    # A mail of the source that is itself marked as deleted must stay, as it is there.
    source.change("Sent", ("store", "5", "+FLAGS", r"(\Deleted)"))
    report = await copy(database, source, target, MIRROR)
    assert (total(report, "deleted"), total(report, "marked")) == (0, 1)
    assert sum(target.contents()["Sent"].values()) == 10
    source.change("Sent", ("store", "5", "-FLAGS", r"(\Deleted)"))
    report = await copy(database, source, target, MIRROR)
    assert (total(report, "deleted"), total(report, "marked")) == (1, 0)
    assert_same(target, source)


async def test_a_mirror_is_exact_and_without_it_the_target_keeps_its_own(
    database: Database, server: Dovecot
) -> None:
    source, target = boxes(server, server)
    await copy(database, source, target)
    target.append(("INBOX", 1, b"Subject: only here\r\n\r\n"))
    target.change(
        "INBOX",
        ("store", "3", "+FLAGS", r"(\Deleted)"),
        ("expunge",),
        ("store", "5", "FLAGS", r"(\Flagged mine)"),
    )
    own = target.contents()
    source.append(*mails("INBOX", [400]))
    assert total(await copy(database, source, target), "copied") == 1
    assert own["INBOX"] < target.contents()["INBOX"]
    report = await copy(database, source, target, MIRROR)
    assert (total(report, "copied"), total(report, "deleted")) == (1, 1)
    assert_same(target, source)


async def test_in_use_a_flag_that_the_user_set_stays(database: Database, server: Dovecot) -> None:
    source, target = boxes(server, server)
    rules = Rules(is_in_use=True)
    await copy(database, source, target, rules)
    target.change("Sent", ("store", "1", "+FLAGS", r"(\Flagged mine)"))
    source.change("Sent", ("store", "1", "+FLAGS", r"(\Answered)"))
    await copy(database, source, target, rules)
    flags = target.flags_of("Sent", 1)
    assert all(flag in flags for flag in (b"\\Flagged", b"mine", b"\\Answered"))


async def test_a_mail_over_the_limit_is_named_and_comes_when_it_may(
    database: Database, server: Dovecot
) -> None:
    source, target = boxes(server, server)
    source.append(("INBOX", 1, plain(1, 9_000)))
    limited = Rules(largest_bytes=5_000)
    report = await copy(database, source, target, limited)
    (skip,) = [skip for one in report.folders for skip in one.skips.values()]
    assert skip.reason is SkipReason.TOO_LARGE
    assert (total(report, "copied"), report.is_complete) == (62, False)
    asked = replace(limited, largest_bytes=0, retries_skipped=True)
    assert total(await copy(database, source, target, asked), "copied") == 1
    assert_same(target, source)


async def test_a_full_target_takes_the_rest_when_there_is_room(
    database: Database, server: Dovecot
) -> None:
    quota = """
        protocol imap {
          mail_plugins = quota
        }
        plugin {
          quota = count:User quota
          quota_rule = *:storage=60K
          quota_vsizes = yes
        }
    """
    with dovecot(Options(users=USERS, more=quota.replace("{", "{{").replace("}", "}}"))) as small:
        source, target = Mailbox.of(server, "user58"), Mailbox.of(small, "user58")
        source.append(*mails("INBOX", range(30), 4_000))
        report = await copy(database, source, target)
        skips = [skip for one in report.folders for skip in one.skips.values()]
        assert {skip.reason for skip in skips} == {SkipReason.NO_ROOM}
        assert total(report, "copied") + len(skips) == 30
        assert 5 < total(report, "copied") < 25
        small.stop()
        text = (small.directory / "dovecot.conf").read_text().replace("storage=60K", "storage=1M")
        (small.directory / "dovecot.conf").write_text(text)
        small.start()
        # Nothing happened on the source, and nobody asked for the mails: room is enough.
        report = await copy(database, source, target)
        assert (total(report, "copied"), report.is_complete) == (len(skips), True)
        assert_same(target, source)


@pytest.mark.parametrize("deletions", [Rules(), MIRROR])
async def test_a_folder_made_anew_while_mails_come_in_ends_as_the_source(
    database: Database, server: Dovecot, deletions: Rules
) -> None:
    source, target = boxes(server, server)
    source.append(*mails("Archive", range(300, 500)))
    await copy(database, source, target, deletions)
    source.append(*mails("Archive", range(500, 700), 8_000))
    small = replace(deletions, limits=BatchLimits(mails_at_most=20))

    class Remaking(Tally):
        """Remakes the target's folder once, in the middle."""

        has_remade = False

        def move(self, name: str, mails: int, octets: int) -> None:
            super().move(name, mails, octets)
            if name == "Archive" and self.sum().done_mails > 50 and not self.has_remade:
                self.has_remade = True
                with target.open() as connection:
                    connection.delete("Archive")
                    connection.create("Archive")

    tally = Remaking()
    report = await copy_mailbox(database, order(source, target, small), tally=tally)
    assert tally.has_remade
    assert report.failures == {}
    # What was acknowledged before went with the old folder, which the next run sees.
    await copy(database, source, target, small)
    assert target.contents()["Archive"] == source.contents()["Archive"]
