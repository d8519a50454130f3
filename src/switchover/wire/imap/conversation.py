"""The client side of one connection as a state machine: which answer belongs to which command.

No I/O: ``begin`` a command and send its steps, ``receive`` what the network gave, take ``next_event`` until
it is None. Any number of commands may be under way; a server answers them in order unless it says
otherwise by their tags. Nothing may follow a barrier (STARTTLS, COMPRESS, a sign-in) before its answer,
and nothing may be sent within a command that has not been sent to its end.

RFC 9051 sections 3 and 5.5; STARTTLS: bytes that came in the clear behind its OK were put there by
somebody else and end the connection (RFC 9051 section 11.1).
"""

from __future__ import annotations

from collections import deque
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from switchover.errors import Conflict
from switchover.wire.imap.attribution import find_asker
from switchover.wire.imap.command import (
    Dialogue,
    LiteralMode,
    Wait,
    encode,
    encode_parts,
    literal_mode,
)
from switchover.wire.imap.failure import Failure, Retry, Scope
from switchover.wire.imap.quirks import GENERIC
from switchover.wire.imap.reader import Limits, Reader
from switchover.wire.imap.recognition import recognise
from switchover.wire.imap.request import Answered, Closing, Happening, Ready, Request
from switchover.wire.imap.response_codes import CapabilityCode, CodeName
from switchover.wire.imap.response_weight import weight
from switchover.wire.imap.responses import (
    Bodies,
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
    Unparsed,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from switchover.wire.imap.command import Command, Part, Step
    from switchover.wire.imap.quirks import Correction, Profile
    from switchover.wire.imap.responses import Event

__all__ = [
    "KEPT_BYTES",
    "Answered",
    "Closing",
    "Conversation",
    "Happening",
    "Phase",
    "Ready",
    "Request",
]
KEPT_BYTES: Final = 64 * 2**20
"""Of memory that the answers to one command may take, bodies and what FETCH tells aside."""


class Phase(StrEnum):
    """How far the connection is."""

    GREETING = "the greeting has not come"
    STRANGER = "not signed in"
    SIGNED_IN = "signed in"
    CLOSED = "over"


_GREETS: Final = frozenset({StatusKind.OK, StatusKind.PREAUTH, StatusKind.BYE})
# Where an OK leads, by the name of the command.
_AFTER_OK: Final = {
    "LOGIN": Phase.SIGNED_IN,
    "AUTHENTICATE": Phase.SIGNED_IN,
    "UNAUTHENTICATE": Phase.STRANGER,
    "LOGOUT": Phase.CLOSED,
}
# After these an OK makes what was announced before worthless, unless it is announced anew with it.
_CHANGES_CAPABILITIES: Final = frozenset({"LOGIN", "AUTHENTICATE", "UNAUTHENTICATE", "STARTTLS"})
_CHANGES_STREAM: Final = frozenset({"STARTTLS", "COMPRESS DEFLATE"})
# These bring FETCH responses, as many as there are mails: they pass by and are not counted.
_BRINGS_FETCH: Final = frozenset({"UID FETCH", "UID STORE", "SELECT", "EXAMINE"})
_PASSING: Final = frozenset({Fetch, Bodies, BodyStart, BodyChunk, BodyEnd})


class Conversation:
    """One connection with a server; see the module."""

    def __init__(
        self,
        limits: Limits | None = None,
        *,
        host: str = "",
        kept_bytes: int = KEPT_BYTES,
        correct: Correction | None = None,
    ) -> None:
        """Begin before the greeting; ``host`` helps to recognise the server, ``correct`` knows it better.

        ``kept_bytes`` bounds what the answers to one command may take in memory.
        """
        self._correct = correct
        self.phase = Phase.GREETING
        self.profile: Profile = GENERIC
        self.enabled: frozenset[str] = frozenset()
        self.greeting: Status | None = None
        self.capabilities: frozenset[str] = frozenset()
        """What to build commands on: announced, and not known to be broken here."""
        self.literals = LiteralMode.SYNCHRONISING
        """Which literals need no leave."""
        self._limits = limits
        self._host = host
        self._kept_bytes = kept_bytes
        self._reader = Reader(limits)
        self.announced: frozenset[str] = frozenset()
        self._is_announced_anew = False  # since the last command that makes the former worthless
        self.identity: Mapping[str, str] = {}
        self._under_way: deque[Request] = deque()
        self._unsent: Request | None = None  # goes out now: nothing else may
        self._waiting: Request | None = None  # has asked for leave to go on
        self._is_switching = False
        self._is_fetching = False
        self._has_failed = False
        self._number = 0
        self._takers: dict[type, Callable[..., Happening]] = {
            Status: self._status,
            Continuation: self._continuation,
            Failure: self._failure,
            Capability: self._fact,
            Enabled: self._fact,
            Id: self._fact,
        }

    @property
    def knows_capabilities(self) -> bool:
        """False when the server has to be asked (CAPABILITY)."""
        return bool(self.announced)

    @property
    def whole_bodies(self) -> bool:
        """True where small messages come as Bodies; see ``Reader``."""
        return self._reader.whole_bodies

    @whole_bodies.setter
    def whole_bodies(self, wanted: bool) -> None:
        self._reader.whole_bodies = wanted

    @property
    def coming(self) -> int | None:
        """UID of the small message that has begun and is waited for, of which no event tells yet."""
        item = self._reader.coming
        return item.uid if item is not None else None

    @property
    def is_idle(self) -> bool:
        """True when no command is under way."""
        return not self._under_way

    @property
    def is_logging_out(self) -> bool:
        """True when the end was asked for by us."""
        return any(one.command.name == "LOGOUT" for one in self._under_way)

    def begin(self, command: Command, *, grows: bool = False) -> Request:
        """Return the request whose steps are to be sent now.

        A request with ``grows`` has no line end yet: ``extend`` it, send the line end, ``end`` it. One whose
        steps stream or wait is not sent until ``end`` either. Raises Conflict after the end of the connection,
        before another command is wholly sent, beside a barrier or as one beside others, and for a command
        that has to wait for leave behind mails that would come meanwhile.
        """
        self._check_may_begin(command)
        self._number += 1
        tag = b"S%d" % self._number
        if grows:
            steps = encode_parts((tag + b" ", *command.parts), self.literals)
        else:
            steps = encode(tag, command, self.literals)
        if Wait.CONTINUATION in steps and self._is_fetching:
            raise Conflict(f"{command.name} has to wait for leave while mails are still coming")
        request = Request(tag=tag, command=command, steps=steps)
        if grows or any(not isinstance(step, bytes) for step in steps):
            request.is_sent = False
            self._unsent = request
        if command.name in _CHANGES_CAPABILITIES:
            self._is_announced_anew = False
        self._under_way.append(request)
        self._is_fetching = self._is_fetching or command.name in _BRINGS_FETCH
        return request

    def extend(self, request: Request, parts: Iterable[Part]) -> tuple[Step, ...]:
        """Return the steps for more of a request that grows; streams are counted from 0 anew.

        Raises Conflict for any other request, and where it would have to wait as ``begin`` does.
        """
        if request is not self._unsent:
            raise Conflict(f"{request.command.name} can not grow any more")
        steps = encode_parts(parts, self.literals)
        if Wait.CONTINUATION in steps and self._is_fetching:
            raise Conflict(f"{request.command.name} has to wait for leave while mails are coming")
        return steps

    def expect(self, request: Request) -> None:
        """Note that a request was sent up to a wait: the next continuation is meant for it."""
        if request.answer is None:
            self._waiting = request

    def end(self, request: Request) -> None:
        """Note that all of a request was sent."""
        request.is_sent = True
        if self._unsent is request:
            self._unsent = None

    def close(self) -> None:
        """Note that nothing can go any more."""
        self.phase = Phase.CLOSED

    def receive(self, data: bytes) -> None:
        """Take the next bytes from the network."""
        self._reader.receive(data)

    def next_event(self) -> Happening | None:
        """Return what happened next; None when more bytes are needed.

        None too after an OK that changes the stream, until ``switch_stream``, and for ever after a Failure.
        """
        is_silent = self._is_switching or self._has_failed
        event = None if is_silent else self._reader.next_event()
        if event is None:
            return None
        if self._is_fetching and type(event) in _PASSING:
            return event
        if self.phase is Phase.GREETING and not isinstance(event, Failure):
            return self._greet(event)
        return self._takers.get(type(event), self._note)(event)

    def switch_stream(self) -> bytes:
        """Return what came behind the last event: after STARTTLS an attack, after COMPRESS compressed."""
        rest = self._reader.take_rest()
        self._reader = Reader(self._limits)
        self._is_switching = False
        return rest

    def _check_may_begin(self, command: Command) -> None:
        if self.phase is Phase.CLOSED:
            raise Conflict("the connection is over")
        if self._unsent is not None:
            raise Conflict(f"{self._unsent.command.name} is not wholly sent yet")
        others = self._under_way  # with a barrier there is no other
        barred = self._is_switching or (others and _is_barrier(others[0].command))
        if barred or (others and _is_barrier(command)):
            raise Conflict(f"{command.name} can not be sent while other commands are under way")

    def _greet(self, event: Event) -> Happening:
        if not isinstance(event, Status) or event.tag is not None or event.kind not in _GREETS:
            return self._fail(f"what answers there is no IMAP server: {_beginning(event)!r}")
        self.greeting = event
        self.phase = Phase.SIGNED_IN if event.kind is StatusKind.PREAUTH else Phase.STRANGER
        self._recognise()
        return self._status(event)

    def _status(self, status: Status) -> Happening:
        if isinstance(status.code, CapabilityCode):
            self._learn(status.code.capabilities)
        if status.tag is not None:
            return self._tagged(status.tag, status)
        if status.kind is StatusKind.BYE:
            self.phase = Phase.CLOSED
            return Closing(status)
        return self._note(status)

    def _tagged(self, tag: bytes, status: Status) -> Happening:
        request = next((one for one in self._under_way if one.tag == tag), None)
        if request is None:
            return self._fail(f"the server answers a command that was never sent: {tag[:60]!r}")
        if status.kind is StatusKind.OK and not request.is_sent:
            return self._fail(f"the server says OK to {request.command.name} before all was sent")
        self._under_way.remove(request)
        request.answer = status
        if self._waiting is request:  # refused instead of leave: not even a line end is due
            self._waiting = None
            self.end(request)
        if request.command.name in _BRINGS_FETCH:
            self._is_fetching = any(one.command.name in _BRINGS_FETCH for one in self._under_way)
        if status.kind is StatusKind.OK:
            self._accepted(request.command.name)
        return Answered(request)

    def _accepted(self, name: str) -> None:
        if self.phase is not Phase.CLOSED:  # some go on talking after BYE
            self.phase = _AFTER_OK.get(name, self.phase)
        self._is_switching = name in _CHANGES_STREAM
        if name == "UNAUTHENTICATE":  # RFC 8437: nothing is enabled any more
            self.enabled = frozenset()
        is_stale = name in _CHANGES_CAPABILITIES and not self._is_announced_anew
        if (
            is_stale or name == "STARTTLS"
        ):  # which anybody could have heard (RFC 9051 section 6.2.1)
            self._learn(())

    def _continuation(self, continuation: Continuation) -> Happening:
        request = self._waiting
        if request is None and self._under_way:
            last = self._under_way[-1]
            request = None if last.command.dialogue is Dialogue.NONE else last
        self._waiting = None
        if request is None:
            # Kept for later it would be taken for leave, and a mail sent that may be read as commands.
            return self._fail("the server asks for more where nothing more is to be sent")
        return self._count(continuation, request) or Ready(request, continuation.text)

    def _failure(self, failure: Failure) -> Failure:
        self.phase = Phase.CLOSED
        self._has_failed = True
        return failure

    def _fail(self, message: str, retry: Retry = Retry.LATER) -> Failure:
        return self._failure(Failure(message=message, scope=Scope.ENDPOINT, retry=retry))

    def _fact(self, event: Capability | Enabled | Id) -> Happening:
        if isinstance(event, Capability):
            self._learn(event.capabilities)
        elif isinstance(event, Enabled):
            self.enabled |= frozenset(event.capabilities)
        else:
            self.identity = event.fields
        self._recognise()
        return self._note(event)

    def _note(self, event: Event) -> Happening:
        """Keep an event with the command it answers, or only count it where nobody asked for it."""
        request = find_asker(event, self._under_way)
        if request is None:
            return event
        if (
            isinstance(event, Status)
            and event.code is not None
            and event.code.name == CodeName.CLOSED
        ):
            request.responses.clear()  # it was about the mailbox open before (RFC 7162 section 3.2.11)
        elif type(event) not in _PASSING:
            request.responses.append(event)
        return self._count(event, request) or event

    def _count(self, event: Event, request: Request) -> Failure | None:
        request.kept_bytes += weight(event)
        if request.kept_bytes <= self._kept_bytes:
            return None
        most = f"{self._kept_bytes} bytes"
        return self._fail(f"answers to {request.command.name} take more than {most}", Retry.NEVER)

    def _learn(self, capabilities: tuple[str, ...]) -> None:
        self.announced = frozenset(capabilities)
        self._is_announced_anew = True
        self._recognise()

    def _recognise(self) -> None:
        self.profile = recognise(
            greeting=self.greeting.text if self.greeting else "",
            identity=self.identity,
            capabilities=self.announced,
            host=self._host,
        )
        if self._correct is not None:
            self.profile = self._correct(self.profile, self.identity)
        self.capabilities = self.profile.usable(self.announced, self.enabled)
        self.literals = literal_mode(self.capabilities)


def _is_barrier(command: Command) -> bool:
    return command.is_barrier or command.name in _AFTER_OK


def _beginning(event: Event) -> str:
    match event:  # SSH and POP3 show themselves
        case Unparsed():
            return event.raw[:60].decode("ascii", "backslashreplace")
        case Continuation():
            return f"+{event.text[:60].decode('ascii', 'backslashreplace')}"
        case _:
            return type(event).__name__
