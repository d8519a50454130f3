"""Entries of the audit log before they have a number. Pure."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from switchover.model.wording import plain

if TYPE_CHECKING:
    from collections.abc import Mapping

    from switchover.directory.access.role import Actor, Door

MAX_WORDS = 500
MAX_DETAIL_BYTES = 64 * 1024
"""More than a difference that anybody reads; the revision has it whole."""


class Outcome(StrEnum):
    """How it ended: done, refused to somebody who may not, or tried and failed."""

    DONE = "done"
    REFUSED = "refused"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """Who did what to what, through which door, from where and why.

    ``actor`` is the name of the account or token, which was proved; ``client`` is what the client says of
    itself, which was not. ``action`` is a word or two (``server.drain``, ``sign-in``), ``subject`` what it
    was done to. ``before`` and ``after`` hold what differs, as plain JSON values; never a secret.
    """

    actor: str
    origin: Door
    action: str
    subject: str = ""
    address: str = ""
    client: str = ""
    outcome: Outcome = Outcome.DONE
    before: Mapping[str, Any] | None = None
    after: Mapping[str, Any] | None = None
    reason: str = ""

    @classmethod
    def by(
        cls,
        actor: Actor,
        action: str,
        subject: str = "",
        *,
        before: Mapping[str, Any] | None = None,
        after: Mapping[str, Any] | None = None,
        reason: str = "",
        outcome: Outcome = Outcome.DONE,
    ) -> Entry:
        """Return what an actor did."""
        return cls(
            actor=actor.name,
            origin=actor.door,
            address=actor.address,
            client=actor.client,
            action=action,
            subject=subject,
            before=before,
            after=after,
            reason=reason,
            outcome=outcome,
        )


def words(text: str) -> str:
    """Return text as it is kept: one plain line that a database takes, not longer than MAX_WORDS."""
    line = plain(text)
    return line if len(line) <= MAX_WORDS else line[: MAX_WORDS - 1] + "…"


def detail_text(detail: Mapping[str, Any] | None) -> str | None:
    """Return details in their canonical form: JSON (RFC 8259) in ASCII, keys sorted, no blanks.

    What is too long is replaced by its size and SHA-256.
    """
    if detail is None:
        return None
    text = _canonical(detail)
    if len(text) <= MAX_DETAIL_BYTES:
        return text
    digest = hashlib.sha256(text.encode()).hexdigest()
    return _canonical({"left_out_bytes": len(text), "sha256": digest})


def _canonical(value: object) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True, default=str)
