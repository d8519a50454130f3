"""Mailbox names: the bytes a server knows beside the text a person reads.

Reading never fails and never guesses away a byte: what cannot be decoded stays as it stands, and
commands to that server use the raw name. Writing is strict: it makes only names that the standards
allow. Modified UTF-7: RFC 3501 section 5.1.3; UTF-8 names: RFC 9755 section 3 and RFC 9051 section 5.1;
characters that no name should hold: RFC 5198 section 2 through RFC 9051 section 5.1.
"""

from __future__ import annotations

import binascii
import re
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Self

from switchover.errors import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Sequence

_SHIFT = re.compile(r"&([A-Za-z0-9+,]*)-")
_RAW_SHIFT = re.compile(rb"&[A-Za-z0-9+,]*-")
_TO_SHIFT = re.compile(r"&|[^ -~]+")
# Controls of both sets, line and paragraph separators, and halves of surrogate pairs.
_UNWRITABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")


class NameEncoding(StrEnum):
    """How names stand on the wire: UTF-8 once UTF8=ACCEPT or IMAP4rev2 is enabled."""

    MODIFIED_UTF7 = "modified UTF-7"
    UTF8 = "UTF-8"


def decode(raw: bytes, encoding: NameEncoding) -> str:
    """Return the text of a name or of one level; never raises.

    A shift that does not decode stays as it stands. Bytes above 127 where only ASCII is allowed are
    read as UTF-8, which is what servers that send them mean, else as Latin-1.
    """
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        text = raw.decode("latin-1")
    return text if encoding is NameEncoding.UTF8 else _SHIFT.sub(_unshifted, text)


def _unshifted(shift: re.Match[str]) -> str:
    coded = shift[1]
    if not coded:
        return "&"
    try:
        units = binascii.a2b_base64(coded.replace(",", "/") + "=" * (-len(coded) % 4))
        return units.decode("utf-16-be")
    except (binascii.Error, UnicodeDecodeError):
        return shift[0]


def encode(text: str, encoding: NameEncoding) -> bytes:
    """Return the one right form of ``text`` on the wire.

    Raises InvalidInput for an empty text and for the characters of ``unwritable_characters``.
    """
    if not text:
        raise InvalidInput("a mailbox name or a level of it is empty")
    if found := unwritable_characters(text):
        named = ", ".join(f"U+{ord(character):04X}" for character in sorted(found))
        raise InvalidInput(f"the mailbox name {text!r} holds {named}, which no name may hold")
    if encoding is NameEncoding.UTF8:
        return text.encode()
    return _TO_SHIFT.sub(_shifted, text).encode("ascii")


def _shifted(run: re.Match[str]) -> str:
    if run[0] == "&":
        return "&-"
    coded = binascii.b2a_base64(run[0].encode("utf-16-be"), newline=False).decode("ascii")
    return f"&{coded.rstrip('=').replace('/', ',')}-"


def unwritable_characters(text: str) -> frozenset[str]:
    """Return the characters of ``text`` that ``encode`` refuses on every server."""
    return frozenset(_UNWRITABLE.findall(text))


@dataclass(frozen=True, slots=True, kw_only=True)
class MailboxName:
    """A name as one server knows it.

    ``raw`` is what goes back to that server in commands; ``levels`` is the decoded path, from the
    top; ``separator`` is one character, or None where the server has no hierarchy (NIL).
    """

    raw: bytes
    levels: tuple[str, ...]
    separator: str | None

    @classmethod
    def from_wire(cls, raw: bytes, *, separator: bytes | None, encoding: NameEncoding) -> Self:
        """Return the name that a server sent; never raises.

        A doubled or final separator gives empty levels: some servers mark a pure parent so.
        """
        pieces = _split(raw, separator, encoding) if separator else [raw]
        levels = tuple(decode(piece, encoding) for piece in pieces)
        parting = separator.decode("latin-1") if separator else None
        return cls(raw=raw, levels=levels, separator=parting)

    @classmethod
    def from_levels(
        cls, levels: Sequence[str], *, separator: str | None, encoding: NameEncoding
    ) -> Self:
        """Return the name to create at a server.

        Raises InvalidInput for a level that is empty, holds the separator or an unwritable
        character, and for several levels where there is no separator.
        """
        if not levels or (separator is None and len(levels) > 1):
            raise InvalidInput(f"{list(levels)} is no path on a server without hierarchy")
        for level in levels:
            if separator is not None and separator in level:
                raise InvalidInput(f"the folder name {level!r} holds the separator {separator!r}")
        raw = (separator or "").encode().join(encode(level, encoding) for level in levels)
        return cls(raw=raw, levels=tuple(levels), separator=separator)

    @property
    def text(self) -> str:
        """The whole name as a person reads it."""
        return (self.separator or "").join(self.levels)

    @property
    def is_inbox(self) -> bool:
        """True for INBOX itself in any case; a folder below it is not INBOX."""
        return self.raw.upper() == b"INBOX"

    @property
    def key(self) -> tuple[str, ...]:
        """What two names of one server share when they mean the same mailbox.

        Only INBOX is without case, as a name and as the first level (RFC 9051 section 5.1); whether
        others are is a quirk of the server. ASCII only: a dotless i in upper case is an I as well.
        """
        first, *rest = self.levels
        is_inbox = first.isascii() and first.upper() == "INBOX"
        return ("INBOX", *rest) if is_inbox else self.levels


def _split(raw: bytes, separator: bytes, encoding: NameEncoding) -> list[bytes]:
    if encoding is NameEncoding.UTF8 or b"&" not in raw:
        return raw.split(separator)
    # A separator such as "+" or "," also occurs inside a shift, where it separates nothing.
    mask = _RAW_SHIFT.sub(lambda shift: bytes(len(shift[0])), raw)
    pieces: list[bytes] = []
    start = 0
    for piece in mask.split(separator):
        pieces.append(raw[start : start + len(piece)])
        start += len(piece) + len(separator)
    return pieces
