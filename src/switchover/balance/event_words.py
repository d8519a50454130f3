"""Events in plain words: what a kind means, and why it happened. Pure.

The engine's causes are kept as it wrote them ("Layer7 wrong status: code 503"), because administrators
search for them; these are the words beside them, for everybody else.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from switchover.balance.event import Severity
from switchover.errors import InvalidInput
from switchover.model.platform_file.wording import nearest
from switchover.model.wording import counted, plain

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True, kw_only=True)
class KindWords:
    """A kind of event: how loud it always is, a short title, and what it means."""

    severity: Severity
    title: str
    meaning: str


KINDS: Mapping[str, KindWords] = {
    "server-down": KindWords(
        severity=Severity.ERROR,
        title="Went down",
        meaning="Health checks failed often enough: new clients are sent elsewhere.",
    ),
    "server-up": KindWords(
        severity=Severity.INFO,
        title="Came up",
        meaning="Health checks pass again: new clients are sent here too.",
    ),
    "server-stopping": KindWords(
        severity=Severity.WARNING,
        title="Is stopping",
        meaning="The server itself said that it wants no new clients.",
    ),
    "maintenance-entered": KindWords(
        severity=Severity.WARNING,
        title="In maintenance",
        meaning="Taken out by an operator: no traffic and no checks.",
    ),
    "maintenance-left": KindWords(
        severity=Severity.INFO,
        title="Out of maintenance",
        meaning="Put back by an operator; checks have begun again.",
    ),
    "maintenance-kept": KindWords(
        severity=Severity.INFO,
        title="Stays in maintenance",
        meaning="One reason for it is gone, another is left.",
    ),
    "drain-entered": KindWords(
        severity=Severity.WARNING,
        title="Draining",
        meaning="Who is connected stays; new clients are sent elsewhere.",
    ),
    "drain-left": KindWords(
        severity=Severity.INFO, title="Drain ended", meaning="New clients are sent here again."
    ),
    "drain-kept": KindWords(
        severity=Severity.INFO,
        title="Stays drained",
        meaning="One reason for it is gone, another is left.",
    ),
    "pool-empty": KindWords(
        severity=Severity.ERROR,
        title="No server left",
        meaning="Users of this workload get the sorry page or server, or are refused.",
    ),
    "engine-started": KindWords(
        severity=Severity.WARNING,
        title="Engine started",
        meaning="HAProxy was not running and was started.",
    ),
    "engine-changed": KindWords(
        severity=Severity.INFO,
        title="Engine changed",
        meaning="HAProxy was brought to the latest revision.",
    ),
    "engine-reloaded": KindWords(
        severity=Severity.INFO,
        title="Engine reloaded",
        meaning="A new HAProxy worker took over; open connections end in the old one.",
    ),
    "engine-failed": KindWords(
        severity=Severity.ERROR,
        title="Engine failed",
        meaning="HAProxy does not run as it should: act now.",
    ),
    "engine-notice": KindWords(
        severity=Severity.WARNING,
        title="Engine notice",
        meaning="HAProxy printed this as an alert or error.",
    ),
    "drift": KindWords(
        severity=Severity.WARNING,
        title="Drift",
        meaning="What runs was changed behind switchover's back: see Drift.",
    ),
    "drift-repaired": KindWords(
        severity=Severity.INFO,
        title="Drift repaired",
        meaning="What runs was put back to what was ordered.",
    ),
    "advice": KindWords(
        severity=Severity.WARNING,
        title="Advice",
        meaning="A server's share was lowered or given back for a while.",
    ),
    "audit-broken": KindWords(
        severity=Severity.ERROR,
        title="Audit log broken",
        meaning="Entries of the audit log were changed or removed: see Audit.",
    ),
    "audit-exposed": KindWords(
        severity=Severity.WARNING,
        title="Audit log guarded by a trigger alone",
        meaning="The database's role for the application could not be made: see Audit.",
    ),
    "events-lost": KindWords(
        severity=Severity.ERROR,
        title="Events lost",
        meaning="The database was away for longer than events can wait.",
    ),
}
"""Every kind that is written, in the order in which a list of them is read."""

_CHECKS = (
    ("Layer4 connection problem", "the server did not accept the connection"),
    ("Layer4 timeout", "the server did not answer the connection in time"),
    ("Layer6 invalid response", "the encrypted connection (TLS) could not be opened"),
    ("Layer6 timeout", "the encrypted connection (TLS) was not opened in time"),
    ("Layer7 wrong status", "the server answered that it is not well"),
    ("Layer7 invalid response", "the server answered something that makes no sense"),
    ("Layer7 timeout", "the server took the connection and then did not answer in time"),
    ("Socket error", "no connection to the server could be made from here"),
    ("External check", "the external check said no"),
)
"""How the reason of a health check begins (HAProxy 2.8.25, src/check.c) and what that means."""
_BY_PEOPLE = ("drain-", "maintenance-", "server-stopping")
"""Beginnings of kinds for which the engine's cause only says the kind again."""
_PASSED = ("Layer4 check passed", "Layer6 check passed", "Layer7 check passed")


def title_of(kind: str) -> str:
    """Return a kind's title, the kind itself where it is not known."""
    return KINDS[kind].title if kind in KINDS else kind


def require_kind(kind: str | None) -> None:
    """Raise InvalidInput for a kind of which no event is ever written."""
    if kind is not None and kind not in KINDS:
        hint = nearest(kind, KINDS) or f"known: {', '.join(KINDS)}"
        raise InvalidInput(f"there is no kind of events {plain(kind)!r}; {hint}")


def meaning_of(kind: str) -> str:
    """Return what a kind means, "" where it is not known."""
    return KINDS[kind].meaning if kind in KINDS else ""


def explain(kind: str, cause: str, detail: Mapping[str, object]) -> str:
    """Return why it happened as a sentence for people; "" where the cause says it all already."""
    first = _checked(cause, detail)
    if kind.startswith(_BY_PEOPLE):
        first = meaning_of(kind).removesuffix(".")
    words = [first, _left(kind, detail), _by_whom(detail)]
    sentence = "; ".join(word for word in words if word)
    return f"{sentence[0].upper()}{sentence[1:]}." if sentence else ""


def _checked(cause: str, detail: Mapping[str, object]) -> str:
    """Return what a check found, from the engine's reason and the code and time in the detail."""
    if cause.startswith(_PASSED):
        return f"the check passed{_took(detail)}"
    found = next((words for beginning, words in _CHECKS if cause.startswith(beginning)), "")
    if not found:
        return ""
    code, info = detail.get("code"), detail.get("info")
    said = " ".join(str(part) for part in (code, info) if part not in {None, ""})
    return f"{found}{f' ({said})' if said else ''}{_took(detail)}"


def _took(detail: Mapping[str, object]) -> str:
    taken = detail.get("milliseconds")
    return f" after {taken:,} ms" if isinstance(taken, int) else ""


def _left(kind: str, detail: Mapping[str, object]) -> str:
    """Return how many servers the pool has left, where a change of it was told."""
    active = detail.get("active")
    if not isinstance(active, int) or isinstance(active, bool):
        return ""
    backups = detail.get("backups")
    more = f" and {counted(backups, 'backup')}" if isinstance(backups, int) and backups else ""
    if not active and not more:
        return "no server is left"
    verb = "now" if kind in {"server-up", "drain-left", "maintenance-left"} else "left"
    return f"{counted(active, 'server')}{more} {verb}"


def _by_whom(detail: Mapping[str, object]) -> str:
    author, reason = detail.get("author"), detail.get("reason")
    if not author:
        return ""
    return f"by {author}{f': {reason}' if reason else ''}"
