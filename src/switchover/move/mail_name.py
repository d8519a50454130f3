"""What a person finds a mail by: its subject, its Message-ID, who sent it. Pure.

Read from a header as it came: anything may stand there, and nothing here fails.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_FOLD = re.compile(rb"\r?\n(?=[ \t])")
_MESSAGE_ID = re.compile(rb"^message-id[ \t]*:([^\r\n]*)", re.IGNORECASE | re.MULTILINE)
_WORD = re.compile(r"=\?([^?\s]{1,60})\?([bBqQ])\?([^?]*)\?=")
_BETWEEN_WORDS = re.compile(r"(\?=)\s+(?==\?)")
_LONGEST = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class MailName:
    """The fields of a header, decoded, on one line each; empty where there are none."""

    subject: str = ""
    message_id: str = ""
    sender: str = ""


def read_mail_name(header: bytes) -> MailName:
    """Return what a header (RFC 5322) tells; of several fields of a name the first counts."""
    fields: dict[bytes, bytes] = {}
    for line in _FOLD.sub(b"", header).splitlines():
        name, colon, value = line.partition(b":")
        if colon:
            fields.setdefault(name.strip().lower(), value)
    return MailName(
        subject=_text(fields.get(b"subject", b"")),
        message_id=_text(fields.get(b"message-id", b"")),
        sender=_text(fields.get(b"from", b"")),
    )


def message_id(header: bytes) -> bytes:
    """Return the first Message-ID of a header without blanks, b"" where there is none."""
    match = _MESSAGE_ID.search(_FOLD.sub(b"", header))
    return b"".join(match[1].split()) if match else b""


def _text(raw: bytes) -> str:
    """Return a value as text, encoded words (RFC 2047) decoded where they can be."""
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError:
        text = raw.decode("latin-1")
    text = _WORD.sub(_decoded, _BETWEEN_WORDS.sub(r"\1", text))
    text = " ".join(text.split())
    return text if len(text) <= _LONGEST else text[:_LONGEST] + "..."


def _decoded(match: re.Match[str]) -> str:
    from base64 import b64decode  # noqa: PLC0415 - wanted only for mails that are named
    from quopri import decodestring  # noqa: PLC0415 - as above

    from switchover.move.mime_text import charset_of  # noqa: PLC0415 - as above

    charset, encoding, words = match[1].partition("*")[0], match[2].lower(), match[3]
    try:
        if encoding == "b":
            raw = b64decode(words + "=" * (-len(words) % 4))
        else:
            raw = decodestring(words.encode("ascii"), header=True)
        return raw.decode(charset_of(charset), "replace")
    except ValueError:
        return match[0]
