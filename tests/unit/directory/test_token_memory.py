"""Which tokens are still known while the database is away."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from switchover.directory.access.memory import MOST_REMEMBERED, REMEMBERED_FOR, TokenMemory
from switchover.directory.access.role import Actor, Role
from switchover.directory.access.token import NewToken, new_token, token_hash

NOW = datetime(2026, 6, 1, 12, 0, tzinfo=UTC)


def fresh(*, expires_at: datetime | None = None) -> tuple[NewToken, str]:
    made = new_token("watch", Role.VIEWER, created_by="x", now=NOW, expires_at=expires_at)
    return made, token_hash(made.secret) or ""


def test_who_was_found_lately_is_known() -> None:
    memory = TokenMemory()
    made, digest = fresh()
    assert memory.recall(made.secret, NOW) is None
    memory.remember(digest, made.token, NOW)
    assert memory.recall(made.secret, NOW) == Actor(name="watch", role=Role.VIEWER)
    assert memory.recall("nonsense", NOW) is None
    assert made.secret not in repr(memory)


def test_it_is_forgotten_after_a_day_and_when_it_expires() -> None:
    memory = TokenMemory()
    made, digest = fresh(expires_at=NOW + timedelta(hours=1))
    memory.remember(digest, made.token, NOW)
    assert memory.recall(made.secret, NOW + timedelta(minutes=59)) is not None
    assert memory.recall(made.secret, NOW + timedelta(hours=1)) is None
    lasting, digest = fresh()
    memory.remember(digest, lasting.token, NOW)
    assert memory.recall(lasting.secret, NOW + REMEMBERED_FOR) is not None
    assert memory.recall(lasting.secret, NOW + REMEMBERED_FOR + timedelta(seconds=1)) is None


def test_one_that_the_database_refuses_and_all_when_one_is_revoked_are_forgotten() -> None:
    memory = TokenMemory()
    (one, one_digest), (other, other_digest) = fresh(), fresh()
    memory.remember(one_digest, one.token, NOW)
    memory.remember(other_digest, other.token, NOW)
    memory.forget(one_digest)
    assert memory.recall(one.secret, NOW) is None
    assert memory.recall(other.secret, NOW) is not None
    memory.forget_all()
    assert memory.recall(other.secret, NOW) is None


def test_the_one_not_used_for_longest_makes_room() -> None:
    memory = TokenMemory()
    first, first_digest = fresh()
    second, second_digest = fresh()
    memory.remember(first_digest, first.token, NOW)
    memory.remember(second_digest, second.token, NOW)
    memory.remember(first_digest, first.token, NOW)
    for number in range(MOST_REMEMBERED - 1):
        memory.remember(str(number), first.token, NOW)
    assert memory.recall(first.secret, NOW) is not None
    assert memory.recall(second.secret, NOW) is None
