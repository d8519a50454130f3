"""A small IMAP client for tests that shares no code with the product: it loads and reads whole mailboxes.

It sends bytes as they are (imaplib rewrites line ends), several commands at a time where the server takes
literals without asking, and reads answers line by line with their literals.
"""

from __future__ import annotations

import base64
import re
import socket
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import BinaryIO

_LITERAL = re.compile(rb"\{(\d+)\+?\}\r\n\Z")
_FLAGS = re.compile(rb"FLAGS \(([^)]*)\)")
_DATE = re.compile(rb'INTERNALDATE "([^"]+)"')
_UID = re.compile(rb"UID (\d+)")
_LIST = re.compile(rb'\* (?:LIST|LSUB) \(([^)]*)\) (?:"(\\?.)"|NIL) (.*)\r\n', re.DOTALL)
AHEAD = 200


@dataclass(frozen=True, kw_only=True)
class Listed:
    """A name as LIST or LSUB gives it, decoded; ``attributes`` in lower case."""

    raw: bytes
    name: str
    separator: str
    attributes: frozenset[str]


@dataclass(frozen=True, kw_only=True)
class Fetched:
    """A mail as the server delivers it; ``flags`` in lower case, without \\Recent; ``date`` as shown."""

    uid: int
    flags: frozenset[str]
    date: str
    body: bytes = field(repr=False)


class RawImap:
    """One connection, signed in."""

    def __init__(self, address: str, port: int, user: str, password: str) -> None:
        self.socket = socket.create_connection((address, port), timeout=60)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.file: BinaryIO = self.socket.makefile("rb", 1 << 18)
        self.number = 0
        self.file.readline()
        response = base64.b64encode(f"\0{user}\0{password}".encode())
        self.socket.sendall(b"t0 AUTHENTICATE PLAIN\r\n")
        assert self.line().startswith(b"+")
        self.socket.sendall(response + b"\r\n")
        self.until(b"t0")
        self.capabilities = b" ".join(self.command(b"CAPABILITY")).split()

    def __enter__(self) -> RawImap:
        return self

    def __exit__(self, *_: object) -> None:
        self.file.close()
        self.socket.close()

    def line(self) -> bytes:
        """Return one response line with the literals in it."""
        parts = [self.file.readline()]
        assert parts[0], "the server closed the connection"
        while found := _LITERAL.search(parts[-1][-20:]):
            parts += [self.file.read(int(found[1])), self.file.readline()]
        return b"".join(parts)

    def until(self, tag: bytes) -> list[bytes]:
        """Return the responses up to the answer of a command, which comes last; any but OK fails."""
        lines = [self.line()]
        while not lines[-1].startswith(tag + b" "):
            lines.append(self.line())
        assert lines[-1].startswith(tag + b" OK"), lines[-1]
        return lines

    def send(self, text: bytes) -> bytes:
        """Send a command and return its tag."""
        self.number += 1
        tag = b"t%d" % self.number
        self.socket.sendall(tag + b" " + text + b"\r\n")
        return tag

    def command(self, text: bytes) -> list[bytes]:
        """Send a command and return its responses."""
        return self.until(self.send(text))

    def list_names(self, what: bytes = b"LIST") -> list[Listed]:
        """Return what LIST or LSUB gives."""
        found = []
        for line in self.command(what + b' "" "*"')[:-1]:
            if match := _LIST.match(line):
                raw = _unquoted(match[3])
                attributes = match[1].decode().lower().split()
                found.append(
                    Listed(
                        raw=raw,
                        name=decode_name(raw),
                        separator=(match[2] or b"").decode()[-1:],
                        attributes=frozenset(attributes),
                    )
                )
        return found

    def append_all(self, mails: Sequence[tuple[bytes, Sequence[str], str, bytes]]) -> list[str]:
        """Append mails (raw name, flags, date, bytes) one by one; return each one's answer."""
        if b"LITERAL+" not in self.capabilities:
            return [self._append(*mail) for mail in mails]
        answers: list[str] = []
        tags: list[bytes] = []
        for number, mail in enumerate(mails):
            tags.append(self.send(self._announce(*mail, plus=b"+") + mail[3]))
            if number % AHEAD == AHEAD - 1:
                answers += [self._answer(tag) for tag in tags[len(answers) :]]
        return answers + [self._answer(tag) for tag in tags[len(answers) :]]

    @staticmethod
    def _announce(
        raw: bytes, flags: Sequence[str], date: str, body: bytes, *, plus: bytes
    ) -> bytes:
        words = " ".join(flags).encode()
        return b'APPEND %s (%s) "%s" {%d%s}\r\n' % (
            quoted(raw),
            words,
            date.encode(),
            len(body),
            plus,
        )

    def _append(self, raw: bytes, flags: Sequence[str], date: str, body: bytes) -> str:
        tag = self.send(self._announce(raw, flags, date, body, plus=b"")[:-2])
        line = self.line()
        while line.startswith(b"* "):
            line = self.line()
        if line.startswith(tag):
            return line.decode("utf-8", "replace").partition(" ")[2].strip()
        self.socket.sendall(body + b"\r\n")
        return self._answer(tag)

    def _answer(self, tag: bytes) -> str:
        while not (line := self.line()).startswith(tag + b" "):
            pass
        return line.decode("utf-8", "replace").partition(" ")[2].strip()

    def fetch(self, raw: bytes) -> Iterator[Fetched]:
        """Yield the mails of a folder."""
        lines = self.command(b"EXAMINE " + quoted(raw))
        if any(line == b"* 0 EXISTS\r\n" for line in lines):
            return
        # Dovecot shows a date before 1970 as it is once, then from its index, where it is without a sign.
        self.command(b"UID FETCH 1:* INTERNALDATE")
        tag = self.send(b"UID FETCH 1:* (UID FLAGS INTERNALDATE BODY.PEEK[])")
        while not (start := self.file.readline()).startswith(tag):
            found = _LITERAL.search(start)
            if b"FETCH (" not in start or found is None:
                continue
            body = self.file.read(int(found[1]))
            rest = start + self.file.readline()
            yield Fetched(
                uid=int(_first(_UID, rest)),
                flags=frozenset(_first(_FLAGS, rest).decode().lower().split()) - {"\\recent"},
                date=_first(_DATE, rest).decode(),
                body=body,
            )
        assert start.startswith(tag + b" OK"), start


def _first(pattern: re.Pattern[bytes], text: bytes) -> bytes:
    found = pattern.search(text)
    assert found is not None, text
    return found[1]


def quoted(raw: bytes) -> bytes:
    """Return a name as a quoted string."""
    return b'"' + raw.replace(b"\\", b"\\\\").replace(b'"', b'\\"') + b'"'


def _unquoted(word: bytes) -> bytes:
    if word.startswith(b"{"):
        return word.partition(b"\r\n")[2]
    if word.startswith(b'"'):
        return re.sub(rb"\\(.)", rb"\1", word[1:-1])
    return word


def encode_name(name: str) -> bytes:
    """Return a name in modified UTF-7 (RFC 3501 section 5.1.3)."""

    def shifted(found: re.Match[str]) -> str:
        coded = base64.b64encode(found[0].encode("utf-16-be")).decode().rstrip("=")
        return f"&{coded.replace('/', ',')}-"

    return re.sub(r"[^ -~]+", shifted, name.replace("&", "&-")).encode("ascii")


def decode_name(raw: bytes) -> str:
    """Return what ``encode_name`` was given."""

    def plain(found: re.Match[str]) -> str:
        if not found[1]:
            return "&"
        coded = found[1].replace(",", "/")
        return base64.b64decode(coded + "=" * (-len(coded) % 4)).decode("utf-16-be")

    return re.sub(r"&([^-]*)-", plain, raw.decode("ascii"))
