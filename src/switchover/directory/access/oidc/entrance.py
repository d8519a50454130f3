"""The way back from the identity provider: what costs it nothing is checked first, the rest is counted."""

from __future__ import annotations

from typing import TYPE_CHECKING

from switchover import clock
from switchover.directory.access.oidc.work import IdentityProvider, sign_in_provided
from switchover.directory.access.sign_in.outcome import Denied, SignIn, too_often
from switchover.directory.access.sign_in.throttle import Key, provider_keys
from switchover.directory.access.sign_in.work import names_near, note_denied
from switchover.errors import Refused, Unavailable

if TYPE_CHECKING:
    from collections.abc import Mapping

    from switchover.directory.access.account.work.parts import AccessParts
    from switchover.directory.access.session.session import Visitor


async def enter_provided(
    parts: AccessParts,
    provider: IdentityProvider,
    answer: Mapping[str, str],
    cookie: str,
    visitor: Visitor,
) -> tuple[SignIn, str]:
    """Return what a provider's answer leads to, and where the browser wanted to go.

    Codes that the provider does not confirm are counted for the address, with pauses for who is new
    there: each costs it a request. Raises Unavailable when it does not answer.
    """
    try:
        attempt, code = await provider.take(answer, cookie)
        keys = provider_keys(visitor.address)
        wait = parts.throttle.enter(keys, clock.monotonic())
        if wait > 0 and not await names_near(parts, visitor):
            return await note_denied(parts, too_often(wait), "", visitor), "/"
        try:
            identity = await provider.redeem(attempt, code)
        except Unavailable:
            _take_back(parts, keys, wait)
            raise
    except Refused as error:
        denied = Denied(sentence=str(error), reason=str(error))
        return await note_denied(parts, denied, "", visitor), "/"
    _take_back(parts, keys, wait)
    outcome = await sign_in_provided(parts, provider.settings, identity, visitor)
    return outcome, attempt.back


def _take_back(parts: AccessParts, keys: tuple[Key, ...], wait: float) -> None:
    """Uncount a try; within a pause it was not counted."""
    if wait <= 0:
        parts.throttle.succeeded(keys)
