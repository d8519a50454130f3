"""An IMAP client's bytes as commands, and the mails of an APPEND as they pass by. Sans-IO, pure.

A literal is part of the line that announces it (RFC 9051 section 4.3), ``{n+}`` goes on without our leave
(RFC 7888). Literals of names are kept, they are short; those of mails are handed out in slices of the very
bytes that came, so that a mail of any size passes in constant memory.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

from switchover.wire.imap.internal_date import InternalDate, parse
from switchover.wire.imap.tokens import LiteralRef, Quoted, Value, string, strings, tokenize

LINE_BYTES = 16 << 20
"""Of one command: a set of a million scattered UIDs is shorter."""
NAME_BYTES = 64 << 10
_ANNOUNCED = re.compile(rb"~?\{([0-9]{1,18})(\+?)\}$")
_DEPTH = 8


class Request(NamedTuple):
    """A whole command; the name is in capitals, UID commands are ``UID FETCH`` and so on."""

    tag: bytes
    name: str
    arguments: list[Value]


class MailBegins(NamedTuple):
    """A mail of ``size`` octets follows, the first of its APPEND when ``folder`` is given."""

    tag: bytes
    folder: bytes | None
    flags: tuple[bytes, ...]
    date: InternalDate | None
    size: int


class Octets(NamedTuple):
    """The next bytes of the mail: a view of what came."""

    data: memoryview


@dataclass(frozen=True, slots=True)
class MailEnds:
    """The mail is complete."""


class AppendEnds(NamedTuple):
    """No mail follows: the APPEND is complete."""

    tag: bytes


@dataclass(frozen=True, slots=True)
class Waiting:
    """The client waits for leave to go on."""


class Senseless(NamedTuple):
    """What came can not be understood, and nothing after it."""

    text: str


Event: TypeAlias = Request | MailBegins | Octets | MailEnds | AppendEnds | Waiting | Senseless


class CommandParser:
    """Give bytes with ``receive``, take events with ``next_event`` until it returns None."""

    def __init__(self) -> None:
        """Begin with nothing received."""
        self._data = b""
        self._at = 0
        self._line = bytearray()
        self._parts: list[bytes | LiteralRef] = []
        self._left = 0
        self._literal: bytearray | None = None
        self._is_mail = False
        self._append: bytes | None = None  # the tag of the APPEND whose mails come
        self._waits: list[Event] = []
        self._is_dead = False

    def receive(self, data: bytes) -> None:
        """Take the next bytes, once all events of the former ones are taken."""
        self._data = self._data[self._at :] + data
        self._at = 0

    def next_event(self) -> Event | None:
        """Return what happens next, or None when more bytes are needed."""
        while not self._is_dead:
            if self._waits:
                return self._waits.pop(0)
            if self._is_mail:
                return self._take_mail()
            if self._literal is not None:
                if not self._take_name(self._literal):
                    return None
            elif not self._take_line():
                return None
        return self._waits.pop(0) if self._waits else None

    def _take_mail(self) -> Event | None:
        if not self._left:
            self._is_mail = False
            return MailEnds()
        data = memoryview(self._data)[self._at : self._at + self._left]
        if not data:
            return None
        self._at += len(data)
        self._left -= len(data)
        return Octets(data)

    def _take_name(self, literal: bytearray) -> bool:
        data = self._data[self._at : self._at + self._left]
        self._at += len(data)
        self._left -= len(data)
        literal += data
        if self._left:
            return False
        self._parts.append(LiteralRef(len(literal), content=bytes(literal)))
        self._literal = None
        return True

    def _take_line(self) -> bool:
        end = self._data.find(b"\n", self._at)
        stop = end + 1 if end >= 0 else len(self._data)
        self._line += memoryview(self._data)[self._at : stop]
        self._at = stop
        if len(self._line) > LINE_BYTES:
            self._die("a line is too long")
            return True
        if end < 0:
            return False
        line = bytes(self._line).rstrip(b"\r\n")
        self._line.clear()
        announced = _ANNOUNCED.search(line)
        if announced is None:
            self._parts.append(line)
            self._end_command()
        else:
            self._parts.append(line[: announced.start()])
            self._begin_literal(int(announced[1]), waits=not announced[2])
        return True

    def _begin_literal(self, size: int, *, waits: bool) -> None:
        values = tokenize(self._parts, depth=_DEPTH)
        if values is None:
            self._die("the command makes no sense")
        elif self._append is not None or _is_mail_next(values):
            self._begin_mail(values, size)
        elif size > NAME_BYTES:
            self._die("a literal is too long")
        else:
            self._literal, self._left = bytearray(), size
        if waits and not self._is_dead:
            self._waits.append(Waiting())

    def _begin_mail(self, values: list[Value], size: int) -> None:
        folder = None
        if self._append is None:
            tag, _, named, *values = values
            folder = string(named)
            self._append = string(tag)
        self._parts.clear()
        flags: tuple[bytes, ...] | None = ()
        if values and isinstance(values[0], list):
            flags = strings(values.pop(0))
        date = parse(string(values.pop(0)) or b"") if values else None
        if flags is None or values or self._append is None:
            self._die("APPEND makes no sense")
            return
        self._waits.append(MailBegins(self._append, folder, flags, date, size))
        self._is_mail, self._left = True, size

    def _end_command(self) -> None:
        values = tokenize(self._parts, depth=_DEPTH)
        self._parts.clear()
        if self._append is not None:
            tag, self._append = self._append, None
            if values:
                self._die("something follows the last mail of an APPEND")
            else:
                self._waits.append(AppendEnds(tag))
            return
        request = _request(values or [])
        if request is None:
            self._die("the command makes no sense")
        else:
            self._waits.append(request)

    def _die(self, text: str) -> None:
        self._is_dead = True
        self._waits.append(Senseless(text))


def _is_mail_next(values: list[Value]) -> bool:
    return len(values) > 2 and (string(values[1]) or b"").upper() == b"APPEND"


def _request(values: list[Value]) -> Request | None:
    words = [string(value) for value in values[:3]]
    if len(words) < 2 or not words[0] or not words[1]:
        return None
    name, rest = words[1].upper(), values[2:]
    if name == b"UID" and len(words) > 2 and words[2]:
        name, rest = b"UID " + words[2].upper(), values[3:]
    if name == b"APPEND" or not name.isascii():
        return None  # one without a mail
    return Request(words[0], name.decode("ascii"), rest)


def word(value: Value) -> bytes:
    """Return an atom or section in capitals; b"" for anything else."""
    return value.upper() if isinstance(value, bytes) and not isinstance(value, Quoted) else b""
