"""What goes wrong on the wire, as a value: what it is, how far it reaches, when to try again."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Scope(StrEnum):
    """How far a failure reaches: everything outside of it can go on."""

    MESSAGE = "message"
    MAILBOX = "mailbox"
    ENDPOINT = "endpoint"


class Retry(StrEnum):
    """When trying again makes sense."""

    NOW = "now"
    LATER = "later"
    NEVER = "never"


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """One failure; ``message`` is a sentence for an operator: what failed, and by which limit or rule.

    ``uid`` is the message that it is about, where that is known.
    """

    message: str
    scope: Scope
    retry: Retry
    uid: int | None = None
