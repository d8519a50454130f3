"""Names of folders and mails as names of files that every file system takes, and back. Pure.

Levels of folders are percent-encoded where a file system or a program minds, so each name comes back; the names
of mails are only for people. Folder names on the wire are modified UTF-7, on the disk they are UTF-8.
"""

from __future__ import annotations

import email.errors
import email.header
import os
import re
import unicodedata

from switchover.errors import InvalidInput
from switchover.wire.imap.mailbox_name import NameEncoding, decode, encode

LONGEST_BYTES = 200
_SUBJECT_CHARACTERS = 60
# What Windows forbids, the percent sign itself, controls, and bytes that were no UTF-8.
_FORBIDDEN = re.compile(r'[%"*:<>?|/\\\x00-\x1f\x7f\ud800-\udfff]')
_ENCODED = re.compile(r"(?:%[0-9A-Fa-f]{2})+")
_RESERVED = re.compile(r"(?:con|prn|aux|nul|com[0-9]|lpt[0-9])(?:\..*)?", re.IGNORECASE)
_SUBJECT = re.compile(rb"^Subject:[ \t]*((?:.*)(?:\r?\n[ \t].*)*)", re.IGNORECASE | re.MULTILINE)


def level_to_file(level: str, endings: tuple[str, ...] = ()) -> str:
    """Return the file name for one level; raises InvalidInput for one that is empty or too long.

    A level that ends with one of ``endings`` gets its dot encoded: the ending means something else.
    """
    name = _FORBIDDEN.sub(lambda found: _percent(found[0]), level)
    if name[:1] == "." or _RESERVED.fullmatch(name):
        name = _percent(name[0]) + name[1:]
    if name[-1:] in {".", " "}:
        name = name[:-1] + _percent(name[-1])
    if name.lower().endswith(endings) and endings:
        stem, _, ending = name.rpartition(".")
        name = f"{stem}%2E{ending}"
    if not name:
        raise InvalidInput("a level of the folder name is empty")
    if len(os.fsencode(name)) > LONGEST_BYTES:
        raise InvalidInput(f"the folder name {level[:60]}... is too long for a file system")
    return name


def file_to_level(name: str) -> str:
    """Return the level that a file name stands for; what is no encoding stays as it is."""
    return _ENCODED.sub(_decoded, name)


def levels_of(name: str) -> list[str]:
    """Return the levels, decoded, of a raw name with ``/`` between them."""
    raw = name.encode("utf-8", "surrogateescape")
    return [decode(level, NameEncoding.MODIFIED_UTF7) for level in raw.split(b"/")]


def name_of(levels: list[str]) -> str:
    """Return the raw name of levels; ``/`` within one can not be told and becomes ``_``."""
    return "/".join(_raw(level.replace("/", "_")) for level in levels)


def _raw(level: str) -> str:
    try:
        return encode(level, NameEncoding.MODIFIED_UTF7).decode("ascii")
    except InvalidInput:  # bytes that are no UTF-8, or characters that no name may hold
        printable = "".join(one if one.isprintable() else "_" for one in level)
        return encode(printable or "_", NameEncoding.MODIFIED_UTF7).decode("ascii")


def subject_of(head: bytes) -> str:
    """Return the decoded subject in the begin of a mail, fit for a file name; empty where there is none."""
    found = _SUBJECT.search(head.partition(b"\r\n\r\n")[0].partition(b"\n\n")[0])
    return _tidy(_words(found[1])) if found else ""


def _words(raw: bytes) -> str:
    text = raw.decode("utf-8", "replace")
    try:
        parts = email.header.decode_header(text)
        return "".join(
            part if isinstance(part, str) else part.decode(charset or "utf-8", "replace")
            for part, charset in parts
        )
    except (email.errors.HeaderParseError, LookupError, ValueError):
        return text


def _tidy(text: str) -> str:
    text = unicodedata.normalize("NFC", text)
    text = "".join(one if one.isprintable() else " " for one in text)
    text = " ".join(_FORBIDDEN.sub("_", text).split())[:_SUBJECT_CHARACTERS]
    return text.strip(". ")


def _percent(character: str) -> str:
    return "".join(f"%{octet:02X}" for octet in character.encode("utf-8", "surrogateescape"))


def _decoded(found: re.Match[str]) -> str:
    return bytes.fromhex(found[0].replace("%", "")).decode("utf-8", "surrogateescape")
