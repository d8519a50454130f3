"""What the verbs of sign-in work with, made once by the composition root."""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from switchover.directory.access.account.work.hashing import Hashing
from switchover.directory.access.first_code import FirstCode
from switchover.directory.access.session.memory import SessionMemory
from switchover.directory.access.sign_in.throttle import Throttle

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from switchover.directory.access.session.session import Limits
    from switchover.directory.audit.work import Refusals
    from switchover.store.pool import Connection, Database
    from switchover.store.seal import Sealer


@dataclass(slots=True, kw_only=True)
class AccessParts:
    """The database, what seals, how long sessions last, and what sign-in remembers in memory."""

    database: Database
    sealer: Sealer
    limits: Limits
    refusals: Refusals
    hashing: Hashing = field(default_factory=Hashing)
    throttle: Throttle = field(default_factory=Throttle)
    sessions: SessionMemory = field(default_factory=SessionMemory)
    first_code: FirstCode = field(default_factory=FirstCode)
    is_claimed: bool = False

    @asynccontextmanager
    async def ending(self) -> AsyncIterator[Connection]:
        """Give a connection in a transaction that ends sessions: none is remembered after it.

        Not before the commit: until then requests find them open and remember them. Nor only when it
        succeeded: one whose answer was lost may have been stored.
        """
        try:
            async with self.database.transaction() as connection:
                yield connection
        finally:
            self.sessions.forget_all()
