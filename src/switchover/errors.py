"""The six error classes of switchover, and nothing else.

Every error that an operator can see is one of these. The message is a sentence for an operator:
what failed, on which object, and what to do. Edges translate the class into an HTTP status or an
exit code in one place; nobody else needs to know those numbers.

Unknown exceptions are bugs and travel up unchanged.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One fault in an input, with the place where it stands.

    ``path`` is the key path in the document (``services.mail.port``), ``line`` and ``column`` count
    from 1 and are None where the input is not text. ``hint`` says what to do, when we know it.
    """

    message: str
    path: str = ""
    line: int | None = None
    column: int | None = None
    source: str = ""
    hint: str = ""

    def __str__(self) -> str:
        """``farm.yaml:12:5: services.mail.port: must be ... (hint)``, parts left out when unknown."""
        where = ":".join(
            str(part) for part in (self.source or None, self.line, self.column) if part is not None
        )
        parts = [part for part in (where, self.path) if part]
        text = ": ".join([*parts, self.message])
        return f"{text} ({self.hint})" if self.hint else text


class SwitchoverError(Exception):
    """Root of the six; never raised itself."""


class InvalidInput(SwitchoverError):
    """What was given is wrong and was not used, not even in part (HTTP 422, exit 2)."""

    def __init__(self, message: str, problems: tuple[Problem, ...] = ()) -> None:
        """Keep the single faults beside the summary, so that edges can list each with its place."""
        super().__init__(message)
        self.problems = problems


class NotFound(SwitchoverError):
    """The thing named does not exist (HTTP 404, exit 3)."""


class Conflict(SwitchoverError):
    """The thing exists but its state or version forbids this now (HTTP 409, exit 4)."""


class Refused(SwitchoverError):
    """Said no for good: missing right, or a remote that will not (HTTP 403, exit 5)."""


class Unavailable(SwitchoverError):
    """A part we need does not answer now; trying later makes sense (HTTP 503, exit 75)."""


class Corrupt(SwitchoverError):
    """Our own data breaks an invariant; we stop rather than guess (HTTP 500, exit 70)."""
