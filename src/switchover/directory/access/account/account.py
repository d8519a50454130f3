"""An account as everybody may see it, and what a usable one is. Pure."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING
from zoneinfo import available_timezones

from switchover.directory.access.role import Actor
from switchover.errors import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Container
    from datetime import datetime

    from switchover.directory.access.role import Role

LONGEST_NAME = 63
_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9 @._-]{0,61}[A-Za-z0-9._-])?\Z")
_NO_NAME_PART = re.compile(r"[^A-Za-z0-9@._-]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """Everything of an account but its secrets.

    ``issuer`` and ``subject`` name it at an identity provider, None for local accounts.
    """

    id: str
    name: str
    role: Role
    zone: str
    issuer: str | None
    subject: str | None
    made_at: datetime
    made_by: str
    password_at: datetime | None = None
    signed_in_at: datetime | None = None
    disabled_at: datetime | None = None
    has_second_factor: bool = False

    @property
    def is_local(self) -> bool:
        """True when switchover itself knows its password."""
        return self.issuer is None

    @property
    def is_enabled(self) -> bool:
        """True when it may sign in."""
        return self.disabled_at is None

    @property
    def actor(self) -> Actor:
        """Who does what this account does."""
        return Actor(name=self.name, role=self.role, account_id=self.id)


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Credentials:
    """What proves that somebody is the account's person; never leaves this room."""

    account: Account
    password_hash: str | None
    totp_secret: bytes | None = None
    totp_draft: bytes | None = None
    totp_step: int = 0


def usable_name(text: str) -> str:
    """Return ``text`` as the name of an account; raises InvalidInput for one that is none."""
    if not _NAME.match(text):
        raise InvalidInput(
            f"{text!r} is not a usable account name: letters, digits, @ . _ - and spaces between them, "
            f"at most {LONGEST_NAME}"
        )
    return text


def usable_zone(text: str) -> str:
    """Return ``text`` as a time zone; raises InvalidInput for one that nobody knows."""
    if text not in zones():
        raise InvalidInput(f"{text!r} is no time zone; write one such as Europe/Brussels, or UTC")
    return text


@cache
def zones() -> frozenset[str]:
    """Return the names of all time zones this machine knows."""
    return frozenset(available_timezones()) | {"UTC"}


def provided_name(wanted: str, taken: Container[str]) -> str:
    """Return a name for somebody from an identity provider: as wanted, else numbered.

    ``taken`` holds the names of other accounts in lower case. A name there is never given away twice: it
    stands for one person in the history, and a provider must not be able to borrow a local one.
    """
    plain = unicodedata.normalize("NFKD", wanted).encode("ascii", "ignore").decode("ascii")
    stem = (
        _NO_NAME_PART.sub("-", plain).strip("@._- ")[: LONGEST_NAME - 4].rstrip("@ ") or "somebody"
    )
    number, name = 1, stem
    while name.lower() in taken:
        number += 1
        name = f"{stem}-{number}"
    return name
