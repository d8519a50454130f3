"""Mailboxes made from a seed: the same bytes each time, on every machine.

Sizes are lognormal with a median of 10.7 KB, and four mails in a thousand carry 1 to 25 MB. One mail in
forty is odd (``odd_mails``); one in two hundred is an exact double of the one before it, with other flags
and another date. The other corpora are for one question each.
"""

from __future__ import annotations

import base64
import math
import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

from copying import odd_mails

SEED = 2024
VERSION = 1
"""Of this generator: what was loaded by another one is loaded anew."""
FOLDERS = {
    "INBOX": 30, "Sent": 19, "Drafts": 1, "Junk": 3, "Trash": 4, "Archive/2021": 8, "Archive/2022": 8,
    "Archive/2023": 7, "Customers/Adventure & Works": 4, "Customers/Northwind [old]": 3,
    'The "quoted" one (again)': 2, "Rechnungen für März": 3, "会議/議事録": 3, "Δοκιμή": 2, "a  b": 3,
}  # fmt: skip
"""Name and share of the mails in hundredths."""
EMPTY = ("Archive/nothing", "Customers/none (yet)")
UNSUBSCRIBED = frozenset({"Junk", "Archive/2021", "Customers/none (yet)"})
KEYWORDS = ("$Forwarded", "$MDNSent", "$Label1", "NonJunk", "Wichtig", "follow-up")
FLAGS = (("\\Seen", 0.8), ("\\Answered", 0.12), ("\\Flagged", 0.06), ("\\Deleted", 0.004))
ZONES = (0, 60, 120, -300, -480, 330, 540)
_ABOUT = (
    "budget meeting agenda please find attached the of and for with report quarter server mailbox "
    "migration window weekend status update customer invoice order delivery contract review draft"
)
WORDS = tuple(_ABOUT.split())


@dataclass(frozen=True, slots=True, kw_only=True)
class Mail:
    """What is appended: ``date`` as APPEND takes it."""

    folder: str
    data: bytes
    flags: tuple[str, ...]
    date: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Corpus:
    """A mailbox to make. ``folders`` 0: the usual ones; else so many, each with its share."""

    name: str
    mails: int
    folders: int = 0
    small: bool = False
    large_mib: int = 0

    @property
    def folder_names(self) -> tuple[str, ...]:
        if self.folders == 1:
            return ("INBOX",)
        if self.folders:
            return ("INBOX", *(f"Team {n % 10}/Folder {n:03d}" for n in range(1, self.folders)))
        return tuple(FOLDERS)

    @property
    def all_names(self) -> tuple[str, ...]:
        return self.folder_names + (() if self.folders else EMPTY)

    @property
    def stamp(self) -> str:
        """What a loaded mailbox must say to be this one."""
        return f"{self!r} seed {SEED} version {VERSION}"


MEDIUM = Corpus(name="medium", mails=10_000)
SMALL = Corpus(name="small", mails=1_000)
TINY = Corpus(name="tiny", mails=60)
WIDE = Corpus(name="wide", mails=100_000, folders=200, small=True)
DEEP = Corpus(name="deep", mails=200_000, folders=1, small=True)
LARGE = Corpus(name="large", mails=10, folders=1, small=True, large_mib=300)


def make(corpus: Corpus) -> Iterator[Mail]:
    """Give the mails of a corpus, in no order of folders."""
    maker = _Maker(corpus)
    for number in range(corpus.mails):
        yield maker.mail(number)
    if corpus.large_mib:
        yield maker.large()


def new_mail(number: int, folder: str, seed: str) -> Mail:
    """Return a mail that arrives later; the same for the same words."""
    maker = _Maker(Corpus(name=f"{seed}/{number}", mails=1, folders=1, small=True))
    return Mail(folder=folder, data=maker.usual(number, 5000), flags=(), date=maker.date())


def text_lines(seed: str, lines: int = 24_000) -> bytes:
    """Return words in lines of usual length."""
    words = random.Random(seed)
    return b"".join(
        " ".join(words.choices(WORDS, k=words.randrange(6, 13))).encode() + b"\r\n"
        for _ in range(lines)
    )


_TEXT = text_lines("text")


class _Maker:
    """One stream of randomness, and what the next mail may refer to."""

    def __init__(self, corpus: Corpus) -> None:
        self.corpus = corpus
        self.chance = random.Random(f"{SEED}/{corpus.name}")
        self.last: Mail | None = None
        self.last_id = "<first@contoso.example>"

    def mail(self, number: int) -> Mail:
        folder = self._folder(number)
        kind = self.chance.random()
        if not self.corpus.small and kind < 0.005 and self.last is not None:
            data = self.last.data
        elif not self.corpus.small and kind < 0.03:
            data = odd_mails.make(self.chance.randrange(odd_mails.KINDS), self._parts(number))
        else:
            data = self.usual(number, self._size())
        self.last = Mail(folder=folder, data=data, flags=self._flags(folder), date=self.date())
        return self.last

    def large(self) -> Mail:
        """Return one mail with an attachment of ``large_mib``, and a line or two about it."""
        lines = base64.encodebytes(self.chance.randbytes(57 * 1024)).replace(b"\n", b"\r\n")
        count = -(-(self.corpus.large_mib << 20) // len(lines))
        data = self._head(0) + b"Content-Transfer-Encoding: base64\r\n\r\n" + lines * count
        return Mail(folder="INBOX", data=data, flags=("\\Flagged",), date=self.date())

    def usual(self, number: int, size: int) -> bytes:
        """Return a mail as people write them: text, text with HTML, or with something attached."""
        self.last_id = f"<{self.chance.getrandbits(80):020x}.{number}@contoso.example>"
        head = self._head(number) + f"Message-ID: {self.last_id}\r\n".encode()
        kind = self.chance.random()
        if kind < 0.45 and size < 200_000:
            return head + b"Content-Type: text/plain; charset=utf-8\r\n\r\n" + self._text(size)
        edge = f"edge-{self.chance.getrandbits(64):016x}".encode()
        if kind < 0.7 and size < 200_000:
            word, second = b"alternative", b"Content-Type: text/html\r\n\r\n<p>" + self._text(size)
        else:
            word, second = b"mixed", self._attachment(size)
        first = b"Content-Type: text/plain\r\n\r\n" + self._text(600)
        return head + (
            b'Content-Type: multipart/%b; boundary="%b"\r\n\r\n--%b\r\n%b\r\n--%b\r\n%b\r\n--%b--\r\n'
            % (word, edge, edge, first, edge, second, edge)
        )

    def date(self) -> str:
        zone = timezone(timedelta(minutes=self.chance.choice(ZONES)))
        moment = datetime(2008, 1, 1, tzinfo=zone) + timedelta(
            seconds=self.chance.randrange(17 * 365 * 86400)
        )
        return moment.strftime("%d-%b-%Y %H:%M:%S %z")

    def _folder(self, number: int) -> str:
        names = self.corpus.folder_names
        if self.corpus.folders:
            return names[number % len(names)]
        return self.chance.choices(names, weights=list(FOLDERS.values()))[0]

    def _size(self) -> int:
        if self.corpus.small:
            return int(min(4000, self.chance.lognormvariate(math.log(900), 0.6)))
        if self.chance.random() < 0.004:
            return int(min(25e6, 1e6 * math.exp(abs(self.chance.gauss(0, 1.53)))))
        return int(min(650_000, max(250, self.chance.lognormvariate(math.log(10_050), 1.15))))

    def _flags(self, folder: str) -> tuple[str, ...]:
        found = [flag for flag, share in FLAGS if self.chance.random() < share]
        if folder == "Drafts":
            found.append("\\Draft")
        if self.chance.random() < 0.15:
            found += self.chance.sample(KEYWORDS, self.chance.randrange(1, 3))
        return tuple(found)

    def _head(self, number: int) -> bytes:
        some = self.chance.randrange
        hops = "".join(
            f"Received: from mx{hop}.contoso.example (mx{hop}.contoso.example [192.0.2.{some(255)}])\r\n"
            f"\tby mail.contoso.example with ESMTPS id {self.chance.getrandbits(48):012x}\r\n"
            for hop in range(some(1, 4))
        )
        return (
            f"{hops}From: Person {some(400)} <p{some(400)}@contoso.example>\r\n"
            f"To: user{some(90)}@contoso.example\r\n"
            f"Subject: {' '.join(self.chance.choices(WORDS, k=some(2, 9)))} {number}\r\n"
            f"Date: {self.date()}\r\nMIME-Version: 1.0\r\n"
        ).encode()

    def _text(self, size: int) -> bytes:
        """Return whole lines, 700 KB of them at most."""
        start = _TEXT.index(b"\n", self.chance.randrange(len(_TEXT) // 2)) + 1
        found = _TEXT[start : start + max(size, 60)]  # there is enough of it behind any start
        return found[: found.rindex(b"\n") + 1] if b"\n" in found else found + b"\r\n"

    def _attachment(self, size: int) -> bytes:
        raw = self.chance.randbytes(min(size, 250_000) * 3 // 4)
        lines = base64.encodebytes(raw).replace(b"\n", b"\r\n") or b"AA==\r\n"
        content = lines * max(1, round(size / len(lines)))
        return (
            b"Content-Type: application/octet-stream\r\nContent-Transfer-Encoding: base64\r\n"
            b'Content-Disposition: attachment; filename="plan.bin"\r\n\r\n' + content
        )

    def _parts(self, number: int) -> odd_mails.Parts:
        new_id = f"<odd.{self.chance.getrandbits(64):016x}@contoso.example>"
        return odd_mails.Parts(
            head=self._head(number), text=self._text(500), new_id=new_id, last_id=self.last_id
        )
