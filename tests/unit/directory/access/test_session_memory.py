"""What was open a moment ago may look while the database is away; what ended may not."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from switchover.clock import new_secret
from switchover.directory.access.account.account import Account
from switchover.directory.access.role import Role
from switchover.directory.access.session import memory
from switchover.directory.access.session.memory import SessionMemory
from switchover.directory.access.session.session import Limits, Method, Session, secret_hash

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
LIMITS = Limits(idle=timedelta(minutes=30), absolute=timedelta(hours=12))
ADA = Account(
    id="1",
    name="ada",
    role=Role.ADMIN,
    zone="UTC",
    issuer=None,
    subject=None,
    made_at=NOW,
    made_by="x",
)
SESSION = Session(
    id="2", account_id="1", method=Method.PASSWORD, awaits_code=False, address="", agent="",
    made_at=NOW, seen_at=NOW,
)  # fmt: skip


def remembered() -> tuple[SessionMemory, str]:
    seen, secret = SessionMemory(), new_secret()
    seen.remember(secret_hash(secret) or "", SESSION, ADA)
    return seen, secret


def recall(seen: SessionMemory, secret: str, **after: float) -> bool:
    found = seen.recall(secret, LIMITS, NOW + timedelta(**after), touch=False)
    return found is not None


def test_who_was_signed_in_is_known_until_a_limit_and_others_are_not() -> None:
    seen, secret = remembered()
    assert recall(seen, secret, minutes=29)
    assert not recall(seen, secret, minutes=30)
    assert not recall(seen, new_secret())
    assert not recall(seen, "")


def test_who_goes_on_looking_stays_signed_in_but_not_for_ever() -> None:
    seen, secret = remembered()
    for minutes in range(20, 720, 20):
        now = NOW + timedelta(minutes=minutes)
        assert seen.recall(secret, LIMITS, now, touch=True) is not None
    assert seen.recall(secret, LIMITS, NOW + timedelta(hours=12), touch=True) is None


def test_nothing_that_ended_is_remembered() -> None:
    seen, secret = remembered()
    seen.forget_all()
    assert not recall(seen, secret)
    assert seen.endings == 1
    seen, secret = remembered()
    seen.forget(secret_hash(secret) or "")
    seen.forget("unknown")
    assert not recall(seen, secret)


def test_the_memory_is_bounded_and_forgets_the_oldest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "MOST_REMEMBERED", 2)
    seen, first = remembered()
    others = [new_secret() for _ in range(2)]
    for secret in others:
        seen.remember(secret_hash(secret) or "", SESSION, ADA)
    assert [recall(seen, secret) for secret in (first, *others)] == [False, True, True]


def test_an_account_says_of_itself_what_pages_ask() -> None:
    assert ADA.is_local
    assert ADA.is_enabled
    assert (ADA.actor.name, ADA.actor.role) == ("ada", Role.ADMIN)
    assert not replace(ADA, issuer="https://login.contoso.example", subject="1").is_local
    assert not replace(ADA, disabled_at=NOW).is_enabled


def test_who_listens_hears_of_each_ending() -> None:
    seen, secret = remembered()
    heard: list[int] = []
    seen.listeners.append(lambda: heard.append(seen.endings))
    seen.forget_all()
    assert heard == [1]
    assert seen.recall(secret, LIMITS, NOW, touch=False) is None
