"""Signing in: the mechanisms as small machines, and which of them to use.

A machine is asked for the response to each challenge; bytes go in and out before base64. Its caller
calls ``start`` for the initial response, ``step`` for each challenge, and ``finish`` when the server
says OK, because SCRAM also proves the server. Refused from here concerns the endpoint, and trying
again with the same secret is of no use; the caller then ends the sign-in (``commands.SIGN_IN_CANCEL``).

Secrets live in fields that no repr shows. A token goes in anew for each sign-in, so one that expires
in mid-run is replaced by beginning again with the next.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol, TypeAlias

from switchover.errors import InvalidInput, Refused
from switchover.wire.imap.scram import Scram, ScramHash

if TYPE_CHECKING:
    from collections.abc import Collection

_TOKEN = re.compile(r"[!-~]+")
# NUL parts the words of PLAIN; halves of surrogate pairs come from texts that were not UTF-8.
_UNSPEAKABLE = re.compile(r"[\0\ud800-\udfff]")
_LONGEST_REFUSAL_OCTETS = 16_384


class Mechanism(StrEnum):
    """A way to sign in."""

    SCRAM_SHA_256 = "SCRAM-SHA-256"
    SCRAM_SHA_1 = "SCRAM-SHA-1"
    OAUTHBEARER = "OAUTHBEARER"
    XOAUTH2 = "XOAUTH2"
    PLAIN = "PLAIN"
    LOGIN = "LOGIN"
    LOGIN_COMMAND = "the LOGIN command"  # no mechanism of SASL: RFC 9051 section 6.2.3


@dataclass(frozen=True, slots=True, kw_only=True)
class Password:
    """A login name with its password; ``acting_as`` names another user whose mailbox is meant.

    ``by`` is the only mechanism to use; None chooses the strongest.

    Raises InvalidInput for a NUL in any of the three and for what is not UTF-8.
    """

    user: str
    password: str = field(repr=False)
    acting_as: str = ""
    by: Mechanism | None = None

    def __post_init__(self) -> None:
        """Refuse what no mechanism can carry."""
        if any(map(_UNSPEAKABLE.search, (self.user, self.password, self.acting_as))):
            raise InvalidInput("a login name or password holds a NUL or is not UTF-8")


@dataclass(frozen=True, slots=True, kw_only=True)
class BearerToken:
    """A login name with an OAuth 2 access token, as it is now; ``by`` as in ``Password``.

    Raises InvalidInput for control characters, which would end the fields of the message early.
    """

    user: str
    token: str = field(repr=False)
    by: Mechanism | None = None

    def __post_init__(self) -> None:
        """Refuse what would break the message."""
        if not _TOKEN.fullmatch(self.token):
            raise InvalidInput("an access token is empty or holds a blank or a control character")
        if not self.user.isprintable():
            raise InvalidInput("a login name may not hold a control character")


Credentials: TypeAlias = Password | BearerToken


def dovecot_master_login(user: str, master: str, separator: str = "*") -> str:
    """Return the login name with which Dovecot's master user opens ``user``: ``user*master``.

    The password is the master's; ``separator`` is Dovecot's ``auth_master_user_separator``.
    """
    return f"{user}{separator}{master}"


def exchange_delegate_login(domain: str, admin: str, mailbox: str) -> str:
    """Return the login name with which an Exchange administrator opens a mailbox over IMAP.

    ``domain/admin/mailbox``, the mailbox by its alias; the administrator needs full access to it.
    """
    return f"{domain}/{admin}/{mailbox}"


# Strongest first. From PLAIN on the secret itself goes to the server.
_BY_PASSWORD = (
    Mechanism.SCRAM_SHA_256,
    Mechanism.SCRAM_SHA_1,
    Mechanism.PLAIN,
    Mechanism.LOGIN,
    Mechanism.LOGIN_COMMAND,
)
_BY_TOKEN = (Mechanism.OAUTHBEARER, Mechanism.XOAUTH2)
_SCRAM_HASHES = {
    Mechanism.SCRAM_SHA_256: ScramHash.SHA_256,
    Mechanism.SCRAM_SHA_1: ScramHash.SHA_1,
}
_ONLY_FOR_ONESELF = frozenset({Mechanism.LOGIN, Mechanism.LOGIN_COMMAND})


def list_mechanisms(
    capabilities: Collection[str],
    credentials: Credentials,
    *,
    is_encrypted: bool,
    allow_plaintext: bool = False,
) -> tuple[Mechanism, ...]:
    """Return the ways in that both sides know, strongest first, never none.

    Without encryption only SCRAM is left unless ``allow_plaintext``. The later ones are for servers
    that offer SCRAM and hold no SCRAM secret for this user. Raises Refused with the reason when no
    way is left.
    """
    wanted = _BY_PASSWORD if isinstance(credentials, Password) else _BY_TOKEN
    offered = [one for one in wanted if _is_offered(one, capabilities)]
    if isinstance(credentials, Password) and credentials.acting_as:
        offered = [one for one in offered if one not in _ONLY_FOR_ONESELF]
    if credentials.by is not None:
        offered = [one for one in offered if one is credentials.by]
    is_safe = is_encrypted or allow_plaintext
    usable = tuple(one for one in offered if is_safe or one in _SCRAM_HASHES)
    if usable:
        return usable
    if offered:
        raise Refused(
            "the server would get the secret over an unencrypted connection; "
            "use imaps:// or STARTTLS, or allow plain text"
        )
    what = credentials.by or "no way in that we can use"
    offers = f"offers {what}" if credentials.by is None else f"does not offer {what} for this"
    raise Refused(f"the server {offers}: {_offers(capabilities)}")


def _is_offered(mechanism: Mechanism, capabilities: Collection[str]) -> bool:
    if mechanism is Mechanism.LOGIN_COMMAND:
        return "LOGINDISABLED" not in capabilities
    return f"AUTH={mechanism}" in capabilities


def _offers(capabilities: Collection[str]) -> str:
    named = sorted(name for name in capabilities if name.startswith(("AUTH=", "LOGINDISABLED")))
    return ", ".join(named) or "no mechanism at all"


class SignIn(Protocol):
    """One sign-in under way."""

    def start(self) -> bytes | None:
        """Return the initial response, or None when the server speaks first."""

    def step(self, challenge: bytes) -> bytes:
        """Return the response to a challenge; raises Refused to give up."""

    def finish(self) -> None:
        """Accept the server's OK; raises Refused when the server has not proven itself."""


def begin(
    mechanism: Mechanism, credentials: Credentials, *, nonce: str, host: str = "", port: int = 0
) -> SignIn:
    """Return the machine for ``mechanism``; ``nonce`` is fresh randomness, used by SCRAM alone.

    ``host`` and ``port`` are told to OAUTHBEARER servers. Raises InvalidInput for a mechanism that
    does not go with the credentials, and for names and passwords that SCRAM cannot carry.
    """
    if isinstance(credentials, BearerToken):
        if mechanism is Mechanism.XOAUTH2:
            return XOAuth2(credentials)
        if mechanism is Mechanism.OAUTHBEARER:
            return OAuthBearer(credentials, host=host, port=port)
    elif mechanism is Mechanism.PLAIN:
        return Plain(credentials)
    elif mechanism is Mechanism.LOGIN:
        return Login(credentials)
    elif hash_ := _SCRAM_HASHES.get(mechanism):
        return Scram(
            hash_,
            user=credentials.user,
            password=credentials.password,
            acting_as=credentials.acting_as,
            nonce=nonce,
        )
    raise InvalidInput(f"{mechanism} does not go with these credentials")


class Plain:
    """PLAIN (RFC 4616): other user, login name and password, parted by NUL."""

    __slots__ = ("_message",)

    def __init__(self, credentials: Password) -> None:
        """Prepare the one message."""
        words = (credentials.acting_as, credentials.user, credentials.password)
        self._message = "\0".join(words).encode()

    def start(self) -> bytes | None:
        """Return the whole message."""
        return self._message

    def step(self, challenge: bytes) -> bytes:
        """Raise Refused: PLAIN knows no challenge after its message."""
        raise Refused(f"the server asked on after PLAIN: {_quoted(challenge)}")

    def finish(self) -> None:
        """Accept the OK: nothing here proves the server but its certificate."""


class Login:
    """LOGIN, never standardised: the server asks for the name, then for the password.

    The words it asks with differ from server to server, so only their order counts.
    """

    __slots__ = ("_answers",)

    def __init__(self, credentials: Password) -> None:
        """Prepare both answers; raises InvalidInput when another user is meant, which it cannot say."""
        if credentials.acting_as:
            raise InvalidInput("LOGIN cannot sign in for another user")
        self._answers = [credentials.password.encode(), credentials.user.encode()]

    def start(self) -> bytes | None:
        """Return None: the server asks first."""
        return None

    def step(self, challenge: bytes) -> bytes:
        """Return the login name, then the password; raises Refused at a third question."""
        if not self._answers:
            raise Refused(f"the server asked on after LOGIN: {_quoted(challenge)}")
        return self._answers.pop()

    def finish(self) -> None:
        """Accept the OK: nothing here proves the server but its certificate."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenRefusal:
    """Why a server did not take a token (RFC 7628 section 3.2.2); empty where it did not say.

    ``status`` is ``invalid_token`` or an HTTP status as text: Gmail says 400 for an expired one, so
    every refusal is worth one new token. ``configuration`` is the URL of the issuer's description.
    """

    status: str = ""
    scope: str = ""
    configuration: str = ""


class _Bearer:
    """What both token mechanisms share: the token in the first message, a refusal as a challenge."""

    __slots__ = ("_message", "_response", "refusal")

    def __init__(self, message: str, *, response: bytes) -> None:
        self._message = message.encode()
        self._response = response
        self.refusal: TokenRefusal | None = None

    def start(self) -> bytes | None:
        """Return the whole message."""
        return self._message

    def step(self, challenge: bytes) -> bytes:
        """Keep the refusal and return the response after which the server says NO.

        Raises Refused at a second challenge.
        """
        if self.refusal is not None:
            raise Refused("the server asked on after it refused the token")
        self.refusal = _read_refusal(challenge[:_LONGEST_REFUSAL_OCTETS])
        return self._response

    def finish(self) -> None:
        """Accept the OK: nothing here proves the server but its certificate."""


class XOAuth2(_Bearer):
    """XOAUTH2, as Google and Microsoft document it."""

    __slots__ = ()

    def __init__(self, credentials: BearerToken) -> None:
        """Prepare the one message."""
        message = f"user={credentials.user}\x01auth=Bearer {credentials.token}\x01\x01"
        super().__init__(message, response=b"")


class OAuthBearer(_Bearer):
    """OAUTHBEARER (RFC 7628)."""

    __slots__ = ()

    def __init__(self, credentials: BearerToken, *, host: str = "", port: int = 0) -> None:
        """Prepare the one message."""
        user = credentials.user.replace("=", "=3D").replace(",", "=2C")
        pairs = [f"n,a={user},"]
        pairs += [f"host={host}"] if host else []
        pairs += [f"port={port}"] if port else []
        pairs.append(f"auth=Bearer {credentials.token}")
        super().__init__("\x01".join(pairs) + "\x01\x01", response=b"\x01")


def _read_refusal(challenge: bytes) -> TokenRefusal:
    try:
        told = json.loads(challenge)
    except (ValueError, RecursionError):
        return TokenRefusal(status=_quoted(challenge) if challenge else "")
    if not isinstance(told, dict):
        return TokenRefusal()
    return TokenRefusal(
        status=str(told.get("status", ""))[:200],
        scope=str(told.get("scope", ""))[:200],
        configuration=str(told.get("openid-configuration", ""))[:200],
    )


def _quoted(text: bytes) -> str:
    return repr(text[:100].decode("utf-8", "replace"))
