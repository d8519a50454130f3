"""Runs argon2id off the event loop, few at a time: strangers decide how often, we how much."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, TypeVar

from switchover.directory.access.account import password as passwords
from switchover.errors import InvalidInput, Unavailable

if TYPE_CHECKING:
    from collections.abc import Callable

AT_ONCE = 2
"""Each takes 19 MiB and a processor for some 25 ms."""
WAITING = 40
"""Beyond a second of queue, later ones are sent away."""
Result = TypeVar("Result")


class Hashing:
    """Makes and checks passwords' hashes."""

    def __init__(self, *, at_once: int = AT_ONCE, waiting: int = WAITING) -> None:
        """Allow ``at_once`` threads and a queue of ``waiting``."""
        self._free = asyncio.Semaphore(at_once)
        self._most = at_once + waiting
        self._under_way = 0

    async def make(self, password: str) -> str:
        """Return the hash of a usable password; Unavailable when too many wait."""
        return await self._run(lambda: passwords.make_hash(password))

    async def fits(self, kept: str | None, given: str) -> bool:
        """True when ``given`` is the password; as slow for no account (None) as for a wrong password.

        Raises:
            Unavailable: too many wait.
        """
        try:
            password = passwords.normal(given)
        except InvalidInput:
            password, kept = "", None
        if len(password.encode()) > passwords.LONGEST_BYTES:
            password, kept = "", None
        tried = kept or passwords.NOBODY
        return await self._run(lambda: passwords.is_password(tried, password)) and kept is not None

    async def _run(self, work: Callable[[], Result]) -> Result:
        if self._under_way >= self._most:
            raise Unavailable("too many people sign in at this moment; try again in a few seconds")
        self._under_way += 1
        try:
            async with self._free:
                return await asyncio.to_thread(work)
        finally:
            self._under_way -= 1
