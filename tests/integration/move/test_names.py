"""Folders whose names the target refuses arrive under others, the same ones on every run."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.integration.imap_servers import Dovecot, Options, dovecot
from tests.integration.move.rig import USERS, Pair

from switchover.move.difference import Level
from switchover.move.folder_draft import Reason
from switchover.move.folder_plan import Choice, ProblemKind
from switchover.move.work.copying import CopyReport
from switchover.move.work.known import KnownPair
from switchover.move.work.verifying import VerifyOrder, VerifyReport, verify_mailbox
from switchover.store.pool import Database

pytestmark = [pytest.mark.timeout(120), pytest.mark.xdist_group("names")]
NAMES = {"a.b": "a_b_2", "a.b/child": "a_b_2/child", "a_b": "a_b", "x.y": "x_y", "plain": "plain"}


@pytest.fixture(scope="module")
def servers() -> Iterator[tuple[Dovecot, Dovecot]]:
    plain = ("plain",)
    with (
        dovecot(Options(users=USERS, mechanisms=plain, storage="sdbox")) as source,
        dovecot(Options(users=USERS, mechanisms=plain, storage="maildir")) as target,
    ):
        yield source, target


@pytest.fixture
def pair(servers: tuple[Dovecot, Dovecot], database: Database) -> Pair:
    pair = Pair.of(*servers, database)
    for name in NAMES:
        pair.source.put(name, f"in {name}")
    with pair.source.edit("") as connection:
        connection.subscribe('"a.b/child"')
    return pair


def arrived(pair: Pair) -> dict[str, str]:
    """Return which folder of the target holds the mails of which folder of the source."""
    here = {name: mails for name, mails in pair.target.mails().items() if mails}
    there = pair.source.mails()
    return {name: next(a for a, b in here.items() if b == there[name]) for name in NAMES}


def targets(report: CopyReport) -> dict[str, str]:
    return {one.source: one.target for one in report.plan.mappings if one.source != "INBOX"}


async def verified(pair: Pair, known: KnownPair) -> VerifyReport:
    order = VerifyOrder(
        source=pair.source.account,
        target=pair.target.account,
        source_key=f"{pair.source.server.address}/{pair.source.user}",
        target_key=f"{pair.target.server.address}/{pair.target.user}",
        level=Level.BODIES,
    )
    return await verify_mailbox(known, order)


async def test_folders_with_refused_names_arrive_under_others_and_nothing_is_mixed(
    pair: Pair,
) -> None:
    report = await pair.copy()
    assert (targets(report), arrived(pair)) == (NAMES, NAMES)
    assert (report.failures, report.plan.problems) == ({}, ())
    assert sorted(report.created) == sorted(NAMES.values())
    assert report.is_complete
    because = {one.source: one.reasons for one in report.plan.mappings}
    assert because["a.b"] == (Reason.CHARACTERS, Reason.TAKEN)
    assert because["x.y"] == (Reason.CHARACTERS,)
    assert because["plain"] == ()
    assert "x.y is called 'x_y' on the target: " + Reason.CHARACTERS in report.notes
    with pair.target.edit("") as connection:
        assert b"a_b_2/child" in b"".join(map(bytes, connection.lsub()[1]))


async def test_a_second_run_sends_nothing_and_later_mails_go_to_the_same_folders(
    pair: Pair,
) -> None:
    await pair.copy()
    again = await pair.copy()
    assert pair.target.sent("CREATE ", "APPEND ", "SUBSCRIBE ", "SELECT ", "EXAMINE ") == []
    assert (targets(again), again.unchanged, again.notes) == (NAMES, len(NAMES) + 1, [])
    pair.source.put("a.b", "later")
    pair.source.put("a.b/child", "later too")
    pair.source.put("x_y", "a newcomer with the name that another got")
    third = await pair.copy()
    assert targets(third) == {**NAMES, "x_y": "x_y_2"}
    assert third.created == ["x_y_2"]
    assert third.copied == 3
    assert arrived(pair) == NAMES


@pytest.mark.parametrize("has_ledger", [True, False])
async def test_verifying_compares_with_the_folders_under_their_other_names(
    pair: Pair, has_ledger: bool
) -> None:
    report = await pair.copy()
    assert report.is_complete
    source, target = (f"{box.server.address}/{box.user}" for box in (pair.source, pair.target))
    known = await KnownPair.load(pair.database, source, target) if has_ledger else KnownPair()
    proof = await verified(pair, known)
    assert (proof.proof.differences, proof.unfinished) == ((), ())
    assert proof.has_ledger is has_ledger


async def test_a_folder_chosen_alone_gets_no_name_that_belongs_to_one_left_out(pair: Pair) -> None:
    await pair.copy(choice=Choice(folders=("x.y",)))
    pair.source.put("x_y", "a newcomer")
    report = await pair.copy(choice=Choice(folders=("x_y",)))
    assert targets(report) == {"x_y": "x_y_2"}


async def test_a_run_without_its_ledger_finds_the_same_names_and_reports_them(pair: Pair) -> None:
    await pair.copy()
    again = await pair.copy(source_key="a mailbox that was never copied")
    assert (targets(again), again.created, again.failures) == (NAMES, [], {})


async def test_a_refused_name_that_the_user_asked_for_is_not_changed_and_told_once(
    pair: Pair,
) -> None:
    choice = Choice(folders=("x.y", "plain"), overrides={"x.y": "my.own"})
    report = await pair.copy(choice=choice)
    assert targets(report) == {"plain": "plain"}
    assert report.failures == {}
    assert [one.kind for one in report.plan.problems] == [ProblemKind.OVERRIDE]
    assert [one for one in pair.target.folders() if "my" in one] == []
