"""Results of verbs as JSON bodies."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Annotated, Any

from pydantic import AfterValidator, Field

from switchover.balance.drift import Drift
from switchover.balance.revision import Revision
from switchover.balance.work.revisions import Outcome
from switchover.model.wording import is_plain


def one_plain_line(text: str) -> str:
    """Return a text that can be shown on a terminal in one line; raises ValueError for any other."""
    if not is_plain(text):
        raise ValueError("control characters and line breaks are not allowed; write one plain line")
    return text


Reason = Annotated[
    str, Field(max_length=500, description="Why, for the history."), AfterValidator(one_plain_line)
]
"""What everybody reads in the history later, on terminals too."""


def outcome_body(
    outcome: Outcome, *, warnings: Sequence[str] = (), drifts: Iterable[Drift] = ()
) -> dict[str, Any]:
    """Return what a change did; ``drifts`` are what still differs after one that changed nothing."""
    brought = outcome.brought
    return {
        "revision": outcome.number,
        "summary": outcome.summary,
        "diff": outcome.diff,
        "findings": [finding.to_json() for finding in outcome.findings],
        "warnings": list(warnings),
        "drift": [drift.sentence for drift in drifts],
        "engine": None
        if brought is None
        else {
            "means": brought.means.value,
            "because": brought.because,
            "commands": brought.commands,
            "seconds": round(brought.seconds, 4),
            "messages": brought.messages,
        },
    }


def revision_body(revision: Revision) -> dict[str, Any]:
    """Return a revision whole; files by digest only, their contents stay inside."""
    return {
        "number": revision.number,
        "parent": revision.parent,
        "author": revision.author,
        "origin": revision.origin.value,
        "verb": revision.verb.value,
        "reason": revision.reason,
        "created_at": revision.created_at.isoformat(),
        "summary": revision.summary,
        "diff": revision.diff,
        "text": revision.text,
        "files": dict(revision.files),
        "overrides": revision.overrides.to_json(),
    }


def drift_body(drift: Drift) -> dict[str, Any]:
    """Return a difference between wish and engine."""
    return {
        "kind": drift.kind.value,
        "subject": drift.subject,
        "wanted": drift.wanted,
        "found": drift.found,
        "sentence": drift.sentence,
    }
