"""What a browser brings back from a provider is worth something only to the try it belongs to."""

from __future__ import annotations

import base64
import hashlib
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

import pytest

from switchover.directory.access.oidc.attempt import LONGEST, Attempt
from switchover.directory.access.oidc.provider import Provider
from switchover.errors import Refused

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
ISSUER = "https://login.contoso.example"
PROVIDER = Provider(
    issuer=ISSUER,
    authorization_endpoint=f"{ISSUER}/auth?tenant=mail",
    token_endpoint=f"{ISSUER}/token",
    jwks_uri=f"{ISSUER}/keys",
    userinfo_endpoint=None,
    algorithms=("RS256",),
    is_basic=True,
    names_itself=True,
)
ATTEMPT = Attempt.begin("/servers?q=cas", NOW)
GOOD = {"state": ATTEMPT.state, "code": "abc", "iss": ISSUER}


def test_a_browser_is_sent_with_state_nonce_and_the_challenge_of_a_verifier() -> None:
    address = ATTEMPT.address(
        PROVIDER,
        client_id="switchover",
        redirect_uri="https://mail-console.contoso.example/sign-in/oidc/callback",
        scopes=("openid", "email"),
    )
    query = {key: value[0] for key, value in parse_qs(urlsplit(address).query).items()}
    digest = hashlib.sha256(ATTEMPT.verifier.encode()).digest()
    assert query == {
        "tenant": "mail",
        "response_type": "code",
        "client_id": "switchover",
        "redirect_uri": "https://mail-console.contoso.example/sign-in/oidc/callback",
        "scope": "openid email",
        "state": ATTEMPT.state,
        "nonce": ATTEMPT.nonce,
        "code_challenge": base64.urlsafe_b64encode(digest).decode().rstrip("="),
        "code_challenge_method": "S256",
    }
    assert ATTEMPT.verifier not in address
    assert 43 <= len(ATTEMPT.verifier) <= 128


def test_no_two_tries_are_alike_and_none_shows_itself() -> None:
    other = Attempt.begin("/", NOW)
    assert len({ATTEMPT.state, ATTEMPT.nonce, ATTEMPT.verifier, other.state, other.nonce}) == 5
    assert ATTEMPT.verifier not in repr(ATTEMPT)
    assert Attempt.load(ATTEMPT.dump()) == ATTEMPT


def test_the_answer_to_this_try_gives_its_code() -> None:
    assert ATTEMPT.code_of(GOOD, PROVIDER, NOW + timedelta(minutes=1)) == "abc"


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"state": "other"}, "does not belong"),
        ({"state": ""}, "does not belong"),
        ({"state": "ä\ud7ff"}, "does not belong"),
        ({"iss": "https://evil.contoso.example"}, "another identity provider"),
        ({"iss": None}, "another identity provider"),
        ({"code": None}, "does not belong"),
        ({"error": "access_denied", "error_description": "not\nyou"}, "refused: not you"),
        ({"error": "access_denied"}, "refused: access_denied"),
    ],
)
def test_any_other_answer_is_refused(change: dict[str, str | None], why: str) -> None:
    answer = {key: value for key, value in {**GOOD, **change}.items() if value is not None}
    with pytest.raises(Refused, match=why):
        ATTEMPT.code_of(answer, PROVIDER, NOW)


def test_an_answer_that_comes_too_late_is_refused() -> None:
    with pytest.raises(Refused, match="too long"):
        ATTEMPT.code_of(GOOD, PROVIDER, NOW + LONGEST + timedelta(seconds=1))
