"""Public verbs of sign-in: with a password, with a code, out.

A name that does not exist, one that is disabled and one with another password take the same time and get
the same sentence.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from switchover import clock
from switchover.directory.access.account import password as passwords
from switchover.directory.access.account import queries as accounts
from switchover.directory.access.account import second_factor
from switchover.directory.access.account.account import LONGEST_NAME
from switchover.directory.access.account.work.second_factor import context
from switchover.directory.access.role import Door
from switchover.directory.access.session import queries as sessions
from switchover.directory.access.session.session import (
    CODE_SECONDS,
    Method,
    Session,
    Visitor,
    secret_hash,
)
from switchover.directory.access.session.work import KEPT, open_session
from switchover.directory.access.sign_in.outcome import (
    TOO_LATE,
    WRONG,
    WRONG_CODE,
    CodeNeeded,
    Denied,
    Opened,
    SignIn,
    too_often,
)
from switchover.directory.access.sign_in.throttle import code_keys, pair_keys
from switchover.directory.audit.entry import Entry, Outcome
from switchover.directory.audit.work import record

if TYPE_CHECKING:
    from switchover.directory.access.account.account import Account, Credentials
    from switchover.directory.access.account.work.parts import AccessParts
    from switchover.directory.access.role import Actor
    from switchover.store.pool import Connection


async def sign_in(parts: AccessParts, name: str, password: str, visitor: Visitor) -> SignIn:
    """Return a session, one that awaits a code, or why not.

    Raises Unavailable when the database does not answer or too many sign in at once.
    """
    name = name.strip()[:LONGEST_NAME].replace("\0", "")
    paused = await _pause(parts, name, visitor)
    if paused > 0:
        return await note_denied(parts, too_often(paused), "", visitor)
    known, is_near = await _look_up(parts, name, visitor)
    now = clock.monotonic()
    keys = parts.throttle.keys_of(name, visitor.address, now, is_known=is_near)
    wait = parts.throttle.enter(keys, now)
    if wait > 0:
        return await note_denied(
            parts, too_often(wait), known.account.name if known else "", visitor
        )
    kept = known.password_hash if known else None
    is_right = await parts.hashing.fits(kept, password)
    if known is None or kept is None or not is_right or not known.account.is_enabled:
        denied = Denied(sentence=WRONG, reason=_reason(known, is_right=is_right))
        return await note_denied(parts, denied, known.account.name if known else "", visitor)
    better = await _better_hash(parts, kept, password)
    async with parts.database.transaction() as connection:
        outcome = await _open(connection, known, visitor)
        if better and not isinstance(outcome, Denied):
            await accounts.renew_hash(connection, known.account.id, old=kept, new=better)
    if isinstance(outcome, Denied):
        await note_denied(parts, outcome, known.account.name, visitor)
    else:
        # Right passwords are no excuse for guessing codes: that count stays until a code was right.
        pair = () if isinstance(outcome, Opened) else pair_keys(name, visitor.address)
        parts.throttle.succeeded(key for key in keys if key not in pair)
        if isinstance(outcome, Opened):
            parts.near.add(visitor.address, known.account.name)
    return outcome


async def confirm_code(parts: AccessParts, secret: str, code: str, visitor: Visitor) -> SignIn:
    """Return an open session for one that awaits its code; ``code`` is of either kind.

    A right code ends the session that waited: what opens has a secret that was never on a half-open page.
    After a wrong one it waits on, until its time is over; wrong codes count, with pauses of their own.
    """
    digest = secret_hash(secret)
    async with parts.database.transaction() as connection:
        found = await sessions.find_session(connection, digest) if digest else None
    if found is None or not _awaits(parts, *found):
        denied = Denied(sentence=TOO_LATE, reason="no session awaits this code")
        return await note_denied(parts, denied, "", visitor)
    session, account = found
    keys = code_keys(account.name)
    wait = parts.throttle.enter(keys, clock.monotonic())
    if wait > 0:
        return await note_denied(parts, too_often(wait), account.name, visitor)
    async with parts.database.transaction() as connection:
        outcome = await _finish(parts, connection, session, account, code=code, visitor=visitor)
    if isinstance(outcome, Denied):
        await note_denied(parts, outcome, account.name, visitor)
    if isinstance(outcome, Opened):
        parts.throttle.succeeded((*keys, *pair_keys(account.name, visitor.address)))
        parts.near.add(visitor.address, account.name)
    return outcome


async def code_seconds_left(parts: AccessParts, secret: str) -> float:
    """Return for how long a session still awaits its code, 0 when it does not."""
    digest = secret_hash(secret)
    if digest is None:
        return 0.0
    async with parts.database.transaction() as connection:
        found = await sessions.find_session(connection, digest)
    if found is None or not _awaits(parts, *found):
        return 0.0
    return (found[0].made_at - clock.now()).total_seconds() + CODE_SECONDS


async def sign_out(parts: AccessParts, account: Account, session: Session, *, actor: Actor) -> None:
    """End the session somebody asks from; nothing happens when it has ended meanwhile."""
    async with parts.ending() as connection:
        now = clock.now()
        if await sessions.end_session(connection, account.id, session.id, "signed out", now):
            await record(connection, Entry.by(actor, "sign-out", account.name))


async def note_denied(parts: AccessParts, denied: Denied, name: str, visitor: Visitor) -> Denied:
    """Record a try that failed, within bounds, and return it.

    ``name`` is that of an account, "" for none: what somebody typed into the wrong field may be a password.
    """
    entry = Entry(
        actor=name or "unknown",
        origin=Door.CONSOLE,
        action="sign-in",
        subject=name,
        address=visitor.address,
        client=visitor.short_agent,
        outcome=Outcome.REFUSED,
        reason=denied.reason,
    )
    await parts.refusals.note(entry, is_known=False)
    return denied


async def _pause(parts: AccessParts, name: str, visitor: Visitor) -> float:
    """Return for how long a try is paused, asking the database once a minute for each address at most."""
    now = clock.monotonic()
    stranger = parts.throttle.keys_of(name, visitor.address, now, is_known=False)
    wait = parts.throttle.pause_of(stranger, now)
    if wait <= 0:
        return 0.0
    if name.lower() not in await names_near(parts, visitor):
        return wait
    near = parts.throttle.keys_of(name, visitor.address, now, is_known=True)
    return parts.throttle.pause_of(near, now)


async def names_near(parts: AccessParts, visitor: Visitor) -> set[str]:
    """Return who signed in from an address lately, in lower case; nobody when too many addresses ask."""
    now = clock.monotonic()
    names = parts.near.recall(visitor.address, now)
    if names is None and parts.near.may_read(visitor.address, now):
        async with parts.database.transaction() as connection:
            found = await sessions.list_names_at(
                connection, visitor.address, after=clock.now() - KEPT
            )
        parts.near.remember(visitor.address, found, now)
        names = parts.near.recall(visitor.address, now)
    return names or set()


async def _look_up(
    parts: AccessParts, name: str, visitor: Visitor
) -> tuple[Credentials | None, bool]:
    async with parts.database.transaction() as connection:
        known = await accounts.find_credentials(connection, name)
        # Asked for nobody too, so that it takes as long.
        account_id = known.account.id if known else clock.new_id()
        is_near = await sessions.is_known_address(
            connection, account_id, visitor.address, after=clock.now() - KEPT
        )
    return known, is_near


def _reason(known: Credentials | None, *, is_right: bool) -> str:
    if known is None:
        return "no such account"
    if known.password_hash is None:
        return "the account is of an identity provider"
    return "the account is disabled" if is_right else "wrong password"


async def _better_hash(parts: AccessParts, kept: str, password: str) -> str | None:
    if not passwords.is_outdated(kept):
        return None
    return await parts.hashing.make(passwords.normal(password))


async def _open(connection: Connection, known: Credentials, visitor: Visitor) -> SignIn:
    needs_code = known.totp_secret is not None
    if not await accounts.admit(
        connection,
        known.account.id,
        clock.now(),
        password_hash=known.password_hash,
        is_whole=not needs_code,
    ):
        return Denied(sentence=WRONG, reason="the account was changed meanwhile")
    new = await open_session(
        connection, known.account, Method.PASSWORD, visitor, awaits_code=needs_code
    )
    return CodeNeeded(new=new) if needs_code else Opened(new=new)


async def _finish(
    parts: AccessParts,
    connection: Connection,
    session: Session,
    account: Account,
    *,
    code: str,
    visitor: Visitor,
) -> SignIn:
    now = clock.now()
    if not await accounts.admit(connection, account.id, now, password_hash=None, is_whole=False):
        return Denied(sentence=TOO_LATE, reason="the account was disabled meanwhile")
    if not await _use(parts, connection, account, code):
        return Denied(sentence=WRONG_CODE, reason="wrong or used code")
    if not await sessions.end_session(connection, account.id, session.id, "code given", now):
        return Denied(sentence=TOO_LATE, reason="the session that awaited the code has ended")
    await accounts.admit(connection, account.id, now, password_hash=None, is_whole=True)
    return Opened(new=await open_session(connection, account, Method.PASSWORD_AND_CODE, visitor))


def _awaits(parts: AccessParts, session: Session, account: Account) -> bool:
    is_valid = session.is_valid(parts.limits, clock.now())
    return session.awaits_code and is_valid and account.is_enabled


async def _use(parts: AccessParts, connection: Connection, account: Account, code: str) -> bool:
    """Use up a code of the authenticator, or a recovery code."""
    now = clock.now()
    digest = second_factor.recovery_hash(code)
    if digest is not None:
        return await accounts.use_code(connection, account.id, digest, now)
    known = await accounts.find_credentials(connection, account.name)
    if known is None or known.totp_secret is None:
        return False
    secret = parts.sealer.unseal(known.totp_secret, context(account))
    step = second_factor.find_step(secret, code, now, after=known.totp_step)
    return step is not None and await accounts.use_step(connection, account.id, step)
