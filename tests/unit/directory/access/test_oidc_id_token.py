"""An ID token is believed only when its provider signed it, for us, for this try, just now."""

from __future__ import annotations

import base64
import hmac
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet, OctKey, RSAKey

from switchover.directory.access.oidc.id_token import Expected, read_id_token, read_keys
from switchover.errors import Refused

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
AT = int(NOW.timestamp())
ISSUER = "https://login.contoso.example"
RSA = RSAKey.generate_key(2048, {"kid": "one", "use": "sig"})
STRANGER = RSAKey.generate_key(2048, {"kid": "one"})
KEYS = read_keys({"keys": [RSA.as_dict(private=False)]})
EXPECTED = Expected(
    issuer=ISSUER, client_id="switchover", nonce="n-1", algorithms=("RS256", "ES256")
)
CLAIMS: dict[str, Any] = {
    "iss": ISSUER,
    "sub": "ada-1",
    "aud": "switchover",
    "exp": AT + 300,
    "iat": AT - 5,
    "nonce": "n-1",
}


def signed(
    claims: Mapping[str, Any], *, key: Any = RSA, alg: str = "RS256", kid: str | None = "one"
) -> str:
    header = {"alg": alg} | ({"kid": kid} if kid else {})
    return jwt.encode(header, dict(claims), key, algorithms=[alg])


def read(token: str, *, access_token: str = "", keys: KeySet = KEYS) -> dict[str, Any] | None:
    return read_id_token(token, keys, EXPECTED, access_token=access_token, now=NOW)


def test_a_good_token_gives_its_claims() -> None:
    claims = read(signed({**CLAIMS, "groups": ["a"]}))
    assert claims is not None
    assert (claims["sub"], claims["groups"]) == ("ada-1", ["a"])


def test_a_provider_with_one_key_need_not_name_it() -> None:
    assert read(signed(CLAIMS, kid=None)) is not None


def part(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


@pytest.mark.parametrize("alg", ["none", "None", "NONE", ""])
def test_a_token_without_a_signature_is_refused(alg: str) -> None:
    token = f"{part({'alg': alg, 'kid': 'one'})}.{part(CLAIMS)}."
    with pytest.raises(Refused, match="can not be believed"):
        read(token)


def test_a_token_signed_with_the_public_key_as_a_secret_is_refused() -> None:
    signed_part = f"{part({'alg': 'HS256', 'kid': 'one'})}.{part(CLAIMS)}"
    digest = hmac.digest(RSA.as_pem(private=False), signed_part.encode(), "sha256")
    token = f"{signed_part}.{base64.urlsafe_b64encode(digest).decode().rstrip('=')}"
    with pytest.raises(Refused, match="can not be believed"):
        read(token)


@pytest.mark.parametrize(
    "change",
    [
        {"iss": "https://evil.contoso.example"},
        {"iss": ISSUER + "/"},
        {"iss": None},
        {"sub": None},
        {"sub": ""},
        {"sub": 7},
        {"aud": "another"},
        {"aud": ["another"]},
        {"aud": None},
        {"aud": ["switchover", "another"], "azp": "another"},
        {"azp": "another"},
        {"nonce": "n-2"},
        {"nonce": None},
        {"nonce": None, "nonce_supported": False},
        {"exp": AT - 121},
        {"exp": None},
        {"exp": "soon"},
        {"iat": None},
        {"iat": AT + 600},
        {"nbf": AT + 600},
    ],
)
def test_a_token_in_which_anything_does_not_fit_is_refused(change: dict[str, Any]) -> None:
    claims = {key: value for key, value in {**CLAIMS, **change}.items() if value is not None}
    with pytest.raises(Refused):
        read(signed(claims))


def test_a_token_that_belongs_to_another_access_token_is_refused() -> None:
    with pytest.raises(Refused, match="can not be believed"):
        read(signed({**CLAIMS, "at_hash": "AAAAAAAAAAAAAAAAAAAAAA"}), access_token="abc")


def test_a_token_signed_by_a_stranger_is_refused() -> None:
    with pytest.raises(Refused, match="can not be believed"):
        read(signed(CLAIMS, key=STRANGER))


def test_a_changed_token_is_refused() -> None:
    head, _, signature = signed(CLAIMS).split(".")
    with pytest.raises(Refused, match="can not be believed"):
        read(f"{head}.{part({**CLAIMS, 'sub': 'eve'})}.{signature}")


@pytest.mark.parametrize("text", ["", "a.b.c", "no token", "a.b", "ä.ö.ü", "." * 5])
def test_what_is_no_token_is_refused(text: str) -> None:
    with pytest.raises(Refused, match="can not be believed"):
        read(text)


def test_a_token_of_a_key_we_do_not_know_asks_for_newer_keys() -> None:
    two = RSAKey.generate_key(2048, {"kid": "two"})
    assert read(signed(CLAIMS, key=two, kid="two")) is None
    both = read_keys({"keys": [RSA.as_dict(private=False), two.as_dict(private=False)]})
    assert read(signed(CLAIMS, key=two, kid="two"), keys=both) is not None


def test_keys_for_other_uses_and_of_other_kinds_vouch_for_nobody() -> None:
    encryption = ECKey.generate_key("P-256", {"kid": "e", "use": "enc"}).as_dict(private=False)
    symmetric = OctKey.generate_key(256, {"kid": "s"}).as_dict()
    for keys in ([], [encryption, symmetric], ["text"]):
        with pytest.raises(Refused, match="publishes no key"):
            read_keys({"keys": keys})
    for document in ({}, [], {"keys": "text"}):
        with pytest.raises(Refused, match="publishes no key"):
            read_keys(document)
    with pytest.raises(Refused, match="can not be read"):
        read_keys({"keys": [{"kty": "RSA", "n": "?", "e": "AQAB"}]})
