"""Mails that programs trip over, all of which a server takes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What an odd mail is made of; ``last_id`` is the Message-ID of the mail before it."""

    head: bytes
    text: bytes
    new_id: str
    last_id: str

    @property
    def named(self) -> bytes:
        return self.head + f"Message-ID: {self.new_id}\r\n".encode()


_KINDS: tuple[Callable[[Parts], bytes], ...] = (
    lambda p: p.head + b"\r\n" + p.text,  # no Message-ID
    lambda p: p.head + f"Message-ID: {p.last_id}\r\n\r\n".encode() + p.text,  # somebody else's
    lambda p: p.named + b"Message-ID:\r\n <second@contoso.example>\r\n\r\n" + p.text,  # two of them
    lambda p: b"\r\n" + p.text,  # no header at all
    lambda p: p.named,  # header only, and no empty line behind it
    lambda p: p.named + b"\r\n",  # no body
    lambda p: p.named + "Subject: Grüße aus Köln\r\n\r\n".encode("latin-1") + p.text,
    lambda p: p.named + "X-Größe: zwölf\r\n\tand folded\r\n \r\n\r\n".encode() + p.text,
    lambda p: p.named + b'Content-Type: multipart/mixed; boundary="x"\r\n\r\n--x\r\n\r\n' + p.text,
    lambda p: p.named + b"\r\n" + b"long " * 5000 + b"\r\n",
    lambda p: p.named + b"\r\n" + p.text.rstrip() + b" and no end of line",
    lambda p: b"From someone Mon Jan  1 00:00:00 2001\r\n" + p.named + b"\r\n" + p.text,
    lambda p: p.named + b"\r\n>From the start\r\nFrom the middle\r\n\xff\xfe\x80\r\n",
    lambda p: p.named + b"\r\nzero \0 and \0\0 more\r\n",
    lambda p: p.named + b"\r\nbare\nline\nends\n",
    lambda p: p.named + b"X-Empty:\r\nX-Empty:\r\nNo colon here\r\n\r\n" + p.text,
)
KINDS = len(_KINDS)


def make(kind: int, parts: Parts) -> bytes:
    """Return the odd mail of this kind."""
    return _KINDS[kind](parts)
