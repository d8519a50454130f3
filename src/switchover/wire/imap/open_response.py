"""A response with literals of which more is to come, and what an operator is told of one that goes wrong."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from switchover.wire.imap.failure import Failure, Retry, Scope
from switchover.wire.imap.tokens import LiteralRef

if TYPE_CHECKING:
    from switchover.wire.imap.fetch import FetchItem
    from switchover.wire.imap.fragment import LiteralStart

_SECTION = re.compile(
    rb"(?:BODY|BINARY)(?:\.PEEK)?\[[^\[]*\](?:<[0-9]+>)?|RFC822(?:\.HEADER|\.TEXT)?", re.IGNORECASE
)
_SECTION_BYTES = 4096  # of text before a literal: a section's name is not longer
_UID = re.compile(rb"[ (]UID ([0-9]{1,20})")


class OpenResponse:
    """A response with literals of which more is to come."""

    __slots__ = (
        "content",
        "is_body",
        "is_fetch",
        "item",
        "kept_bytes",
        "literals",
        "parts",
        "simple",
        "text_bytes",
    )

    def __init__(self, *, is_fetch: bool) -> None:
        self.is_fetch = is_fetch
        self.parts: list[bytes | LiteralRef] = []
        self.text_bytes = 0
        self.kept_bytes = 0
        self.literals = 0
        self.item: FetchItem | None = None  # what came before the first body
        self.simple: FetchItem | None = None  # all of it, if only ")" comes behind the body
        self.is_body = False  # the present or last literal is handed out
        self.content: bytearray | None = None  # of the present literal, if it is kept

    def add(self, start: LiteralStart) -> None:
        """Append the text before a literal, and the literal."""
        self.parts += (start.before, LiteralRef(start.size, start.binary))
        self.text_bytes += len(start.before)
        self.literals += 1


def section_before(text: bytes) -> bytes | None:
    """Return the name of the section whose literal comes behind ``text``; None if it is no section's."""
    end = text[-_SECTION_BYTES:].rstrip(b" \t")
    upper = end.upper()
    bracket = max(map(upper.rfind, (b"BODY[", b"BODY.PEEK[", b"BINARY[", b"BINARY.PEEK[")))
    for begin in (bracket, upper.rfind(b"RFC822")):
        if begin > 0 and end[begin - 1] in b" (" and _SECTION.fullmatch(end, begin):
            return end[begin:]
    return None


def uid_of(opened: OpenResponse) -> int | None:
    """Return the UID of the message that the response is about, if that is told by now."""
    if opened.item is not None and opened.item.uid is not None:
        return opened.item.uid
    begin = opened.parts[0] if opened.parts else b""
    found = None if isinstance(begin, LiteralRef) else _UID.search(begin)
    return int(found[1]) if found is not None and opened.is_fetch else None


def subject_of(opened: OpenResponse) -> str:
    """Return what the response is about, for an operator."""
    uid = uid_of(opened)
    if uid is not None:
        return f"the message with UID {uid}"
    begin = opened.parts[0] if opened.parts else b""
    return f"{begin[:60]!r}"


def too_long(what: str, limit: int, opened: OpenResponse) -> Failure:
    return Failure(
        message=f"the server sends a {what} of more than {limit} bytes, for {subject_of(opened)}",
        scope=Scope.MESSAGE if opened.is_fetch else Scope.ENDPOINT,
        retry=Retry.NEVER,
        uid=uid_of(opened),
    )


def out_of_step(count: int, raw: bytes) -> Failure:
    return Failure(
        message=f"{count} responses in a row make no sense, the last is {raw[:60]!r}",
        scope=Scope.ENDPOINT,
        retry=Retry.LATER,
    )
