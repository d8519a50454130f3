"""A mailbox with everything that breaks copiers, made from a seed: the same seed gives the same bytes.

Most mails are plain ones of a few kilobytes; the oddities of ``odd_mails`` are spread among them, several of
each, in folders whose names are odd too. What a server makes of it is the matter of the tests.
"""

from __future__ import annotations

import base64
import calendar
import math
import random
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

LARGE_BYTES = (1_000_000, 2_000_000, 3_500_000, 5_000_000)
MEDIAN_BYTES, SPREAD, LARGEST_USUAL_BYTES = 1400, 1.0, 60_000
ODD_SHARE, TWIN_SHARE, KEYWORD_SHARE = 0.12, 0.01, 0.02

Path = tuple[str, ...]

FOLDERS: tuple[tuple[Path, int], ...] = (
    (("INBOX",), 9),
    (("Sent",), 7),
    (("Drafts",), 2),
    (("Trash",), 4),
    (("Junk",), 4),
    (("Archive", "2019"), 6),
    (("Archive", "2020"), 6),
    (("Projekte", "Größe & Maß"), 4),
    (("Projekte", "Größe & Maß", "50 % (alt) [neu]"), 3),
    (('He said "hello"',), 3),
    (("日本語", "メール", "深い", "階層", "です"), 4),
    (("2024",), 3),
    (("2024", "01", "0"), 2),
    (("a.b", "c.d"), 3),
    (("~tilde",), 2),
    (("back\\slash",), 2),
    (("Emoji 😀 é",), 2),
    (("CASE",), 2),
    (("Case",), 2),
    (("INBOX", "Child"), 2),
)
"""Folders with mails, and their shares. ``Archive``, ``日本語`` and others are parents without mails.
Courier takes the longer for a mail the more the folder holds, so none holds very many."""
EMPTY_FOLDERS: tuple[Path, ...] = (("Leer",), ("Archive", "leer", "tief"))
UNSUBSCRIBED = frozenset(
    {("Junk",), ("Archive", "2019"), ("2024", "01", "0"), ("Leer",), ("Case",), ("~tilde",)}
)
KEYWORDS = (
    "$Forwarded",
    "$MDNSent",
    "NonJunk",
    "Wichtig",
    "work:2024",
    "$label1",
    "a.b-c_d",
    "Zz+",
)
SYSTEM_FLAGS = ("\\Seen", "\\Answered", "\\Flagged", "\\Draft", "\\Deleted")
WORDS = (
    "Bericht",
    "Termin",
    "Rechnung",
    "Zahlen",
    "Entwurf",
    "Woche",
    "budget",
    "notes",
    "schedule",
)
ODD_DATES = (
    "01-Jan-1970 00:00:00 +0000",
    "01-Jan-1970 00:00:01 +0000",
    "31-Dec-1969 23:59:59 +0000",
    "01-Jan-1950 12:00:00 +0000",
    "19-Jan-2038 03:14:07 +0000",
    "19-Jan-2038 03:14:08 +0000",
    "31-Dec-2099 23:59:59 +0000",
    "29-Feb-2000 23:59:59 -1200",
    " 1-Mar-2001 00:00:00 +1400",
    "15-Jun-2010 06:30:00 +0545",
    "28-Mar-2021 02:30:00 +0100",
)


@dataclass(frozen=True, kw_only=True)
class CorpusMail:
    """A mail as it is put in; ``name`` says what is odd about it, "" for a usual one."""

    path: Path
    body: bytes = field(repr=False)
    flags: tuple[str, ...]
    date: str
    name: str = ""


@dataclass(frozen=True, kw_only=True)
class Corpus:
    """A mailbox: folders, the subscribed ones, and its mails in the order of their delivery."""

    folders: tuple[Path, ...]
    subscribed: frozenset[Path]
    mails: tuple[CorpusMail, ...] = field(repr=False)


def make_corpus(count: int, seed: int) -> Corpus:
    """Return a mailbox of so many mails."""
    maker = _Maker(random.Random(seed))
    folders = (*(path for path, _ in FOLDERS), *EMPTY_FOLDERS)
    return Corpus(
        folders=folders,
        subscribed=frozenset(folders) - UNSUBSCRIBED,
        mails=tuple(maker.mails(count)),
    )


class _Maker:
    def __init__(self, rng: random.Random) -> None:
        self.rng = rng
        words = b" ".join(rng.choice(WORDS).encode() for _ in range(40_000))
        self.text = b"\r\n".join(words[at : at + 71] for at in range(0, len(words), 71)) + b"\r\n"
        raw = rng.randbytes(300_000)
        coded = base64.b64encode(raw)
        self.coded = b"\r\n".join(coded[at : at + 76] for at in range(0, len(coded), 76)) + b"\r\n"
        self.serial = 0

    def mails(self, count: int) -> Iterator[CorpusMail]:
        odd = list(self.odd_mails().items())
        usual, shares = [path for path, _ in FOLDERS], [share for _, share in FOLDERS]
        large = dict(zip(self.rng.sample(range(count), len(LARGE_BYTES)), LARGE_BYTES, strict=True))
        last: CorpusMail | None = None
        for number in range(count):
            path = self.rng.choices(usual, shares)[0]
            chance = self.rng.random()
            if number in large:
                mail = self._mail(path, self.attachment(large[number]), "large")
            elif chance < ODD_SHARE:
                name, body = odd[number % len(odd)]
                mail = self._mail(path, body, name)
            elif chance < ODD_SHARE + TWIN_SHARE and last:
                # The same mail once more, in the same folder: bytes, flags and date.
                mail = last
            else:
                mail = self._mail(path, self.usual(), "")
            last = mail
            yield mail

    def _mail(self, path: Path, body: bytes, name: str) -> CorpusMail:
        return CorpusMail(path=path, body=body, flags=self.flags(), date=self.date(), name=name)

    def flags(self) -> tuple[str, ...]:
        rng = self.rng
        system = [
            flag for flag in SYSTEM_FLAGS if rng.random() < (0.5 if flag == "\\Seen" else 0.08)
        ]
        return (*system, *(word for word in KEYWORDS if rng.random() < KEYWORD_SHARE))

    def date(self) -> str:
        if self.rng.random() < 0.03:
            return self.rng.choice(ODD_DATES)
        when = time.gmtime(self.rng.randrange(946_684_800, 1_750_000_000))
        minutes = self.rng.choice((0, 0, 60, 120, -300, 330, -720))
        zone = f"{'-' if minutes < 0 else '+'}{abs(minutes) // 60:02d}{abs(minutes) % 60:02d}"
        return f"{when.tm_mday:02d}-{calendar.month_abbr[when.tm_mon]}-{when.tm_year} {time.strftime('%H:%M:%S', when)} {zone}"

    def size(self) -> int:
        return min(
            LARGEST_USUAL_BYTES, int(self.rng.lognormvariate(math.log(MEDIAN_BYTES), SPREAD))
        )

    def piece(self, size: int) -> bytes:
        start = self.rng.randrange(len(self.text))
        text = (self.text * 2)[start : start + size].lstrip(b"\r\n")
        return text[: text.rfind(b"\r\n") + 2] if b"\r\n" in text else text + b"\r\n"

    def header(self, *more: bytes) -> bytes:
        self.serial += 1
        rng = self.rng
        subject = " ".join(rng.choices(WORDS, k=rng.randrange(2, 8)))
        lines = (
            b"Received: from mx.contoso.example (mx.contoso.example [192.0.2.%d])"
            % rng.randrange(255),
            b"\tby mail.contoso.example with ESMTPS id %012x" % rng.getrandbits(48),
            b"From: =?utf-8?q?J=C3=BCrgen_%d?= <s%d@contoso.example>"
            % (self.serial, self.serial % 90),
            b"To: ann@contoso.example",
            b"Subject: %s %d" % (subject.encode(), self.serial),
            b"Date: Mon, 02 Jun 2025 10:%02d:%02d +0200"
            % (self.serial // 60 % 60, self.serial % 60),
            b"Message-ID: <%d.%x@contoso.example>" % (self.serial, rng.getrandbits(40)),
            *more,
        )
        return b"".join(line + b"\r\n" for line in lines)

    def usual(self) -> bytes:
        size, chance = self.size(), self.rng.random()
        if chance < 0.6:
            kind = b"Content-Type: text/plain; charset=utf-8"
            return self.header(b"MIME-Version: 1.0", kind) + b"\r\n" + self.piece(size)
        if chance < 0.9:
            return self.alternative(size)
        return self.attachment(size)

    def multipart(self, kind: bytes, *parts: bytes, closed: bool = True) -> bytes:
        edge = b"=_%016x" % self.rng.getrandbits(64)
        head = b'Content-Type: multipart/%s;\r\n boundary="%s"' % (kind, edge)
        body = b"".join(b"--%s\r\n%s\r\n" % (edge, part) for part in parts)
        return (
            self.header(b"MIME-Version: 1.0", head)
            + b"\r\n"
            + body
            + (b"--%s--\r\n" % edge if closed else b"")
        )

    def alternative(self, size: int) -> bytes:
        plain = b"Content-Type: text/plain\r\n\r\n" + self.piece(size // 2)
        html = b"Content-Type: text/html\r\n\r\n<p>" + self.piece(size // 2) + b"</p>"
        return self.multipart(b"alternative", plain, html)

    def attachment(self, size: int) -> bytes:
        coded = (self.coded * (size // len(self.coded) + 1))[: size // 78 * 78 + 78]
        part = (
            b'Content-Type: application/octet-stream; name="zahlen.bin"\r\n'
            b"Content-Transfer-Encoding: base64\r\n\r\n"
        )
        return self.multipart(
            b"mixed", b"Content-Type: text/plain\r\n\r\n" + self.piece(200), part + coded
        )

    def odd_mails(self) -> dict[str, bytes]:
        """Return one mail for each oddity."""
        head, text = self.header(), self.piece(300)
        forwarded = b"Content-Type: message/rfc822\r\n\r\n" + self.usual()
        return {
            "no header": b"there is no header here, only words\r\nand a second line\r\n",
            "no header, no line end": b"no header at all, no line end",
            "header only": head + b"\r\n",
            "header without the empty line": head,
            "header cut in a line": head[:-9],
            "empty header": b"\r\n" + text,
            "one byte": b"x",
            "one line end": b"\r\n",
            "no message id": b"Subject: nameless\r\nFrom: a@contoso.example\r\n\r\n" + text,
            "same message id, one": b"Message-ID: <same@contoso.example>\r\n\r\none\r\n",
            "same message id, two": b"Message-ID: <same@contoso.example>\r\n\r\ntwo\r\n",
            "two message ids": head + b"Message-ID: <second@contoso.example>\r\n\r\n" + text,
            "twin": b"Message-ID: <twin@contoso.example>\r\nSubject: twin\r\n\r\ntwin\r\n",
            "no final line end": head + b"\r\n" + text + b"the last line does not end",
            "latin-1 header": head + b"X-Raw: Gr\xfc\xdfe \xa4\r\n\r\n" + text,
            "utf-8 header": head + "X-Raw: Grüße 😀\r\n\r\n".encode() + text,
            "8-bit body": head + b"\r\n" + bytes(range(128, 256)) + b"\r\n",
            "control characters": head
            + b"\r\n"
            + bytes(range(1, 10))
            + b"\x0b\x0c\x1a\x1b\x7f\r\n",
            "long line": head + b"\r\n" + b"y" * 20_000 + b"\r\n" + text,
            "long header line": head + b"X-Long: " + b"z" * 20_000 + b"\r\n\r\n" + text,
            "many header lines": head + b"X-Many: a\r\n" * 900 + b"\r\n" + text,
            "dots": head + b"\r\n.\r\n..\r\n.leading\r\n" + text,
            "from line": b"From ann@contoso.example Mon Jun  2 10:00:00 2025\r\n"
            + head
            + b"\r\n"
            + text,
            "from in the body": head + b"\r\nFrom here\r\n>From there\r\n" + text,
            "folded to nothing": head + b"X-Folded:\r\n \r\n\t\r\n\r\n" + text,
            "a header name with a blank": head + b"X Bad : y\r\nnot a header\r\n\r\n" + text,
            "no colon first": b"garbage\r\n" + head + b"\r\n" + text,
            "blank line of blanks": head + b"   \r\n" + text,
            "unclosed multipart": self.multipart(b"mixed", b"\r\n" + text, closed=False),
            "boundary that never comes": self.header(b'Content-Type: multipart/mixed; boundary="x"')
            + b"\r\n"
            + text,
            "empty boundary": self.header(b'Content-Type: multipart/mixed; boundary=""')
            + b"\r\n"
            + text,
            "nested": self.multipart(b"mixed", forwarded, forwarded),
            "bad base64": self.header(b"Content-Transfer-Encoding: base64") + b"\r\n====!!!!\r\n",
            "bad charset": self.header(b"Content-Type: text/plain; charset=nonsense")
            + b"\r\n\xff\r\n",
            "bad date": b"Date: yesterday\r\nSubject: x\r\n\r\n" + text,
            "literal look-alike": head
            + b"\r\n) {12}\r\nA1 OK done\r\n* 1 FETCH (UID 1)\r\n{5+}\r\n",
            "bare LF": head + b"\r\nfirst\nsecond\n\nthird\r\n",
            "all bare LF": (head + b"\r\n" + text).replace(b"\r\n", b"\n"),
            "lone CR": head + b"\r\nfirst\rsecond\r\r\n",
            "CR CR LF": head + b"\r\nfirst\r\r\nsecond\r\r\r\n",
            "CR at the end": head + b"\r\nthe last byte is a CR\r",
            "NUL": head + b"\r\nbefore\x00after\x00\x00\r\n",
            "NUL in the header": head + b"X-Nul: a\x00b\r\n\r\n" + text,
        }
