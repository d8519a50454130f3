"""What a person asked for, as an order for the engine: endpoints and secrets to accounts."""

from __future__ import annotations

import re
import ssl
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from switchover.errors import InvalidInput
from switchover.move.endpoint import ArchiveEndpoint, Security
from switchover.move.work.mailbox import Account
from switchover.move.work.sign_in import unchanging
from switchover.move.work.sign_in_secret import read_secret, run_token_command
from switchover.wire.imap.sasl import BearerToken, Mechanism, Password
from switchover.wire.imap.shell import Target

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from switchover.move.endpoint import Endpoint
    from switchover.move.work.early_link import EarlyLink
    from switchover.wire.imap.sasl import Credentials

TokenSource: TypeAlias = Path | tuple[str, ...]
"""A file whose first line is the token, or the words of a command that prints it."""
MECHANISMS = {
    "login-command" if one is Mechanism.LOGIN_COMMAND else one.lower(): one for one in Mechanism
}
_FINGERPRINT = re.compile(r"(?:sha-?256(?: fingerprint)?[:= ]?)?([0-9a-f]{64})")


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """One end of a copy: where it is, and how to get in.

    ``name`` is what the options of this side begin with. ``sign_in_as`` is who signs in, with their own
    password, to open the mailbox of the endpoint's user. Without a ``token`` the ``password`` is asked for,
    once. ``mechanism`` is one of ``MECHANISMS``. ``authorities`` is a file of certificates to trust in place
    of the machine's, ``fingerprint`` the SHA-256 of the only certificate to trust. ``may_create`` makes an
    archive that is not there once something is written; else its absence is an error.
    """

    endpoint: Endpoint
    password: Callable[[], str] | None = None
    name: str = ""
    token: TokenSource | None = None
    sign_in_as: str = ""
    mechanism: str = ""
    authorities: Path | None = None
    fingerprint: str = ""
    may_create: bool = False
    trace: Callable[[str, str], None] | None = None
    compress: bool = False
    link: EarlyLink | None = None
    """Connects to the endpoint meanwhile."""


def account_of(side: Side) -> Account:
    """Return the account of a side; raises InvalidInput for what can not be, before anything is asked."""
    endpoint = side.endpoint
    if isinstance(endpoint, ArchiveEndpoint):
        return _archive(side, endpoint)
    target = Target(
        host=endpoint.host,
        port=endpoint.port,
        tls=endpoint.security is Security.TLS,
        allow_plaintext=endpoint.security is Security.STARTTLS_IF_OFFERED,
        context=_context(side.authorities),
        pinned=parse_fingerprint(side.fingerprint),
        compress=side.compress,
        begun=side.link.take if side.link is not None else None,
    )
    return Account(
        target=target,
        credentials=_credentials(side, endpoint.user),
        user=endpoint.user,
        side=side.name,
        renews=side.token is not None,
        trace=side.trace,
    )


def _archive(side: Side, endpoint: ArchiveEndpoint) -> Account:
    # Loaded for archives alone: it is a server of its own.
    from switchover.move.archive.opening import open_archive  # noqa: PLC0415

    server = open_archive(endpoint, may_create=side.may_create)
    return Account(
        target=Target(
            host=str(endpoint), port=0, tls=False, allow_plaintext=True, dial=server.dial
        ),
        credentials=unchanging(Password(user="archive", password="")),
        user="archive",
        side=side.name,
        trace=side.trace,
        notices=server.notices,
    )


def parse_fingerprint(text: str) -> bytes:
    """Return the 32 bytes of a SHA-256 fingerprint as openssl and browsers write it; empty for none.

    Raises InvalidInput.
    """
    if not text:
        return b""
    match = _FINGERPRINT.fullmatch(
        re.sub(r"(?<=[0-9a-f]{2}):(?=[0-9a-f]{2})", "", text.strip().lower())
    )
    if match is None:
        raise InvalidInput(
            "a fingerprint is a SHA-256: 64 hexadecimal digits, with or without colons, as "
            "openssl x509 -noout -fingerprint -sha256 writes it"
        )
    return bytes.fromhex(match[1])


def _context(authorities: Path | None) -> ssl.SSLContext | None:
    if authorities is None:
        return None
    try:
        context = ssl.create_default_context(cafile=authorities)
    except (OSError, ssl.SSLError) as error:
        words = (
            "it holds no certificates in PEM form"
            if isinstance(error, ssl.SSLError)
            else (error.strerror)
        )
        raise InvalidInput(f"the certificates in {authorities} can not be read: {words}") from error
    # A server's own certificate may stand in the file too, whoever signed it.
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    return context


def _credentials(side: Side, user: str) -> Callable[[], Awaitable[Credentials]]:
    by = _mechanism(side)
    if side.token is not None:
        if side.sign_in_as:
            raise InvalidInput("a token says itself who signs in: leave out the other user")
        return partial(_token, side.token, user, by)
    if side.password is None:
        raise InvalidInput(f"there is neither a password nor a token for {side.endpoint}")
    other = side.sign_in_as
    secret = Password(
        user=other or user, password=side.password(), acting_as=user if other else "", by=by
    )
    return unchanging(secret)


def _mechanism(side: Side) -> Mechanism | None:
    if not side.mechanism:
        return None
    by = MECHANISMS.get(side.mechanism.lower())
    if by is None:
        raise InvalidInput(
            f"{side.mechanism!r} is no way to sign in that is known here: {', '.join(MECHANISMS)}"
        )
    takes_token = by in {Mechanism.XOAUTH2, Mechanism.OAUTHBEARER}
    if takes_token is not (side.token is not None):
        raise InvalidInput(
            f"{side.mechanism} takes {'a token' if takes_token else 'a password'}, "
            f"and {'none' if takes_token else 'a token'} is given"
        )
    return by


async def _token(source: TokenSource, user: str, by: Mechanism | None) -> Credentials:
    """Return the token as it is now."""
    if isinstance(source, Path):
        token = read_secret(source, "token").strip()
    else:
        token = await run_token_command(source)
    return BearerToken(user=user, token=token, by=by)
