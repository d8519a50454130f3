"""Passwords: which are good enough, and argon2id over them. Pure, and slow on purpose.

Parameters are those that the OWASP Password Storage Cheat Sheet recommends first where memory is
shared with others: 19 MiB, two passes, one lane. About 25 ms of a processor each, so callers run it off the
event loop. Rules follow NIST SP 800-63B-4 section 3.1.1: length counts, composition does not.
"""

from __future__ import annotations

import unicodedata

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from switchover.errors import Corrupt, InvalidInput

SHORTEST = 12
LONGEST_BYTES = 1024
"""Beyond any passphrase; without a limit each try could make us read megabytes."""
_FEWEST_DIFFERENT = 5
MEMORY_KIB = 19 * 1024
PASSES = 2
LANES = 1

_hasher = PasswordHasher(time_cost=PASSES, memory_cost=MEMORY_KIB, parallelism=LANES)
NOBODY = f"$argon2id$v=19$m={MEMORY_KIB},t={PASSES},p={LANES}${'A' * 22}${'A' * 43}"
"""A hash that no password has: checked for names that do not exist, so that they take as long."""


def usable_password(text: str, *, name: str) -> str:
    """Return a password as it is kept; raises InvalidInput, without the password, for a poor one."""
    password = normal(text)
    if len(password) < SHORTEST:
        raise InvalidInput(
            f"the password is too short: at least {SHORTEST} characters; a few words are easy to keep in mind"
        )
    if len(password.encode()) > LONGEST_BYTES:
        raise InvalidInput(f"the password is too long: at most {LONGEST_BYTES} bytes")
    if len(set(password)) < _FEWEST_DIFFERENT:
        raise InvalidInput(
            f"the password is too easy to guess: use at least {_FEWEST_DIFFERENT} different characters"
        )
    simple = password.casefold()
    if name.casefold() in simple and len(simple) - len(name) < SHORTEST // 2:
        raise InvalidInput("the password is too easy to guess: it is little more than the name")
    return password


def normal(text: str) -> str:
    """Return a password in the one form that all keyboards give (NFKC); raises InvalidInput for no text."""
    try:
        text.encode()
    except UnicodeEncodeError:
        raise InvalidInput("the password holds characters that are none; type it again") from None
    return unicodedata.normalize("NFKC", text)


def make_hash(password: str) -> str:
    """Return argon2id over a password with a salt of its own."""
    return _hasher.hash(password)


def is_password(kept: str, password: str) -> bool:
    """True when ``kept`` was made from this password.

    Raises:
        Corrupt: ``kept`` is no hash of ours.
    """
    try:
        return _hasher.verify(kept, password)
    except VerificationError:
        return False
    except InvalidHashError:
        raise Corrupt(
            "the password of this account can not be read; set a new one with: switchover account password"
        ) from None


def is_outdated(kept: str) -> bool:
    """True when a hash was made with other parameters than today's."""
    return _hasher.check_needs_rehash(kept)
