"""Bearer tokens: made, recognised, never kept in the clear."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from switchover.clock import new_id, new_secret
from switchover.directory.access.role import Actor
from switchover.errors import InvalidInput

if TYPE_CHECKING:
    from datetime import datetime

    from switchover.directory.access.role import Role

PREFIX = "swo_"
_TOKEN = re.compile(r"swo_[A-Za-z0-9_-]{40,60}\Z")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9 @._-]{0,62}\Z")


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """A token as it is known after it was made: everything but the secret.

    ``account_id`` is the account at its root, also when tokens made each other; None for none.
    """

    id: str
    name: str
    role: Role
    created_at: datetime
    created_by: str
    expires_at: datetime | None
    last_used_at: datetime | None = None
    revoked_at: datetime | None = None
    account_id: str | None = None

    @property
    def actor(self) -> Actor:
        """Who does what is done with this token."""
        return Actor(name=self.name, role=self.role, account_id=self.account_id, token_id=self.id)

    def is_valid(self, now: datetime) -> bool:
        """True when neither revoked nor expired at ``now``."""
        return self.revoked_at is None and (self.expires_at is None or now < self.expires_at)


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class NewToken:
    """A token at the only moment its secret is known."""

    token: Token
    secret: str


def new_token(
    name: str,
    role: Role,
    *,
    created_by: str,
    now: datetime,
    expires_at: datetime | None,
    account_id: str | None = None,
) -> NewToken:
    """Return a fresh token; raises InvalidInput for an unusable name or an expiry in the past."""
    if not _NAME.match(name):
        raise InvalidInput(
            f"{name!r} is not a usable token name: letters, digits, space, @ . _ - and at most 63"
        )
    if expires_at is not None and expires_at <= now:
        raise InvalidInput("the token would expire before it is made; give a later time")
    token = Token(
        id=new_id(),
        name=name,
        role=role,
        created_at=now,
        created_by=created_by,
        expires_at=expires_at,
        account_id=account_id,
    )
    return NewToken(token=token, secret=PREFIX + new_secret())


def token_hash(secret: str) -> str | None:
    """Return what the database keeps of a secret; None when it can not be one of ours."""
    return hashlib.sha256(secret.encode()).hexdigest() if _TOKEN.match(secret) else None
