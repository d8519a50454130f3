"""One try to sign in through a provider: what binds its answer to the browser that asked. Pure.

State, nonce and verifier travel in a sealed cookie of that browser. So an answer that somebody else's
browser was sent for is worth nothing here, and strangers can not fill our memory with tries.
"""

from __future__ import annotations

import hmac
import json
from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Self

from authlib.oauth2.rfc6749.parameters import prepare_grant_uri
from authlib.oauth2.rfc7636 import create_s256_code_challenge

from switchover import clock
from switchover.errors import Refused

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from switchover.directory.access.oidc.provider import Provider

LONGEST = timedelta(minutes=10)
"""For how long somebody may be at the provider."""
ANEW = (
    "This answer does not belong to a sign-in of this browser, or it took too long. Sign in anew."
)
_LONGEST_WORDS = 200


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Attempt:
    """What only this browser and we know; ``back`` is where the person wanted to go."""

    state: str
    nonce: str
    verifier: str
    back: str
    made_at: float

    @classmethod
    def begin(cls, back: str, now: datetime) -> Self:
        """Return a fresh one."""
        return cls(
            state=clock.new_secret(),
            nonce=clock.new_secret(),
            verifier=clock.new_secret(
                size_bytes=48
            ),  # 64 characters (RFC 7636 section 4.1: 43 to 128)
            back=back,
            made_at=now.timestamp(),
        )

    def dump(self) -> bytes:
        """Return all of it, to be sealed."""
        return json.dumps(asdict(self)).encode()

    @classmethod
    def load(cls, content: bytes) -> Self:
        """Return what ``dump`` gave; it was sealed, so nobody changed it."""
        return cls(**json.loads(content))

    def address(
        self, provider: Provider, *, client_id: str, redirect_uri: str, scopes: Sequence[str]
    ) -> str:
        """Return where the browser is sent to."""
        return str(
            prepare_grant_uri(
                provider.authorization_endpoint,
                client_id=client_id,
                response_type="code",
                redirect_uri=redirect_uri,
                scope=" ".join(scopes),
                state=self.state,
                nonce=self.nonce,
                code_challenge=create_s256_code_challenge(self.verifier),
                code_challenge_method="S256",
            )
        )

    def code_of(self, answer: Mapping[str, str], provider: Provider, now: datetime) -> str:
        """Return the code of the provider's answer.

        Raises:
            Refused: it belongs to another try, comes too late or from elsewhere, or is a refusal.
        """
        is_ours = hmac.compare_digest(answer.get("state", "").encode(), self.state.encode())
        if not is_ours or now.timestamp() - self.made_at > LONGEST.total_seconds():
            raise Refused(ANEW)
        issuer = answer.get("iss")
        if issuer != provider.issuer and (issuer is not None or provider.names_itself):
            # Two providers mixed up, RFC 9207 section 2.4.
            raise Refused(
                "The answer comes from another identity provider than the one that was asked."
            )
        if "error" in answer:
            words = answer.get("error_description") or answer["error"]
            raise Refused(f"The identity provider refused: {_plain(words)}")
        if not answer.get("code"):
            raise Refused(ANEW)
        return answer["code"]


def _plain(words: str) -> str:
    return "".join(char if char.isprintable() else " " for char in words)[:_LONGEST_WORDS]
