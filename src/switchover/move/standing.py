"""Whether a folder is as the last complete run left it, by what both sides tell without opening it. Pure."""

from __future__ import annotations

from dataclasses import dataclass, fields
from enum import StrEnum

from switchover.move.sync_plan import Deletions, Rules

_NOT_TERMS = frozenset(
    {
        "source_uid_validity",
        "target_uid_validity",
        "permanent_flags",
        "limits",
        "deletions",
        "retries_skipped",
    }
)


class Standing(StrEnum):
    """What is to be done to know whether a folder has anything to copy."""

    UNCHANGED = "nothing"
    UNCERTAIN = "its flags must be listed"
    CHANGED = "it must be opened"


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """Which mails a folder has: STATUS of RFC 9051 section 7.3.4, with HIGHESTMODSEQ of RFC 7162.

    ``mod_seq`` 0: the server does not tell when flags change.
    """

    uid_validity: int
    uid_next: int
    messages: int
    mod_seq: int = 0


def terms_of(rules: Rules) -> str:
    """Return what is wanted, as text to keep: what is deleted, then everything that bounds what is copied."""
    chosen = [
        f"{one.name}={getattr(rules, one.name)!r}"
        for one in fields(rules)
        if one.name not in _NOT_TERMS
    ]
    return f"{rules.deletions}; {', '.join(chosen)}"


def do_terms_hold(before: str, now: str) -> bool:
    """Return whether what was complete by the terms ``before`` is complete by those of ``now``.

    Where nothing is to be deleted it makes no difference what was deleted before.
    """
    deleted, _, bounds = before.partition("; ")
    to_delete, _, wanted = now.partition("; ")
    return bounds == wanted and to_delete in {Deletions.NEVER, deleted}


def standing(
    source: tuple[State | None, State],
    target: tuple[State | None, State],
    *,
    deletions: Deletions,
    fingerprint: bytes,
) -> Standing:
    """Return how a folder stands; each side as it is now (None: not told) and as it was.

    As long as nothing is deleted, the target's mails are its own business; but a folder with another
    UIDVALIDITY is another folder.
    """
    now, before = source
    if now is None or now != before or not before.uid_validity:
        return Standing.CHANGED
    if not _is_target_unchanged(*target, deletions):
        return Standing.CHANGED
    if now.mod_seq or not now.messages:
        return Standing.UNCHANGED
    return Standing.UNCERTAIN if fingerprint else Standing.CHANGED


def _is_target_unchanged(now: State | None, before: State, deletions: Deletions) -> bool:
    if deletions is not Deletions.NEVER:
        return now is not None and now == before and bool(before.uid_next)
    return now is None or now.uid_validity == before.uid_validity


def is_as_left(now: State, left: State | None) -> bool:
    """Return whether a folder has the mails that we left in it, and none that others put or took away."""
    if left is None:
        return False
    mails = (left.uid_validity, left.uid_next, left.messages)
    return (now.uid_validity, now.uid_next, now.messages) == mails
