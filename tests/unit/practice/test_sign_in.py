from __future__ import annotations

import pytest

from switchover.errors import InvalidInput
from switchover.practice.sign_in import SignIn, Verdict, authenticate, basic, judge, negotiate

NONCE = b"8 bytes!"


def shown(state: SignIn, authorization: str | None) -> Verdict:
    return judge(state, authorization, password="right", nonce=NONCE)


def handshake(user: str, password: str, scheme: str = "NTLM") -> Verdict:
    challenged = shown(SignIn(), negotiate(scheme))
    assert challenged.answer is not None
    assert challenged.answer.startswith(f"{scheme} ")
    return shown(challenged.state, authenticate(challenged.answer, user, password))


def test_nobody_is_nobody() -> None:
    assert shown(SignIn(), None) == Verdict(state=SignIn())


def test_basic_names_the_user_of_one_request_only() -> None:
    verdict = shown(SignIn(), basic("ann", "right"))
    assert verdict.user == "ann"
    assert verdict.state == SignIn()


@pytest.mark.parametrize("credentials", [basic("ann", "wrong"), basic("", "right")])
def test_wrong_credentials_are_denied(credentials: str) -> None:
    assert shown(SignIn(), credentials).denied


@pytest.mark.parametrize("scheme", ["NTLM", "Negotiate"])
def test_three_messages_bind_the_connection_to_its_user(scheme: str) -> None:
    signed_in = handshake("ann@contoso.example", "right", scheme)
    assert signed_in.user == "ann@contoso.example"
    assert shown(signed_in.state, None).user == "ann@contoso.example"


def test_a_challenge_signs_nobody_in() -> None:
    challenged = shown(SignIn(), negotiate())
    assert challenged.user is None
    assert shown(challenged.state, None).user is None


def test_the_wrong_password_is_denied_and_forgets_the_connection() -> None:
    verdict = handshake("ann", "wrong")
    assert verdict == Verdict(state=SignIn(), denied=True)


def test_an_answer_to_another_connections_challenge_is_denied() -> None:
    challenged = shown(SignIn(), negotiate())
    assert challenged.answer is not None
    answer = authenticate(challenged.answer, "ann", "right")
    assert shown(SignIn(), answer).denied
    assert shown(SignIn(challenge=b"another!"), answer).denied


def test_a_new_handshake_ends_the_old_identity() -> None:
    state = handshake("ann", "right").state
    assert shown(state, negotiate()).state.user is None


@pytest.mark.parametrize(
    "authorization",
    ["NTLM !!!", "NTLM AAAA", "Bearer AAAA", "NTLM", "Basic", "NTLM TlRMTVNTUAADAAAA"],
)
def test_nonsense_is_denied(authorization: str) -> None:
    assert shown(SignIn(challenge=NONCE), authorization).denied


@pytest.mark.parametrize("field", ["", "NTLM", "NTLM AAAA", "NTLM ?"])
def test_a_client_refuses_what_is_no_challenge(field: str) -> None:
    with pytest.raises(InvalidInput, match="no challenge"):
        authenticate(field, "ann", "right")
