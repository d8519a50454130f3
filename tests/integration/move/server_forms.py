"""What each kind of server makes of a mail that it is given: the declared canonical forms, as rules of their own.

Measured with Dovecot 2.3.19, Cyrus 3.6.1 and Courier 5.0.13 from Debian; ``test_server_forms`` shows each rule
on the server itself. They share no code with the product.
"""

from __future__ import annotations

import re

from tests.integration.imap_servers import Kind
from tests.move_corpus import Path

NOW = "now"
"""A date that the server replaces by the time of delivery."""
CYRUS_LARGEST_BYTES = 4_000_000
"""The limit that the tests set; announced as APPENDLIMIT."""
_DOVECOT = (Kind.MAILDIR, Kind.SDBOX, Kind.MDBOX)
_FORBIDDEN = {
    Kind.MAILDIR: r"\.|\A~",
    Kind.SDBOX: r"\A~",
    Kind.MDBOX: r"\A~",
    Kind.CYRUS: r'[!"%;<>\\^`{|}]',
    Kind.COURIER: r"[./]|[^\0-\uffff]",
}
SEPARATORS = dict.fromkeys(Kind, "/") | {Kind.COURIER: "."}
PREFIXES = dict.fromkeys(Kind, "") | {Kind.COURIER: "INBOX."}


def body_kept(kind: Kind, body: bytes) -> bytes | None:
    """Return how the server delivers a mail that it was given, or None when it refuses it."""
    if not body:
        return None
    if kind is Kind.CYRUS:
        return _cyrus_body(body)
    if kind is Kind.COURIER:
        # Lone CRs go, every line ends with CRLF, the last one too.
        text = body.replace(b"\r", b"")
        return (text if text.endswith(b"\n") else text + b"\n").replace(b"\n", b"\r\n")
    # Stored with LF, and a CR at the very end is lost; delivered with CRLF where no CR is already.
    stored = body.replace(b"\r\n", b"\n").removesuffix(b"\r").replace(b"\0", b"\x80")
    return (
        re.sub(rb"(?<!\r)\n", b"\r\n", stored)
        if b"\r" in stored
        else stored.replace(b"\n", b"\r\n")
    )


def _cyrus_body(body: bytes) -> bytes | None:
    is_refused = (
        len(body) > CYRUS_LARGEST_BYTES
        or b"\0" in body
        or re.search(rb"(?<!\r)\n", body)
        or not _is_header(body)
    )
    if is_refused:
        return None
    header, separator, text = body.partition(b"\r\n\r\n")
    return re.sub(rb"[\x80-\xff]", b"X", header) + separator + text


def _is_header(body: bytes) -> bool:
    """Return whether every line before the first empty one is a field or goes on with one."""
    if body.startswith(b"\r\n"):
        return True
    header, separator, _ = body.partition(b"\r\n\r\n")
    if not separator and not header.endswith(b"\r\n"):
        return False
    lines = header.removesuffix(b"\r\n").split(b"\r\n")
    return all(line[:1] in {b" ", b"\t"} or b":" in line for line in lines)


def date_kept(kind: Kind, seconds: int, now: float) -> int | str | None:
    """Return the date that the server shows for one that it was given, or None when it refuses the mail."""
    if kind in _DOVECOT:
        # Kept in 32 bits without a sign; -1 stands for a date that the system can not tell.
        shown = 2**31 if seconds == -1 else seconds % 2**32
        return NOW if seconds > now else shown
    if seconds < 0:
        return None
    return seconds or NOW


def date_copied(kind: Kind, seconds: int, now: float) -> int | str | None:
    """Return the date of a mail that came by a copy, which gives one that is refused the nearest date."""
    if kind not in _DOVECOT and seconds < 1:
        return 1
    return date_kept(kind, seconds, now)


def name_kept(kind: Kind, path: Path) -> Path:
    """Return the path with an underscore for each character that the server does not take."""
    return tuple(re.sub(_FORBIDDEN[kind], "_", level) for level in path)


def name_of(kind: Kind, path: Path) -> str:
    """Return the full name of a path on a server of this kind."""
    if path == ("INBOX",):
        return "INBOX"
    levels = path[1:] if kind is Kind.COURIER and path[0] == "INBOX" else path
    return PREFIXES[kind] + SEPARATORS[kind].join(levels)


def path_of(kind: Kind, name: str) -> Path:
    """Return the path of a full name."""
    return tuple(name.removeprefix(PREFIXES[kind]).split(SEPARATORS[kind]))
