"""Results of verbs as JSON bodies."""

from __future__ import annotations

from typing import Any

from switchover.balance.drift import Drift
from switchover.balance.revision import Revision
from switchover.balance.work.revisions import Outcome


def outcome_body(outcome: Outcome) -> dict[str, Any]:
    """Return what a change did."""
    brought = outcome.brought
    return {
        "revision": outcome.number,
        "summary": outcome.summary,
        "diff": outcome.diff,
        "findings": [finding.to_json() for finding in outcome.findings],
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
