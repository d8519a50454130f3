"""What stands between the mails of an mbox file and in front of them. Pure.

Written is mboxrd: every line that begins with any number of ``>`` and ``From `` gets one more. Read is the same, which
reads mboxo (only ``From `` quoted) right but for lines that began with ``>From `` before; where a Content-Length leads to
the next mail (mboxcl2) nothing is quoted. Flags are in Status, X-Status and X-Keywords, as Dovecot, mutt and
Thunderbird know them; Thunderbird's own X-Mozilla-Status is read. Source: https://www.loc.gov/preservation/digital/formats/fdd/fdd000383.shtml
"""

from __future__ import annotations

import calendar
import re
from typing import TYPE_CHECKING, NamedTuple

from switchover.move.archive.line_ends import ToFile, ToWire
from switchover.wire.imap.internal_date import InternalDate, parse

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

FROM = b"From "
# A time and a year make the difference to a sentence that begins with this word.
_FROM_LINE = re.compile(
    rb"From (?:[^\n]{0,500}? )??(?:[A-Z][a-z]{2},? +)?([A-Z][a-z]{2}) +([0-9]{1,2}) +([0-9]{1,2}:[0-9]{2}(?::[0-9]{2})?)"
    rb"(?: +(?:[A-Z]{1,5}|[+-][0-9]{4}))* +([0-9]{4})(?: +([+-][0-9]{4}|[A-Z]{1,5}))?[^\n]{0,200}\r?\n"
)
_TO_QUOTE = re.compile(rb"(\n>*+)(?=From )")
_TO_UNQUOTE = re.compile(rb"(\n>*+)(?<=>)(?=From )")
_PERHAPS = re.compile(rb"\n(>*+)(F(?:r(?:om?)?)?)?\Z")
_BLOCK = re.compile(
    rb"X-UID: ([0-9]{1,10}) *\nStatus: ([A-Z]*) *\nX-Status: ([A-Z]*) *\nX-Keywords: ?([^\n]*?) *\n"
)
_OURS = re.compile(
    rb"^(?:Status|X-Status|X-Keywords|X-UID|X-IMAP|X-IMAPbase|X-Mozilla-Status2?|X-Mozilla-Keys|Content-Length)"
    rb"[ \t]*:[^\n]*\n(?:[ \t][^\n]*\n)*",
    re.IGNORECASE | re.MULTILINE,
)
_FIELD = re.compile(rb"([!-9;-~]+)[ \t]*:[ \t]*(.*(?:\n[ \t].*)*)")
_KEYWORD_ROOM = 40
_STATUS = ((b"R", b"\\Seen"),)
_X_STATUS = ((b"A", b"\\Answered"), (b"F", b"\\Flagged"), (b"T", b"\\Draft"), (b"D", b"\\Deleted"))
_MOZILLA = (
    (1, b"\\Seen"),
    (2, b"\\Answered"),
    (4, b"\\Flagged"),
    (8, b"\\Deleted"),
    (0x1000, b"$Forwarded"),
)


class Block(NamedTuple):
    """What stands in front of a mail that we wrote, with the octets that it takes."""

    uid: int
    flags: tuple[bytes, ...]
    octets: int


class Metadata(NamedTuple):
    """What the header of a mail that others wrote says of it: flags, UID, UIDVALIDITY and the next UID."""

    flags: tuple[bytes, ...]
    uid: int = 0
    uid_validity: int = 0
    uid_next: int = 0
    content_length: int | None = None
    is_internal: bool = False


def from_line(epoch_seconds: int) -> bytes:
    """Return a From_ line with a date in UTC."""
    wire = InternalDate(epoch_seconds, 0).encode()  # 17-Jul-1996 02:44:25 +0000
    day, month, year, clock_time = wire[:2], wire[3:6], wire[7:11], wire[12:20]
    weekday = calendar.day_abbr[(epoch_seconds // 86_400 + 3) % 7].encode("ascii")
    return b"From MAILER-DAEMON %b %b %2d %b %b\n" % (weekday, month, int(day), clock_time, year)


def read_from_line(line: bytes) -> int | None:
    """Return the UTC seconds that a From_ line says; None where it is none. No zone is taken as UTC."""
    found = _FROM_LINE.fullmatch(line)
    if found is None:
        return None
    month, day, time, year, zone = found.groups(default=b"+0000")
    zone = zone if zone[:1] in b"+-" else b"+0000"
    date = parse(b"%02d-%b-%b %b %b" % (int(day), month, year, time, zone))
    return date.epoch_seconds if date else None


def block(uid: int, flags: Iterable[bytes], keyword_room: int = _KEYWORD_ROOM) -> bytes:
    """Return the lines for the front of a mail: as long as others with the same room, to be changed in place."""
    given = {flag.lower(): flag for flag in flags}
    status = b"".join(letter for letter, flag in _STATUS if flag.lower() in given) + b"O"
    extra = b"".join(letter for letter, flag in _X_STATUS if flag.lower() in given)
    keywords = b" ".join(flag for flag in given.values() if not flag.startswith(b"\\"))
    return b"X-UID: %-10d\nStatus: %-2b\nX-Status: %-4b\nX-Keywords: %b\n" % (
        uid,
        status,
        extra,
        keywords.ljust(keyword_room),
    )


def keyword_room(octets: int) -> int:
    """Return the room for keywords in a block of so many octets."""
    return octets - len(block(0, (), 0))


def read_block(head: bytes) -> Block | None:
    """Return the block at the begin of a mail; None for a mail that others wrote or changed."""
    found = _BLOCK.match(head)
    if found is None:
        return None
    return Block(int(found[1]), _flags(found[2], found[3], found[4]), found.end())


def read_metadata(header: bytes) -> Metadata:
    """Return what the header of a foreign mail says of it; lines end in LF."""
    fields = {name.lower(): value.strip() for name, value in _FIELD.findall(header)}
    flags = list(
        _flags(
            fields.get(b"status", b""), fields.get(b"x-status", b""), fields.get(b"x-keywords", b"")
        )
    )
    flags += _mozilla_flags(fields)
    numbers = (fields.get(b"x-imapbase") or fields.get(b"x-imap") or b"").split()[:2]
    validity, last = map(_number, numbers) if len(numbers) == 2 else (0, 0)
    length = fields.get(b"content-length", b"")
    unique = {flag.lower(): flag for flag in flags}
    return Metadata(
        flags=tuple(unique.values()),
        uid=_number(fields.get(b"x-uid", b"")),
        uid_validity=validity,
        uid_next=last + 1,
        content_length=int(length) if length.isdigit() and len(length) < 16 else None,
        is_internal=b"x-imap" in fields and b"FOLDER INTERNAL DATA" in fields.get(b"subject", b""),
    )


def without_metadata(header: bytes) -> bytes:
    """Return the header without the lines that are about the mail in this file only."""
    return _OURS.sub(b"", header)


def _flags(status: bytes, extra: bytes, keywords: bytes) -> tuple[bytes, ...]:
    flags = [flag for letter, flag in _STATUS if letter in status]
    flags += [flag for letter, flag in _X_STATUS if letter in extra]
    return (*flags, *_words(keywords))


def _mozilla_flags(fields: dict[bytes, bytes]) -> list[bytes]:
    text = fields.get(b"x-mozilla-status", b"")
    try:
        bits = int(text, 16) if len(text) <= 8 else 0
    except ValueError:
        bits = 0
    return [flag for bit, flag in _MOZILLA if bits & bit] + _words(
        fields.get(b"x-mozilla-keys", b"")
    )


def _words(text: bytes) -> list[bytes]:
    return [word for word in text.split() if re.fullmatch(rb"[!#$&'+-\[\]-z|}~]+", word)]


def _number(text: bytes) -> int:
    return int(text) if text.isdigit() and len(text) <= 10 and 0 < int(text) < 2**32 - 1 else 0


class Quoter:
    """A mail with CR LF in, its text for the file out; ``end`` closes the last line."""

    def __init__(self) -> None:
        """Start with an empty mail."""
        self._lines = ToFile()
        self._is_begin = (
            True  # the line so far is only ``>``: one more may be put anywhere among them
        )
        self._held = b""  # and this may become ``From ``
        self._last = b""

    def feed(self, chunk: bytes) -> bytes:
        """Return what the chunk becomes."""
        data = (b"\n" if self._is_begin else b"-") + self._held + self._lines.feed(chunk)
        perhaps = _PERHAPS.search(data)
        self._is_begin = perhaps is not None
        self._held = (perhaps[2] or b"") if perhaps else b""
        text = _TO_QUOTE.sub(rb"\1>", data[: len(data) - len(self._held)])[1:]
        self._last = text[-1:] or self._last
        return text

    def end(self) -> bytes:
        """Return what was held back, and the end of the last line where it is missing."""
        text = self._held + self._lines.end()
        return text if (text or self._last).endswith(b"\n") else text + b"\n"


class Unquoter:
    """The text of a mail in the file in, the mail with CR LF out."""

    def __init__(self, *, is_quoted: bool) -> None:
        """Start with an empty mail; a mail of mboxcl2 is not quoted."""
        self._is_quoted = is_quoted
        self._is_begin = True
        self._held = b""
        self._lines = ToWire()

    def feed(self, chunk: bytes) -> bytes:
        """Return what the chunk becomes."""
        if not self._is_quoted:
            return self._lines.feed(chunk)
        data = (b"\n" if self._is_begin else b"-") + self._held + chunk
        perhaps = _PERHAPS.search(data)
        self._is_begin = perhaps is not None
        self._held = perhaps[1][-1:] + (perhaps[2] or b"") if perhaps else b""
        text = data[: len(data) - len(self._held)]
        return self._lines.feed(_TO_UNQUOTE.sub(lambda found: found[1][:-1], text)[1:])

    def end(self) -> bytes:
        """Return what was held back."""
        return self._lines.feed(self._held)


def pieces(chunks: Iterable[bytes], *, is_quoted: bool) -> Iterator[bytes]:
    """Return the mail that the text in the file holds, in pieces."""
    work = Unquoter(is_quoted=is_quoted)
    for chunk in chunks:
        yield work.feed(chunk)
    yield work.end()
