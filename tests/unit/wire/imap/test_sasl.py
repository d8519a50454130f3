from __future__ import annotations

import json

import pytest

from switchover.errors import InvalidInput, Refused
from switchover.wire.imap.sasl import (
    BearerToken,
    Credentials,
    Mechanism,
    OAuthBearer,
    Password,
    Plain,
    TokenRefusal,
    XOAuth2,
    begin,
    dovecot_master_login,
    exchange_delegate_login,
    list_mechanisms,
)

PASSWORD = Password(user="user", password="pencil")
FOR_OTHER = Password(user="admin", password="pencil", acting_as="user")
TOKEN = BearerToken(user="user@contoso.example", token="vF9dft4qmTc2Nvb3RlckBhdHRhdmlzdGEuY29tCg==")
NONCE = "fyko+d2lbbFgONRv9qkxdawL"
ALL_AUTH = {f"AUTH={one}" for one in Mechanism}


def start(mechanism: Mechanism, credentials: Credentials, **told: object) -> bytes | None:
    return begin(mechanism, credentials, nonce=NONCE, **told).start()


@pytest.mark.parametrize(
    ("capabilities", "credentials", "is_encrypted", "expected"),
    [
        (
            ALL_AUTH,
            PASSWORD,
            True,
            [
                Mechanism.SCRAM_SHA_256,
                Mechanism.SCRAM_SHA_1,
                Mechanism.PLAIN,
                Mechanism.LOGIN,
                Mechanism.LOGIN_COMMAND,
            ],
        ),
        (ALL_AUTH, PASSWORD, False, [Mechanism.SCRAM_SHA_256, Mechanism.SCRAM_SHA_1]),
        (ALL_AUTH, TOKEN, True, [Mechanism.OAUTHBEARER, Mechanism.XOAUTH2]),
        ({"AUTH=XOAUTH2", "LOGINDISABLED"}, TOKEN, True, [Mechanism.XOAUTH2]),
        ({"AUTH=PLAIN", "LOGINDISABLED"}, PASSWORD, True, [Mechanism.PLAIN]),
        (set(), PASSWORD, True, [Mechanism.LOGIN_COMMAND]),
        ({"AUTH=LOGIN", "AUTH=PLAIN"}, FOR_OTHER, True, [Mechanism.PLAIN]),
    ],
)
def test_the_strongest_way_in_that_both_sides_know_comes_first(
    capabilities: set[str], credentials: Credentials, is_encrypted: bool, expected: list[Mechanism]
) -> None:
    found = list_mechanisms(capabilities, credentials, is_encrypted=is_encrypted)
    assert list(found) == expected


@pytest.mark.parametrize("credentials", [PASSWORD, TOKEN])
def test_no_secret_goes_over_an_open_line_unless_told(credentials: Credentials) -> None:
    offered = {"AUTH=PLAIN", "AUTH=XOAUTH2"}
    with pytest.raises(Refused, match="unencrypted"):
        list_mechanisms(offered, credentials, is_encrypted=False)
    assert list_mechanisms(offered, credentials, is_encrypted=False, allow_plaintext=True)


@pytest.mark.parametrize(
    ("capabilities", "credentials", "told"),
    [
        ({"AUTH=GSSAPI", "LOGINDISABLED"}, PASSWORD, "AUTH=GSSAPI, LOGINDISABLED"),
        ({"IMAP4REV1"}, TOKEN, "no mechanism at all"),
        ({"AUTH=LOGIN"}, FOR_OTHER, "AUTH=LOGIN"),
    ],
)
def test_no_common_way_in_names_what_is_offered(
    capabilities: set[str], credentials: Credentials, told: str
) -> None:
    with pytest.raises(Refused, match=told):
        list_mechanisms(capabilities, credentials, is_encrypted=True)


def test_plain_names_the_other_user_before_our_own() -> None:
    assert start(Mechanism.PLAIN, PASSWORD) == b"\0user\0pencil"
    assert start(Mechanism.PLAIN, FOR_OTHER) == b"user\0admin\0pencil"
    assert start(Mechanism.PLAIN, Password(user="é", password="ü")) == "\0é\0ü".encode()


def test_plain_gives_up_when_the_server_asks_on() -> None:
    machine = Plain(PASSWORD)
    machine.finish()
    with pytest.raises(Refused, match="asked on"):
        machine.step(b"more?")


@pytest.mark.parametrize(
    "questions", [(b"Username:", b"Password:"), (b"", b""), (b"User Name\0", b"x")]
)
def test_login_answers_by_order_whatever_the_words(questions: tuple[bytes, bytes]) -> None:
    machine = begin(Mechanism.LOGIN, PASSWORD, nonce=NONCE)
    assert machine.start() is None
    assert [machine.step(one) for one in questions] == [b"user", b"pencil"]
    machine.finish()
    with pytest.raises(Refused, match="asked on"):
        machine.step(b"PIN:")


def test_login_cannot_act_for_another_user() -> None:
    with pytest.raises(InvalidInput):
        begin(Mechanism.LOGIN, FOR_OTHER, nonce=NONCE)


def test_scram_is_begun_with_its_hash_and_both_users() -> None:
    assert start(Mechanism.SCRAM_SHA_1, FOR_OTHER) == b"n,a=user,n=admin,r=" + NONCE.encode()
    assert start(Mechanism.SCRAM_SHA_256, PASSWORD) == b"n,,n=user,r=" + NONCE.encode()


def test_xoauth2_is_as_google_and_microsoft_document_it() -> None:
    assert start(Mechanism.XOAUTH2, TOKEN) == (
        b"user=user@contoso.example\x01auth=Bearer "
        b"vF9dft4qmTc2Nvb3RlckBhdHRhdmlzdGEuY29tCg==\x01\x01"
    )


def test_oauthbearer_is_as_the_standard_shows() -> None:
    # RFC 7628 section 4.1, with another server
    assert start(Mechanism.OAUTHBEARER, TOKEN, host="imap.contoso.example", port=143) == (
        b"n,a=user@contoso.example,\x01host=imap.contoso.example\x01port=143\x01auth=Bearer "
        b"vF9dft4qmTc2Nvb3RlckBhdHRhdmlzdGEuY29tCg==\x01\x01"
    )
    comma = BearerToken(user="a=b,c", token="t")
    assert start(Mechanism.OAUTHBEARER, comma) == b"n,a=a=3Db=2Cc,\x01auth=Bearer t\x01\x01"


@pytest.mark.parametrize(("kind", "response"), [(XOAuth2, b""), (OAuthBearer, b"\x01")])
def test_a_refused_token_is_acknowledged_and_explained(
    kind: type[XOAuth2 | OAuthBearer], response: bytes
) -> None:
    machine = kind(TOKEN)
    assert machine.refusal is None
    told = {
        "status": "invalid_token",
        "scope": "https://contoso.example/mail",
        "openid-configuration": "https://contoso.example/.well-known/openid-configuration",
    }
    assert machine.step(json.dumps(told).encode()) == response
    assert machine.refusal is not None
    assert machine.refusal.status == told["status"]
    assert machine.refusal.scope == told["scope"]
    assert machine.refusal.configuration == told["openid-configuration"]
    machine.finish()
    with pytest.raises(Refused, match="asked on"):
        machine.step(b"{}")


@pytest.mark.parametrize(
    ("challenge", "refusal"),
    [
        (b"", TokenRefusal()),
        (b"[]", TokenRefusal()),
        (b"not JSON", TokenRefusal(status="'not JSON'")),
        (b"\xff", TokenRefusal(status="'\ufffd'")),
        (b'{"status": 400}', TokenRefusal(status="400")),
        (b'{"status": "' + b"x" * 5000 + b'"}', TokenRefusal(status="x" * 200)),
        (b"[" * 10_000, TokenRefusal(status=repr("[" * 100))),
    ],
)
def test_a_refusal_in_any_shape_is_taken(challenge: bytes, refusal: TokenRefusal) -> None:
    machine = XOAuth2(TOKEN)
    machine.step(challenge)
    assert machine.refusal == refusal


@pytest.mark.parametrize(
    ("mechanism", "credentials"),
    [
        (Mechanism.PLAIN, TOKEN),
        (Mechanism.SCRAM_SHA_1, TOKEN),
        (Mechanism.XOAUTH2, PASSWORD),
        (Mechanism.OAUTHBEARER, PASSWORD),
        (Mechanism.LOGIN_COMMAND, PASSWORD),
    ],
)
def test_a_mechanism_takes_only_its_kind_of_secret(
    mechanism: Mechanism, credentials: Credentials
) -> None:
    with pytest.raises(InvalidInput, match="does not go with"):
        begin(mechanism, credentials, nonce=NONCE)


@pytest.mark.parametrize("bad", ["a\0b", "\udcff"])
def test_what_no_mechanism_can_carry_is_refused(bad: str) -> None:
    for told in ({"user": bad}, {"password": bad}, {"acting_as": bad}):
        with pytest.raises(InvalidInput):
            Password(**{"user": "u", "password": "p", **told})


@pytest.mark.parametrize(
    "bad", [{"token": ""}, {"token": "a b"}, {"token": "a\x01b"}, {"user": "a\x01"}]
)
def test_a_token_that_would_break_its_message_is_refused(bad: dict[str, str]) -> None:
    with pytest.raises(InvalidInput):
        BearerToken(**{"user": "u", "token": "t", **bad})


def test_no_repr_shows_a_secret() -> None:
    shown = repr((PASSWORD, TOKEN, FOR_OTHER))
    assert "user" in shown
    for machine in (Mechanism.PLAIN, Mechanism.LOGIN, Mechanism.SCRAM_SHA_256):
        shown += repr(begin(machine, PASSWORD, nonce=NONCE))
    shown += repr(XOAuth2(TOKEN)) + repr(OAuthBearer(TOKEN))
    assert PASSWORD.password not in shown
    assert TOKEN.token not in shown


def test_administrators_names_are_as_each_server_wants_them() -> None:
    assert dovecot_master_login("user", "master") == "user*master"
    assert dovecot_master_login("user", "master", "%") == "user%master"
    assert exchange_delegate_login("contoso", "admin", "user") == "contoso/admin/user"


def test_a_mechanism_that_is_demanded_is_the_only_one() -> None:
    demanded = Password(user="user", password="pencil", by=Mechanism.LOGIN)
    assert list_mechanisms(ALL_AUTH, demanded, is_encrypted=True) == (Mechanism.LOGIN,)
    token = BearerToken(user="user", token="abc", by=Mechanism.XOAUTH2)
    assert list_mechanisms(ALL_AUTH, token, is_encrypted=True) == (Mechanism.XOAUTH2,)


def test_a_mechanism_that_is_demanded_and_not_offered_is_named() -> None:
    demanded = Password(user="user", password="pencil", by=Mechanism.SCRAM_SHA_256)
    with pytest.raises(Refused, match="does not offer SCRAM-SHA-256 for this: AUTH=PLAIN"):
        list_mechanisms({"AUTH=PLAIN"}, demanded, is_encrypted=True)
