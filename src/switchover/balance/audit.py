"""What the audit log says of changes to the balancer. Pure."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

from switchover.balance.overrides import Override
from switchover.balance.revision import Verb
from switchover.directory.audit.entry import Entry, Outcome

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from switchover.balance.advice import Advice
    from switchover.balance.drift import Drift
    from switchover.balance.overrides import Overrides, Target
    from switchover.balance.revision import Draft, Revision
    from switchover.directory.access.role import Actor

MAX_DIFF_LETTERS = 16_000
MAX_NAMED = 50
ACTIONS = {
    Verb.APPLY: "revision.apply",
    Verb.ROLLBACK: "revision.rollback",
    Verb.DRAIN: "server.drain",
    Verb.MAINTAIN: "server.maintain",
    Verb.RESUME: "server.resume",
    Verb.WEIGHT: "server.weight",
    Verb.ACCEPT: "drift.accept",
}


def revision_entry(
    latest: Revision | None, draft: Draft, *, actor: Actor, number: int, diff: str, summary: str
) -> Entry:
    """Return what is recorded of a new revision.

    The hash of its text stands in it, so that the text in the history can be proved too.
    """
    changed = _changed_targets(latest.overrides if latest else None, draft.overrides)
    after: dict[str, Any] = {
        "revision": number,
        "summary": summary,
        "text_sha256": hashlib.sha256(draft.text.encode()).hexdigest(),
        "files_sha256": dict(draft.files),
        "servers": _states(draft.overrides, changed),
    }
    if draft.verb in {Verb.APPLY, Verb.ROLLBACK}:
        after["diff"] = _cut(diff)
    before = {
        "revision": latest.number if latest else None,
        "servers": _states(latest.overrides if latest else None, changed),
    }
    names = sorted({target.server for target in changed})
    is_of_servers = draft.verb not in {Verb.APPLY, Verb.ROLLBACK} and names
    return Entry.by(
        actor,
        ACTIONS[draft.verb],
        ", ".join(names) if is_of_servers else f"revision {number}",
        before=before,
        after=after,
        reason=draft.reason,
    )


def put_right_entry(
    verb: Verb, server: str, targets: Iterable[Target], *, actor: Actor, reason: str, commands: int
) -> Entry:
    """Return what is recorded where the wish was the same already and the engine was told otherwise."""
    return Entry.by(
        actor,
        ACTIONS[verb],
        server,
        after={"put_right": _names(targets), "commands": commands},
        reason=reason,
    )


def repair_entry(
    drifts: Sequence[Drift], *, actor: Actor, reason: str, failed_because: str = ""
) -> Entry:
    """Return what is recorded of a repair before it begins, and after it if it failed."""
    return Entry.by(
        actor,
        "drift.repair",
        _subject(drifts),
        before={"differences": _sentences(drifts)},
        after={"failed": failed_because} if failed_because else None,
        reason=reason,
        outcome=Outcome.FAILED if failed_because else Outcome.DONE,
    )


def accepted_files_entry(drifts: Sequence[Drift], *, actor: Actor, reason: str) -> Entry:
    """Return what is recorded before files that somebody edited become those that are wanted."""
    return Entry.by(
        actor,
        "drift.accept",
        _subject(drifts),
        before={"wanted": [drift.wanted for drift in drifts]},
        after={"accepted": [drift.found for drift in drifts]},
        reason=reason,
    )


def advice_entry(
    server: str, targets: Sequence[Target], advice: Advice | None, *, actor: Actor
) -> Entry:
    """Return what is recorded of advice for a server; None is its end."""
    after = None
    if advice is not None:
        after = {"percent": advice.percent, "until": advice.until.isoformat()}
    return Entry.by(
        actor,
        "advice.withdraw" if advice is None else "advice.give",
        server,
        after={**(after or {}), "targets": _names(targets)},
        reason=advice.reason if advice else "",
    )


def _changed_targets(old: Overrides | None, new: Overrides) -> list[Target]:
    before = old.by_target if old else {}
    return sorted(
        target
        for target in {*before, *new.by_target}
        if before.get(target) != new.by_target.get(target)
    )


def _states(overrides: Overrides | None, targets: Sequence[Target]) -> dict[str, object]:
    known = overrides.by_target if overrides else {}
    shown: dict[str, object] = {
        str(target): _state(known.get(target, Override())) for target in targets[:MAX_NAMED]
    }
    return shown if len(targets) <= MAX_NAMED else {**shown, "more": len(targets) - MAX_NAMED}


def _state(override: Override) -> str | dict[str, object]:
    if override.weight is None:
        return override.state.value
    return {"state": override.state.value, "weight": override.weight}


def _names(targets: Iterable[Target]) -> list[str]:
    names = sorted(map(str, targets))
    return names if len(names) <= MAX_NAMED else [*names[:MAX_NAMED], f"{len(names)} in all"]


def _subject(drifts: Sequence[Drift]) -> str:
    first = drifts[0].subject
    return first if len(drifts) == 1 else f"{first} and {len(drifts) - 1} more"


def _sentences(drifts: Sequence[Drift]) -> list[str]:
    told = [drift.sentence for drift in drifts[:MAX_NAMED]]
    return told if len(drifts) <= MAX_NAMED else [*told, f"{len(drifts)} in all"]


def _cut(diff: str) -> str:
    if len(diff) <= MAX_DIFF_LETTERS:
        return diff
    lines = diff.count("\n") + 1
    return f"{diff[:MAX_DIFF_LETTERS]}\n… of {lines} lines; the revision has them all"
