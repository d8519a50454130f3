"""Public verbs on the second factor: begin, confirm, remove, new recovery codes."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

from switchover import clock
from switchover.directory.access.account import queries, second_factor
from switchover.directory.access.account.work.changes import recorded, require_local
from switchover.directory.access.account.work.proof import require_password
from switchover.directory.access.account.work.reading import require_account
from switchover.directory.access.role import Role
from switchover.directory.access.session import queries as sessions
from switchover.errors import Conflict, InvalidInput, NotFound

if TYPE_CHECKING:
    from switchover.directory.access.account.account import Account, Credentials
    from switchover.directory.access.account.work.parts import AccessParts
    from switchover.directory.access.role import Actor
    from switchover.store.pool import Connection


async def begin(parts: AccessParts, account: Account) -> bytes:
    """Return a new secret for the authenticator; it is in force once a code of it was given.

    Raises:
        Conflict: the account has a second factor, or its person is known elsewhere.
    """
    require_local(account)
    secret = _random(second_factor.SECRET_BYTES)
    async with parts.database.transaction() as connection:
        known = await _credentials(connection, account)
        if known.totp_secret is not None:
            raise Conflict("this account has a second factor; remove it first")
        sealed = parts.sealer.seal(secret, context(account))
        await queries.set_draft(connection, account.id, sealed)
    return secret


async def find_draft(parts: AccessParts, account: Account) -> bytes | None:
    """Return the secret that waits for its first code, None when there is none."""
    async with parts.database.transaction() as connection:
        known = await _credentials(connection, account)
    return parts.sealer.unseal(known.totp_draft, context(account)) if known.totp_draft else None


async def confirm(
    parts: AccessParts,
    account: Account,
    code: str,
    password: str,
    *,
    keep_session: str,
    actor: Actor,
) -> tuple[str, ...]:
    """Put the second factor in force and return the recovery codes, which are shown only now.

    Ends the account's other sessions: they were opened with less. Asks for the password: with a stolen
    session alone somebody could put an authenticator of theirs between the account and its owner.

    Raises:
        InvalidInput: the password is wrong, or the code; the authenticator or its clock may be.
        Unavailable: the password was wrong too often.
        Conflict: there is nothing to confirm.
    """
    await require_password(parts, account, password)
    async with parts.ending() as connection:
        known = await _credentials(connection, account)
        if known.totp_draft is None:
            raise Conflict("there is no second factor to confirm; begin anew")
        secret = parts.sealer.unseal(known.totp_draft, context(account))
        now = clock.now()
        step = second_factor.find_step(secret, code, now, after=0)
        if step is None:
            raise InvalidInput("the code does not fit: look whether the telephone's clock is right")
        await queries.set_second_factor(connection, account.id, known.totp_draft, step=step)
        await sessions.end_sessions(
            connection, account.id, "second factor added", now, but=keep_session
        )
        codes = await _new_codes(connection, account)
        await recorded(connection, "account.second-factor-add", account, actor)
        return codes


async def renew_codes(
    parts: AccessParts, account: Account, password: str, *, actor: Actor
) -> tuple[str, ...]:
    """Return new recovery codes; the old ones end. Asks for the password.

    Raises:
        InvalidInput: the password is wrong.
        Conflict: there is no second factor.
    """
    await require_password(parts, account, password)
    async with parts.database.transaction() as connection:
        if not (await _credentials(connection, account)).account.has_second_factor:
            raise Conflict("this account has no second factor")
        codes = await _new_codes(connection, account)
        await recorded(connection, "account.recovery-codes", account, actor)
        return codes


async def remove(parts: AccessParts, account: Account, password: str, *, actor: Actor) -> None:
    """Take an account's own second factor out of force. Asks for the password."""
    await require_password(parts, account, password)
    async with parts.database.transaction() as connection:
        await _drop(connection, account)
        await recorded(connection, "account.second-factor-remove", account, actor)


async def reset(parts: AccessParts, name: str, *, actor: Actor, reason: str = "") -> Account:
    """Take the second factor from somebody who lost it and every code, and end their sessions."""
    actor.require(Role.ADMIN)
    async with parts.ending() as connection:
        account = await require_account(connection, name)
        require_local(account)
        await _drop(connection, account)
        await sessions.end_sessions(connection, account.id, "second factor reset", clock.now())
        changed = await recorded(connection, "account.second-factor-reset", account, actor, reason)
    parts.throttle.forgive(account.name, clock.monotonic())
    return changed


def context(account: Account) -> str:
    """Return what a sealed secret belongs to."""
    return f"totp:{account.id}"


async def _credentials(connection: Connection, account: Account) -> Credentials:
    found = await queries.find_credentials(connection, account.name)
    if found is None or found.account.id != account.id:
        raise NotFound(f"there is no account {account.name!r} any more")
    return found


async def _drop(connection: Connection, account: Account) -> None:
    await queries.set_second_factor(connection, account.id, None)
    await queries.replace_codes(connection, account.id, ())


async def _new_codes(connection: Connection, account: Account) -> tuple[str, ...]:
    codes = tuple(second_factor.recovery_code(_random(10)) for _ in range(second_factor.CODES))
    hashes = [second_factor.recovery_hash(code) for code in codes]
    await queries.replace_codes(connection, account.id, [digest for digest in hashes if digest])
    return codes


def _random(size: int) -> bytes:
    text = clock.new_secret(size_bytes=size)
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
