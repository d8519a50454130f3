"""Speaks to the identity provider, and keeps the accounts of whom it vouched for."""

from __future__ import annotations

import asyncio
import base64
import binascii
import ssl
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import aiohttp

from switchover import clock
from switchover.directory.access.account import queries as accounts
from switchover.directory.access.account.account import Account, provided_name
from switchover.directory.access.account.work.changes import recorded, told
from switchover.directory.access.oidc.attempt import ANEW, Attempt
from switchover.directory.access.oidc.groups import groups_of, role_for, wanted_name
from switchover.directory.access.oidc.id_token import Expected, read_id_token, read_keys
from switchover.directory.access.oidc.patience import Patience
from switchover.directory.access.oidc.provider import (
    Provider,
    basic_credentials,
    parse_answer,
    read_provider,
)
from switchover.directory.access.role import Actor, Door, Role
from switchover.directory.access.session import queries as sessions
from switchover.directory.access.session.session import Method
from switchover.directory.access.session.work import open_session
from switchover.directory.access.sign_in.outcome import Denied, Opened, SignIn
from switchover.directory.access.sign_in.work import note_denied
from switchover.directory.access.work import revoke_tokens_of
from switchover.directory.audit.entry import Entry
from switchover.directory.audit.work import record
from switchover.errors import Corrupt, Refused, Unavailable

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from joserfc.jwk import KeySet

    from switchover.directory.access.account.work.parts import AccessParts
    from switchover.directory.access.session.session import Visitor
    from switchover.settings import OidcSettings
    from switchover.store.pool import Connection
    from switchover.store.seal import Sealer

CALLBACK = "/sign-in/oidc/callback"
KNOWN_SECONDS = 3600.0
"""How long what the provider says about itself, and its keys, are taken as they were."""
KEYS_AGAIN_SECONDS = 30.0
"""How soon keys are fetched again for a token that names another one: anybody can make up such a name."""
ANSWER_SECONDS = 10.0
LONGEST_ANSWER_BYTES = 1024 * 1024
_CONTEXT = "oidc sign-in"
_FEWER = "fewer groups at the identity provider"


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """Whom the provider vouched for."""

    issuer: str
    subject: str
    name: str
    groups: tuple[str, ...]


class IdentityProvider:
    """The one provider of the settings; remembers what it said about itself."""

    def __init__(self, settings: OidcSettings, sealer: Sealer) -> None:
        """Take the settings; nothing is fetched before somebody signs in."""
        self.settings = settings
        self._sealer = sealer
        self._provider: Provider | None = None
        self._provider_at = 0.0
        self._keys: KeySet | None = None
        self._keys_at = 0.0
        self._fetching = asyncio.Lock()
        self._patience = Patience()

    async def begin(self, back: str) -> tuple[str, str]:
        """Return where to send a browser, and what its cookie must hold meanwhile.

        Raises:
            Unavailable: the provider does not answer.
            Refused: what it answers can not be trusted.
        """
        with self._patience.seat():
            provider = await self._get_provider()
        attempt = Attempt.begin(back, clock.now())
        address = attempt.address(
            provider,
            client_id=self.settings.client_id,
            redirect_uri=self._redirect_uri,
            scopes=self.settings.scopes,
        )
        sealed = self._sealer.seal(attempt.dump(), _CONTEXT)
        return address, base64.urlsafe_b64encode(sealed).decode("ascii")

    async def take(self, answer: Mapping[str, str], cookie: str) -> tuple[Attempt, str]:
        """Return the try that an answer belongs to and the code in it; costs the provider nothing.

        Raises:
            Unavailable: the provider does not answer.
            Refused: the answer is not for this browser.
        """
        attempt = self._open(cookie)
        with self._patience.seat():
            provider = await self._get_provider()
        return attempt, attempt.code_of(answer, provider, clock.now())

    async def redeem(self, attempt: Attempt, code: str) -> Identity:
        """Return for whom the provider vouches, asked with a code of ``take``.

        Raises:
            Unavailable: the provider does not answer.
            Refused: what it answers can not be believed.
        """
        with self._patience.seat():
            return await self._identify(attempt, code)

    async def _identify(self, attempt: Attempt, code: str) -> Identity:
        provider = await self._get_provider()
        tokens = await self._exchange(provider, attempt, code)
        access_token = str(tokens.get("access_token", ""))
        claims = await self._believe(provider, attempt, tokens, access_token)
        claim = self.settings.groups_claim
        groups = groups_of(claims, claim)
        if not groups and provider.userinfo_endpoint and access_token:
            more = await self._user_info(provider.userinfo_endpoint, access_token)
            # Of whom the signed token speaks, or of nobody (Core section 5.3.2).
            if more.get("sub") == claims["sub"]:
                claims = {**more, **claims}
                groups = groups_of(more, claim)
        return Identity(
            issuer=provider.issuer,
            subject=claims["sub"],
            name=wanted_name(claims),
            groups=groups,
        )

    @property
    def _redirect_uri(self) -> str:
        return self.settings.public_url + CALLBACK

    def _open(self, cookie: str) -> Attempt:
        try:
            sealed = base64.urlsafe_b64decode(cookie.encode("ascii", "replace"))
            return Attempt.load(self._sealer.unseal(sealed, _CONTEXT))
        except (Corrupt, binascii.Error, ValueError):
            raise Refused(ANEW) from None

    async def _get_provider(self) -> Provider:
        async with self._fetching:
            known = self._provider
            if known is not None and clock.monotonic() - self._provider_at < KNOWN_SECONDS:
                return known
            issuer = self.settings.issuer
            document = await self._get(f"{issuer.rstrip('/')}/.well-known/openid-configuration")
            self._provider, self._provider_at = read_provider(document, issuer), clock.monotonic()
            return self._provider

    async def _get_keys(self, provider: Provider, *, older_than: float) -> KeySet:
        async with self._fetching:
            known = self._keys
            if known is not None and clock.monotonic() - self._keys_at < older_than:
                return known
            self._keys, self._keys_at = (
                read_keys(await self._get(provider.jwks_uri)),
                clock.monotonic(),
            )
            return self._keys

    async def _exchange(self, provider: Provider, attempt: Attempt, code: str) -> dict[str, Any]:
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self._redirect_uri,
            "code_verifier": attempt.verifier,
        }
        headers = {"Accept": "application/json"}
        secret = self.settings.client_secret
        if secret is None:
            form["client_id"] = self.settings.client_id
        elif provider.is_basic:
            headers["Authorization"] = basic_credentials(self.settings.client_id, secret.reveal())
        else:
            form |= {"client_id": self.settings.client_id, "client_secret": secret.reveal()}
        async with self._asking(
            "POST", provider.token_endpoint, data=form, headers=headers
        ) as said:
            status, body = said
        if status != 200:
            words = body.get("error_description") or body.get("error") or f"status {status}"
            raise Refused(f"The identity provider does not confirm the sign-in: {str(words)[:200]}")
        return body

    async def _believe(
        self, provider: Provider, attempt: Attempt, tokens: dict[str, Any], access_token: str
    ) -> dict[str, Any]:
        token = tokens.get("id_token")
        if not isinstance(token, str):
            raise Refused(
                "The identity provider sent no ID token; is the scope openid allowed there?"
            )
        expected = Expected(
            issuer=provider.issuer,
            client_id=self.settings.client_id,
            nonce=attempt.nonce,
            algorithms=provider.algorithms,
        )
        for older_than in (KNOWN_SECONDS, KEYS_AGAIN_SECONDS):
            keys = await self._get_keys(provider, older_than=older_than)
            claims = read_id_token(
                token, keys, expected, access_token=access_token, now=clock.now()
            )
            if claims is not None:
                return claims
        raise Refused(
            "The identity provider's answer is signed with a key that it does not publish."
        )

    async def _user_info(self, url: str, access_token: str) -> dict[str, Any]:
        headers = {"Accept": "application/json", "Authorization": f"Bearer {access_token}"}
        async with self._asking("GET", url, headers=headers) as (status, body):
            return body if status == 200 else {}

    async def _get(self, url: str) -> dict[str, Any]:
        async with self._asking("GET", url, headers={"Accept": "application/json"}) as (
            status,
            body,
        ):
            if status != 200:
                raise Unavailable(
                    f"the identity provider answers {status} at {url}; try again later"
                )
            return body

    @asynccontextmanager
    async def _asking(
        self, method: str, url: str, **more: Any
    ) -> AsyncIterator[tuple[int, dict[str, Any]]]:
        """Give the status and the JSON of an answer; never follows a redirect, never reads without end.

        Raises Unavailable, and at once while it is not long ago that there was no answer.
        """
        self._patience.require(clock.monotonic())
        timeout = aiohttp.ClientTimeout(total=ANSWER_SECONDS)
        connector = aiohttp.TCPConnector(ssl=self._tls())
        try:
            async with (
                aiohttp.ClientSession(timeout=timeout, connector=connector) as session,
                session.request(method, url, allow_redirects=False, **more) as answer,
            ):
                content = await _read(answer)
                status = answer.status
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            words = (
                f"the identity provider does not answer at {url} ({str(error) or type(error).__name__}); "
                "sign in with a local account, or try again later"
            )
            self._patience.failed(words, clock.monotonic())
            raise Unavailable(words) from error
        yield status, parse_answer(content)

    def _tls(self) -> ssl.SSLContext:
        authority = self.settings.ca_file
        return ssl.create_default_context(cafile=None if authority is None else str(authority))


async def sign_in_provided(
    parts: AccessParts, settings: OidcSettings, identity: Identity, visitor: Visitor
) -> SignIn:
    """Return a session of the account of somebody whom the provider vouched for, or why not.

    The account is made at the first sign-in. Its role is that of the groups of this sign-in; when it
    changes, sessions with the old one end, and so do tokens of its making above a smaller one.
    """
    role = role_for(identity.groups, roles_of(settings))
    if role is None:
        known = await _end_all(parts, identity, visitor)
        denied = Denied(
            sentence="None of your groups may use this switchover. Ask who runs it to add one of them.",
            reason=f"no group of {identity.name} is mapped to a role",
        )
        return await note_denied(parts, denied, known.name if known else "", visitor)
    async with parts.ending(with_tokens=True) as connection:
        await accounts.lock_accounts(connection)
        account = await _keep(connection, identity, role, visitor)
        if account.is_enabled:
            now = clock.now()
            await accounts.admit(connection, account.id, now, password_hash=None, is_whole=True)
            parts.near.add(visitor.address, account.name)
            return Opened(new=await open_session(connection, account, Method.OIDC, visitor))
    denied = Denied(
        sentence="Your account is disabled here. Ask who runs this switchover.",
        reason="the account is disabled",
    )
    return await note_denied(parts, denied, account.name, visitor)


def roles_of(settings: OidcSettings) -> dict[Role, tuple[str, ...]]:
    """Return which groups give which role."""
    return {
        Role.VIEWER: settings.viewer_groups,
        Role.OPERATOR: settings.operator_groups,
        Role.ADMIN: settings.admin_groups,
    }


async def _keep(
    connection: Connection, identity: Identity, role: Role, visitor: Visitor
) -> Account:
    """Return the account of an identity as it is from now on."""
    known = await accounts.find_provided(connection, identity.issuer, identity.subject)
    if known is None:
        return await _add(connection, identity, role, visitor)
    if known.role is not role:
        await accounts.set_role(connection, known.id, role)
        await sessions.end_sessions(connection, known.id, "role changed", clock.now())
        if known.role.includes(role):
            await revoke_tokens_of(
                connection, known.id, above=role, actor=_actor(visitor), reason=_FEWER
            )
        await recorded(connection, "account.role", known, _actor(visitor))
    return replace(known, role=role)


def _actor(visitor: Visitor) -> Actor:
    """Return who makes and changes accounts of people whom the provider knows."""
    return Actor(
        name="identity provider",
        role=Role.ADMIN,
        door=Door.CONSOLE,
        address=visitor.address,
        client=visitor.short_agent,
    )


async def _add(connection: Connection, identity: Identity, role: Role, visitor: Visitor) -> Account:
    actor = _actor(visitor)
    taken = await accounts.list_names(connection)
    account = Account(
        id=clock.new_id(),
        name=provided_name(identity.name, taken),
        role=role,
        zone="UTC",
        issuer=identity.issuer,
        subject=identity.subject,
        made_at=clock.now(),
        made_by=actor.name,
    )
    await accounts.insert_account(connection, account, None)
    await record(connection, Entry.by(actor, "account.create", account.name, after=told(account)))
    return account


async def _end_all(parts: AccessParts, identity: Identity, visitor: Visitor) -> Account | None:
    """End what somebody opened and made while they had a group; return their account, None for a stranger."""
    async with parts.ending(with_tokens=True) as connection:
        known = await accounts.find_provided(connection, identity.issuer, identity.subject)
        if known is not None:
            # Who makes a token holds this row: one that is under way is waited for, and ends too.
            await accounts.admit(
                connection, known.id, clock.now(), password_hash=None, is_whole=False
            )
            by = _actor(visitor)
            await revoke_tokens_of(connection, known.id, above=None, actor=by, reason=_FEWER)
            await sessions.end_sessions(connection, known.id, "no group any more", clock.now())
    return known


async def _read(answer: aiohttp.ClientResponse) -> bytes:
    content = bytearray()
    async for part in answer.content.iter_chunked(64 * 1024):
        content += part
        if len(content) > LONGEST_ANSWER_BYTES:
            raise Refused("The identity provider's answer is too long to be one.")
    return bytes(content)
