"""Sign-in to the practice web servers: Basic, and one that is bound to the connection like NTLM.

Pure: the state of a connection and an ``Authorization`` field give the next state and an answer.

The messages have the layout of MS-NLMP section 2.2.1, so a proxy sees what it would see in
production. The proof inside is ours (HMAC-SHA256 over challenge and user): real NTLM needs MD4, and
what is practised here is not the mathematics but that a signed-in *connection* belongs to its user.
After the third message requests carry no ``Authorization`` any more; a proxy that mixes
connections hands one user's mailbox to another.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import struct
from dataclasses import dataclass

from switchover.errors import InvalidInput

SCHEMES = ("Negotiate", "NTLM")
_SIGNATURE = b"NTLMSSP\x00"
_FLAGS = 0x00000201  # NTLM and Unicode
_CHALLENGE_AT = 24
_FIELDS_END = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class SignIn:
    """What a connection knows: the user it belongs to, and the challenge it waits an answer for."""

    user: str | None = None
    challenge: bytes | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What follows from one request.

    Attributes:
        state: what the connection knows from now on.
        user: who this request comes from, None for nobody.
        answer: value for ``WWW-Authenticate`` that continues a handshake, None outside of one.
        denied: True when credentials were shown and are wrong.
    """

    state: SignIn
    user: str | None = None
    answer: str | None = None
    denied: bool = False


def judge(state: SignIn, authorization: str | None, *, password: str, nonce: bytes) -> Verdict:
    """Return what one request's ``Authorization`` means on a connection in this state.

    Args:
        state: what the connection knew before.
        authorization: value of the field, None when absent.
        password: the one that every user has.
        nonce: eight fresh random bytes, for a challenge if one is due.
    """
    if authorization is None:
        return Verdict(state=state, user=state.user)
    scheme, _, token = authorization.strip().partition(" ")
    try:
        content = base64.b64decode(token.strip(), validate=True)
    except binascii.Error:
        return Verdict(state=SignIn(), denied=True)
    if scheme.lower() == "basic":
        return _judge_basic(state, content, password)
    name = next((known for known in SCHEMES if known.lower() == scheme.lower()), None)
    if name is None:
        return Verdict(state=state, denied=True)
    return _judge_message(state, name, content, password, nonce)


def basic(user: str, password: str) -> str:
    """Return the value of ``Authorization`` (RFC 7617)."""
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def negotiate(scheme: str = "NTLM") -> str:
    """Return the value of ``Authorization`` that asks for a challenge (NEGOTIATE_MESSAGE)."""
    return _field(scheme, _SIGNATURE + struct.pack("<II", 1, _FLAGS) + bytes(16))


def authenticate(www_authenticate: str, user: str, password: str) -> str:
    """Return the value of ``Authorization`` that answers a challenge (AUTHENTICATE_MESSAGE).

    Raises:
        InvalidInput: the value holds no challenge.
    """
    scheme, _, token = www_authenticate.partition(" ")
    try:
        challenge_message = base64.b64decode(token, validate=True)
    except binascii.Error as error:
        raise InvalidInput(f"no challenge: {www_authenticate!r}") from error
    challenge = challenge_message[_CHALLENGE_AT : _CHALLENGE_AT + 8]
    if _message_type(challenge_message) != 2 or len(challenge) != 8:
        raise InvalidInput(f"no challenge: {www_authenticate!r}")
    proof, name = _proof(password, challenge, user), user.encode("utf-16-le")
    proof_at, name_at = _FIELDS_END, _FIELDS_END + len(proof)
    message = b"".join(
        (
            _SIGNATURE,
            struct.pack("<I", 3),
            _part(0, _FIELDS_END),
            _part(len(proof), proof_at),
            _part(0, _FIELDS_END),
            _part(len(name), name_at),
            _part(0, _FIELDS_END),
            _part(0, _FIELDS_END),
            struct.pack("<I", _FLAGS),
            proof,
            name,
        )
    )
    return _field(scheme, message)


def _judge_basic(state: SignIn, content: bytes, password: str) -> Verdict:
    user, _, given = content.decode("utf-8", "replace").partition(":")
    if not user or not hmac.compare_digest(given.encode(), password.encode()):
        return Verdict(state=state, denied=True)
    return Verdict(state=state, user=user)


def _judge_message(
    state: SignIn, scheme: str, message: bytes, password: str, nonce: bytes
) -> Verdict:
    kind = _message_type(message)
    if kind == 1:
        return Verdict(state=SignIn(challenge=nonce), answer=_field(scheme, _challenge(nonce)))
    if kind != 3 or state.challenge is None or len(message) < _FIELDS_END:
        return Verdict(state=SignIn(), denied=True)
    user = _read_part(message, 36).decode("utf-16-le", "replace")
    expected = _proof(password, state.challenge, user)
    if not user or not hmac.compare_digest(_read_part(message, 20), expected):
        return Verdict(state=SignIn(), denied=True)
    return Verdict(state=SignIn(user=user), user=user)


def _challenge(nonce: bytes) -> bytes:
    return b"".join(
        (
            _SIGNATURE,
            struct.pack("<I", 2),
            _part(0, 48),
            struct.pack("<I", _FLAGS),
            nonce,
            bytes(8),
            _part(0, 48),
        )
    )


def _proof(password: str, challenge: bytes, user: str) -> bytes:
    return hmac.new(password.encode(), challenge + user.encode(), hashlib.sha256).digest()


def _message_type(message: bytes) -> int | None:
    if not message.startswith(_SIGNATURE) or len(message) < 12:
        return None
    kind: int = struct.unpack_from("<I", message, 8)[0]
    return kind


def _part(size: int, offset: int) -> bytes:
    return struct.pack("<HHI", size, size, offset)


def _read_part(message: bytes, at: int) -> bytes:
    size, _, offset = struct.unpack_from("<HHI", message, at)
    return message[offset : offset + size]


def _field(scheme: str, message: bytes) -> str:
    return f"{scheme} {base64.b64encode(message).decode()}"
