"""Content of a part, decoded while it streams: transfer encodings, charsets, the letters that a reader sees. Pure.

Everything here gives the same joined result for any cut into chunks, holds back a few bytes at
most, and never raises on content: broken encodings decode to something that is at least the same
every time.
"""

from __future__ import annotations

import binascii
import codecs
import html
import re
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable

_NOT_LETTERS = re.compile(r"[\W_]+")
_NOT_BASE64 = bytes(
    byte
    for byte in range(256)
    if byte not in b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
)
_BLANKS = b" \t\r"
_QUOTED = re.compile(rb"=(\n|[0-9A-Fa-f]{2})")
_CHARSET = re.compile(
    r"(?:utf-?(?:8|16-?le|16-?be)|iso-?(?:8859|2022)-[\w-]{1,7}|windows-\d{3,4}|cp-?\d{3,4}|koi8-?[rut]"
    r"|gb(?:k|2312|18030)|big5(?:-?hkscs)?|euc-?(?:jp|kr|cn)|shift_?jis|ks_c_5601-1987|mac-?\w{1,10})",
    re.IGNORECASE | re.ASCII,
)
_HIDDEN = ("head", "script", "style", "title")
_LONGEST_OPENING = len("<script") + 1
_ENTITY = re.compile(r"&[#0-9A-Za-z]{1,31};?")
_OPEN_ENTITY = re.compile(r"&[#0-9A-Za-z]{0,31}\Z")


class Decoder(Protocol):
    """Bytes in, bytes out."""

    def feed(self, data: bytes) -> bytes:
        """Return what is certain so far."""

    def end(self) -> bytes:
        """Return what was held back."""


class AsItIs:
    """7bit, 8bit, binary and encodings that nobody knows."""

    __slots__ = ()

    def feed(self, data: bytes) -> bytes:
        """Return the same."""
        return data

    def end(self) -> bytes:
        """Return nothing."""
        return b""


class Base64:
    """RFC 2045 section 6.8; all but the alphabet is passed over, padding too."""

    __slots__ = ("_held",)

    def __init__(self) -> None:
        """Start a part."""
        self._held = b""

    def feed(self, data: bytes) -> bytes:
        """Decode whole groups of four."""
        clean = self._held + data.translate(None, _NOT_BASE64)
        whole = len(clean) & ~3
        self._held = clean[whole:]
        return binascii.a2b_base64(clean[:whole])

    def end(self) -> bytes:
        """Decode a last group of two or three; a single character means nothing."""
        if len(self._held) < 2:
            return b""
        return binascii.a2b_base64(self._held + b"=" * (4 - len(self._held)))


class QuotedPrintable:
    """RFC 2045 section 6.7; blanks are dropped, which the structural form ignores anyway."""

    __slots__ = ("_held",)

    def __init__(self) -> None:
        """Start a part."""
        self._held = b""

    def feed(self, data: bytes) -> bytes:
        """Decode all but an escape that is not complete."""
        clean = self._held + data.translate(None, _BLANKS)
        at = clean.rfind(b"=", -2)
        cut = len(clean) if at < 0 or clean[at : at + 2] == b"=\n" else at
        self._held = clean[cut:]
        return _QUOTED.sub(_unquoted, clean[:cut])

    def end(self) -> bytes:
        """Return an escape that never was completed as it is."""
        return self._held


def _unquoted(match: re.Match[bytes]) -> bytes:
    return b"" if match[1] == b"\n" else bytes((int(match[1], 16),))


_DECODERS: dict[str, Callable[[], Decoder]] = {
    "base64": Base64,
    "quoted-printable": QuotedPrintable,
}


def decoder_for(encoding: str) -> Decoder:
    """Return a fresh decoder for a Content-Transfer-Encoding."""
    return _DECODERS.get(encoding, AsItIs)()


def charset_of(name: str) -> str:
    """Return a codec for a charset's name: Latin-1 unless it is one that mails are written in.

    Not every codec of the library is for text, and some take time that grows with the square of the
    input.
    """
    if not _CHARSET.fullmatch(name):
        return "latin-1"
    try:
        return codecs.lookup(name).name
    except LookupError:
        return "latin-1"


def text_of(raw: bytes, charset: str) -> str:
    """Return bytes as text; what does not decode is replaced."""
    return raw.decode(charset_of(charset), "replace")


def letters(text: str) -> str:
    """Return only letters and digits: blanks, line breaks and marks change when a server writes a text anew."""
    return _NOT_LETTERS.sub("", text)


class TextLetters:
    """The letters of a plain text part."""

    __slots__ = ("_decode",)

    def __init__(self, charset: str) -> None:
        """Start a part."""
        self._decode = codecs.getincrementaldecoder(charset_of(charset))("replace")

    def feed(self, data: bytes) -> str:
        """Return the letters of one more piece."""
        return letters(self._decode.decode(data))

    def end(self) -> str:
        """Return what was held back."""
        return letters(self._decode.decode(b"", final=True))


class HtmlLetters:
    """The letters of an HTML part as a reader sees them: no tags, comments, head, styles and scripts."""

    __slots__ = ("_decode", "_held", "_until")

    def __init__(self, charset: str) -> None:
        """Start a part."""
        self._decode = codecs.getincrementaldecoder(charset_of(charset))("replace")
        self._held = ""
        self._until = ""
        """What ends the stretch that is being passed over; "" while text is shown."""

    def feed(self, data: bytes) -> str:
        """Return the letters of one more piece."""
        return self._take(self._decode.decode(data), is_end=False)

    def end(self) -> str:
        """Return what was held back."""
        return self._take(self._decode.decode(b"", final=True), is_end=True)

    def _take(self, text: str, *, is_end: bool) -> str:
        text = self._held + text
        shown: list[str] = []
        at = 0
        while at < len(text):
            step = self._pass_over if self._until else self._show
            following = step(text, at, shown, is_end=is_end)
            if following == at:
                break  # more text is needed to go on
            at = following
        self._held = "" if is_end else text[at:]
        return "".join(shown)

    def _pass_over(self, text: str, at: int, _: list[str], *, is_end: bool) -> int:
        """Return the place behind what is passed over, or up to where its end has not begun."""
        found = _find(text, self._until, at)
        if found < 0:
            return len(text) if is_end else max(at, len(text) - len(self._until) + 1)
        at = found + len(self._until)
        # A closing tag ends at its own bracket, which is passed over as any tag.
        self._until = ">" if self._until.startswith("</") else ""
        return at

    def _show(self, text: str, at: int, shown: list[str], *, is_end: bool) -> int:
        """Show text up to the next tag, or up to what may become one or an entity; return how far."""
        tag = text.find("<", at)
        if tag < 0:
            held = None if is_end else _OPEN_ENTITY.search(text, max(at, len(text) - 32))
            stop = held.start() if held else len(text)
            shown.append(_visible(text[at:stop]))
            return stop
        shown.append(_visible(text[at:tag]))
        if len(text) - tag < _LONGEST_OPENING and not is_end:
            return tag
        self._until = _end_of(text[tag : tag + _LONGEST_OPENING].lower())
        return tag + 1


def _find(text: str, wanted: str, at: int) -> int:
    if not wanted.startswith("</"):
        return text.find(wanted, at)
    match = re.compile(re.escape(wanted), re.IGNORECASE | re.ASCII).search(text, at)
    return match.start() if match else -1


def _end_of(opening: str) -> str:
    """Return what ends the stretch that begins so: a tag, a comment, or an element that is not shown."""
    if opening.startswith("<!--"):
        return "-->"
    for name in _HIDDEN:
        if opening.startswith(f"<{name}") and not opening[len(name) + 1 :][:1].isalnum():
            return f"</{name}"
    return ">"


def _visible(text: str) -> str:
    return letters(_ENTITY.sub(lambda match: html.unescape(match[0]), text))
