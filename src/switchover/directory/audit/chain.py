r"""How entries hold each other: each has the SHA-256 of itself and of the one before. Pure.

The hash of an entry is SHA-256 over the hash of the entry before (64 zeros for the first) in hexadecimal, a
line feed, and the entry's canonical form: a JSON array in ASCII without blanks of the word ``switchover-audit-1``,
number, time (``2026-01-02T03:04:05.000006+00:00``), actor, origin, address, client, action, subject, outcome,
before, after and reason, where before and after are null or strings with canonical JSON of their own
(``entry.detail_text``). Anybody can compute it anew from an export.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from switchover.directory.audit.entry import Outcome, detail_text, words
from switchover.errors import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Mapping

    from switchover.directory.audit.entry import Entry

FORM = "switchover-audit-1"
START = "0" * 64
"""The hash before the first entry."""
_HASH = re.compile(r"[0-9a-f]{64}")
ACCEPT = "audit.accept"
"""The action by which an administrator says that a broken chain has an innocent reason."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """An entry in its place. ``before`` and ``after`` are JSON as text, ``seal`` is "" where nobody sealed."""

    number: int
    at: datetime
    actor: str
    origin: str
    address: str
    client: str
    action: str
    subject: str
    outcome: str
    before: str | None
    after: str | None
    reason: str
    previous: str
    hash: str
    seal: str = ""


def new_link(entry: Entry, *, number: int, at: datetime, previous: str) -> Link:
    """Return an entry as the one of that number, after the one with the hash ``previous``."""
    link = Link(
        number=number,
        at=at,
        actor=words(entry.actor),
        origin=entry.origin.value,
        address=words(entry.address),
        client=words(entry.client),
        action=words(entry.action),
        subject=words(entry.subject),
        outcome=entry.outcome.value,
        before=detail_text(entry.before),
        after=detail_text(entry.after),
        reason=words(entry.reason),
        previous=previous,
        hash="",
    )
    return replace(link, hash=digest_of(link))


def digest_of(link: Link, *, number: int | None = None) -> str:
    """Return the hash that a link should have; ``number`` asks for another place."""
    parts = (
        FORM,
        link.number if number is None else number,
        link.at.astimezone(UTC).isoformat(timespec="microseconds"),
        *(link.actor, link.origin, link.address, link.client, link.action, link.subject),
        *(link.outcome, link.before, link.after, link.reason),
    )
    text = json.dumps(parts, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(f"{link.previous}\n{text}".encode()).hexdigest()


def is_acceptance(link: Link) -> bool:
    """True for an entry by which somebody accepts what is wrong with those before it."""
    return link.action == ACCEPT and link.outcome == Outcome.DONE


def link_body(link: Link) -> dict[str, Any]:
    """Return a link for programs: details as values, the time as text."""
    return {
        "number": link.number,
        "at": link.at.astimezone(UTC).isoformat(timespec="microseconds"),
        "actor": link.actor,
        "origin": link.origin,
        "address": link.address,
        "client": link.client,
        "action": link.action,
        "subject": link.subject,
        "outcome": link.outcome,
        "before": None if link.before is None else json.loads(link.before),
        "after": None if link.after is None else json.loads(link.after),
        "reason": link.reason,
        "previous": link.previous,
        "hash": link.hash,
        "seal": link.seal,
    }


def read_link(body: Mapping[str, Any]) -> Link:
    """Return the link that ``link_body`` gave; raises InvalidInput for anything else."""
    try:
        texts = {name: _text(body[name]) for name in _TEXTS}
        return Link(
            number=int(body["number"]),
            at=datetime.fromisoformat(_text(body["at"])),
            before=detail_text(body["before"]),
            after=detail_text(body["after"]),
            **texts,
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise InvalidInput(
            f"this is no entry of an audit log ({error!r}); give the file that switchover audit export wrote"
        ) from None


_TEXTS = (
    "actor", "origin", "address", "client", "action", "subject", "outcome", "reason", "previous", "hash",
    "seal",
)  # fmt: skip


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is no text")
    return value


def parse_head(text: str) -> tuple[int, str]:
    """Return number and hash of ``57:3f2a...`` as ``audit verify`` shows them; raises InvalidInput."""
    number, _, digest = text.strip().partition(":")
    if not (number.isascii() and number.isdigit() and len(number) < 19 and _HASH.fullmatch(digest)):
        raise InvalidInput(f"{text[:80]!r} is not NUMBER:HASH, as switchover audit verify shows it")
    return int(number), digest
