"""UID FETCH: listings and bodies out of an open folder, as a stream of bytes."""

from __future__ import annotations

import re
from array import array
from bisect import bisect_left, bisect_right
from contextlib import closing
from typing import TYPE_CHECKING

from switchover.move.archive import answers
from switchover.move.archive.command_parser import word
from switchover.wire.imap.tokens import string

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from switchover.move.archive.store import Body, Folder, Mail
    from switchover.wire.imap.tokens import Value

SEND_BYTES = 64 << 10
HEADER_BYTES = 4 << 20
_ITEMS = frozenset({b"UID", b"FLAGS", b"INTERNALDATE", b"RFC822.SIZE"})
_BODIES = {b"BODY.PEEK[]": b"BODY[]", b"BODY[]": b"BODY[]"}
_HEADERS = {b"BODY.PEEK[HEADER]": b"BODY[HEADER]", b"BODY[HEADER]": b"BODY[HEADER]"}
_RANGE = re.compile(rb"([0-9]{1,10}|\*)(?::([0-9]{1,10}|\*))?")


class BadCommand(Exception):  # noqa: N818 - the word of the protocol: answered BAD
    """The command is not one that we know."""


class Broken(Exception):  # noqa: N818 - it ends the connection and is shown to nobody
    """What was announced can not be kept: only the end of the connection tells that."""


def chosen(text: bytes, uids: Sequence[int]) -> array[int]:
    """Return those of ``uids``, which ascend, that a set names; ``*`` is the last (RFC 9051 section 9)."""
    spans = []
    for piece in text.split(b","):
        match = _RANGE.fullmatch(piece)
        if match is None:
            raise BadCommand("a set of UIDs is needed")
        last = uids[-1] if uids else 0
        ends = [last if end == b"*" else int(end) for end in (match[1], match[2] or match[1])]
        spans.append((bisect_left(uids, min(ends)), bisect_right(uids, max(ends))))
    found, done = array("Q"), 0
    for begin, end in sorted(spans):
        found.extend(uids[max(begin, done) : end])
        done = max(done, end)
    return found


def fetch(folder: Folder, arguments: Sequence[Value], send: Callable[[bytes], None]) -> None:
    """Send what is asked about each mail that is there; one that vanishes meanwhile is left out."""
    if len(arguments) != 2:
        raise BadCommand("FETCH needs UIDs and items")
    which, asked = arguments
    items = [word(one) for one in (asked if isinstance(asked, list) else [asked])]
    bodies = [item for item in items if item in _BODIES or item in _HEADERS]
    if len(bodies) > 1 or not set(items) <= _ITEMS | _BODIES.keys() | _HEADERS.keys():
        raise BadCommand("FETCH knows UID, FLAGS, INTERNALDATE, RFC822.SIZE and one whole body")
    plain = [item for item in items if item in _ITEMS]
    plain = plain if b"UID" in plain else [b"UID", *plain]
    all_uids = folder.uids()
    uids = chosen(string(which) or b"", all_uids)
    waiting: list[bytes] = []
    octets = 0
    with_sizes = b"RFC822.SIZE" in items
    mails = folder.list_mails(uids) if b"INTERNALDATE" in items else folder.list_flags(uids)
    for mail in mails:
        size = folder.size_of(mail.uid) if with_sizes else 0
        if size is None:
            continue
        line = answers.fetched(bisect_right(all_uids, mail.uid), mail, plain, size)
        if bodies:
            _send_body(folder, mail, line, bodies[0], send)
            continue
        waiting += (line, b")\r\n")
        octets += len(line)
        if octets >= SEND_BYTES:
            send(b"".join(waiting))
            waiting.clear()
            octets = 0
    if waiting:
        send(b"".join(waiting))


def _send_body(
    folder: Folder, mail: Mail, line: bytes, item: bytes, send: Callable[[bytes], None]
) -> None:
    body = folder.open_body(mail.uid)
    if body is None:
        return
    with closing(body):
        if item in _HEADERS:
            header = _header(body.chunks)
            name = _HEADERS[item]
            send(b"%b %b {%d}\r\n%b)\r\n" % (line, name, len(header), header))
            return
        opening = b"%b %b {%d}\r\n" % (line, _BODIES[item], body.size)
        for chunk in _exactly(body):
            send(opening + chunk)
            opening = b""
        send(opening + b")\r\n")


def _exactly(body: Body) -> Iterator[bytes]:
    """Yield the chunks; the literal was announced, so when they fail nothing else can be said."""
    left = body.size
    try:
        for chunk in body.chunks:
            left -= len(chunk)
            if left < 0:
                break
            yield chunk
    except OSError as error:
        raise Broken(f"a mail can not be read to its end: {error}") from error
    if left:
        raise Broken("a mail changed while it was read")


def _header(chunks: Iterator[bytes]) -> bytes:
    """Return the header with the empty line that ends it."""
    text = b""
    for chunk in chunks:
        text += chunk
        if text.startswith(b"\r\n"):
            return b"\r\n"
        end = text.find(b"\r\n\r\n")
        if end >= 0:
            return text[: end + 4]
        if len(text) > HEADER_BYTES:
            break
    return text
