"""Mails and folder names that servers refuse or change: what a fidelity probe tries. Pure.

Every kind is one oddity of real mailboxes (research C.3 and E). The content is fixed, so that two probes
compare; only the identity of the probe goes into the Message-IDs.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, TypeAlias

from switchover.wire.imap.internal_date import InternalDate

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

LONG_LINE_OCTETS = 1_000_000
LONG_HEADER_OCTETS = 25_000
MANY_KEYWORDS = 40


class Torture(StrEnum):
    """What is odd about a mail; the value is what a report calls it."""

    PLAIN = "an ordinary mail"
    BARE_LF = "lines that end in LF alone"
    CR_CR_LF = "lines that end in CR CR LF"
    LONE_CR = "CR within a line"
    NUL = "NUL in the body"
    EIGHT_BIT_HEADER = "8-bit header"
    EIGHT_BIT_BODY = "8-bit body"
    UTF8_HEADER = "UTF-8 header"
    NO_FINAL_NEWLINE = "no line end at the end"
    TRAILING_BLANKS = "blanks at line ends, empty lines at the end"
    ONLY_HEADER = "a header without a body"
    NO_HEADER = "a body without a header"
    EMPTY = "no octets at all"
    ONE_BYTE = "one octet"
    LONG_LINE = "a line of 1 MB"
    LONG_HEADER = "a header line of 25,000 characters"
    FROM_AND_DOT = "lines that begin with From or a dot"
    UNCLOSED_MULTIPART = "multipart without its end"
    NESTED_MESSAGE = "a mail within a mail within a mail"
    TWIN = "two mails with one Message-ID"
    SYSTEM_FLAGS = "all system flags"
    KEYWORDS = "usual keywords"
    MANY_KEYWORDS = "40 keywords in one folder"
    DATE_1950 = "internal date 1950"
    DATE_1970 = "internal date 1970"
    DATE_2038 = "internal date 2038"
    DATE_2099 = "internal date 2099"
    ZONE_ODD = "time zone +05:45"
    ZONE_FAR = "time zone +14:00"
    ZONE_WEST = "time zone -12:00"


DATES = frozenset({Torture.DATE_1950, Torture.DATE_1970, Torture.DATE_2038, Torture.DATE_2099})
ZONES = frozenset({Torture.ZONE_ODD, Torture.ZONE_FAR, Torture.ZONE_WEST})
SYSTEM_FLAGS = (rb"\Answered", rb"\Deleted", rb"\Draft", rb"\Flagged", rb"\Seen")
USUAL_KEYWORDS = (b"$Forwarded", b"$MDNSent", b"NonJunk", b"work")
ODD_KEYWORDS = (b"a]b", b"[a", b"a/b", b"a.b", b"NIL", b"$", b"Work")
"""Tried one by one with STORE, on a mail that has ``work`` already."""
LONGEST_KEYWORD = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class TortureMail:
    """One mail to try, with the flags and the date it is given."""

    kind: Torture
    content: bytes
    date: InternalDate
    flags: tuple[bytes, ...] = ()


def torture_mails(identity: str, now: int) -> tuple[TortureMail, ...]:
    """Return the mails to try, the harmless first.

    ``identity`` makes their Message-IDs this probe's own; most are dated ``now`` (UTC seconds), less a day.
    """
    date = InternalDate(now - 86_400, 0)
    head = _head(identity)
    contents = (*_forms(head), *_structures(head))
    return (
        *(TortureMail(kind=kind, content=content, date=date) for kind, content in contents),
        *_marked(head, date),
        *_dated(head, date.epoch_seconds),
    )


_Head: TypeAlias = "Callable[[Torture], bytes]"


def _forms(head: _Head) -> Iterable[tuple[Torture, bytes]]:
    contents = {
        Torture.PLAIN: head(Torture.PLAIN) + b"\r\nGood morning.\r\n",
        Torture.BARE_LF: head(Torture.BARE_LF).replace(b"\r\n", b"\n") + b"\none\ntwo\n",
        Torture.CR_CR_LF: head(Torture.CR_CR_LF) + b"\r\none\r\r\ntwo\r\r\n",
        Torture.LONE_CR: head(Torture.LONE_CR) + b"\r\none\rtwo\r\n",
        Torture.NUL: head(Torture.NUL) + b"\r\nbefore\0after\r\n",
        Torture.EIGHT_BIT_HEADER: head(Torture.EIGHT_BIT_HEADER)
        + b"X-Latin: \xe4\xf6\xfc\r\n\r\ntext\r\n",
        Torture.EIGHT_BIT_BODY: head(Torture.EIGHT_BIT_BODY) + b"\r\n\xe4\xf6\xfc\xff\xfe\x80\r\n",
        Torture.UTF8_HEADER: head(Torture.UTF8_HEADER)
        + "X-Words: grüße 日本\r\n\r\ntext\r\n".encode(),
        Torture.NO_FINAL_NEWLINE: head(Torture.NO_FINAL_NEWLINE) + b"\r\nthe end",
        Torture.TRAILING_BLANKS: head(Torture.TRAILING_BLANKS) + b"\r\ntext  \t\r\n \r\n\r\n\r\n",
        Torture.ONLY_HEADER: head(Torture.ONLY_HEADER),
        Torture.NO_HEADER: b"\r\nonly text\r\n",
        Torture.EMPTY: b"",
        Torture.ONE_BYTE: b"x",
    }
    return contents.items()


def _structures(head: _Head) -> Iterable[tuple[Torture, bytes]]:
    words = b"x" * (LONG_HEADER_OCTETS - len(b"X-Long: "))
    twin = head(Torture.TWIN)
    return (
        (Torture.LONG_LINE, head(Torture.LONG_LINE) + b"\r\n" + b"y" * LONG_LINE_OCTETS + b"\r\n"),
        (
            Torture.LONG_HEADER,
            head(Torture.LONG_HEADER) + b"X-Long: " + words + b"\r\n\r\ntext\r\n",
        ),
        (
            Torture.FROM_AND_DOT,
            head(Torture.FROM_AND_DOT) + b"\r\nFrom here on\r\n>From\r\n.\r\n..\r\n",
        ),
        (Torture.UNCLOSED_MULTIPART, head(Torture.UNCLOSED_MULTIPART) + _UNCLOSED),
        (Torture.NESTED_MESSAGE, head(Torture.NESTED_MESSAGE) + _NESTED),
        (Torture.TWIN, twin + b"\r\nthe first\r\n"),
        (Torture.TWIN, twin + b"\r\nthe second\r\n"),
    )


def _marked(head: _Head, date: InternalDate) -> tuple[TortureMail, ...]:
    flags = {
        Torture.SYSTEM_FLAGS: SYSTEM_FLAGS,
        Torture.KEYWORDS: USUAL_KEYWORDS,
        Torture.MANY_KEYWORDS: tuple(b"probe%02d" % number for number in range(MANY_KEYWORDS)),
    }
    return tuple(
        TortureMail(kind=kind, content=head(kind) + b"\r\ntext\r\n", flags=some, date=date)
        for kind, some in flags.items()
    )


def _dated(head: _Head, usual: int) -> tuple[TortureMail, ...]:
    dates = {
        Torture.DATE_1950: InternalDate(-631_108_800, 0),
        Torture.DATE_1970: InternalDate(86_400, 0),
        Torture.DATE_2038: InternalDate(2_147_483_648 + 86_400, 0),
        Torture.DATE_2099: InternalDate(4_086_000_000, 0),
        Torture.ZONE_ODD: InternalDate(usual, 345),
        Torture.ZONE_FAR: InternalDate(usual, 840),
        Torture.ZONE_WEST: InternalDate(usual, -720),
    }
    return tuple(
        TortureMail(kind=kind, content=head(kind) + b"\r\ntext\r\n", date=date)
        for kind, date in dates.items()
    )


def _head(identity: str) -> _Head:
    def head(kind: Torture) -> bytes:
        name = kind.name.lower()
        return (
            f"From: probe@contoso.example\r\nSubject: {kind}\r\n"
            f"Message-ID: <{name}.{identity}@switchover.invalid>\r\n"
        ).encode("ascii")

    return head


_UNCLOSED = (
    b"MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=part\r\n\r\n"
    b"--part\r\nContent-Type: text/plain\r\n\r\none\r\n--part\r\n\r\ntwo\r\n"
)
_NESTED = (
    b"MIME-Version: 1.0\r\nContent-Type: message/rfc822\r\n\r\n"
    b"Subject: within\r\nMIME-Version: 1.0\r\nContent-Type: message/rfc822\r\n\r\n"
    b"Subject: within within\r\n\r\ntext\r\n"
)


class NameTorture(StrEnum):
    """What is odd about a folder name."""

    OTHER_SEPARATOR = "the usual separator of other servers"
    QUOTE = "quotes and a backslash"
    AMPERSAND = "an ampersand"
    NON_ASCII = "letters beyond ASCII"
    DECOMPOSED = "an accent as a character of its own"
    PERCENT_AND_STAR = "percent sign and star"
    OUTER_BLANK = "blanks at either end"
    TWO_BLANKS = "two blanks together"
    TILDE = "a tilde at the beginning"
    CARET = "a caret"
    SYMBOLS = "colon, question mark, brackets, bar and others"
    OTHERS = "punctuation"
    CASE = "only the case differs from another"


_OTHERS = "!#$'()+,=@[]`{}"
"""Characters of which no other name tells."""
NAME_CHARACTERS = {
    NameTorture.OTHER_SEPARATOR: "./",
    NameTorture.QUOTE: '"\\',
    NameTorture.AMPERSAND: "&",
    NameTorture.PERCENT_AND_STAR: "%*",
    NameTorture.CARET: "^",
    NameTorture.SYMBOLS: ":?<>|;",
    NameTorture.OTHERS: _OTHERS,
}
"""What to try one by one where a name is not taken as it is."""


def torture_names(separator: str) -> dict[NameTorture, str]:
    """Return a level of a folder name for each oddity; ``CASE`` needs ``aa`` beside it."""
    return {
        NameTorture.OTHER_SEPARATOR: "x.y" if separator != "." else "x/y",
        NameTorture.QUOTE: 'a "b" \\c' if separator != "\\" else 'a "b"',
        NameTorture.AMPERSAND: "a & b",
        NameTorture.NON_ASCII: "Entwürfe 日本",
        NameTorture.DECOMPOSED: "cafe\u0301",
        NameTorture.PERCENT_AND_STAR: "100% *",
        NameTorture.OUTER_BLANK: " blank ",
        NameTorture.TWO_BLANKS: "two  blanks",
        NameTorture.TILDE: "~tilde",
        NameTorture.CARET: "a^b",
        NameTorture.SYMBOLS: "a:b?c<d>e|f;g",
        NameTorture.OTHERS: f"a{_OTHERS}b",
        NameTorture.CASE: "AA",
    }
