"""Public verbs that take rights away from an account: a smaller role, disabling, removing.

Each is one transaction: the account, its sessions, and the tokens it made, also by tokens of its making, with an
audit entry for every one.
A token is a key of its own: whoever made it keeps its rights after losing the account, unless it ends too.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from switchover import clock
from switchover.directory.access.account import queries
from switchover.directory.access.account.work.changes import locked, recorded, told
from switchover.directory.access.role import Role
from switchover.directory.access.session import queries as sessions
from switchover.directory.access.work import revoke_tokens_of
from switchover.directory.audit.entry import Entry
from switchover.directory.audit.work import record
from switchover.errors import Conflict

if TYPE_CHECKING:
    from switchover.directory.access.account.account import Account
    from switchover.directory.access.account.work.parts import AccessParts
    from switchover.directory.access.role import Actor
    from switchover.directory.access.token import Token
    from switchover.store.pool import Connection


@dataclass(frozen=True, slots=True, kw_only=True)
class Left:
    """An account after it lost rights (before it was removed), and the tokens of its making that ended."""

    account: Account
    tokens: tuple[Token, ...] = ()


async def change_role(
    parts: AccessParts,
    name: str,
    role: Role,
    *,
    actor: Actor,
    reason: str = "",
    keep_tokens: bool = False,
) -> Left:
    """Give a local account another role, end its sessions and the tokens it made above that role.

    Raises:
        Conflict: it is the last local administrator, or an identity provider decides its role.
    """
    actor.require(Role.ADMIN)
    async with parts.ending(with_tokens=True) as connection:
        account = await locked(connection, name)
        if not account.is_local:
            raise Conflict(
                f"{account.name} gets its role from the groups at the identity provider; change it there"
            )
        if account.role is role:
            return Left(account=account)
        await _require_another(connection, account)
        await queries.set_role(connection, account.id, role)
        await sessions.end_sessions(connection, account.id, "role changed", clock.now())
        is_less = account.role.includes(role) and not keep_tokens
        ended = await _end(connection, account, role, actor, reason) if is_less else ()
        changed = await recorded(connection, "account.role", account, actor, reason)
        return Left(account=changed, tokens=ended)


async def disable_account(
    parts: AccessParts, name: str, *, actor: Actor, reason: str = "", keep_tokens: bool = False
) -> Left:
    """Keep an account from signing in, end its sessions and the tokens it made; idempotent.

    Raises:
        Conflict: it is the last local administrator.
    """
    actor.require(Role.ADMIN)
    async with parts.ending(with_tokens=True) as connection:
        account = await locked(connection, name)
        was_enabled = account.is_enabled
        if was_enabled:
            await _require_another(connection, account)
            now = clock.now()
            await queries.set_disabled(connection, account.id, now)
            await sessions.end_sessions(connection, account.id, "account disabled", now)
        ended = () if keep_tokens else await _end(connection, account, None, actor, reason)
        if was_enabled:
            account = await recorded(connection, "account.disable", account, actor, reason)
        return Left(account=account, tokens=ended)


async def remove_account(
    parts: AccessParts, name: str, *, actor: Actor, reason: str = "", keep_tokens: bool = False
) -> Left:
    """Remove an account with its sessions and the tokens it made; its name stays in the history.

    Raises:
        Conflict: it is the last local administrator.
    """
    actor.require(Role.ADMIN)
    async with parts.ending(with_tokens=True) as connection:
        account = await locked(connection, name)
        await _require_another(connection, account)
        await queries.delete_account(connection, account.id)
        ended = () if keep_tokens else await _end(connection, account, None, actor, reason)
        entry = Entry.by(actor, "account.remove", account.name, before=told(account), reason=reason)
        await record(connection, entry)
        return Left(account=account, tokens=ended)


async def _end(
    connection: Connection, account: Account, above: Role | None, actor: Actor, reason: str
) -> tuple[Token, ...]:
    why = reason or f"made by {account.name}"
    return await revoke_tokens_of(connection, account.id, above=above, actor=actor, reason=why)


async def _require_another(connection: Connection, account: Account) -> None:
    """Raise Conflict for the last one who could sign in while the identity provider is away."""
    is_one = account.is_local and account.is_enabled and account.role is Role.ADMIN
    if is_one and not await queries.has_other_administrator(connection, account.id):
        raise Conflict(
            f"{account.name} is the last local account with the role admin that may sign in; make another one "
            "first: switchover account create NAME --role admin"
        )
