"""Discovery is believed only where it is the provider we were told to trust."""

from __future__ import annotations

from typing import Any

import pytest

from switchover.directory.access.oidc.provider import (
    basic_credentials,
    is_usable_url,
    parse_answer,
    read_provider,
)
from switchover.errors import Refused

ISSUER = "https://login.contoso.example/realms/mail"
DOCUMENT: dict[str, Any] = {
    "issuer": ISSUER,
    "authorization_endpoint": f"{ISSUER}/auth",
    "token_endpoint": f"{ISSUER}/token",
    "jwks_uri": f"{ISSUER}/keys",
    "userinfo_endpoint": f"{ISSUER}/me",
    "id_token_signing_alg_values_supported": ["HS256", "none", "ES256", "RS256"],
    "token_endpoint_auth_methods_supported": ["client_secret_post"],
    "authorization_response_iss_parameter_supported": True,
}


def test_a_provider_is_read() -> None:
    provider = read_provider(DOCUMENT, ISSUER)
    assert provider.token_endpoint == f"{ISSUER}/token"
    assert provider.algorithms == ("RS256", "ES256")
    assert not provider.is_basic
    assert provider.names_itself


def test_a_provider_that_says_little_signs_with_rs256_and_takes_basic() -> None:
    short = {
        key: DOCUMENT[key]
        for key in ("issuer", "authorization_endpoint", "token_endpoint", "jwks_uri")
    }
    provider = read_provider(short, ISSUER)
    assert provider.algorithms == ("RS256",)
    assert provider.is_basic
    assert provider.userinfo_endpoint is None
    assert not provider.names_itself


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"issuer": "https://evil.contoso.example"}, "calls itself"),
        ({"issuer": ISSUER + "/"}, "calls itself"),
        ({"issuer": None}, "calls itself"),
        ({"token_endpoint": "http://login.contoso.example/token"}, "no usable token_endpoint"),
        ({"token_endpoint": "https://user:pw@login.contoso.example/token"}, "no usable"),
        ({"jwks_uri": None}, "no usable jwks_uri"),
        ({"authorization_endpoint": "javascript:alert(1)"}, "no usable authorization_endpoint"),
        ({"userinfo_endpoint": 7}, "no usable userinfo_endpoint"),
        ({"id_token_signing_alg_values_supported": ["HS256", "none"]}, "signs with none of"),
    ],
)
def test_what_does_not_fit_is_refused(change: dict[str, Any], why: str) -> None:
    with pytest.raises(Refused, match=why):
        read_provider({**DOCUMENT, **change}, ISSUER)


def test_what_is_no_object_is_refused() -> None:
    with pytest.raises(Refused, match="no JSON object"):
        read_provider([], ISSUER)


@pytest.mark.parametrize(
    ("url", "issuer", "is_usable"),
    [
        ("https://x.example/a", ISSUER, True),
        ("http://127.0.0.1:5/a", "http://127.0.0.1:5", True),
        ("http://127.0.0.1:5/a", ISSUER, False),
        ("http://x.example/a", "http://127.0.0.1:5", False),
        ("https://", ISSUER, False),
        ("https://[x", ISSUER, False),
        ("https://x.example/\n", ISSUER, False),
    ],
)
def test_only_https_is_spoken_except_on_this_machine(
    url: str, issuer: str, *, is_usable: bool
) -> None:
    assert is_usable_url(url, issuer) is is_usable


def test_name_and_password_are_encoded_before_they_are_joined() -> None:
    # RFC 6749 section 2.3.1: a colon or a blank in either must not move the border between them.
    assert basic_credentials("a:b", "c d/é") == "Basic YSUzQWI6YyUyMGQlMkYlQzMlQTk="


@pytest.mark.parametrize("content", [b"", b"[1]", b"{", b"\xff", b"[" * 100_000])
def test_an_answer_that_is_no_object_is_an_empty_one(content: bytes) -> None:
    assert parse_answer(content) == {}


def test_an_answer_is_its_object() -> None:
    assert parse_answer(b'{"sub": "7"}') == {"sub": "7"}
