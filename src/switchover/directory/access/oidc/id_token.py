"""Reads an ID token and believes it only when everything fits (OpenID Connect Core 3.1.3.7). Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from authlib.oidc.core import CodeIDToken
from joserfc import jwt
from joserfc.errors import InvalidKeyIdError, JoseError
from joserfc.jwk import KeySet

from switchover.errors import Refused

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

LEEWAY_SECONDS = 120
"""How far the provider's clock may be from ours."""
_KINDS = frozenset({"RSA", "EC", "OKP"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """What a token must say to be an answer to our question."""

    issuer: str
    client_id: str
    nonce: str
    algorithms: Sequence[str]


def read_keys(document: object) -> KeySet:
    """Return the keys of a provider that can have signed a token; others are passed over.

    Raises:
        Refused: there is none.
    """
    listed = document.get("keys") if isinstance(document, dict) else None
    usable = [key for key in listed if _is_for_signing(key)] if isinstance(listed, list) else []
    if not usable:
        raise Refused("the identity provider publishes no key to check its signatures with")
    try:
        return KeySet.import_key_set({"keys": usable})
    except (JoseError, ValueError, KeyError, TypeError):
        raise Refused("the keys of the identity provider can not be read") from None


def read_id_token(
    token: str, keys: KeySet, expected: Expected, *, access_token: str, now: datetime
) -> dict[str, Any] | None:
    """Return the claims of a token that was signed for us, for this try, and is still good.

    None when it names a key that ``keys`` does not hold: newer ones may.

    Raises:
        Refused: anything about it does not fit.
    """
    try:
        decoded = jwt.decode(token, keys, algorithms=list(expected.algorithms))
    except InvalidKeyIdError:
        return None
    except (JoseError, ValueError) as error:
        raise _refused(error) from None
    claims = CodeIDToken(
        decoded.claims,
        decoded.header,
        {
            "iss": {"essential": True, "value": expected.issuer},
            "aud": {"essential": True, "value": expected.client_id},
            "sub": {"essential": True},
        },
        {"nonce": expected.nonce, "client_id": expected.client_id, "access_token": access_token},
    )
    try:
        claims.validate(now=int(now.timestamp()), leeway=LEEWAY_SECONDS)
    except (JoseError, ValueError, TypeError) as error:
        raise _refused(error) from None
    found: Mapping[str, Any] = decoded.claims
    if not isinstance(found.get("sub"), str) or not found["sub"]:
        raise Refused("The identity provider does not say who signed in.")
    return dict(found)


def _is_for_signing(key: object) -> bool:
    # A key of ours has no business there, and one for encryption must not vouch for anybody.
    return isinstance(key, dict) and key.get("kty") in _KINDS and key.get("use", "sig") == "sig"


def _refused(error: Exception) -> Refused:
    return Refused(
        f"The identity provider's answer can not be believed: {type(error).__name__} ({error})."
    )
