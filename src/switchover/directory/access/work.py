"""Public verbs on tokens: create, recognise, list, revoke."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from switchover import clock
from switchover.directory.access import queries
from switchover.directory.access.role import Role
from switchover.directory.access.token import NewToken, Token, new_token, token_hash
from switchover.directory.audit.entry import Entry
from switchover.directory.audit.work import record
from switchover.errors import Conflict, Corrupt, NotFound, Refused

if TYPE_CHECKING:
    from datetime import datetime

    from switchover.directory.access.memory import TokenMemory
    from switchover.directory.access.role import Actor
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
    once_within: timedelta | None = None,
) -> NewToken:
    """Return a new token with its secret, which is kept nowhere else.

    Nobody can give more than they have. ``valid_days`` None means that it never expires. ``once_within`` is for
    how long the same account makes no other token of that name: a page that is loaded again sends its form anew.

    Raises:
        Refused: the role is above that of the actor, or who is behind it lost it meanwhile.
        Conflict: there is such a token already.
    """
    actor.require(role)
    now = clock.now()
    expires_at = None if valid_days is None else now + timedelta(days=valid_days)
    fresh = new_token(
        name,
        role,
        created_by=actor.name,
        now=now,
        expires_at=expires_at,
        account_id=actor.account_id,
    )
    digest = token_hash(fresh.secret)
    if digest is None:
        raise Corrupt("a new token does not have the form of a token")
    async with database.transaction() as connection:
        await _require_maker(connection, actor, role, now)
        if once_within is not None:
            await _require_no_twin(connection, fresh.token, since=now - once_within)
        await queries.insert_token(connection, fresh.token, digest)
        told = _told(fresh.token)
        await record(connection, Entry.by(actor, "token.create", name, after=told, reason=reason))
    return fresh


async def _require_maker(connection: Connection, actor: Actor, role: Role, now: datetime) -> None:
    """Raise Refused when the account or token behind an actor has lost a role; else it keeps it till the end.

    Whoever takes rights away waits for this transaction or is waited for: no token is made behind their back.
    """
    roles = [other.value for other in Role if other.includes(role)]
    if actor.token_id is not None:
        may = await queries.hold_token(connection, actor.token_id, roles, now)
    elif actor.account_id is not None:
        may = await queries.hold_account(connection, actor.account_id, roles)
    else:
        return
    if not may:
        raise Refused(f"this needs {role}; {actor.name} has lost that right meanwhile")


async def _require_no_twin(connection: Connection, token: Token, *, since: datetime) -> None:
    if await queries.has_twin(connection, token, since=since, now=token.created_at):
        raise Conflict(
            f"you made a token {token.name!r} a moment ago, and its secret was shown then; if it is lost, end "
            "that token and make another, or take another name"
        )


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
    return token.actor


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
    account: str | None = None,
    is_valid: bool = False,
    limit: int | None = None,
) -> list[Token]:
    """Return tokens, newest first; ``before`` is when the last one of a page was made, and its id.

    ``maker`` is the name of who made them, to the letter; ``account`` is the name of the account at their root,
    also of those that its tokens made; ``is_valid`` leaves out those that have ended.
    """
    async with database.transaction() as connection:
        return await queries.list_tokens(
            connection,
            before=before,
            role=role.value if role else None,
            containing=containing,
            maker=maker,
            account=account,
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
    connection: Connection, account_id: str, *, above: Role | None, actor: Actor, reason: str = ""
) -> tuple[Token, ...]:
    """End the valid tokens of an account, within the transaction that takes its rights away.

    Those that its tokens made are among them. ``above`` spares those up to a role. Call it behind the change of
    the account's row and before anything is recorded: who makes a token holds the row of its maker, then waits
    for the end of the audit log. The memory of tokens must be emptied behind the commit:
    see ``AccessParts.ending``.
    """
    roles = [role.value for role in Role if above is None or not above.includes(role)]
    ended: list[Token] = []
    # Again until there is none: one that made another meanwhile is waited for, and only the next look sees that.
    while found := await queries.revoke_tokens_of(connection, account_id, roles, clock.now()):
        ended += found
    ended.sort(key=lambda token: (token.name, token.id))
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
