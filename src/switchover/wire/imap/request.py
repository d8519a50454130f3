"""A command under way, and what can happen to it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from switchover.wire.imap.responses import StatusKind

if TYPE_CHECKING:
    from switchover.wire.imap.command import Command, Step
    from switchover.wire.imap.responses import Event, Status


@dataclass(slots=True, kw_only=True, eq=False)
class Request:
    """A command under way; ``answer`` is its tagged status once that came.

    ``responses`` holds what came untagged and belongs to it, as ``attribution`` says; what FETCH tells is not
    kept here: it can be much. ``kept_bytes`` is about what they take in memory. ``is_sent`` is False while
    more of it has to go out.
    """

    tag: bytes
    command: Command
    steps: tuple[Step, ...]
    responses: list[Event] = field(default_factory=list)
    kept_bytes: int = 0
    answer: Status | None = None
    is_sent: bool = True

    @property
    def is_ok(self) -> bool:
        """True once the server has said OK."""
        return self.answer is not None and self.answer.kind is StatusKind.OK

    @property
    def octets(self) -> int:
        """How much of it goes out, without what it streams."""
        return sum(len(step) for step in self.steps if isinstance(step, bytes))


class Answered(NamedTuple):
    """The server has answered a command."""

    request: Request


class Ready(NamedTuple):
    """The server waits for the next piece of ``request``; ``text`` may hold a challenge."""

    request: Request
    text: bytes


class Closing(NamedTuple):
    """The server says that it ends the connection."""

    status: Status


Happening: TypeAlias = "Event | Answered | Ready | Closing"
