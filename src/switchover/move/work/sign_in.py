"""Connecting and signing in to one side, with sentences that tell what to do when that fails."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace
from socket import EAI_NODATA, EAI_NONAME
from typing import TYPE_CHECKING

from switchover import clock
from switchover.errors import InvalidInput
from switchover.wire.imap.errors import (
    CertificateFault,
    CertificateRefused,
    ConnectionLost,
    SignInRefused,
)
from switchover.wire.imap.shell import open_connection

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator
    from socket import socket

    from switchover.move.work.mailbox import Account
    from switchover.wire.imap.sasl import Credentials
    from switchover.wire.imap.shell import Connection, Target

_PIN = (
    "pin this one certificate with --{side}fingerprint (its SHA-256, shown on that server by "
    "openssl x509 -noout -fingerprint -sha256 -in CERTIFICATE)"
)
_NO_SUCH_NAME = frozenset({EAI_NODATA, EAI_NONAME})
_ADVICE = {
    CertificateFault.EXPIRED: f"have it renewed there, or {_PIN}",
    CertificateFault.NOT_YET_VALID: f"set the clocks right, or {_PIN}",
    CertificateFault.OTHER_NAME: f"use a host name that it is for, or {_PIN}",
    CertificateFault.SELF_SIGNED: _PIN,
    CertificateFault.UNKNOWN_AUTHORITY: (
        f"give the certificate of that authority with --{{side}}ca, or {_PIN}"
    ),
    CertificateFault.OTHER: _PIN,
    CertificateFault.NOT_PINNED: (
        "if its owner changed it, give the new one with --{side}fingerprint; if not, somebody sits "
        "between you and the server"
    ),
}


def unchanging(secret: Credentials) -> Callable[[], Awaitable[Credentials]]:
    """Return what gives an account the same secret for each connection."""

    async def give() -> Credentials:
        return secret

    return give


async def sign_in(account: Account) -> Connection:
    """Return a connection that is signed in.

    A secret that can be fetched anew is, once, when the server refuses it: tokens run out. Raises what
    ``open_connection`` and ``Connection.sign_in`` raise, with advice on what to do.
    """
    with advice(account):
        try:
            return await _open(account)
        except SignInRefused:
            if not account.renews:
                raise
        return await _open(account)


async def _open(account: Account) -> Connection:
    credentials = await account.credentials()
    target = account.target
    taken: list[socket] = []

    def take() -> socket | None:
        found = target.begun() if target.begun is not None else None
        taken.extend([found] if found is not None else [])
        return found

    try:
        return await _enter(account, replace(target, begun=take), credentials)
    except ConnectionLost as error:
        # A server may have given a connection up that was made before a password was typed.
        if not taken or isinstance(error.__cause__, TimeoutError):
            raise
    return await _enter(account, replace(target, begun=None), credentials)


async def _enter(account: Account, target: Target, credentials: Credentials) -> Connection:
    connection = await open_connection(target, trace=account.trace)
    try:
        await connection.sign_in(credentials, nonce=clock.new_secret())
        if account.target.compress and "COMPRESS=DEFLATE" in connection.conversation.capabilities:
            await connection.compress()
    except BaseException:
        await connection.close(politely=False)
        raise
    return connection


async def sign_in_first(account: Account) -> Connection:
    """Sign in as the first of a run: a name that no name server knows is then bad input.

    Later it is a network that is away for a while.
    """
    try:
        return await sign_in(account)
    except ConnectionLost as error:
        cause = error.__cause__
        if isinstance(cause, OSError) and cause.errno in _NO_SUCH_NAME:
            raise InvalidInput(f"{error}; is {account.target.host} spelled right?") from error
        raise


@contextmanager
def advice(account: Account) -> Iterator[None]:
    """Add to what goes wrong in the block what to do about it."""
    try:
        yield
    except CertificateRefused as error:
        advice = _ADVICE[error.fault].format(side=f"{account.side}-" if account.side else "")
        raise CertificateRefused(f"{error}; {advice}", error.fault) from error
    except SignInRefused as error:
        what = "where its token comes from" if account.renews else "its user and password"
        advice = f"check {what}" + (f" (the {account.side})" if account.side else "")
        raise SignInRefused(
            f"{str(error).rstrip('.')}; {advice}", error.status, token_refusal=error.token_refusal
        ) from error
