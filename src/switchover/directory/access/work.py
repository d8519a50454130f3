"""Public verbs on tokens: create, recognise, list, revoke."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from switchover import clock
from switchover.directory.access import queries
from switchover.directory.access.role import Actor, Role
from switchover.directory.access.token import NewToken, Token, new_token, token_hash
from switchover.directory.audit.entry import Entry
from switchover.directory.audit.work import record
from switchover.errors import Corrupt, NotFound

if TYPE_CHECKING:
    from datetime import datetime

    from switchover.directory.access.memory import TokenMemory
    from switchover.store.pool import Connection, Database

_TOUCH_AFTER = timedelta(minutes=5)
"""How stale ``last_used_at`` may be: writing it at each request would cost a write per read."""


async def create_token(
    database: Database,
    name: str,
    role: Role,
    *,
    actor: Actor,
    valid_days: float | None,
    reason: str = "",
) -> NewToken:
    """Return a new token with its secret, which is kept nowhere else.

    Nobody can give more than they have. ``valid_days`` None means that it never expires.
    """
    actor.require(role)
    now = clock.now()
    expires_at = None if valid_days is None else now + timedelta(days=valid_days)
    fresh = new_token(name, role, created_by=actor.name, now=now, expires_at=expires_at)
    digest = token_hash(fresh.secret)
    if digest is None:
        raise Corrupt("a new token does not have the form of a token")
    async with database.transaction() as connection:
        await queries.insert_token(connection, fresh.token, digest)
        told = _told(fresh.token)
        await record(connection, Entry.by(actor, "token.create", name, after=told, reason=reason))
    return fresh


async def find_actor(database: Database, memory: TokenMemory, secret: str) -> Actor | None:
    """Return who a bearer token stands for; None when it is unknown, expired or revoked.

    Raises Unavailable without the database; ``memory`` then knows who was found lately.
    """
    revocations = memory.revocations
    token = await find_token(database, secret)
    digest = token_hash(secret)
    if token is None or digest is None:
        memory.forget(digest or "")
        return None
    if memory.revocations == revocations:  # else this may be the one, read just before
        memory.remember(digest, token, clock.now())
    return Actor(name=token.name, role=token.role)


async def find_token(database: Database, secret: str) -> Token | None:
    """Return the valid token with this secret, and note that it was used; None for any other."""
    digest = token_hash(secret)
    if digest is None:
        return None
    now = clock.now()
    async with database.transaction() as connection:
        token = await queries.find_token(connection, digest)
        if token is None or not token.is_valid(now):
            return None
        if token.last_used_at is None or now - token.last_used_at > _TOUCH_AFTER:
            await queries.touch_token(connection, token.id, now)
    return token


async def list_tokens(
    database: Database,
    *,
    before: tuple[datetime, str] | None = None,
    role: Role | None = None,
    containing: str | None = None,
    maker: str | None = None,
    is_valid: bool = False,
    limit: int | None = None,
) -> list[Token]:
    """Return tokens, newest first; ``before`` is when the last one of a page was made, and its id.

    ``maker`` is the name of who made them, to the letter; ``is_valid`` leaves out those that have ended.
    """
    async with database.transaction() as connection:
        return await queries.list_tokens(
            connection,
            before=before,
            role=role.value if role else None,
            containing=containing,
            maker=maker,
            valid_at=clock.now() if is_valid else None,
            limit=limit,
        )


async def get_token(database: Database, token_id: str) -> Token:
    """Return the token with that id; raises NotFound."""
    async with database.transaction() as connection:
        # No id has a zero byte, and no text of the database holds one.
        found = await queries.get_token(connection, token_id.replace("\0", " "))
    if found is None:
        raise NotFound(f"there is no token {token_id!r}; see: switchover token list")
    return found


async def revoke_token(
    database: Database, memory: TokenMemory, token_id: str, *, actor: Actor, reason: str = ""
) -> None:
    """End a token now; raises NotFound when there is no such token that still works."""
    if "\0" in token_id:  # which no text of the database holds
        raise NotFound("there is no such token; see: switchover token list")
    try:
        async with database.transaction() as connection:
            ended = await queries.revoke_token(connection, token_id, clock.now())
            if ended is None:
                raise NotFound(f"there is no valid token {token_id!r}; see: switchover token list")
            await _record_end(connection, ended, actor, reason)
    finally:
        # Not before the commit: until then requests find the token valid and remember it. Nor only
        # when it succeeded: one whose answer was lost may have been stored.
        memory.forget_all()


async def revoke_tokens_of(
    connection: Connection, maker: str, *, above: Role | None, actor: Actor, reason: str = ""
) -> tuple[Token, ...]:
    """End the valid tokens that somebody made, within the transaction that takes their rights away.

    ``above`` spares those up to a role. The memory of tokens must be emptied behind the commit:
    see ``AccessParts.ending``.
    """
    roles = [role.value for role in Role if above is None or not above.includes(role)]
    ended = await queries.revoke_tokens_of(connection, maker, roles, clock.now())
    for token in ended:
        await _record_end(connection, token, actor, reason)
    return tuple(ended)


async def _record_end(connection: Connection, token: Token, actor: Actor, reason: str) -> None:
    entry = Entry.by(actor, "token.revoke", token.name, before=_told(token), reason=reason)
    await record(connection, entry)


def _told(token: Token) -> dict[str, str | None]:
    """Return what the audit log says of a token."""
    expires_at = token.expires_at
    return {
        "id": token.id,
        "role": token.role.value,
        "made_by": token.created_by,
        "expires_at": None if expires_at is None else expires_at.isoformat(),
    }
