"""The one home of time, randomness and new identifiers.

Everything else takes these values as arguments or calls here, so tests can replace them and a
reader finds every source of non-determinism in one file (ruff bans the others).
"""

from __future__ import annotations

import secrets
import time
import uuid
from datetime import UTC, datetime


def now() -> datetime:
    """Return the current moment, aware, in UTC."""
    return datetime.now(UTC)


def monotonic() -> float:
    """Return seconds of a clock that never goes back; only differences mean something."""
    return time.monotonic()


def new_id() -> str:
    """Return a fresh random identifier (UUID version 4, RFC 9562 section 5.4)."""
    return str(uuid.uuid4())


def new_secret(*, size_bytes: int = 32) -> str:
    """Return an unguessable URL-safe text with ``size_bytes`` bytes of entropy."""
    return secrets.token_urlsafe(size_bytes)
