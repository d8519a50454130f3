"""The client side of one connection as a state machine: which answer belongs to which command.

No I/O: ``begin`` a command and send its steps, ``receive`` what the network gave, take ``next_event`` until
it is None. Any number of commands may be under way; a server answers them in order unless it says
otherwise by their tags. Nothing may follow a barrier (STARTTLS, COMPRESS, a sign-in) before its answer.

RFC 9051 sections 3 and 5.5; STARTTLS: bytes that came in the clear behind its OK were put there by
somebody else and end the connection (RFC 9051 section 11.1).
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from switchover.errors import Conflict
from switchover.wire.imap.command import LiteralMode, encode, literal_mode
from switchover.wire.imap.failure import Failure, Retry, Scope
from switchover.wire.imap.quirks import GENERIC, recognise
from switchover.wire.imap.reader import Limits, Reader
from switchover.wire.imap.response_codes import CapabilityCode
from switchover.wire.imap.responses import (
    BodyChunk,
    BodyEnd,
    BodyStart,
    Capability,
    Continuation,
    Enabled,
    Fetch,
    Id,
    Status,
    StatusKind,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from switchover.wire.imap.command import Command, Step
    from switchover.wire.imap.quirks import Profile
    from switchover.wire.imap.responses import Event


class Phase(StrEnum):
    """How far the connection is."""

    GREETING = "the greeting has not come"
    STRANGER = "not signed in"
    SIGNED_IN = "signed in"
    CLOSED = "over"


@dataclass(slots=True, kw_only=True, eq=False)
class Request:
    """A command under way; ``answer`` is its tagged status once that came.

    ``responses`` holds what came untagged while it was the oldest under way: a server need not say what a
    response belongs to, and this is what clients go by. What FETCH tells is not kept here: it can be much.
    """

    tag: bytes
    command: Command
    steps: tuple[Step, ...]
    responses: list[Event] = field(default_factory=list)
    answer: Status | None = None

    @property
    def is_ok(self) -> bool:
        """True once the server has said OK."""
        return self.answer is not None and self.answer.kind is StatusKind.OK


class Answered(NamedTuple):
    """The server has answered a command."""

    request: Request


class Ready(NamedTuple):
    """The server waits for the next piece of a command; ``text`` may hold a challenge."""

    request: Request | None
    text: bytes


class Closing(NamedTuple):
    """The server says that it ends the connection."""

    status: Status


Happening: TypeAlias = "Event | Answered | Ready | Closing"


class Conversation:
    """One connection with a server; see the module."""

    def __init__(self, limits: Limits | None = None, *, host: str = "") -> None:
        """Begin before the greeting; ``host`` helps to recognise the server."""
        self.phase = Phase.GREETING
        self.profile: Profile = GENERIC
        self.enabled: frozenset[str] = frozenset()
        self.greeting: Status | None = None
        self._limits = limits
        self._host = host
        self._reader = Reader(limits)
        self._announced: frozenset[str] = frozenset()
        self._identity: Mapping[str, str] = {}
        self._under_way: deque[Request] = deque()
        self._number = 0

    @property
    def capabilities(self) -> frozenset[str]:
        """What to build commands on: announced, and not known to be broken here."""
        return self.profile.usable(self._announced, self.enabled)

    @property
    def knows_capabilities(self) -> bool:
        """False when the server has to be asked (CAPABILITY)."""
        return bool(self._announced)

    @property
    def literals(self) -> LiteralMode:
        """Which literals need no leave."""
        return literal_mode(self.capabilities)

    @property
    def is_idle(self) -> bool:
        """True when no command is under way."""
        return not self._under_way

    @property
    def is_logging_out(self) -> bool:
        """True when the end was asked for by us."""
        return any(request.command.name == "LOGOUT" for request in self._under_way)

    def begin(self, command: Command) -> Request:
        """Return the request whose steps are to be sent now.

        Raises Conflict after the end, and while a barrier is under way or could not be one.
        """
        if self.phase is Phase.CLOSED:
            raise Conflict("the connection is over")
        barriers = any(request.command.is_barrier for request in self._under_way)
        if barriers or (command.is_barrier and self._under_way):
            raise Conflict(f"{command.name} can not be sent while other commands are under way")
        self._number += 1
        tag = b"S%d" % self._number
        request = Request(tag=tag, command=command, steps=encode(tag, command, self.literals))
        self._under_way.append(request)
        return request

    def receive(self, data: bytes) -> None:
        """Take the next bytes from the network."""
        self._reader.receive(data)

    def next_event(self) -> Happening | None:
        """Return what happened next; None when more bytes are needed."""
        event = self._reader.next_event()
        match event:
            case None:
                return None
            case Status():
                return self._status(event)
            case Continuation():
                return Ready(self._under_way[0] if self._under_way else None, event.text)
            case Failure():
                self.phase = Phase.CLOSED
            case Capability():
                self._learn(event.capabilities)
            case Enabled():
                self.enabled |= frozenset(event.capabilities)
            case Id():
                self._identity = event.fields
                self._recognise()
            case _:
                pass
        if not isinstance(event, (Failure, BodyStart, BodyChunk, BodyEnd, Fetch)):
            self._note(event)
        return event

    def signed_in(self) -> None:
        """Note that the server knows who we are; what it can do may differ from now on."""
        self.phase = Phase.SIGNED_IN

    def signed_out(self) -> None:
        """Note that UNAUTHENTICATE was answered (RFC 8437): nothing is enabled any more."""
        self.phase = Phase.STRANGER
        self.enabled = frozenset()

    def forget_capabilities(self) -> None:
        """Forget what was announced: after STARTTLS it must not be believed (RFC 9051 6.2.1)."""
        self._announced = frozenset()

    def switch_stream(self) -> bytes:
        """Return what came behind the last event; the stream has another form from here on.

        After STARTTLS anything but nothing is an attack, after COMPRESS it is compressed already.
        """
        rest = self._reader.take_rest()
        self._reader = Reader(self._limits)
        return rest

    def _status(self, status: Status) -> Happening:
        if isinstance(status.code, CapabilityCode):
            self._learn(status.code.capabilities)
        if status.tag is not None:
            return self._tagged(status)
        if self.phase is Phase.GREETING:
            self._greet(status)
        if status.kind is StatusKind.BYE:
            self.phase = Phase.CLOSED
            return Closing(status)
        self._note(status)
        return status

    def _greet(self, status: Status) -> None:
        self.greeting = status
        is_known = status.kind is StatusKind.PREAUTH
        self.phase = Phase.SIGNED_IN if is_known else Phase.STRANGER
        self._recognise()

    def _tagged(self, status: Status) -> Happening:
        for request in self._under_way:
            if request.tag == status.tag:
                self._under_way.remove(request)
                request.answer = status
                return Answered(request)
        self.phase = Phase.CLOSED
        return Failure(
            message=f"the server answers a command that was never sent: {status.tag!r}",
            scope=Scope.ENDPOINT,
            retry=Retry.LATER,
        )

    def _note(self, event: Event) -> None:
        if self._under_way:
            self._under_way[0].responses.append(event)

    def _learn(self, capabilities: tuple[str, ...]) -> None:
        self._announced = frozenset(capabilities)
        self._recognise()

    def _recognise(self) -> None:
        self.profile = recognise(
            greeting=self.greeting.text if self.greeting else "",
            identity=self._identity,
            capabilities=self._announced,
            host=self._host,
        )
