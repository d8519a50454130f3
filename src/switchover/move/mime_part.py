"""The header of a mail or of one of its parts, as far as the structural form needs it. Pure.

Written for whatever servers hand out: nothing here raises, a field that can not be read counts by
its letters.
"""

from __future__ import annotations

import binascii
import re
from dataclasses import dataclass
from email.utils import mktime_tz, parsedate_tz
from typing import TYPE_CHECKING, NamedTuple

from switchover.move.mime_text import letters, text_of

if TYPE_CHECKING:
    from collections.abc import Mapping

_FIELD = re.compile(rb"([!-9;-~]+)[ \t]*:(.*)", re.DOTALL)
_ENCODED_WORD = re.compile(r"=\?([^?\s]{1,40})\?([bBqQ])\?([^?\s]*)\?=")
_BETWEEN_ADDRESSES = re.compile(r"[\s<>()\",;:]+")
_PARAMETER = re.compile(
    r""";\s*(boundary|charset|name|filename)\*?0?\*?\s*=\s*(?:"((?:[^"\\]|\\.)*+)"|([^\s;"]+))""",
    re.IGNORECASE,
)
_BETWEEN_WORDS = re.compile(r"\?=[ \t]+=\?")
_LONGEST_FIELD = 8192
_LONGEST_WORDS = 200
_WANTED = frozenset(
    {
        b"content-type",
        b"content-transfer-encoding",
        b"content-disposition",
        b"message-id",
        b"date",
        b"subject",
        b"from",
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class PartHeader:
    """What a header says of its part. ``boundary`` is b"" for anything but a multipart that names one.

    ``identity`` tells mails apart: Message-ID, date, subject, sender, each in a form that survives
    rewriting.
    """

    content_type: str
    charset: str
    boundary: bytes
    encoding: str
    is_attachment: bool
    identity: tuple[str, str, str, str]

    @property
    def is_message(self) -> bool:
        """True for a mail within a mail that is not encoded once more."""
        return self.content_type == "message/rfc822" and self.encoding not in {
            "base64",
            "quoted-printable",
        }

    @property
    def is_text(self) -> bool:
        """True for text that a reader shows as the mail itself."""
        return self.content_type in {"text/plain", "text/html"} and not self.is_attachment


class MailWords(NamedTuple):
    """What names a mail for people: decoded, on one line, and cut where it is long."""

    subject: str
    message_id: str


def words_of(header: bytes) -> MailWords:
    """Return what names a mail, from its header or the beginning of it."""
    fields = _fields(header.replace(b"\r\n", b"\n"))
    subject = _BETWEEN_WORDS.sub("?==?", fields.get(b"subject", ""))
    return MailWords(_short(_decoded(subject)), _short(fields.get(b"message-id", "")))


def _short(text: str) -> str:
    one_line = " ".join(text.split())
    return one_line if len(one_line) <= _LONGEST_WORDS else f"{one_line[:_LONGEST_WORDS]}..."


def read_part_header(block: bytes) -> PartHeader:
    """Return what a header block (lines ended by LF) says; of repeated fields the first counts."""
    fields = _fields(block)
    kind = fields.get(b"content-type", "")
    content_type = kind.partition(";")[0].strip().lower()
    if "/" not in content_type:
        content_type = "text/plain"  # RFC 2045 section 5.2
    parameters = _parameters(kind)
    disposition = fields.get(b"content-disposition", "")
    is_multipart = content_type.startswith("multipart/")
    return PartHeader(
        content_type=content_type,
        charset=parameters.get("charset", ""),
        boundary=parameters.get("boundary", "").rstrip().encode("latin-1") if is_multipart else b"",
        encoding=fields.get(b"content-transfer-encoding", "").strip().lower(),
        is_attachment=disposition.strip().lower().startswith("attachment")
        or not parameters.keys().isdisjoint({"name"})
        or "filename" in _parameters(disposition),
        identity=_identity(fields),
    )


def _fields(block: bytes) -> dict[bytes, str]:
    unfolded = block.replace(b"\n ", b" ").replace(b"\n\t", b" ")
    found: dict[bytes, str] = {}
    for line in unfolded.split(b"\n"):
        match = _FIELD.match(line)
        if match and match[1].lower() in _WANTED:
            found.setdefault(match[1].lower(), match[2][:_LONGEST_FIELD].decode("latin-1").strip())
    return found


def _parameters(value: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for match in _PARAMETER.finditer(value):
        text = match[3] if match[2] is None else re.sub(r"\\(.)", r"\1", match[2])
        found.setdefault(match[1].lower(), text)
    return found


def _identity(fields: Mapping[bytes, str]) -> tuple[str, str, str, str]:
    words = _BETWEEN_ADDRESSES.split(fields.get(b"from", ""))
    sender = [word for word in words if "@" in word]
    return (
        "".join(fields.get(b"message-id", "").split()),
        _moment(fields.get(b"date", "")),
        letters(_decoded(fields.get(b"subject", ""))),
        sender[-1].lower() if sender else "",
    )


def _moment(text: str) -> str:
    try:
        parsed = parsedate_tz(text)
        return letters(text) if parsed is None else str(mktime_tz(parsed))
    except (ValueError, OverflowError, TypeError, IndexError):
        return letters(text)


def _decoded(text: str) -> str:
    """Return a field with its encoded words (RFC 2047) and raw 8-bit characters as text."""
    plain = text_of(text.encode("latin-1"), "utf-8")
    return _ENCODED_WORD.sub(_decoded_word, plain)


def _decoded_word(match: re.Match[str]) -> str:
    charset, encoding, payload = match[1].partition("*")[0], match[2].lower(), match[3]
    try:
        if encoding == "b":
            raw = binascii.a2b_base64(payload.rstrip("=") + "=" * (-len(payload.rstrip("=")) % 4))
        else:
            raw = binascii.a2b_qp(payload, header=True)
    except ValueError:
        return payload
    return text_of(raw, charset)
