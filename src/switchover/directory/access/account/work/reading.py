"""Public verbs that read accounts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from switchover.directory.access.account import queries
from switchover.errors import NotFound

if TYPE_CHECKING:
    from switchover.directory.access.account.account import Account
    from switchover.directory.access.account.work.parts import AccessParts
    from switchover.directory.access.role import Role
    from switchover.store.pool import Connection


async def is_claimed(parts: AccessParts) -> bool:
    """True when there is an account. Remembered: the last administrator can not be removed."""
    if not parts.is_claimed:
        async with parts.database.transaction() as connection:
            parts.is_claimed = await queries.has_accounts(connection)
    return parts.is_claimed


async def get_account(parts: AccessParts, name: str) -> Account:
    """Return the account of that name; raises NotFound."""
    async with parts.database.transaction() as connection:
        return await require_account(connection, name)


async def list_accounts(
    parts: AccessParts,
    *,
    after: str | None = None,
    role: Role | None = None,
    containing: str | None = None,
    limit: int | None = None,
) -> list[Account]:
    """Return accounts by name; ``after`` is the name that a page ended with."""
    async with parts.database.transaction() as connection:
        return await queries.list_accounts(
            connection,
            after=after,
            role=role.value if role else None,
            containing=containing,
            limit=limit,
        )


async def count_codes(parts: AccessParts, account: Account) -> int:
    """Return how many recovery codes an account has left."""
    async with parts.database.transaction() as connection:
        return await queries.count_codes(connection, account.id)


async def require_account(connection: Connection, name: str) -> Account:
    """Return the account of that name within a transaction; raises NotFound."""
    # No name has a zero byte, and no text of the database holds one.
    found = None if "\0" in name else await queries.find_account(connection, name)
    if found is None:
        raise NotFound(f"there is no account {name!r}; see: switchover account list")
    return found
