"""File names of a Maildir: what they say of a mail, and new ones. Pure.

``<unique>,S=<octets of the file>,W=<octets of the mail>:2,<letters>``: the letters after the last ``:2,`` are
flags (https://cr.yp.to/proto/maildir.html), a to z keywords as Dovecot's ``dovecot-keywords`` names them.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

KEYWORDS_AT_MOST = 26
_INFO = ":2,"
_LETTERS = {
    "D": b"\\Draft",
    "F": b"\\Flagged",
    "R": b"\\Answered",
    "S": b"\\Seen",
    "T": b"\\Deleted",
}
_BY_FLAG = {flag.lower(): letter for letter, flag in _LETTERS.items()}
# The maildir page calls it "passed": resent, forwarded or bounced. Dovecot leaves the letter alone.
_PASSED, _FORWARDED = "P", b"$forwarded"
_SIZE = re.compile(r",([SW])=([0-9]{1,18})")
_BEGIN = re.compile(r"([0-9]{1,12})(?:\.M([0-9]{1,9}))?")


class Named(NamedTuple):
    """A file name taken apart: the part that never changes, and the letters behind ``:2,``."""

    unique: str
    letters: str


def split(name: str) -> Named:
    """Return the parts of a file name."""
    unique, info, letters = name.partition(_INFO)
    return Named(unique, letters) if info else Named(name.partition(":")[0], "")


def joined(unique: str, letters: str) -> str:
    """Return the file name in ``cur``."""
    return f"{unique}{_INFO}{letters}"


def announced_size(unique: str, kind: str) -> int | None:
    """Return what ``,S=`` (the file) or ``,W=`` (the mail with CR LF) says; None without it."""
    found = [int(size) for letter, size in _SIZE.findall(unique) if letter == kind]
    return found[-1] if found else None


def order(unique: str) -> tuple[int, int, str]:
    """Return by what mails without UIDs are put in order: when they were delivered."""
    found = _BEGIN.match(unique)
    return (int(found[1]), int(found[2] or 0), unique) if found else (0, 0, unique)


def flags_of(letters: str, keywords: Sequence[bytes]) -> tuple[bytes, ...]:
    """Return the flags that letters mean; a letter that names no keyword means nothing."""
    flags = [_LETTERS[letter] for letter in sorted(set(letters)) if letter in _LETTERS]
    for letter in sorted(set(letters)):
        place = ord(letter) - ord("a")
        if 0 <= place < len(keywords) and keywords[place]:
            flags.append(keywords[place])
    if _PASSED in letters and not any(flag.lower() == _FORWARDED for flag in flags):
        flags.append(b"$Forwarded")
    return tuple(flags)


def letters_of(flags: Iterable[bytes], keywords: Sequence[bytes], former: str = "") -> str:
    """Return the letters for flags; those of ``former`` that mean none of ours stay."""
    places = {keyword.lower(): place for place, keyword in enumerate(keywords) if keyword}
    known = set(_LETTERS) | {_PASSED}
    letters = {letter for letter in former if letter not in known and not "a" <= letter <= "z"}
    for flag in flags:
        key = flag.lower()
        if key in _BY_FLAG:
            letters.add(_BY_FLAG[key])
        elif key in places:
            letters.add(chr(ord("a") + places[key]))
    return "".join(sorted(letters))


def parse_keywords(text: bytes) -> list[bytes]:
    """Return the keywords of a ``dovecot-keywords`` file by their number, b"" where one is unused."""
    keywords: list[bytes] = []
    for line in text.splitlines():
        number, _, name = line.partition(b" ")
        if not (number.isdigit() and len(number) <= 2 and name):
            continue
        place = int(number)
        if place < KEYWORDS_AT_MOST:
            keywords += [b""] * (place + 1 - len(keywords))
            keywords[place] = name
    return keywords


def format_keywords(keywords: Sequence[bytes]) -> bytes:
    """Return the text of a ``dovecot-keywords`` file."""
    return b"".join(b"%d %b\n" % (place, name) for place, name in enumerate(keywords) if name)


def added_keywords(
    keywords: Sequence[bytes], flags: Iterable[bytes]
) -> tuple[list[bytes], list[bytes]]:
    """Return the keywords with those of ``flags`` added, and the flags that found no letter any more."""
    known = list(keywords)
    keys = {keyword.lower() for keyword in known if keyword}
    lost = []
    for flag in flags:
        key = flag.lower()
        if flag.startswith(b"\\") or key in keys:
            continue
        if b"" in known:
            known[known.index(b"")] = flag
        elif len(known) < KEYWORDS_AT_MOST:
            known.append(flag)
        else:
            lost.append(flag)
            continue
        keys.add(key)
    return known, lost
