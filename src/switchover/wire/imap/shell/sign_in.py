"""Signing in: the strongest way first, and no secret said more often than it helps."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from switchover.errors import Conflict, InvalidInput, Refused
from switchover.wire.imap import commands
from switchover.wire.imap.conversation import Phase, Ready
from switchover.wire.imap.errors import SignInRefused, TryLater
from switchover.wire.imap.response_codes import CodeName, back_off_seconds, is_throttling
from switchover.wire.imap.responses import StatusKind
from switchover.wire.imap.sasl import Mechanism, Password, TokenRefusal, begin, list_mechanisms
from switchover.wire.imap.scram import Scram

if TYPE_CHECKING:
    from switchover.wire.imap.conversation import Request
    from switchover.wire.imap.responses import Status
    from switchover.wire.imap.sasl import Credentials, SignIn
    from switchover.wire.imap.shell.connection import Connection

# These hand over the secret itself: a NO to one is a NO to all, and each counts towards a lock-out.
_TELLS_SECRET: Final = frozenset(Mechanism) - {Mechanism.SCRAM_SHA_1, Mechanism.SCRAM_SHA_256}


async def sign_in(connection: Connection, credentials: Credentials, *, nonce: str) -> Mechanism:
    """Sign in and return the way that worked; see ``Connection.sign_in``."""
    conversation = connection.conversation
    if conversation.phase is Phase.SIGNED_IN:
        raise Conflict(f"somebody is signed in at {connection.target.host} already")
    connection.secrets = [_secret(credentials)]
    if not conversation.knows_capabilities:
        await connection.run(commands.CAPABILITY)
    ways = list_mechanisms(
        conversation.capabilities,
        credentials,
        is_encrypted=connection.is_encrypted,
        allow_plaintext=connection.target.allow_plaintext,
    )
    attempts = _Attempts(connection, credentials)
    for number, way in enumerate(ways):
        if await attempts.make(way, f"{nonce}{number}"):
            if not conversation.knows_capabilities:
                await connection.run(commands.CAPABILITY)
            return way
        if attempts.is_hopeless:
            break
    raise attempts.refusal()


class _Attempts:
    """The ways tried so far and what came of them."""

    def __init__(self, connection: Connection, credentials: Credentials) -> None:
        self.is_hopeless = False
        self._connection = connection
        self._credentials = credentials
        self._told: list[str] = []
        self._answer: Status | None = None
        self._unfit: InvalidInput | None = None
        self._token_refusal: TokenRefusal | None = None

    async def make(self, way: Mechanism, nonce: str) -> bool:
        """Return whether we are in by this way; raises TryLater when the server has no time for us."""
        try:
            request = await self._request(way, nonce)
        except InvalidInput as error:  # this way can not carry the name or the password, others can
            self._unfit = error
            return False
        if request.is_ok or request.answer is None:
            return request.is_ok
        answer = self._answer = request.answer
        words = self._connection.words(answer)
        if is_throttling(answer.code, answer.text) or _is_limit(answer):
            raise TryLater(
                f"{self._connection.target.host} lets nobody in now: {words}",
                answer,
                back_off_seconds=back_off_seconds(answer.text),
            )
        self._told.append(f"{way}: {words}")
        self.is_hopeless = way in _TELLS_SECRET and answer.kind is StatusKind.NO
        return False

    def refusal(self) -> Exception:
        """Return the error that tells of all ways tried."""
        if self._answer is None:
            return self._unfit or Refused("there is no way to sign in")
        host, user = self._connection.target.host, self._credentials.user
        return SignInRefused(
            f"{host} does not let {user} in: {'; '.join(self._told)}",
            self._answer,
            token_refusal=self._token_refusal,
        )

    async def _request(self, way: Mechanism, nonce: str) -> Request:
        connection, credentials = self._connection, self._credentials
        if way is Mechanism.LOGIN_COMMAND and isinstance(credentials, Password):
            login = commands.login(credentials.user, credentials.password)
            return await connection.wait(await connection.send(login))
        target = connection.target
        machine = begin(way, credentials, nonce=nonce, host=target.host, port=target.port)
        request = await _talk(connection, machine, way)
        self._token_refusal = getattr(machine, "refusal", None)
        return request


async def _talk(connection: Connection, machine: SignIn, way: Mechanism) -> Request:
    """Return the answered request of one sign-in; raises Refused when we give up on the server."""
    first = machine.start()
    at_once = first is not None and "SASL-IR" in connection.conversation.capabilities
    if first is not None:
        connection.secrets.append(commands.sign_in_line(first).decode().strip())
    request = await connection.send(commands.authenticate(way.value, first if at_once else None))
    reply = None if at_once else first
    while request.answer is None:
        event = await connection.next_event()
        if not isinstance(event, Ready):
            continue
        try:
            line = commands.sign_in_line(
                await _step(machine, event.text) if reply is None else reply
            )
        except Refused:
            connection.write(commands.SIGN_IN_CANCEL)
            await connection.flush()
            await connection.wait(request)
            raise
        reply = None
        connection.secrets.append(line.decode().strip())
        connection.write(line)
        await connection.flush()
    if request.is_ok:
        _check_proof(connection, machine)
    return request


async def _step(machine: SignIn, text: bytes) -> bytes:
    try:
        challenge = commands.read_challenge(text)
    except InvalidInput as error:
        raise Refused(f"the sign-in failed: {error}") from error
    if isinstance(machine, Scram):  # which takes its time, by the server's choice
        return await asyncio.to_thread(machine.step, challenge)
    return machine.step(challenge)


def _check_proof(connection: Connection, machine: SignIn) -> None:
    try:
        machine.finish()
    except Refused as error:
        raise connection.declare_lost(error) from None


def _secret(credentials: Credentials) -> str:
    return credentials.password if isinstance(credentials, Password) else credentials.token


def _is_limit(answer: Status) -> bool:
    return answer.code is not None and answer.code.name == CodeName.LIMIT
