"""Tokens that were valid a short while ago, for the routes that tell of a database that is away.

Status and metrics must answer in an outage, or nobody could alarm on it; who asks was looked up in the
database moments before. Nothing else accepts a remembered token, and none can be revoked meanwhile:
that takes the database too.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from switchover.directory.access.token import token_hash

if TYPE_CHECKING:
    from switchover.directory.access.role import Actor
    from switchover.directory.access.token import Token

REMEMBERED_FOR = timedelta(hours=24)
MOST_REMEMBERED = 1000


@dataclass(slots=True)
class TokenMemory:
    """Who used which token lately, by its hash; the oldest is forgotten first.

    ``revocations`` counts: what was read from the database before one may not be remembered after it.
    """

    revocations: int = 0
    _seen: dict[str, tuple[Token, datetime]] = field(default_factory=dict, repr=False)

    def remember(self, digest: str, token: Token, now: datetime) -> None:
        """Note that the database called this token valid."""
        self._seen.pop(digest, None)
        self._seen[digest] = (token, now)
        if len(self._seen) > MOST_REMEMBERED:
            del self._seen[next(iter(self._seen))]

    def forget(self, digest: str) -> None:
        """Drop a token that the database does not call valid (any more)."""
        self._seen.pop(digest, None)

    def forget_all(self) -> None:
        """Drop every token: one was revoked, and we do not know its hash."""
        self._seen.clear()
        self.revocations += 1

    def recall(self, secret: str, now: datetime) -> Actor | None:
        """Return who used this token lately, None when nobody did or it has expired since."""
        digest = token_hash(secret)
        token, at = self._seen.get(digest or "", (None, now))
        if token is None or not token.is_valid(now) or now - at > REMEMBERED_FOR:
            return None
        return token.actor
