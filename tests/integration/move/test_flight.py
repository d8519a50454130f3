"""Over a distance folders that nobody copied yet are copied together, and nothing else changes by that."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from tests.integration.imap_servers import Dovecot, Options, dovecot
from tests.integration.move.rig import USERS, Box, Pair, cutter, free_user

from switchover.move.work import copying, flight, lanes
from switchover.store.pool import Database

SMALL_MAILS = """
protocol imap {{
    mail_plugins = quota
}}
mail_plugins = quota
plugin {{
    quota = count:User quota
    quota_vsizes = yes
    quota_rule = *:storage=1G
    quota_max_mail_size = 2k
}}
"""
# As LITERAL+, but each mail needs the server's leave.
ASKING = "IMAP4rev1 SASL-IR ENABLE NAMESPACE UIDPLUS MULTIAPPEND SPECIAL-USE UNSELECT LIST-STATUS"
FOLDERS = ("INBOX", "Sent", "Archive/2024", "Drafts")


@pytest.fixture(scope="module")
def server() -> Iterator[Dovecot]:
    with dovecot(Options(users=USERS, mechanisms=("plain",))) as running:
        yield running


@pytest.fixture
def pair(server: Dovecot, database: Database, monkeypatch: pytest.MonkeyPatch) -> Pair:
    """A mailbox of four folders with mails and one without, and one to copy it to, both far away."""
    monkeypatch.setattr(copying, "DISTANT_SECONDS", 0.0)
    monkeypatch.setattr(lanes, "pause_seconds", lambda tries, _wish: 0.01 if tries < 6 else None)
    source, target = (Box(server=server, user=free_user()) for _ in range(2))
    for folder in FOLDERS:
        source.put(folder, *(f"{folder} {number}" for number in range(5)), flags=r"(\Seen work)")
    source.put("Empty")
    return Pair(source=source, target=target, database=database)


async def test_all_folders_are_opened_asked_for_and_sent_before_the_first_is_answered(
    pair: Pair,
) -> None:
    report = await pair.copy()
    assert (report.copied, report.connections, report.is_complete) == (20, 2, True)
    assert pair.are_equal()
    lines = pair.target.lines
    appends = [at for at, line in enumerate(lines) if line.startswith("<") and "APPENDUID" in line]
    selects = [at for at, line in enumerate(lines) if line.startswith(">") and "SELECT" in line]
    assert len(appends) == len(FOLDERS)
    assert len([at for at in selects if at < appends[0]]) == len(selects)
    bodies = [at for at, line in enumerate(pair.source.lines) if "BODY.PEEK" in line]
    openings = [
        at for at, line in enumerate(pair.source.lines) if "EXAMINE" in line and ">" in line
    ]
    assert openings[-1] < bodies[-1] < bodies[0] + 2 * len(FOLDERS)
    again = await pair.copy()
    assert (again.copied, again.unchanged) == (0, len(FOLDERS) + 1)
    assert not pair.target.sent("APPEND", "SELECT")


async def test_a_folder_that_holds_mails_already_is_copied_by_itself(pair: Pair) -> None:
    pair.target.put("Sent", "somebody else's")
    report = await pair.copy()
    assert (report.copied, report.is_complete) == (20, True)
    assert len(pair.target.mails()["Sent"]) == 6
    assert (await pair.copy()).copied == 0


async def test_a_mail_that_is_gone_when_it_is_asked_for_leaves_the_others_alone(pair: Pair) -> None:
    def remove(line: str) -> None:
        if "APPEND" in line:
            pair.source.hook = lambda _line: None
        elif line.startswith("<") and "Examine" in line:
            pair.source.hook = lambda _line: None
            with pair.source.edit("Drafts") as drafts:
                drafts.uid("store", "2", "+FLAGS", r"(\Deleted)")
                drafts.expunge()

    pair.source.hook = remove
    report = await pair.copy()
    assert report.is_complete
    assert (await pair.copy()).is_complete
    assert sum(pair.target.mails()["INBOX"].values()) == 5
    assert sum(pair.target.mails()["Drafts"].values()) == 4


@pytest.mark.parametrize("side", ["source", "target"])
@pytest.mark.parametrize("octets", [5_000, 7_000, 10_000])
async def test_a_connection_that_breaks_on_the_way_loses_nothing_and_doubles_nothing(
    pair: Pair, server: Dovecot, side: str, octets: int
) -> None:
    async with cutter(server, [octets]) as way:
        box: Box = getattr(pair, side)
        box.target = way
        report = await pair.copy()
        box.target = None
    assert report.is_complete
    assert pair.are_equal()
    assert (await pair.copy()).copied == 0


async def test_mails_that_the_target_refuses_are_skipped_and_the_others_arrive(pair: Pair) -> None:
    pair.source.put("Sent", "x" * 3000)
    with dovecot(Options(users=USERS, mechanisms=("plain",), more=SMALL_MAILS)) as strict:
        target = Box(server=strict, user=pair.target.user)
        report = await replace(pair, target=target).copy()
        skips = {one.name: len(one.skips) for one in report.folders if one.skips}
        assert (report.copied, skips) == (20, {"Sent": 1})
        assert sum(target.mails()["Sent"].values()) == 5


async def test_a_target_that_wants_to_be_asked_before_each_mail_gets_them_folder_by_folder(
    pair: Pair,
) -> None:
    options = Options(users=USERS, mechanisms=("plain",), capabilities=ASKING)
    with dovecot(options) as asking:
        target = Box(server=asking, user=pair.target.user)
        report = await replace(pair, target=target).copy(lanes=1)
        assert (report.copied, report.connections, report.is_complete) == (20, 2, True)
        # Nothing began that had to be done again.
        assert len(pair.source.sent("BODY.PEEK")) == len(FOLDERS)


async def test_a_connection_that_breaks_when_folders_are_opened_for_a_flight_ends_no_copy(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    scout = flight.scout

    async def scout_in_vain(ends: lanes.Ends, *given: Any) -> flight.Scouted:
        await ends.target.close(politely=False)
        return await scout(ends, *given)

    monkeypatch.setattr(copying, "plan_flights", lambda _loads: [[0, 1], [2, 3, 4]])
    monkeypatch.setattr(flight, "scout", scout_in_vain)
    report = await pair.copy(lanes=1)
    assert (report.copied, report.is_complete) == (20, True)
    assert pair.are_equal()
