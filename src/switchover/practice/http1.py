"""HTTP/1.1 messages over asyncio streams, for the practice servers and their clients.

Written out because a practice server must be able to do what a good HTTP library forbids: stop in
the middle of a response, keep an identity on a connection, never answer. Source: RFC 9112.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, unquote, urlsplit

from switchover.errors import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Mapping

_KEPT_BODY_BYTES = 64 * 1024
_PIECE_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """First line, in its three parts, and header fields; names are lower case, repeats joined."""

    first: tuple[str, str, str]
    fields: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A request; ``body`` keeps the first 64 KiB of ``body_bytes``, the rest was let go."""

    method: str
    path: str
    query: Mapping[str, str]
    version: str
    fields: Mapping[str, str]
    body: bytes
    body_bytes: int

    @property
    def keeps_alive(self) -> bool:
        """Whether the client wants to go on with this connection (RFC 9112 section 9.3)."""
        return _keeps_alive(self.version, self.fields)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What a practice server answers."""

    status: int = 200
    body: bytes = b""
    content_type: str = "text/html; charset=utf-8"
    fields: tuple[tuple[str, str], ...] = ()

    def render(self, *, head_only: bool, keeps_alive: bool) -> bytes:
        """Return the bytes of the response."""
        lines = [
            f"HTTP/1.1 {self.status} {HTTPStatus(self.status).phrase}",
            f"Content-Length: {len(self.body)}",
            f"Content-Type: {self.content_type}",
            *(f"{name}: {value}" for name, value in self.fields),
        ]
        if not keeps_alive:
            lines.append("Connection: close")
        head = "\r\n".join(lines).encode("latin-1", "replace") + b"\r\n\r\n"
        return head if head_only else head + self.body


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """What a client got; ``reusable`` says whether the connection may carry the next request."""

    status: int
    fields: Mapping[str, str]
    body: bytes = field(repr=False)
    reusable: bool


async def read_head(reader: asyncio.StreamReader) -> Head | None:
    """Return the next message's head, None when the peer closed between messages.

    Raises:
        InvalidInput: no HTTP/1 head, or more than 64 KiB of it.
        EOFError: closed inside the head.
    """
    try:
        raw = await reader.readuntil(b"\r\n\r\n")
    except EOFError as error:
        if getattr(error, "partial", b""):
            raise
        return None
    except asyncio.LimitOverrunError as error:
        raise InvalidInput("HTTP head too long") from error
    return parse_head(raw)


def parse_head(raw: bytes) -> Head:
    """Return a head from its bytes, the empty line included.

    Raises:
        InvalidInput: not HTTP/1.
    """
    first, *rest = raw.decode("latin-1").removesuffix("\r\n\r\n").split("\r\n")
    words = [*first.split(" ", 2), ""][:3]
    if len(words) != 3 or not any(word.startswith("HTTP/1.") for word in words):
        raise InvalidInput(f"no HTTP/1 message: {first[:80]!r}")
    fields: dict[str, str] = {}
    for line in rest:
        name, colon, value = line.partition(":")
        if not colon or not name or name != name.strip():
            raise InvalidInput(f"no header field: {line[:80]!r}")
        key = name.lower()
        fields[key] = f"{fields[key]}, {value.strip()}" if key in fields else value.strip()
    return Head(first=(words[0], words[1], words[2]), fields=fields)


async def read_request(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> Request | None:
    """Return the next request, None when the client is done.

    Answers ``Expect: 100-continue`` (RFC 9110 section 10.1.1), for which it needs the writer.

    Raises:
        InvalidInput, EOFError: as :func:`read_head`, and for the body.
    """
    head = await read_head(reader)
    if head is None:
        return None
    method, target, version = head.first
    if head.fields.get("expect", "").lower() == "100-continue":
        writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
    parts = urlsplit(target)
    body, size = await _read_body(reader, head.fields, until_end=False)
    return Request(
        method=method,
        path=unquote(parts.path) or "/",
        query={
            name: values[-1]
            for name, values in parse_qs(parts.query, keep_blank_values=True).items()
        },
        version=version,
        fields=head.fields,
        body=body,
        body_bytes=size,
    )


async def read_response(reader: asyncio.StreamReader, *, method: str) -> Response:
    """Return the response to a request of the given method, interim ones skipped.

    Raises:
        InvalidInput: not HTTP/1.
        EOFError: closed before the response was whole.
    """
    head, status = await _read_status(reader)
    while status < 200:
        head, status = await _read_status(reader)
    has_body = method != "HEAD" and status not in {204, 304}
    delimited = not has_body or {"content-length", "transfer-encoding"} & head.fields.keys()
    body = b""
    if has_body:
        body, _ = await _read_body(reader, head.fields, until_end=not delimited)
    return Response(
        status=status,
        fields=head.fields,
        body=body,
        reusable=bool(delimited) and _keeps_alive(head.first[0], head.fields),
    )


async def _read_status(reader: asyncio.StreamReader) -> tuple[Head, int]:
    head = await read_head(reader)
    if head is None:
        raise EOFError("closed without a response")
    code = head.first[1]
    if not code.isascii() or not code.isdigit():
        raise InvalidInput(f"no HTTP status: {code[:20]!r}")
    return head, int(code)


def _keeps_alive(version: str, fields: Mapping[str, str]) -> bool:
    wish = fields.get("connection", "").lower()
    return "keep-alive" in wish if version == "HTTP/1.0" else "close" not in wish


async def _read_body(
    reader: asyncio.StreamReader, fields: Mapping[str, str], *, until_end: bool
) -> tuple[bytes, int]:
    """Return the kept part of the body and the size of all of it."""
    if "chunked" in fields.get("transfer-encoding", "").lower():
        return await _read_chunks(reader)
    if until_end:
        body = await reader.read(-1)
        return body[:_KEPT_BODY_BYTES], len(body)
    size = _number(fields.get("content-length", "0"), 10)
    return await _read_counted(reader, size), size


async def _read_chunks(reader: asyncio.StreamReader) -> tuple[bytes, int]:
    kept, total = b"", 0
    while size := _number((await _read_line(reader)).partition(b";")[0].decode("latin-1"), 16):
        kept = (kept + await _read_counted(reader, size))[:_KEPT_BODY_BYTES]
        total += size
        await reader.readexactly(2)
    while await _read_line(reader) != b"\r\n":
        pass  # trailer fields mean nothing here
    return kept, total


async def _read_line(reader: asyncio.StreamReader) -> bytes:
    try:
        return await reader.readuntil(b"\r\n")
    except asyncio.LimitOverrunError as error:
        raise InvalidInput("HTTP line too long") from error


async def _read_counted(reader: asyncio.StreamReader, size: int) -> bytes:
    kept = b""
    while size > 0:
        piece = await reader.readexactly(min(size, _PIECE_BYTES))
        kept = (kept + piece)[:_KEPT_BODY_BYTES]
        size -= len(piece)
    return kept


def _number(text: str, base: int) -> int:
    try:
        number = int(text.strip(), base)
    except ValueError as error:
        raise InvalidInput(f"no length: {text[:20]!r}") from error
    if number < 0:
        raise InvalidInput(f"no length: {text[:20]!r}")
    return number
