"""Line ends and NUL brought into one form while a mail streams by. Pure."""

from __future__ import annotations

import re

_NUL, _NUL_STAND_IN = b"\0", b"\x80"
# Looked for at the start of a run only: a run of a million CRs would otherwise be walked a million times.
_RUN_AT_LINE_END = re.compile(rb"(?<!\r)\r\r++\n")
_CR_PIECE = b"\r" * 65536


class LineNormaliser:
    """Chunks in, text with CR LF as line end out; what comes out joined does not depend on the chunks.

    Any number of CRs before LF are part of the line end, a CR elsewhere is content, NUL becomes
    0x80: what Dovecot does to a mail that it stores (measured), so that a mail has the same form
    before and after. A last line without its end gets one: mbox files and some servers can not keep
    the difference.
    """

    __slots__ = ("_is_line_open", "_returns", "size_bytes")

    def __init__(self) -> None:
        """Start with an empty mail."""
        self._returns = 0
        self._is_line_open = False
        self.size_bytes = 0
        """Bytes that came out so far, without a final line end that was missing (RFC822.SIZE of the copy)."""

    def feed(self, chunk: bytes) -> list[bytes]:
        """Return the text of one more chunk, in pieces; none ends between CR and LF."""
        body = chunk.rstrip(b"\r")
        if not body:
            self._returns += len(chunk)
            return []
        pieces: list[bytes] = []
        text = body
        if self._returns or body.startswith(b"\r"):
            text = body.lstrip(b"\r")
            if not text.startswith(b"\n"):
                pieces = _returns(self._returns + len(body) - len(text))
        self._returns = len(chunk) - len(body)
        self._is_line_open = not text.endswith(b"\n")
        pieces.append(_normal(text))
        self.size_bytes += sum(map(len, pieces))
        return pieces

    def end(self) -> bytes:
        """Return what ends the text: b"" or the missing line end. Changes nothing."""
        return b"\r\n" if self._is_line_open or self._returns else b""


def _normal(text: bytes) -> bytes:
    """Return whole lines and parts of lines in the one form."""
    if _NUL in text:
        text = text.replace(_NUL, _NUL_STAND_IN)
    # Nearly every mail is in the form already, and counting takes a third of the time of replacing.
    ends = text.count(b"\n")
    if ends != text.count(b"\r\n") or (ends != text.count(b"\r") and b"\r\r\n" in text):
        text = _RUN_AT_LINE_END.sub(b"\n", text).replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
    return text


def _returns(count: int) -> list[bytes]:
    whole, rest = divmod(count, len(_CR_PIECE))
    return [_CR_PIECE] * whole + ([_CR_PIECE[:rest]] if rest else [])
