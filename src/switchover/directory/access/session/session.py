"""What a session is and when it ends. Pure."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

    from switchover.directory.access.account.account import Account

CODE_SECONDS = 300
"""For how long somebody with the right password may look for the telephone."""
TOUCH_SECONDS = 60
"""How stale ``seen_at`` may be: writing it at each request would cost a write for each read."""
LONGEST_AGENT = 200
_SECRET = re.compile(r"[A-Za-z0-9_-]{43}\Z")


class Method(StrEnum):
    """How somebody proved who they are."""

    PASSWORD = "password"  # noqa: S105 - a word for it
    PASSWORD_AND_CODE = "password-and-code"  # noqa: S105 - a word for it
    OIDC = "oidc"


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How long sessions last: without a request, and in all."""

    idle: timedelta
    absolute: timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class Visitor:
    """From where somebody speaks to us: address, and what their browser calls itself."""

    address: str
    agent: str = ""

    @property
    def short_agent(self) -> str:
        """What is kept of the browser's name: printable, bounded."""
        return "".join(char if char.isprintable() else "?" for char in self.agent)[:LONGEST_AGENT]


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """A session as its owner may see it."""

    id: str
    account_id: str
    method: Method
    awaits_code: bool
    address: str
    agent: str
    made_at: datetime
    seen_at: datetime
    ended_at: datetime | None = None
    ended_because: str = ""

    def is_valid(self, limits: Limits, now: datetime) -> bool:
        """True while it neither ended nor ran into a limit; says nothing of ``awaits_code``."""
        if self.ended_at is not None:
            return False
        if self.awaits_code:
            return now - self.made_at < timedelta(seconds=CODE_SECONDS)
        return now - self.made_at < limits.absolute and now - self.seen_at < limits.idle

    def left(self, limits: Limits, now: datetime) -> timedelta:
        """Return how long it lasts when nobody uses it any more; negative when it is over."""
        return min(self.made_at + limits.absolute, self.seen_at + limits.idle) - now

    def is_stale(self, now: datetime) -> bool:
        """True when ``seen_at`` should be written anew."""
        return now - self.seen_at >= timedelta(seconds=TOUCH_SECONDS)


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class NewSession:
    """A session at the only moment its secret is known, for the cookie."""

    session: Session
    secret: str
    account: Account


def secret_hash(secret: str) -> str | None:
    """Return what the database keeps of a cookie, None for what can not be one of ours."""
    if not _SECRET.match(secret):
        return None
    return hashlib.sha256(secret.encode("ascii")).hexdigest()


def form_token(secret: str) -> str:
    """Return what forms must bring back, for the browser that holds this cookie and for no other."""
    digest = hmac.digest(secret.encode("utf-8", "replace"), b"switchover form", "sha256")
    return base64.urlsafe_b64encode(digest).decode("ascii").rstrip("=")


def is_form_token(secret: str, given: str) -> bool:
    """True when a form brought back what ``form_token`` gave it; takes the same time for all."""
    return hmac.compare_digest(form_token(secret).encode(), given.encode("utf-8", "replace"))
