"""What the dsync lane calls folders, and what POP3 clients call mails afterwards."""

from __future__ import annotations

import poplib
from collections.abc import Iterator
from dataclasses import replace

import pytest
from tests.integration.imap_servers import PASSWORD, Dovecot, Options, dovecot
from tests.integration.move.rig import USERS, Box, Pair, free_user
from tests.integration.move.test_dsync import gapped, pull
from tests.integration.move.verify.proving import expunge

from switchover.errors import Conflict
from switchover.move.folder_plan import Choice
from switchover.store.pool import Database

pytestmark = pytest.mark.timeout(120)
SPECIAL = """
namespace inbox {{
  mailbox "%s" {{
    special_use = \\Sent
    auto = create
  }}
}}
protocols = imap pop3 lmtp
service pop3-login {{
  inet_listener pop3 {{
    port = 10110
  }}
}}
"""


@pytest.fixture(scope="module")
def special() -> Iterator[tuple[Dovecot, Dovecot]]:
    options = Options(users=USERS, mechanisms=("plain",))
    with (
        dovecot(replace(options, more=SPECIAL % "Sent Items")) as source,
        dovecot(replace(options, more=SPECIAL % "Sent")) as target,
    ):
        yield source, target


@pytest.fixture
def specially(special: tuple[Dovecot, Dovecot], database: Database) -> Pair:
    user = free_user()
    source, target = (Box(server=one, user=user) for one in special)
    return Pair(source=source, target=target, database=database)


async def test_a_folder_keeps_its_name_though_the_target_has_one_for_its_use(
    specially: Pair,
) -> None:
    specially.source.put("Sent Items", "one", "two")
    specially.source.put("INBOX", "three")
    assert "Sent" in specially.target.folders()
    chosen = await pull(specially, choice=Choice(folders=("Sent Items",)))
    assert (chosen.failures, chosen.copied) == ({}, 2)
    report = await pull(specially)
    assert (report.failures, report.copied) == ({}, 1)
    # The IMAP lane goes on where the mails are.
    specially.source.put("Sent Items", "four")
    later = await specially.copy()
    assert (later.failures, later.copied) == ({}, 1)
    here = specially.target.mails()
    assert not here.pop("Sent")
    assert here == specially.source.mails()


async def test_a_folder_that_has_another_name_from_the_imap_lane_is_not_copied_twice(
    specially: Pair,
) -> None:
    specially.source.put("Sent Items", "one", "two")
    by_imap = await specially.copy()
    assert (by_imap.copied, len(specially.target.mails()["Sent"])) == (2, 2)
    with pytest.raises(Conflict, match="Sent Items was copied to Sent before"):
        await pull(specially)
    assert "Sent Items" not in specially.target.folders()
    report = await pull(specially, choice=Choice(excluded=("Sent Items",)))
    assert report.failures == {}


async def test_pop3_clients_find_every_mail_under_the_name_that_they_know(specially: Pair) -> None:
    gapped(specially.source)
    expunge("INBOX", "1")(specially.source)
    assert (await pull(specially)).is_complete
    names = uidls(specially.source)
    assert len(names) == 4
    assert uidls(specially.target) == names


def uidls(box: Box) -> list[bytes]:
    connection = poplib.POP3(box.server.address, 10110, timeout=20)
    connection.user(box.user)
    connection.pass_(PASSWORD)
    names = connection.uidl()[1]
    connection.quit()
    return names


async def test_what_dsync_fetched_is_moved_on_the_target_when_its_owner_moves_it(
    specially: Pair,
) -> None:
    gapped(specially.source)
    await pull(specially)
    with specially.source.edit("INBOX") as connection:
        connection.uid("move", "2:3", "Empty")
    report = await specially.copy()
    assert sum(one.moved for one in report.folders) == 2
    assert report.copied == 0


async def test_dsync_fetches_nothing_into_folders_that_the_imap_lane_filled(
    special: tuple[Dovecot, Dovecot], database: Database
) -> None:
    pair = Pair.of(*special, database)
    choice = Choice(folders=("Work",))
    for name in (
        "A",
        "B",
        "C",
        "D",
        "E",
    ):  # two folders made in one second are given one UIDVALIDITY
        pair.target.put(name)
    pair.target.put("Work", "somebody else's")
    pair.source.put("Work", "one", "two")
    assert (await pair.copy(choice=choice)).copied == 2
    before = pair.target.mails()
    pair.source.put("Work", "three")
    with pytest.raises(Conflict, match="Work has other UIDs on the target"):
        await pull(pair, choice=choice)
    assert pair.target.mails() == before
