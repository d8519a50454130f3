"""Public verbs that change accounts: create, password, enable, sign out everywhere; ``leaving`` has the others.

Each is one transaction that holds the table's lock, so that two of them can not take away the last two
administrators at the same moment. Whatever takes rights away ends the account's sessions in the same
transaction.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from switchover import clock
from switchover.directory.access.account import queries
from switchover.directory.access.account.account import Account, usable_name, usable_zone
from switchover.directory.access.account.password import usable_password
from switchover.directory.access.account.work.reading import require_account
from switchover.directory.access.role import Actor, Door, Role
from switchover.directory.access.session import queries as sessions
from switchover.directory.audit.entry import Entry
from switchover.directory.audit.work import record
from switchover.errors import Conflict, Refused

if TYPE_CHECKING:
    from switchover.directory.access.account.work.parts import AccessParts
    from switchover.directory.access.session.session import Visitor
    from switchover.store.pool import Connection

FIRST = "first run"
"""Who makes the first account: nobody was there before."""


async def create_account(
    parts: AccessParts,
    name: str,
    role: Role,
    password: str,
    *,
    actor: Actor,
    zone: str = "UTC",
    reason: str = "",
) -> Account:
    """Return a new local account. Nobody can give more than they have.

    Raises:
        InvalidInput: the name, the password or the zone can not be used.
        Conflict: there is an account of that name.
    """
    actor.require(role)
    digest = await _hash(parts, name, password)
    async with parts.database.transaction() as connection:
        await queries.lock_accounts(connection)
        made = _fresh(name, role, actor, zone)
        return await _insert(connection, made, digest, actor, reason)


async def create_first_account(
    parts: AccessParts, name: str, password: str, *, code: str, visitor: Visitor, zone: str = "UTC"
) -> Account:
    """Return the administrator who claims a new console with the code from the log of ``serve``.

    Raises:
        Refused: the code is another one.
        Conflict: somebody has claimed it.
    """
    if not parts.first_code.is_right(code):
        raise Refused(
            "that is not the code of this switchover: it stands in the log of switchover serve; or make the "
            "account on that machine with: switchover account create NAME --role admin"
        )
    digest = await _hash(parts, name, password)
    async with parts.database.transaction() as connection:
        await queries.lock_accounts(connection)
        if await queries.has_accounts(connection):
            raise Conflict(
                "this console has accounts by now: sign in with one, or ask who made them"
            )
        actor = Actor(
            name=FIRST,
            role=Role.ADMIN,
            door=Door.CONSOLE,
            address=visitor.address,
            client=visitor.short_agent,
        )
        return await _insert(connection, _fresh(name, Role.ADMIN, actor, zone), digest, actor)


async def set_password(
    parts: AccessParts, name: str, password: str, *, actor: Actor, reason: str = ""
) -> Account:
    """Give a local account another password, end its sessions and lift every pause of its sign-in.

    Raises:
        Conflict: the account has no password here, or it is removed meanwhile.
    """
    actor.require(Role.ADMIN)
    digest = await _hash(parts, name, password)
    async with parts.ending() as connection:
        account = await locked(connection, name)
        require_local(account)
        now = clock.now()
        await queries.set_password(connection, account.id, digest, now)
        await sessions.end_sessions(connection, account.id, "password changed", now)
        changed = await recorded(connection, "account.password", account, actor, reason)
    parts.throttle.forgive(account.name, clock.monotonic())
    return changed


async def enable_account(
    parts: AccessParts, name: str, *, actor: Actor, reason: str = ""
) -> Account:
    """Let an account sign in again; idempotent."""
    actor.require(Role.ADMIN)
    async with parts.database.transaction() as connection:
        account = await locked(connection, name)
        if account.is_enabled:
            return account
        await queries.set_disabled(connection, account.id, None)
        return await recorded(connection, "account.enable", account, actor, reason)


async def end_sessions(parts: AccessParts, name: str, *, actor: Actor, reason: str = "") -> int:
    """Sign an account out everywhere; return how many sessions that ended."""
    actor.require(Role.ADMIN)
    async with parts.ending() as connection:
        account = await require_account(connection, name)
        because = f"ended by {actor.name}"
        count = await sessions.end_sessions(connection, account.id, because, clock.now())
        after = {"sessions": count}
        entry = Entry.by(actor, "account.sign-out", account.name, after=after, reason=reason)
        await record(connection, entry)
        return count


async def change_zone(parts: AccessParts, account: Account, zone: str, *, actor: Actor) -> None:
    """Show times to an account in another zone; raises InvalidInput for none."""
    async with parts.database.transaction() as connection:
        await queries.set_zone(connection, account.id, usable_zone(zone))
        await recorded(connection, "account.zone", account, actor)


def require_local(account: Account) -> None:
    """Raise Conflict for an account whose person an identity provider knows, not we."""
    if not account.is_local:
        raise Conflict(
            f"{account.name} signs in through the identity provider; password and second factor are there"
        )


def told(account: Account) -> dict[str, str | bool]:
    """Return what the audit log says of an account."""
    return {
        "role": account.role.value,
        "may_sign_in": account.is_enabled,
        "is_local": account.is_local,
        "second_factor": account.has_second_factor,
        "zone": account.zone,
    }


async def recorded(
    connection: Connection, action: str, before: Account, actor: Actor, reason: str = ""
) -> Account:
    """Return an account as it is now, once what was done to it stands in the audit log."""
    after = await require_account(connection, before.name)
    old, new = told(before), told(after)
    changed = [key for key in old if old[key] != new[key]]
    entry = Entry.by(
        actor,
        action,
        before.name,
        before={key: old[key] for key in changed} or None,
        after={key: new[key] for key in changed} or None,
        reason=reason,
    )
    await record(connection, entry)
    return after


async def _hash(parts: AccessParts, name: str, password: str) -> str:
    return await parts.hashing.make(usable_password(password, name=usable_name(name)))


async def locked(connection: Connection, name: str) -> Account:
    """Return an account that nobody else changes until the end of the transaction; raises NotFound."""
    await queries.lock_accounts(connection)
    return await require_account(connection, name)


def _fresh(name: str, role: Role, actor: Actor, zone: str) -> Account:
    now = clock.now()
    return Account(
        id=clock.new_id(),
        name=name,
        role=role,
        zone=usable_zone(zone),
        issuer=None,
        subject=None,
        made_at=now,
        made_by=actor.name,
        password_at=now,
    )


async def _insert(
    connection: Connection, account: Account, digest: str, actor: Actor, reason: str = ""
) -> Account:
    taken = await queries.find_account(connection, account.name)
    if taken is not None:
        raise Conflict(f"there is an account {taken.name!r}; take another name, or change that one")
    await queries.insert_account(connection, account, digest)
    entry = Entry.by(actor, "account.create", account.name, after=told(account), reason=reason)
    await record(connection, entry)
    return account
