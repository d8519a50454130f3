"""Public verbs on sessions: open, find, list, end."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from switchover import clock
from switchover.directory.access.role import Door
from switchover.directory.access.session import queries
from switchover.directory.access.session.session import (
    Method,
    NewSession,
    Session,
    Visitor,
    secret_hash,
)
from switchover.directory.audit.entry import Entry
from switchover.directory.audit.work import record
from switchover.errors import Corrupt, NotFound

if TYPE_CHECKING:
    from collections.abc import Iterable

    from switchover.directory.access.account.account import Account
    from switchover.directory.access.account.work.parts import AccessParts
    from switchover.directory.access.role import Actor
    from switchover.store.pool import Connection, Database

BY_PERSON = "ended by its person"
KEPT = timedelta(days=30)
"""How long ended sessions say from where an account signs in."""


async def open_session(
    connection: Connection,
    account: Account,
    method: Method,
    visitor: Visitor,
    *,
    awaits_code: bool = False,
) -> NewSession:
    """Return a new session of an account, within the transaction of its sign-in."""
    now = clock.now()
    secret = clock.new_secret()
    digest = secret_hash(secret)
    if digest is None:
        raise Corrupt("a new session does not have the form of a session")
    session = Session(
        id=clock.new_id(),
        account_id=account.id,
        method=method,
        awaits_code=awaits_code,
        address=visitor.address,
        agent=visitor.short_agent,
        made_at=now,
        seen_at=now,
    )
    await queries.insert_session(connection, session, digest)
    if not awaits_code:
        actor = replace(
            account.actor,
            door=Door.CONSOLE,
            address=visitor.address,
            client=visitor.short_agent,
        )
        entry = Entry.by(actor, "sign-in", account.name, after={"method": method.value})
        await record(connection, entry)
    return NewSession(session=session, secret=secret, account=account)


async def find_session(
    parts: AccessParts, secret: str, *, touch: bool = True
) -> tuple[Session, Account] | None:
    """Return the session of a cookie and whose it is, and note that it was used.

    None when it is unknown, over, awaits its code, or its account is disabled or of an identity provider
    that the settings do not name any more. ``touch`` False is for
    requests that no person made: they must not keep a session open.
    """
    digest = secret_hash(secret)
    if digest is None:
        return None
    endings = parts.sessions.endings
    async with parts.database.transaction() as connection:
        found = await queries.find_session(connection, digest)
        if found is None or not _is_open(parts, *found):
            parts.sessions.forget(digest)
            return None
        session, account = found
        now = clock.now()
        if touch and session.is_stale(now):
            await queries.touch_session(connection, session.id, now)
    if parts.sessions.endings == endings:  # else this may be one of those, read just before
        parts.sessions.remember(digest, session, account)
    return found


def recall_session(
    parts: AccessParts, secret: str, *, touch: bool = True
) -> tuple[Session, Account] | None:
    """Return the session of a cookie as it was a moment ago, for looking while the database is away."""
    return parts.sessions.recall(secret, parts.limits, clock.now(), touch=touch)


async def find_open(parts: AccessParts, ids: Iterable[str]) -> set[str]:
    """Return which of these sessions, by their ids, are still open; keeps none of them so."""
    async with parts.database.transaction() as connection:
        found = await queries.find_sessions(connection, ids)
    return {session.id for session, account in found if _is_open(parts, session, account)}


def _is_open(parts: AccessParts, session: Session, account: Account) -> bool:
    is_valid = session.is_valid(parts.limits, clock.now())
    return is_valid and not session.awaits_code and account.is_enabled and parts.is_vouched(account)


async def list_sessions(parts: AccessParts, account: Account) -> list[Session]:
    """Return the open sessions of an account, newest first."""
    if not parts.is_vouched(account):
        return []
    now = clock.now()
    async with parts.database.transaction() as connection:
        return await queries.list_sessions(
            connection,
            account.id,
            seen_after=now - parts.limits.idle,
            made_after=now - parts.limits.absolute,
        )


async def end_session(
    parts: AccessParts, account: Account, session_id: str, *, actor: Actor
) -> None:
    """End one session of an account; raises NotFound when there is none such that is open."""
    async with parts.ending() as connection:
        now = clock.now()
        # No id has a zero byte, and no text of the database holds one.
        wanted = session_id.replace("\0", " ")
        if not await queries.end_session(connection, account.id, wanted, BY_PERSON, now):
            raise NotFound("there is no such open session; it may have ended")
        await record(
            connection, Entry.by(actor, "session.end", account.name, after={"sessions": 1})
        )


async def end_others(parts: AccessParts, account: Account, session_id: str, *, actor: Actor) -> int:
    """End all sessions of an account but one; return how many."""
    async with parts.ending() as connection:
        count = await queries.end_sessions(
            connection, account.id, BY_PERSON, clock.now(), but=session_id
        )
        entry = Entry.by(actor, "session.end", account.name, after={"sessions": count})
        await record(connection, entry)
        return count


async def drop_old(database: Database) -> int:
    """Forget sessions that began long ago; return how many."""
    async with database.transaction() as connection:
        return await queries.delete_old(connection, clock.now() - KEPT)
