"""What the verbs of sign-in work with, made once by the composition root."""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from switchover.directory.access.account.work.hashing import Hashing
from switchover.directory.access.first_code import FirstCode
from switchover.directory.access.memory import TokenMemory
from switchover.directory.access.session.memory import SessionMemory
from switchover.directory.access.sign_in.near import NearNames
from switchover.directory.access.sign_in.throttle import Throttle

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from switchover.directory.access.account.account import Account
    from switchover.directory.access.session.session import Limits
    from switchover.directory.audit.work import Refusals
    from switchover.store.pool import Connection, Database
    from switchover.store.seal import Sealer


@dataclass(slots=True, kw_only=True)
class AccessParts:
    """The database, what seals, how long sessions last, and what sign-in remembers in memory.

    ``issuer`` names the identity provider of the settings, None for none.
    """

    database: Database
    sealer: Sealer
    limits: Limits
    refusals: Refusals
    issuer: str | None = None
    hashing: Hashing = field(default_factory=Hashing)
    throttle: Throttle = field(default_factory=Throttle)
    near: NearNames = field(default_factory=NearNames)
    sessions: SessionMemory = field(default_factory=SessionMemory)
    tokens: TokenMemory = field(default_factory=TokenMemory)
    first_code: FirstCode = field(default_factory=FirstCode)
    is_claimed: bool = False

    def is_vouched(self, account: Account) -> bool:
        """True for a local account, and for one of the provider that the settings name now."""
        return account.is_local or account.issuer == self.issuer

    @asynccontextmanager
    async def ending(self, *, with_tokens: bool = False) -> AsyncIterator[Connection]:
        """Give a connection in a transaction that ends sessions, or tokens too: none is remembered after it.

        Not before the commit: until then requests find them open and remember them. Nor only when it
        succeeded: one whose answer was lost may have been stored. But when it never began, nothing ended:
        while the database is away, a try must not throw out everybody who looks from memory.
        """
        has_begun = False
        try:
            async with self.database.transaction() as connection:
                has_begun = True
                yield connection
        finally:
            if has_begun:
                self.sessions.forget_all()
            if has_begun and with_tokens:
                self.tokens.forget_all()
