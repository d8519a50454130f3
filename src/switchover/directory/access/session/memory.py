"""Sessions that were open a moment ago, so that people can look while the database is away.

Only looking: whatever changes something needs the database anyway. Nothing that ended is remembered: the
verbs that end sessions forget all, and who asks again is remembered again.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from switchover.directory.access.session.session import secret_hash

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from switchover.directory.access.account.account import Account
    from switchover.directory.access.session.session import Limits, Session

MOST_REMEMBERED = 5000


@dataclass(slots=True)
class SessionMemory:
    """Open sessions by the hash of their cookie; the oldest are forgotten first.

    ``endings`` counts: what was read from the database before one may not be remembered after it.
    ``listeners`` are called after each, for what goes on without asking: open streams.
    """

    endings: int = 0
    listeners: list[Callable[[], None]] = field(default_factory=list, repr=False)
    _seen: dict[str, tuple[Session, Account]] = field(default_factory=dict, repr=False)

    def remember(self, digest: str, session: Session, account: Account) -> None:
        """Note that the database called this session open."""
        self._seen.pop(digest, None)
        self._seen[digest] = session, account
        if len(self._seen) > MOST_REMEMBERED:
            del self._seen[next(iter(self._seen))]

    def forget(self, digest: str) -> None:
        """Drop a session that the database does not call open (any more)."""
        self._seen.pop(digest, None)

    def forget_all(self) -> None:
        """Drop every session: some have ended, and we do not know their hashes."""
        self._seen.clear()
        self.endings += 1
        for listener in self.listeners:
            listener()

    def recall(
        self, secret: str, limits: Limits, now: datetime, *, touch: bool
    ) -> tuple[Session, Account] | None:
        """Return an open session as it was, None when there is none or it ran into a limit since.

        ``touch`` notes the request, which the database can not.
        """
        digest = secret_hash(secret) or ""
        found = self._seen.get(digest)
        if found is None or not found[0].is_valid(limits, now):
            return None
        session, account = found
        if touch:
            self._seen[digest] = replace(session, seen_at=now), account
        return found
