"""SCRAM (RFC 5802; SHA-256 by RFC 7677) without channel binding, and SASLprep (RFC 4013).

The password never leaves us, and the server must show that it knows it too. Messages are bytes before
base64. Refused from here concerns the endpoint, and trying again with the same secret is of no use.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
import stringprep
import unicodedata
from enum import StrEnum
from typing import Final

from switchover.errors import InvalidInput, Refused

# RFC 7677 section 4 asks for at least 4096. The upper bound is ours: below a second of one core, so that
# a hostile server cannot keep us busy with each sign-in.
FEWEST_ITERATIONS: Final = 4096
MOST_ITERATIONS: Final = 1_000_000

_LONGEST_MESSAGE_OCTETS = 16_384
_NONCE = re.compile(r"[!-+\--~]{16,256}")


class ScramHash(StrEnum):
    """The hash function, by the name that hashlib knows."""

    SHA_1 = "sha1"
    SHA_256 = "sha256"


class Scram:
    """One sign-in by SCRAM. ``step`` takes as long as the server's iterations: some 0.3 s at most."""

    __slots__ = ("_expected", "_first", "_gs2", "_hash", "_is_proven", "_nonce", "_password")

    def __init__(
        self, hash_: ScramHash, *, user: str, password: str, nonce: str, acting_as: str = ""
    ) -> None:
        """Prepare the first message; ``nonce`` is fresh randomness.

        Raises InvalidInput for a nonce of fewer than 16 characters or with a comma, and for names and
        passwords that SASLprep forbids.
        """
        if not _NONCE.fullmatch(nonce):
            raise InvalidInput("a SCRAM nonce needs 16 or more printable characters, no comma")
        self._hash = hash_
        self._gs2 = f"n,a={_escaped(acting_as)}," if acting_as else "n,,"
        self._first = f"n={_escaped(user)},r={nonce}"
        self._nonce = nonce
        self._password = prepare(password).encode()
        self._expected: bytes | None = None
        self._is_proven = False

    def start(self) -> bytes | None:
        """Return the first message: who we are, and our nonce."""
        return (self._gs2 + self._first).encode()

    def step(self, challenge: bytes) -> bytes:
        """Return our proof, then, once the server's proof is right, an empty response.

        Raises Refused for a server that breaks the protocol, asks for too little or too much work,
        or does not know the password.
        """
        if len(challenge) > _LONGEST_MESSAGE_OCTETS:
            raise Refused(f"the server sent a SCRAM message of {len(challenge)} octets")
        if self._is_proven:
            raise Refused("the server asked on after SCRAM was complete")
        if self._expected is None:
            return self._prove(challenge)
        given = _attributes(challenge).get("v", "")
        if not hmac.compare_digest(given.encode(), base64.b64encode(self._expected)):
            raise Refused("the server could not prove that it knows the password")
        self._is_proven = True
        return b""

    def finish(self) -> None:
        """Accept the server's OK; raises Refused when it came before the server's proof."""
        if not self._is_proven:
            raise Refused("the server let us in without proving that it knows the password")

    def _prove(self, challenge: bytes) -> bytes:
        values = _attributes(challenge)
        nonce = values.get("r", "")
        # "m" announces an extension that one must understand, and none is defined.
        if not nonce.startswith(self._nonce) or nonce == self._nonce or "m" in values:
            raise Refused("the server's SCRAM message is not an answer to ours")
        salted = hashlib.pbkdf2_hmac(self._hash, self._password, _salt(values), _iterations(values))
        bound = base64.b64encode(self._gs2.encode()).decode("ascii")
        final = f"c={bound},r={nonce}"
        spoken = b",".join((self._first.encode(), challenge, final.encode()))
        key = hmac.digest(salted, b"Client Key", self._hash)
        signature = hmac.digest(hashlib.new(self._hash, key).digest(), spoken, self._hash)
        proof = bytes(one ^ other for one, other in zip(key, signature, strict=True))
        server_key = hmac.digest(salted, b"Server Key", self._hash)
        self._expected = hmac.digest(server_key, spoken, self._hash)
        return f"{final},p={base64.b64encode(proof).decode('ascii')}".encode()


def _attributes(message: bytes) -> dict[str, str]:
    try:
        pairs = [pair.partition("=") for pair in message.decode().split(",")]
    except UnicodeDecodeError as error:
        raise Refused("the server's SCRAM message is not UTF-8") from error
    values = {name: value for name, sign, value in pairs if sign and len(name) == 1}
    if len(values) != len(pairs):
        raise Refused(f"the server's SCRAM message is malformed: {message[:100]!r}")
    if "e" in values:
        raise Refused(f"the server refused the sign-in: {values['e'][:100]!r}")
    return values


def _salt(values: dict[str, str]) -> bytes:
    try:
        salt = binascii.a2b_base64(values.get("s", ""), strict_mode=True)
    except ValueError as error:
        raise Refused("the server's SCRAM salt is not base64") from error
    if not salt:
        raise Refused("the server's SCRAM message has no salt")
    return salt


def _iterations(values: dict[str, str]) -> int:
    text = values.get("i", "")
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise Refused("the server's SCRAM message has no count of iterations")
    count = int(text)
    if not FEWEST_ITERATIONS <= count <= MOST_ITERATIONS:
        raise Refused(
            f"the server asks for {count} SCRAM iterations; we do {FEWEST_ITERATIONS} to "
            f"{MOST_ITERATIONS}: fewer would make the password easy to guess, more are an attack"
        )
    return count


def _escaped(name: str) -> str:
    return prepare(name).replace("=", "=3D").replace(",", "=2C")


_FORBIDDEN = (
    stringprep.in_table_c12,
    stringprep.in_table_c21_c22,
    stringprep.in_table_c3,
    stringprep.in_table_c4,
    stringprep.in_table_c5,
    stringprep.in_table_c6,
    stringprep.in_table_c7,
    stringprep.in_table_c8,
    stringprep.in_table_c9,
)


def prepare(text: str) -> str:
    """Return ``text`` as SASLprep has it for a login: blanks and compatible characters made equal.

    Raises InvalidInput for controls and whatever else it forbids.
    """
    spaced = (" " if stringprep.in_table_c12(one) else one for one in text)
    mapped = "".join(one for one in spaced if not stringprep.in_table_b1(one))
    prepared = unicodedata.ucd_3_2_0.normalize("NFKC", mapped)
    if any(is_forbidden(one) for one in prepared for is_forbidden in _FORBIDDEN):
        raise InvalidInput("a login name or password holds a character that SCRAM forbids")
    if any(map(stringprep.in_table_d1, prepared)):
        ends_right = stringprep.in_table_d1(prepared[0]) and stringprep.in_table_d1(prepared[-1])
        if not ends_right or any(map(stringprep.in_table_d2, prepared)):
            raise InvalidInput("a login name or password mixes directions of writing (RFC 3454)")
    return prepared
