from __future__ import annotations

import base64
import hashlib
import hmac

import pytest
from hypothesis import given
from hypothesis import strategies as st

from switchover.errors import InvalidInput, Refused
from switchover.wire.imap.scram import (
    FEWEST_ITERATIONS,
    MOST_ITERATIONS,
    Scram,
    ScramHash,
    prepare,
)

NONCE = "rOprNGfwEbeRWgbNEkqO"


def scram(hash_: ScramHash = ScramHash.SHA_256, **told: str) -> Scram:
    return Scram(hash_, **{"user": "user", "password": "pencil", "nonce": NONCE, **told})


# (RFC 5802 section 5, RFC 7677 section 3)
CONVERSATIONS = [
    (
        ScramHash.SHA_1,
        "fyko+d2lbbFgONRv9qkxdawL",
        b"n,,n=user,r=fyko+d2lbbFgONRv9qkxdawL",
        b"r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,s=QSXCR+Q6sek8bf92,i=4096",
        b"c=biws,r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,p=v0X8v3Bz2T0CJGbJQyF0X+HI4Ts=",
        b"v=rmF9pqV8S7suAoZWja4dJRkFsKQ=",
    ),
    (
        ScramHash.SHA_256,
        NONCE,
        b"n,,n=user,r=rOprNGfwEbeRWgbNEkqO",
        b"r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096",
        b"c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,"
        b"p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=",
        b"v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=",
    ),
]
SERVER_FIRST = CONVERSATIONS[1][3]


@pytest.mark.parametrize(("hash_", "nonce", "first", "server", "final", "proof"), CONVERSATIONS)
def test_the_conversations_of_the_standards_come_out_to_the_octet(
    hash_: ScramHash, nonce: str, first: bytes, server: bytes, final: bytes, proof: bytes
) -> None:
    machine = scram(hash_, nonce=nonce)
    assert machine.start() == first
    assert machine.step(server) == final
    assert machine.step(proof) == b""
    machine.finish()


class Server:
    """The other side, written from the standard alone: knows the salted password's two keys."""

    def __init__(self, password: str, hash_: str = "sha256", iterations: int = 4096) -> None:
        salted = hashlib.pbkdf2_hmac(hash_, password.encode(), b"salt", iterations)
        self.hash = hash_
        self.stored = hashlib.new(hash_, hmac.digest(salted, b"Client Key", hash_)).digest()
        self.key = hmac.digest(salted, b"Server Key", hash_)
        self.iterations = iterations

    def first(self, client_first: bytes) -> bytes:
        self.bare = client_first.split(b",", 2)[2]
        nonce = self.bare.rpartition(b"r=")[2]
        salt = base64.b64encode(b"salt")
        self.said = b"r=%bserver,s=%b,i=%d" % (nonce, salt, self.iterations)
        return self.said

    def final(self, client_final: bytes) -> bytes:
        bare, _, proof = client_final.rpartition(b",p=")
        spoken = b",".join((self.bare, self.said, bare))
        signature = hmac.digest(self.stored, spoken, self.hash)
        key = bytes(a ^ b for a, b in zip(base64.b64decode(proof), signature, strict=True))
        assert hashlib.new(self.hash, key).digest() == self.stored, "wrong password"
        return b"v=" + base64.b64encode(hmac.digest(self.key, spoken, self.hash))


@pytest.mark.parametrize("hash_", list(ScramHash))
def test_both_sides_prove_that_they_know_the_password(hash_: ScramHash) -> None:
    server = Server("pencil", hash_)
    machine = scram(hash_, user="a=b,c", acting_as="other")
    opening = machine.start()
    assert opening == b"n,a=other,n=a=3Db=2Cc,r=" + NONCE.encode()
    assert machine.step(server.final(machine.step(server.first(opening)))) == b""
    machine.finish()


def test_a_server_that_does_not_know_the_password_is_found_out() -> None:
    machine = scram()
    machine.step(SERVER_FIRST)
    with pytest.raises(Refused, match="prove"):
        machine.step(b"v=" + base64.b64encode(bytes(32)))


def test_an_ok_without_the_servers_proof_is_not_accepted() -> None:
    machine = scram()
    with pytest.raises(Refused, match="without proving"):
        machine.finish()
    machine.step(SERVER_FIRST)
    with pytest.raises(Refused, match="without proving"):
        machine.finish()


@pytest.mark.parametrize("count", [1, FEWEST_ITERATIONS - 1, MOST_ITERATIONS + 1, 999_999_999])
def test_too_little_and_too_much_work_are_refused_at_once(count: int) -> None:
    with pytest.raises(Refused, match=f"{count} SCRAM iterations"):
        scram().step(SERVER_FIRST.replace(b"i=4096", b"i=%d" % count))


@pytest.mark.parametrize(
    "challenge",
    [
        b"",
        b"x",
        b"\xff",
        b"r=" + NONCE.encode() + b",s=QSXC,i=4096",  # nothing of the server in the nonce
        b"r=other,s=QSXC,i=4096",
        SERVER_FIRST.replace(b"s=W22ZaJ0SNY7soEsUEjb6gQ==", b"s=***"),
        SERVER_FIRST.replace(b"W22ZaJ0SNY7soEsUEjb6gQ==", "é".encode()),
        SERVER_FIRST.replace(b"W22ZaJ0SNY7soEsUEjb6gQ==", b""),
        SERVER_FIRST.replace(b",i=4096", b""),
        SERVER_FIRST.replace(b"i=4096", b"i=-4096"),
        SERVER_FIRST.replace(b"i=4096", "i=\uff14\uff10\uff19\uff16".encode()),
        SERVER_FIRST.replace(b"i=4096", b"i=" + b"9" * 5000),
        b"m=ext," + SERVER_FIRST,
        SERVER_FIRST + b",i=5000",
        b"e=unknown-user",
        b"a=" + b"x" * 20_000,
    ],
)
def test_a_first_message_that_breaks_the_protocol_is_refused(challenge: bytes) -> None:
    with pytest.raises(Refused):
        scram().step(challenge)


@given(st.binary(max_size=60))
def test_no_challenge_ends_in_anything_but_an_answer_or_a_refusal(challenge: bytes) -> None:
    machine = scram()
    with pytest.raises(Refused):
        machine.step(challenge)
    machine.step(SERVER_FIRST)
    with pytest.raises(Refused):
        machine.step(challenge)


def test_the_servers_own_refusal_is_told() -> None:
    machine = scram()
    machine.step(SERVER_FIRST)
    with pytest.raises(Refused, match="invalid-proof"):
        machine.step(b"e=invalid-proof")


def test_nothing_may_follow_the_servers_proof() -> None:
    machine = scram()
    machine.step(SERVER_FIRST)
    machine.step(CONVERSATIONS[1][5])
    with pytest.raises(Refused, match="complete"):
        machine.step(b"v=x")


@pytest.mark.parametrize(
    "nonce", ["", "short", "a,b" * 8, "x" * 15 + "é", "x" * 300, "x" * 20 + "\n"]
)
def test_a_nonce_that_is_weak_or_breaks_the_message_is_refused(nonce: str) -> None:
    with pytest.raises(InvalidInput):
        scram(nonce=nonce)


def test_no_repr_shows_the_password() -> None:
    assert "pencil" not in repr(scram())


# RFC 4013 section 3
@pytest.mark.parametrize(
    ("text", "prepared"),
    [
        ("I\u00adX", "IX"),
        ("user", "user"),
        ("USER", "USER"),
        ("\u00aa", "a"),
        ("\u2168", "IX"),
        ("a\u00a0b", "a b"),
        ("", ""),
        ("\u0627\u0628", "\u0627\u0628"),
    ],
)
def test_names_and_passwords_are_prepared_as_the_standard_shows(text: str, prepared: str) -> None:
    assert prepare(text) == prepared


@pytest.mark.parametrize("text", ["\u0007", "\u0627\u0031", "\u0627a\u0627", "\ud800", "\ufff9"])
def test_what_the_standard_forbids_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput):
        prepare(text)
