"""Codes that change every half minute (TOTP, RFC 6238), and recovery codes for a lost telephone. Pure.

SHA-1 and six digits are what authenticator programs agree on; some take nothing else. A code is good in
its own time step and the one before it or after it, and never twice.
"""

from __future__ import annotations

import base64
import hashlib
import re
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.twofactor import InvalidToken
from cryptography.hazmat.primitives.twofactor.totp import TOTP

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

SECRET_BYTES = 20  # RFC 4226 section 4, R6: 160 bits are recommended
STEP_SECONDS = 30
DIGITS = 6
CODES = 10
_CODE_BYTES = 10
_CODE = re.compile(r"[0-9]{6}\Z")
_RECOVERY = re.compile(r"[A-Z2-7]{16}\Z")
_BLANKS = re.compile(r"[\s-]+")


def find_step(secret: bytes, code: str, now: datetime, *, after: int) -> int | None:
    """Return the time step that a code belongs to, None for a wrong or used one.

    Steps up to ``after`` were used: a code that somebody looked at works once (RFC 6238 section 5.2).
    """
    digits = _BLANKS.sub("", code)
    if not _CODE.match(digits):
        return None
    totp = _totp(secret)
    current = int(now.timestamp()) // STEP_SECONDS
    fitting = [
        step
        for step in (current - 1, current, current + 1)
        if step > after and _is_code(totp, digits, step)
    ]
    return fitting[0] if fitting else None


def enrolment_uri(secret: bytes, name: str, issuer: str) -> str:
    """Return what authenticator programs read, mostly from a picture."""
    return _totp(secret).get_provisioning_uri(name, issuer)


def spelled(secret: bytes) -> str:
    """Return the secret as people type it: base32 in groups of four."""
    return " ".join(_groups(base64.b32encode(secret).decode("ascii")))


def recovery_code(random: bytes) -> str:
    """Return a recovery code made of 10 random bytes: ``ABCD-EFGH-IJKL-MNOP``."""
    return "-".join(_groups(base64.b32encode(random[:_CODE_BYTES]).decode("ascii")))


def recovery_hash(code: str) -> str | None:
    """Return what is kept of a recovery code, None for what can not be one.

    They are random, 80 bits, so no slow hash is needed.
    """
    letters = _BLANKS.sub("", code).upper()
    if not _RECOVERY.match(letters):
        return None
    return hashlib.sha256(letters.encode("ascii")).hexdigest()


def _groups(text: str) -> Iterator[str]:
    return (text[at : at + 4] for at in range(0, len(text), 4))


def _totp(secret: bytes) -> TOTP:
    return TOTP(secret, DIGITS, SHA1(), STEP_SECONDS)  # noqa: S303 - see the module


def _is_code(totp: TOTP, digits: str, step: int) -> bool:
    try:
        totp.verify(digits.encode("ascii"), step * STEP_SECONDS)
    except InvalidToken:
        return False
    return True
