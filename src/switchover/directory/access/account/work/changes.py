"""Public verbs that change accounts: create, role, password, disable, enable, remove.

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
    parts: AccessParts, name: str, role: Role, password: str, *, actor: Actor, zone: str = "UTC"
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
        return await _insert(connection, name, role, digest, actor, zone)


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
        return await _insert(connection, name, Role.ADMIN, digest, actor, zone)


async def change_role(parts: AccessParts, name: str, role: Role, *, actor: Actor) -> Account:
    """Give a local account another role and end its sessions.

    Raises:
        Conflict: it is the last local administrator, or an identity provider decides its role.
    """
    actor.require(role)
    async with parts.ending() as connection:
        account = await _locked(connection, name)
        if not account.is_local:
            raise Conflict(
                f"{account.name} gets its role from the groups at the identity provider; change it there"
            )
        if account.role is role:
            return account
        await _require_another(connection, account)
        await queries.set_role(connection, account.id, role)
        await sessions.end_sessions(connection, account.id, "role changed", clock.now())
        return await recorded(connection, "account.role", account, actor)


async def set_password(parts: AccessParts, name: str, password: str, *, actor: Actor) -> Account:
    """Give a local account another password, end its sessions and lift every pause of its sign-in.

    Raises:
        Conflict: the account has no password here, or it is removed meanwhile.
    """
    actor.require(Role.ADMIN)
    digest = await _hash(parts, name, password)
    async with parts.ending() as connection:
        account = await _locked(connection, name)
        require_local(account)
        now = clock.now()
        await queries.set_password(connection, account.id, digest, now)
        await sessions.end_sessions(connection, account.id, "password changed", now)
        changed = await recorded(connection, "account.password", account, actor)
    parts.throttle.forgive(account.name, clock.monotonic())
    return changed


async def disable_account(parts: AccessParts, name: str, *, actor: Actor) -> Account:
    """Keep an account from signing in and end its sessions; idempotent.

    Raises:
        Conflict: it is the last local administrator.
    """
    actor.require(Role.ADMIN)
    async with parts.ending() as connection:
        account = await _locked(connection, name)
        if not account.is_enabled:
            return account
        await _require_another(connection, account)
        now = clock.now()
        await queries.set_disabled(connection, account.id, now)
        await sessions.end_sessions(connection, account.id, "account disabled", now)
        return await recorded(connection, "account.disable", account, actor)


async def enable_account(parts: AccessParts, name: str, *, actor: Actor) -> Account:
    """Let an account sign in again; idempotent."""
    actor.require(Role.ADMIN)
    async with parts.database.transaction() as connection:
        account = await _locked(connection, name)
        if account.is_enabled:
            return account
        await queries.set_disabled(connection, account.id, None)
        return await recorded(connection, "account.enable", account, actor)


async def remove_account(parts: AccessParts, name: str, *, actor: Actor) -> Account:
    """Remove an account with its sessions; its name stays in the history. Returns what it was.

    Raises:
        Conflict: it is the last local administrator.
    """
    actor.require(Role.ADMIN)
    async with parts.ending() as connection:
        account = await _locked(connection, name)
        await _require_another(connection, account)
        await queries.delete_account(connection, account.id)
        await record(
            connection, Entry.by(actor, "account.remove", account.name, before=told(account))
        )
        return account


async def end_sessions(parts: AccessParts, name: str, *, actor: Actor) -> int:
    """Sign an account out everywhere; return how many sessions that ended."""
    actor.require(Role.ADMIN)
    async with parts.ending() as connection:
        account = await require_account(connection, name)
        because = f"ended by {actor.name}"
        count = await sessions.end_sessions(connection, account.id, because, clock.now())
        entry = Entry.by(actor, "account.sign-out", account.name, after={"sessions": count})
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


async def recorded(connection: Connection, action: str, before: Account, actor: Actor) -> Account:
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
    )
    await record(connection, entry)
    return after


async def _hash(parts: AccessParts, name: str, password: str) -> str:
    return await parts.hashing.make(usable_password(password, name=usable_name(name)))


async def _locked(connection: Connection, name: str) -> Account:
    await queries.lock_accounts(connection)
    return await require_account(connection, name)


async def _insert(
    connection: Connection, name: str, role: Role, digest: str, actor: Actor, zone: str
) -> Account:
    taken = await queries.find_account(connection, name)
    if taken is not None:
        raise Conflict(f"there is an account {taken.name!r}; take another name, or change that one")
    now = clock.now()
    account = Account(
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
    await queries.insert_account(connection, account, digest)
    await record(connection, Entry.by(actor, "account.create", name, after=told(account)))
    return account


async def _require_another(connection: Connection, account: Account) -> None:
    """Raise Conflict for the last one who could sign in while the identity provider is away."""
    is_one = account.is_local and account.is_enabled and account.role is Role.ADMIN
    if is_one and not await queries.has_other_administrator(connection, account.id):
        raise Conflict(
            f"{account.name} is the last local account with the role admin that may sign in; make another one "
            "first: switchover account create NAME --role admin"
        )
