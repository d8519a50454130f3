"""Bytes in, events out: the reading half of a connection, for its conversation.

``receive`` what the network gave, then take ``next_event`` until it is None. Nothing is read ahead: after
the event that switches the stream's form (OK to STARTTLS or COMPRESS) ``take_rest`` gives every byte
behind it.

A message's body is handed out while it comes (BodyStart, BodyChunk ..., BodyEnd) and then its Fetch; all
other literals are short and become part of their response. Who sets ``whole_bodies`` gets the messages that
lie wholly in what was received as one event (Bodies): ten times quicker for the small ones, which are most.
A small one that has begun is waited for then, and not handed out in pieces.
"""

from __future__ import annotations

import re
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from switchover.wire.imap.failure import Failure, Retry, Scope
from switchover.wire.imap.fetch import FetchItem, FetchLines
from switchover.wire.imap.fragment import (
    Fragmenter,
    Lines,
    LiteralChunk,
    LiteralEnd,
    LiteralStart,
    Tail,
    TooLong,
)
from switchover.wire.imap.open_response import (
    OpenResponse,
    out_of_step,
    section_before,
    subject_of,
    too_long,
    uid_of,
)
from switchover.wire.imap.parse import parse_response
from switchover.wire.imap.responses import (
    Bodies,
    BodyChunk,
    BodyEnd,
    BodyStart,
    Fetch,
    Unparsed,
)
from switchover.wire.imap.tokens import LiteralRef

if TYPE_CHECKING:
    from switchover.wire.imap.fetch import Coming
    from switchover.wire.imap.fragment import Fragment
    from switchover.wire.imap.responses import Event, Response

_FETCH = re.compile(rb"\* *[0-9]+ +(?:UID)?FETCH *\(", re.IGNORECASE)
_FETCH_HEAD_BYTES = 24  # "* 4294967295 FETCH (" and some
HELD_BYTES: Final = 512 * 1024
"""Messages up to this size are waited for, where whole ones are wanted."""
# What may follow a body. The rest of a mail whose size was a lie looks different, and must never be
# taken for responses: its writer could forge them.
_GOES_ON = re.compile(
    rb"[ \t]*\)|[ \t]+(?:UID|FLAGS|INTERNALDATE|RFC822|MODSEQ|EMAILID|THREADID|SAVEDATE|PREVIEW"
    rb"|ENVELOPE|BODY|BINARY|ANNOTATION|X-)",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What one server may make us hold or wait for; all in bytes unless the name says else.

    ``line_bytes``: the text of one response; an answer to SEARCH can be long. ``literal_bytes``: what a
    literal may announce; bodies pass by, so this is no memory. ``kept_bytes``: all other literals of one
    response together; beyond it the response is Unparsed. ``literals``: how many one response may have.
    ``depth``: nested lists. ``unparsed_in_row``: so many responses without sense mean that we and the
    server are out of step.
    """

    line_bytes: int = 16 * 2**20
    literal_bytes: int = 2 * 2**30
    kept_bytes: int = 2**20
    literals: int = 1000
    depth: int = 100
    unparsed_in_row: int = 100


class Reader:
    """The events in what one server sends; see the module."""

    def __init__(self, limits: Limits | None = None) -> None:
        """Begin before the greeting."""
        self._wants_whole_bodies = False
        self._limits = limits or Limits()
        self._fragments = Fragmenter(
            line_bytes=self._limits.line_bytes, literal_bytes=self._limits.literal_bytes
        )
        self._fetch_lines = FetchLines()
        self._ready: deque[Event] = deque()
        self._block = b""
        self._at = 0
        self._open: OpenResponse | None = None
        self._unparsed = 0
        self._has_failed = False
        self._coming: Coming | None = None
        self._missing_bytes = 0  # of it
        self._held: list[bytes] = []

    @property
    def whole_bodies(self) -> bool:
        """True when messages that came wholly are wanted as one event."""
        return self._wants_whole_bodies

    @whole_bodies.setter
    def whole_bodies(self, wanted: bool) -> None:
        self._wants_whole_bodies = wanted
        if not wanted:
            self._release()

    @property
    def coming(self) -> FetchItem | None:
        """The message that has begun and is waited for."""
        return self._coming.item if self._coming is not None else None

    def receive(self, data: bytes) -> None:
        """Take the next bytes from the network."""
        if self._has_failed:
            return
        if self._coming is None:
            self._fragments.receive(data)
            return
        self._held.append(data)
        self._missing_bytes -= len(data)
        if self._missing_bytes <= 0:
            self._release()

    def next_event(self) -> Event | None:
        """Return the next event; None when more bytes are needed, and for ever after a Failure."""
        while not self._has_failed and (self._ready or self._coming is None):
            if self._ready:
                return self._ready.popleft()
            if self._at < len(self._block):
                event = self._from_block()
            elif self._wants_whole_bodies and (event := self._whole_bodies()) is not None:
                return event
            elif self._coming is not None or (fragment := self._fragments.next_fragment()) is None:
                return None
            else:
                event = self._from_fragment(fragment)
            if event is not None:
                self._has_failed = isinstance(event, Failure)
                return event
        return None

    def take_rest(self) -> bytes:
        """Return and forget the bytes behind the last event: they are of another form, or too early."""
        self._release()
        rest = self._block[self._at :] + self._fragments.take_rest()
        self._block, self._at = b"", 0
        return rest

    def _whole_bodies(self) -> Bodies | None:
        """Take all messages that begin and end in what was received, from here on."""
        unread = self._fragments.unread
        if unread is None:
            return None
        items, contents, end, coming = self._fetch_lines.whole_bodies(
            *unread, largest_bytes=self._limits.literal_bytes
        )
        if coming is not None and coming.missing_bytes <= HELD_BYTES:
            self._coming, self._missing_bytes = coming, coming.missing_bytes
        if not items:
            return None
        self._fragments.skip_to(end)
        self._unparsed = 0
        return Bodies(items, contents)

    def _release(self) -> None:
        """Wait no longer, and read what came meanwhile."""
        self._coming = None
        if self._held:
            data = b"".join(self._held)
            self._held.clear()
            self._fragments.receive(data)

    def _from_block(self) -> Event | None:
        """Take the next line, or all FETCH lines of one shape, from the present block."""
        block, at = self._block, self._at
        if block.find(b" FETCH (", at, at + _FETCH_HEAD_BYTES) > 0:
            items, end = self._fetch_lines.read(block, at)
            if items:
                self._at, self._unparsed = end, 0
                return Fetch(items=items)
        self._at = block.find(b"\n", at) + 1
        line = block[at : self._at].rstrip(b"\r\n")
        return self._parse([line]) if line else None

    def _from_fragment(self, fragment: Fragment) -> Event | None:
        match fragment:
            case LiteralChunk(data):
                return self._literal_goes_on(data)
            case LiteralStart():
                return self._literal_starts(fragment)
            case LiteralEnd():
                return self._literal_ends()
            case Tail(text):
                return self._response_ends(text)
            case Lines(block):
                self._block, self._at = block, 0
                return None
            case TooLong():
                return self._too_long(fragment)

    def _literal_starts(self, start: LiteralStart) -> Event | None:
        if self._open is None:
            item = self._fetch_lines.head(start.before)
            if item is not None:
                return self._simple_body(start, item)
        opened = self._open or OpenResponse(is_fetch=_FETCH.match(start.before) is not None)
        self._open = opened
        failure = self._step_lost(opened, start.before) or self._overfull(opened, start)
        if failure is not None:
            return failure
        opened.add(start)
        section = section_before(start.before) if opened.is_fetch else None
        opened.is_body = section is not None
        if section is None:
            opened.kept_bytes += start.size
            is_kept = opened.kept_bytes <= self._limits.kept_bytes
            opened.content = bytearray() if is_kept else None
            return None
        if opened.item is None:
            response = parse_response(opened.parts[:-1], depth=self._limits.depth)
            opened.item = response.items[0] if isinstance(response, Fetch) else FetchItem()
        return BodyStart(start.size, section, opened.item)

    def _simple_body(self, start: LiteralStart, item: FetchItem) -> BodyStart:
        opened = self._open = OpenResponse(is_fetch=True)
        opened.add(start)
        opened.is_body = True
        opened.item = item
        opened.simple = item._replace(body=LiteralRef(start.size, start.binary))
        return BodyStart(start.size, b"BODY[]", item)

    def _literal_goes_on(self, data: memoryview) -> BodyChunk | None:
        opened = self._open or OpenResponse(is_fetch=False)
        if opened.is_body:
            return BodyChunk(data)
        if opened.content is not None:
            opened.content += data
        return None

    def _literal_ends(self) -> BodyEnd | None:
        opened = self._open or OpenResponse(is_fetch=False)
        if opened.is_body:
            return BodyEnd()
        literal = opened.parts[-1]
        if opened.content is not None and isinstance(literal, LiteralRef):
            opened.parts[-1] = literal._replace(content=bytes(opened.content))
            opened.content = None
        return None

    def _response_ends(self, text: bytes) -> Event | None:
        opened, self._open = self._open or OpenResponse(is_fetch=False), None
        if opened.simple is not None and text == b")" and opened.literals == 1:
            self._unparsed = 0
            return Fetch(items=[opened.simple])
        failure = self._step_lost(opened, text, is_last=True)
        if failure is not None:
            return failure
        if opened.text_bytes + len(text) > self._limits.line_bytes:
            return too_long("line", self._limits.line_bytes, opened)
        return self._parse([*opened.parts, text])

    def _parse(self, parts: list[bytes | LiteralRef]) -> Response | BodyStart | Failure:
        response = parse_response(parts, depth=self._limits.depth)
        if isinstance(response, Unparsed):
            self._unparsed += 1
            too_many = self._unparsed > self._limits.unparsed_in_row
            return out_of_step(self._unparsed, response.raw) if too_many else response
        self._unparsed = 0
        if not isinstance(response, Fetch):
            return response
        item = response.items[0]
        if item.body is None or item.body.content is None:
            return response
        # A short body may come as a quoted string: the reader of bodies need not know.
        content = item.body.content
        whole = item._replace(body=LiteralRef(len(content)))
        self._ready.extend(
            [BodyChunk(memoryview(content)), BodyEnd(), Fetch(items=[whole])]
            if content
            else [BodyEnd(), Fetch(items=[whole])]
        )
        return BodyStart(len(content), b"BODY[]", item._replace(body=None))

    def _step_lost(
        self, opened: OpenResponse, text: bytes, *, is_last: bool = False
    ) -> Failure | None:
        """Return a failure if what follows a body can not do so."""
        if not opened.is_body:
            return None
        if _GOES_ON.match(text) and (not is_last or text.rstrip(b" \t").endswith(b")")):
            return None
        return Failure(
            message=f"the server announced another size than it sent for {subject_of(opened)}: "
            f"after the body stands {text[:60]!r}",
            scope=Scope.MESSAGE,
            retry=Retry.NEVER,
            uid=uid_of(opened),
        )

    def _overfull(self, opened: OpenResponse, start: LiteralStart) -> Failure | None:
        if opened.literals >= self._limits.literals:
            return Failure(
                message=f"a response has more than {self._limits.literals} literals, for {subject_of(opened)}",
                scope=Scope.MESSAGE if opened.is_fetch else Scope.ENDPOINT,
                retry=Retry.NEVER,
            )
        if opened.text_bytes + len(start.before) > self._limits.line_bytes:
            return too_long("line", self._limits.line_bytes, opened)
        return None

    def _too_long(self, fragment: TooLong) -> Failure:
        opened = self._open or OpenResponse(is_fetch=_FETCH.match(fragment.begin) is not None)
        if not opened.parts:
            opened.parts.append(fragment.begin)
        return too_long(fragment.what, fragment.limit, opened)
