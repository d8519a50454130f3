"""Revisions: every change of the platform, numbered, with author, reason and difference.

A revision holds the whole wish: the platform file's text, the files it names and the overrides. So any
two can be compared, and any can be made the wish again.
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from switchover.model.wording import counted

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime

    from switchover.balance.overrides import Overrides, Target


class Origin(StrEnum):
    """Through which door a change came."""

    FILE = "file"
    API = "api"
    CONSOLE = "console"
    CLI = "cli"
    DRIFT = "drift"
    ROLLBACK = "rollback"


class Verb(StrEnum):
    """What was done."""

    APPLY = "apply"
    DRAIN = "drain"
    MAINTAIN = "maintain"
    RESUME = "resume"
    WEIGHT = "weight"
    ROLLBACK = "rollback"
    ACCEPT = "accept"


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A change before it has a number."""

    author: str
    origin: Origin
    verb: Verb
    reason: str
    text: str
    overrides: Overrides
    files: Mapping[str, str]
    """Digest of each file by its name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Revision:
    """A change that was made; ``parent`` is the number it replaced, None for the first."""

    number: int
    parent: int | None
    author: str
    origin: Origin
    verb: Verb
    reason: str
    created_at: datetime
    text: str
    overrides: Overrides
    files: Mapping[str, str]
    diff: str
    summary: str


def difference(old: Draft | Revision | None, new: Draft | Revision) -> str:
    """Return a unified difference of text, files and overrides; "" when nothing differs."""
    before = list(_lines(old)) if old else []
    after = list(_lines(new))
    if before == after:
        return ""
    diff = difflib.unified_diff(before, after, "before", "after", lineterm="", n=3)
    return "\n".join(diff)


def count_changes(diff: str) -> tuple[int, int]:
    """Return how many lines a difference adds and removes."""
    lines = diff.splitlines()[2:]
    added = sum(line.startswith("+") for line in lines)
    return added, sum(line.startswith("-") for line in lines)


def summary_of(old: Draft | Revision | None, new: Draft, diff: str) -> str:
    """Return what a change was in a few words: the servers it touched, else the lines it changed."""
    if new.verb in {Verb.DRAIN, Verb.MAINTAIN, Verb.RESUME, Verb.WEIGHT, Verb.ACCEPT}:
        before = old.overrides.by_target if old else {}
        after = new.overrides.by_target
        touched = sorted(key for key in {*before, *after} if before.get(key) != after.get(key))
        return f"{new.verb} {_named(touched)}"
    added, removed = count_changes(diff)
    return f"{new.verb}: {counted(added, 'line')} added, {removed} removed"


def _named(targets: list[Target]) -> str:
    """``cas1 (mail: 8 workloads; imap: imaps)``; "nothing" without targets."""
    parts = []
    for server in sorted({target.server for target in targets}):
        pools: dict[str, list[str]] = {}
        for target in targets:
            if target.server == server:
                pools.setdefault(target.service, []).append(target.pool)
        told = "; ".join(
            f"{service}: {', '.join(names) if len(names) < 4 else counted(len(names), 'workload')}"
            for service, names in pools.items()
        )
        parts.append(f"{server} ({told})")
    return ", ".join(parts) or "nothing"


def _lines(revision: Draft | Revision) -> Iterator[str]:
    yield from revision.text.splitlines()
    for name, digest in sorted(revision.files.items()):
        yield f"# file {name} sha256:{digest[:16]}"
    for target, override in sorted(revision.overrides.by_target.items()):
        weight = "" if override.weight is None else f" weight {override.weight}"
        yield f"# {target} {override.state}{weight}"
