"""What lint says, and how a rule is written."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from switchover.balance.lint.seen import Seen
    from switchover.errors import Problem
    from switchover.model.platform_file.read import PlatformFile
    from switchover.model.platform_file.tree import Path

DOCS_PAGE = "docs/reference/lint.md"


class Severity(StrEnum):
    """How bad a finding is. No finding stops an apply: faults of the file do that."""

    ERROR = "error"
    """Some users will fail as the file stands."""
    WARNING = "warning"
    """It works until something happens, or less safely than it looks."""
    INFO = "info"
    """Worth knowing; often meant so."""

    @property
    def rank(self) -> int:
        """0 for the worst; for sorting and for ``--fail-on``."""
        return list(Severity).index(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing worth telling the administrator.

    ``code`` is stable and names the section of the docs page. ``path`` is the key in the platform file
    that would be changed. ``service``, ``workload`` and ``server`` name what it is about, where it is
    about one.
    """

    code: str
    severity: Severity
    message: str
    why: str
    what_to_do: str
    path: Path
    service: str | None = None
    workload: str | None = None
    server: str | None = None

    @property
    def docs(self) -> str:
        """Where the rule is explained, relative to the project."""
        return f"{DOCS_PAGE}#{self.code}"

    @property
    def subject(self) -> str:
        """``service mail, workload owa``; "platform" when it is about all of it."""
        parts = (("service", self.service), ("workload", self.workload), ("server", self.server))
        return ", ".join(f"{kind} {name}" for kind, name in parts if name) or "platform"

    def problem(self, file: PlatformFile) -> Problem:
        """Return the finding with its line and column in the file it was found in."""
        return file.problem(self.path, self.message, self.what_to_do)

    def to_json(self) -> dict[str, Any]:
        """Return plain values for the API and ``-o json``."""
        return {
            "code": self.code,
            "severity": self.severity.value,
            "subject": self.subject,
            "service": self.service,
            "workload": self.workload,
            "server": self.server,
            "path": ".".join(str(part) for part in self.path),
            "message": self.message,
            "why": self.why,
            "what_to_do": self.what_to_do,
            "docs": self.docs,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Hit:
    """Where a rule does not hold. ``severity`` and ``what_to_do`` replace the rule's own."""

    message: str
    path: Path
    service: str | None = None
    workload: str | None = None
    server: str | None = None
    severity: Severity | None = None
    what_to_do: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One rule: its explanation, from which the docs page is made, and its search.

    ``severity`` is the usual one; ``also`` lists what single hits may have instead. ``source`` says
    where the reason is written.
    """

    code: str
    title: str
    severity: Severity
    why: str
    what_to_do: str
    search: Callable[[Seen], Iterable[Hit]]
    source: str = ""
    also: tuple[Severity, ...] = ()
    needs_live: bool = False

    def to_json(self) -> dict[str, Any]:
        """Return the explanation as plain values."""
        return {
            "code": self.code,
            "title": self.title,
            "severity": self.severity.value,
            "needs_live": self.needs_live,
            "why": self.why,
            "what_to_do": self.what_to_do,
            "source": self.source,
        }

    def __call__(self, seen: Seen) -> Iterator[Finding]:
        """Yield a finding for each hit."""
        for hit in self.search(seen):
            yield Finding(
                code=self.code,
                severity=hit.severity or self.severity,
                message=hit.message,
                why=self.why,
                what_to_do=hit.what_to_do or self.what_to_do,
                path=hit.path,
                service=hit.service,
                workload=hit.workload,
                server=hit.server,
            )


def rule(
    *,
    code: str,
    title: str,
    severity: Severity,
    why: str,
    what_to_do: str,
    source: str = "",
    also: tuple[Severity, ...] = (),
    needs_live: bool = False,
) -> Callable[[Callable[[Seen], Iterable[Hit]]], Rule]:
    """Make a rule of the function below it."""

    def made(search: Callable[[Seen], Iterable[Hit]]) -> Rule:
        return Rule(
            code=code,
            title=title,
            severity=severity,
            why=why,
            what_to_do=what_to_do,
            search=search,
            source=source,
            also=also,
            needs_live=needs_live,
        )

    return made
