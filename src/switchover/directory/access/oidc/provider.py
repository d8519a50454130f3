"""What a provider says about itself (OpenID Connect Discovery 1.0), and what of it we accept. Pure."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

from switchover.errors import Refused
from switchover.settings.parse import is_loopback_name

if TYPE_CHECKING:
    from collections.abc import Mapping

ALGORITHMS = (
    "RS256",
    "RS384",
    "RS512",
    "PS256",
    "PS384",
    "PS512",
    "ES256",
    "ES384",
    "ES512",
    "Ed25519",
)
"""Signatures with a key that only the provider has. No ``none``, and no HS*: those are made with a secret
that we know too, and a public key passed off as one has fooled many."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Provider:
    """Where a provider is spoken to, and how.

    ``algorithms`` are those it signs with and we accept; ``names_itself`` when every answer must say who
    it comes from (RFC 9207).
    """

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    userinfo_endpoint: str | None
    algorithms: tuple[str, ...]
    is_basic: bool
    names_itself: bool


def read_provider(document: object, issuer: str) -> Provider:
    """Return what discovery found; raises Refused for what is not the provider we were told to trust."""
    if not isinstance(document, dict):
        raise Refused(f"what {issuer} says about itself is no JSON object")
    if document.get("issuer") != issuer:
        raise Refused(
            f"the provider at {issuer} calls itself {str(document.get('issuer'))[:200]!r}; set "
            "SWITCHOVER_OIDC_ISSUER to exactly that, if it is yours"
        )
    userinfo = document.get("userinfo_endpoint")
    return Provider(
        issuer=issuer,
        authorization_endpoint=_endpoint(document, "authorization_endpoint", issuer),
        token_endpoint=_endpoint(document, "token_endpoint", issuer),
        jwks_uri=_endpoint(document, "jwks_uri", issuer),
        userinfo_endpoint=_endpoint(document, "userinfo_endpoint", issuer) if userinfo else None,
        algorithms=_algorithms(document, issuer),
        is_basic=_is_basic(document),
        names_itself=document.get("authorization_response_iss_parameter_supported") is True,
    )


def is_usable_url(url: object, issuer: str) -> bool:
    """True for https; for http only where the provider itself runs on this machine (a test, a proxy)."""
    if not isinstance(url, str) or not url.isprintable():
        return False
    try:
        parts, own = urlsplit(url), urlsplit(issuer)
    except ValueError:
        return False
    if not parts.hostname or parts.username is not None:
        return False
    if parts.scheme == "https":
        return True
    is_local = is_loopback_name(parts.hostname) and is_loopback_name(own.hostname or "")
    return parts.scheme == "http" and own.scheme == "http" and is_local


def _endpoint(document: Mapping[str, Any], name: str, issuer: str) -> str:
    url = document.get(name)
    if not isinstance(url, str) or not is_usable_url(url, issuer):
        raise Refused(f"the provider {issuer} gives no usable {name}; it must be an https address")
    return url


def _algorithms(document: Mapping[str, Any], issuer: str) -> tuple[str, ...]:
    # RS256 is what a provider signs with that says nothing (Discovery section 3).
    offered = document.get("id_token_signing_alg_values_supported") or ["RS256"]
    usable = tuple(name for name in ALGORITHMS if name in offered)
    if not usable:
        raise Refused(
            f"the provider {issuer} signs with none of {', '.join(ALGORITHMS)}; let it use RS256 or ES256"
        )
    return usable


def _is_basic(document: Mapping[str, Any]) -> bool:
    # client_secret_basic is what a provider takes that says nothing (Discovery section 3).
    offered = document.get("token_endpoint_auth_methods_supported")
    return not isinstance(offered, list) or "client_secret_basic" in offered


def basic_credentials(client_id: str, secret: str) -> str:
    """Return what the token endpoint takes for a name and a password (client_secret_basic)."""
    # Both parts form-encoded first (RFC 6749 section 2.3.1).
    pair = f"{quote(client_id, safe='')}:{quote(secret, safe='')}"
    return "Basic " + base64.b64encode(pair.encode()).decode("ascii")


def parse_answer(content: bytes) -> dict[str, Any]:
    """Return the JSON object of an answer, an empty one for what is none."""
    try:
        found = json.loads(content)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
