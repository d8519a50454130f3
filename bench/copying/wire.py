"""A small IMAP client on a plain socket: enough to fill a mailbox, change it and read it back.

The bench does not read with the product's own client: what compares both sides must not share its faults.
"""

from __future__ import annotations

import contextlib
import re
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Self

PASSWORD = "bench"
_LITERAL = re.compile(rb"\{(\d+)\}\r\n\Z")
_LISTED = re.compile(rb'\* (?:LIST|LSUB) \(([^)]*)\) (?:NIL|"(?:\\.|[^"\\])*") (.*)\Z', re.DOTALL)


class RefusedError(Exception):
    """The server said NO, BAD or BYE, or closed the connection."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """An IMAP server's address and a user of it."""

    address: str
    port: int
    user: str

    @property
    def url(self) -> str:
        return f"imap://{self.user}@{self.address}:{self.port}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """One response: its text without literals, and the literals."""

    text: bytes
    literals: tuple[bytes, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """One line of LIST or LSUB; the name as it stands on the wire."""

    name: bytes
    attributes: frozenset[bytes]

    @property
    def is_selectable(self) -> bool:
        return not self.attributes & {b"\\noselect", b"\\nonexistent"}


def quoted(name: bytes) -> bytes:
    """Return a name as a quoted string."""
    return b'"' + name.replace(b"\\", b"\\\\").replace(b'"', b'\\"') + b'"'


class Session:
    """One connection that is signed in."""

    def __init__(self, place: Place, *, seconds: float = 900.0) -> None:
        self.socket = socket.create_connection((place.address, place.port), seconds)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.stream = self.socket.makefile("rb", 1 << 20)
        self._count = 0
        self.stream.readline()
        self.ask(b"LOGIN " + quoted(place.user.encode()) + b" " + quoted(PASSWORD.encode()))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(RefusedError, OSError):
            self.ask(b"LOGOUT")
        self.stream.close()
        self.socket.close()

    def ask(self, command: bytes) -> list[Answer]:
        """Send a command and return what came before its OK."""
        return list(self.each(command))

    def each(self, command: bytes) -> Iterator[Answer]:
        """Send a command and give what comes before its OK, one by one."""
        self._count += 1
        tag = b"b%d" % self._count
        self.socket.sendall(tag + b" " + command + b"\r\n")
        while True:
            answer = self.receive()
            if not answer.text.startswith(tag + b" "):
                yield answer
                continue
            if not answer.text.startswith(tag + b" OK"):
                raise RefusedError(f"{command[:80]!r}: {answer.text[:200]!r}")
            return

    def receive(self) -> Answer:
        """Return the next response whole."""
        text, literals = b"", []
        while True:
            line = self.stream.readline()
            if not line:
                raise RefusedError("the server closed the connection")
            text += line
            found = _LITERAL.search(line)
            if found is None:
                return Answer(text=text.rstrip(b"\r\n"), literals=tuple(literals))
            literals.append(self.stream.read(int(found[1])))

    def folders(self, verb: bytes = b"LIST") -> list[Listed]:
        """Return what LIST or LSUB tells."""
        return [
            one
            for answer in self.ask(verb + b' "" "*"')
            if (one := _read_listed(answer)) is not None
        ]


def _read_listed(answer: Answer) -> Listed | None:
    found = _LISTED.match(answer.text)
    if found is None:
        return None
    name = answer.literals[0] if answer.literals else found[2]
    if not answer.literals and name.startswith(b'"'):
        name = re.sub(rb"\\(.)", rb"\1", name[1:-1])
    return Listed(name=name, attributes=frozenset(found[1].lower().split()))
