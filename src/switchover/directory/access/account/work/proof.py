"""Asks somebody who is signed in for the password once more, before what a stolen session must not do."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from switchover import clock
from switchover.directory.access.account import queries
from switchover.directory.access.account.password import usable_password
from switchover.directory.access.account.work.changes import recorded, require_local
from switchover.directory.access.session import queries as sessions
from switchover.directory.access.sign_in.throttle import Kind
from switchover.errors import InvalidInput, NotFound, Unavailable

if TYPE_CHECKING:
    from switchover.directory.access.account.account import Account
    from switchover.directory.access.account.work.parts import AccessParts
    from switchover.directory.access.role import Actor


async def require_password(parts: AccessParts, account: Account, password: str) -> None:
    """Return when it is the account's password.

    Raises:
        InvalidInput: it is not.
        Unavailable: it was not too often; a stolen session is no place for guessing.
        Conflict: the account has none here.
    """
    require_local(account)
    key = (Kind.PAIR, f"{account.name.lower()}\0signed in")
    wait = parts.throttle.enter((key,), clock.monotonic())
    if wait > 0:
        raise Unavailable(f"too many wrong passwords; try again in {math.ceil(wait)} s")
    async with parts.database.transaction() as connection:
        known = await queries.find_credentials(connection, account.name)
    if known is None or known.account.id != account.id:
        raise NotFound(f"there is no account {account.name!r} any more")
    if not await parts.hashing.fits(known.password_hash, password):
        raise InvalidInput("that is not your password")
    parts.throttle.succeeded((key,))


async def change_own_password(
    parts: AccessParts, account: Account, *, old: str, new: str, keep_session: str, actor: Actor
) -> None:
    """Give somebody another password and end all their sessions but the one they ask from.

    Raises as ``require_password`` does, and InvalidInput for a poor new password.
    """
    wanted = usable_password(new, name=account.name)
    await require_password(parts, account, old)
    digest = await parts.hashing.make(wanted)
    async with parts.ending() as connection:
        now = clock.now()
        await queries.set_password(connection, account.id, digest, now)
        await sessions.end_sessions(
            connection, account.id, "password changed", now, but=keep_session
        )
        await recorded(connection, "account.password", account, actor)
