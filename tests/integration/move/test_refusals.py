"""Mails that a target refuses, and refusals that are about no mail: who is blamed, and what comes later.

Both servers are scripted, and the copier runs in this process.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

import pytest
from tests.integration.move.scripted import Scripted, running
from tests.integration.move.taking import MANY, SINGLE, SLOW, Taking, copy, goods, mail

from switchover.move.segment import SkipReason
from switchover.move.work import lanes
from switchover.move.work.outbox import MOST_REFUSED
from switchover.store.pool import Database

pytestmark = pytest.mark.timeout(60)


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lanes, "pause_seconds", lambda tries, _wish: 0.01 if tries < 4 else None)


@pytest.mark.parametrize("words", [b"NO [THROTTLED] slow down", b"BAD too many commands"])
@pytest.mark.parametrize("capabilities", [SLOW, SLOW + b" MULTIAPPEND"])
@pytest.mark.parametrize("many", [1, 6])
async def test_a_throttled_mail_on_a_target_without_literal_plus_is_sent_again_and_not_skipped(
    database: Database, words: bytes, capabilities: bytes, many: int
) -> None:
    target = Taking(
        capabilities=capabilities, leave=lambda number: words if number in {1, 4} else b""
    )
    async with running(Scripted(mails=goods(many))) as source, running(target):
        report = await copy(database, source, target)
    assert (report.skipped, report.failures) == ([], {})
    assert sorted(target.mails.values()) == sorted(source.mails.values())
    assert report.retries >= 1


@pytest.mark.parametrize("capabilities", [SINGLE, SLOW, MANY])
@pytest.mark.parametrize("code", ["TRYCREATE", "NOPERM"])
async def test_a_folder_that_is_taken_away_in_mid_copy_blames_no_mail(
    database: Database, capabilities: bytes, code: str
) -> None:
    words = b"NO [%b] not any more" % code.encode()
    target = Taking(capabilities=capabilities)
    async with running(Scripted(mails=goods(3))) as source, running(target):
        assert (await copy(database, source, target)).is_complete
        source.mails = goods(30)
        target.verdict = lambda mails: words if len(target.mails) + len(mails) > 5 else b""
        report = await copy(database, source, target)
        assert report.skipped == []
        assert "not any more" in report.failures["INBOX"]
        assert "see to the folder there" in report.failures["INBOX"]
        assert report.refused == set()  # what is left is worth another run
        target.verdict = lambda _mails: b""
        assert (await copy(database, source, target)).is_complete
    assert sorted(target.mails.values()) == sorted(source.mails.values())


@pytest.mark.parametrize("capabilities", [SINGLE, SLOW, MANY])
async def test_a_folder_that_refuses_whatever_it_gets_is_left_after_some_mails(
    database: Database, capabilities: bytes
) -> None:
    target = Taking(capabilities=capabilities, verdict=lambda _mails: b"NO access denied")
    async with running(Scripted(mails=goods(300))) as source, running(target):
        report = await copy(database, source, target)
        assert f"refused {MOST_REFUSED} mails one after the other" in report.failures["INBOX"]
        assert report.skipped == []
        assert sum(target.commands) < 1500
        target.verdict = lambda _mails: b""
        assert (await copy(database, source, target)).is_complete
    assert sorted(target.mails.values()) == sorted(source.mails.values())


async def test_many_mails_refused_for_what_they_are_do_not_keep_the_others_back(
    database: Database,
) -> None:
    def verdict(mails: list[bytes]) -> bytes:
        return b"NO Message contains bare newlines" if b"bad" in mails[0] else b""

    bad = range(1, MOST_REFUSED + 10)
    target = Taking(verdict=verdict)
    async with running(Scripted(mails=goods(40, *bad))) as source, running(target):
        report = await copy(database, source, target)
    assert report.failures == {}
    assert [one.uid for one in report.skipped] == list(bad)
    assert len(target.mails) == 40 - len(bad)


@pytest.mark.parametrize("bad", [(1,), (77,), (128,), (5, 100)])
async def test_a_bad_mail_among_many_is_found_by_halving(
    database: Database, bad: tuple[int, ...]
) -> None:
    target = Taking(
        capabilities=MANY,
        verdict=lambda mails: b"NO invalid message" if any(b"bad" in one for one in mails) else b"",
    )
    async with running(Scripted(mails=goods(128, *bad))) as source, running(target):
        report = await copy(database, source, target)
        assert [(one.uid, one.skip.reason) for one in report.skipped] == [
            (uid, SkipReason.REFUSED) for uid in bad
        ]
        assert len(target.commands) <= 1 + 2 * 7 * len(bad)
        assert len(target.mails) == 128 - len(bad)
        assert sum(target.commands) <= 128 * (1 + 2 * len(bad))
        again = len(target.commands)
        await copy(database, source, target)
    assert len(target.commands) == again


async def test_a_folder_made_anew_is_given_what_the_former_one_refused(database: Database) -> None:
    target = Taking(verdict=lambda mails: b"NO not this one" if b"bad" in mails[0] else b"")
    async with running(Scripted(mails=goods(4, 2))) as source, running(target):
        assert [one.uid for one in (await copy(database, source, target)).skipped] == [2]
        source.mails[5] = mail(5)
        target.mails, target.uid_validity, target.verdict = {}, 8, lambda _mails: b""
        await copy(database, source, target)
        assert (await copy(database, source, target)).is_complete
    assert sorted(target.mails.values()) == sorted(source.mails.values())


async def test_a_target_that_names_all_uids_there_are_costs_no_memory(database: Database) -> None:
    target = Taking(
        capabilities=MANY, verdict=lambda _mails: b"OK [APPENDUID 7 1:4294967295] stored"
    )
    async with running(Scripted(mails=goods(3))) as source, running(target):
        report = await copy(database, source, target)
    assert "says that it stored 4294967295 mails where 3 were sent" in report.failures["INBOX"]


@dataclass(kw_only=True)
class Guessing(Scripted):
    """Lists sizes that are ten times too large, or a tenth; what it sends has the right one."""

    guesses: dict[int, int] = field(default_factory=dict)

    async def greet(self, out: asyncio.StreamWriter) -> None:
        out.write(b"* OK The Microsoft Exchange IMAP4 service is ready.\r\n")

    async def list_mails(self, out: asyncio.StreamWriter, uids: list[int]) -> None:
        date = b'INTERNALDATE "01-May-2020 00:00:00 +0000"'
        for uid in uids:
            out.write(
                b"* %d FETCH (UID %d FLAGS () %b RFC822.SIZE %d)\r\n"
                % (uid, uid, date, self.guesses[uid])
            )


@pytest.mark.parametrize("capabilities", [MANY, SLOW])
async def test_a_size_that_the_source_only_guesses_leaves_no_mail_out(
    database: Database, capabilities: bytes
) -> None:
    mails = {1: mail(1, size=500), 2: mail(2, size=5000), 3: mail(3, size=300_000)}
    source = Guessing(mails=mails, guesses={1: 5000, 2: 500, 3: 900})
    target = Taking(capabilities=capabilities + b" APPENDLIMIT=1000")
    async with running(source), running(target):
        report = await copy(database, source, target)
    assert list(target.mails.values()) == [mails[1]]
    assert [(one.uid, one.skip) for one in report.skipped] == [
        (2, (SkipReason.TOO_LARGE, f"{len(mails[2])} bytes, the target takes 1000")),
        (3, (SkipReason.TOO_LARGE, f"{len(mails[3])} bytes, the target takes 1000")),
    ]
    assert target.announced == 1
