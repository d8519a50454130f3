"""Roles include what is below them; tokens are unguessable, hashed, and end."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from switchover.directory.access.role import Actor, Role
from switchover.directory.access.token import new_token, token_hash
from switchover.errors import InvalidInput, Refused

NOW = datetime(2026, 1, 2, tzinfo=UTC)


@pytest.mark.parametrize(
    ("held", "needed", "may"),
    [
        (Role.VIEWER, Role.VIEWER, True),
        (Role.VIEWER, Role.OPERATOR, False),
        (Role.OPERATOR, Role.VIEWER, True),
        (Role.OPERATOR, Role.ADMIN, False),
        (Role.ADMIN, Role.OPERATOR, True),
    ],
)
def test_a_role_includes_those_below_it(held: Role, needed: Role, *, may: bool) -> None:
    assert held.includes(needed) is may
    actor = Actor(name="prometheus", role=held)
    if may:
        actor.require(needed)
    else:
        with pytest.raises(Refused, match=f"needs {needed}"):
            actor.require(needed)


def test_no_two_tokens_are_alike_and_their_hash_is_not_the_secret() -> None:
    made = [
        new_token("prometheus", Role.VIEWER, created_by="x", now=NOW, expires_at=None)
        for _ in range(50)
    ]
    assert len({item.secret for item in made}) == 50
    for item in made:
        digest = token_hash(item.secret)
        assert digest is not None
        assert item.secret not in digest
        assert item.secret not in repr(item)


@pytest.mark.parametrize(
    "text", ["", "swo_short", "Bearer swo_" + "a" * 43, "swo_" + "a" * 43 + "\n"]
)
def test_what_can_not_be_a_token_is_not_looked_up(text: str) -> None:
    assert token_hash(text) is None


def test_a_token_ends_when_it_expires_or_is_revoked() -> None:
    later = NOW + timedelta(days=1)
    token = new_token("x", Role.VIEWER, created_by="x", now=NOW, expires_at=later).token
    assert token.is_valid(NOW)
    assert not token.is_valid(later)
    endless = new_token("x", Role.VIEWER, created_by="x", now=NOW, expires_at=None).token
    assert endless.is_valid(NOW + timedelta(days=5000))


@pytest.mark.parametrize("name", ["", " x", "a" * 80, "tab\there", "<b>"])
def test_unusable_names_are_refused(name: str) -> None:
    with pytest.raises(InvalidInput, match="token name"):
        new_token(name, Role.VIEWER, created_by="x", now=NOW, expires_at=None)


def test_a_token_that_would_be_born_expired_is_refused() -> None:
    with pytest.raises(InvalidInput, match="expire"):
        new_token("x", Role.VIEWER, created_by="x", now=NOW, expires_at=NOW)
