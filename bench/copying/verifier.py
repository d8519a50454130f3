"""Two mailboxes compared mail by mail: bytes, flags, keywords, dates, folders, subscriptions.

Order and UIDs do not count. A mail is known by the SHA-256 of what FETCH gives; a header line that mbsync
adds (``X-TUID``) is taken off first, and such a mail counts as altered, not as lost and foreign.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields
from datetime import datetime
from typing import NamedTuple

from copying.wire import Place, Session, quoted

_FLAGS = re.compile(rb"FLAGS \(([^)]*)\)")
_DATE = re.compile(rb'INTERNALDATE "([^"]*)"')
_ADDED_LINE = re.compile(rb"^X-TUID: [^\r\n]*\r\n", re.MULTILINE)
_HEAD_BYTES = 65536


class Seen(NamedTuple):
    """What may differ between two copies of a mail."""

    date: float
    flags: frozenset[bytes]
    keywords: frozenset[bytes]


@dataclass(frozen=True, slots=True, kw_only=True)
class Mailbox:
    """Folders by their names on the wire, each with its mails by digest; how many had a line added."""

    folders: Mapping[bytes, Mapping[bytes, list[Seen]]]
    subscribed: frozenset[bytes]
    altered: int

    @property
    def mails(self) -> int:
        return sum(len(copies) for folder in self.folders.values() for copies in folder.values())


def read_mailbox(place: Place) -> Mailbox:
    """Read all of a mailbox."""
    altered = 0
    folders: dict[bytes, dict[bytes, list[Seen]]] = {}
    with Session(place) as session:
        subscribed = frozenset(one.name for one in session.folders(b"LSUB") if one.is_selectable)
        for listed in session.folders():
            if listed.is_selectable:
                found = folders[listed.name] = defaultdict(list)
                for digest, seen, is_altered in _read_folder(session, listed.name):
                    found[digest].append(seen)
                    altered += is_altered
    return Mailbox(folders=folders, subscribed=subscribed, altered=altered)


def _read_folder(session: Session, name: bytes) -> Iterator[tuple[bytes, Seen, bool]]:
    session.ask(b"EXAMINE " + quoted(name))
    for answer in session.each(b"UID FETCH 1:* (FLAGS INTERNALDATE BODY.PEEK[])"):
        if b" FETCH (" not in answer.text or b"BODY[]" not in answer.text:
            continue
        data = answer.literals[0] if answer.literals else b""
        is_altered = b"X-TUID: " in data[:_HEAD_BYTES]
        if is_altered:
            data = _ADDED_LINE.sub(b"", data, count=1)
        yield hashlib.sha256(data).digest(), _read_state(answer.text), is_altered


def _read_state(text: bytes) -> Seen:
    flags, date = _FLAGS.search(text), _DATE.search(text)
    words = frozenset(flags[1].split()) - {b"\\Recent"} if flags else frozenset()
    system = frozenset(word for word in words if word.startswith(b"\\"))
    moment = datetime.strptime(date[1].decode().strip(), "%d-%b-%Y %H:%M:%S %z") if date else None
    return Seen(
        moment.timestamp() if moment else 0.0,
        system,
        frozenset(word.lower() for word in words - system),
    )


@dataclass(slots=True, kw_only=True)
class Verdict:
    """How a copy differs; all zero: it is identical."""

    mails: int = 0
    lost: int = 0
    extra: int = 0
    altered: int = 0
    flags: int = 0
    keywords: int = 0
    dates: int = 0
    folders_missing: list[str] = field(default_factory=list)
    folders_extra: list[str] = field(default_factory=list)
    subscriptions_missing: list[str] = field(default_factory=list)
    subscriptions_extra: list[str] = field(default_factory=list)

    @property
    def is_identical(self) -> bool:
        return not any(self.differences().values())

    def differences(self) -> dict[str, int]:
        """Return the number of each kind."""
        found = {one.name: getattr(self, one.name) for one in fields(self) if one.name != "mails"}
        return {
            name: value if isinstance(value, int) else len(value) for name, value in found.items()
        }

    def text(self) -> str:
        told = [f"{value:,} {name}" for name, value in self.differences().items() if value]
        return ", ".join(told).replace("_", " ") or "identical"


def compare(source: Mailbox, target: Mailbox) -> Verdict:
    """Return how the target differs from the source."""
    verdict = Verdict(
        mails=source.mails,
        altered=target.altered,
        folders_missing=_names(source.folders.keys() - target.folders.keys()),
        folders_extra=_names(target.folders.keys() - source.folders.keys()),
        subscriptions_missing=_names(source.subscribed - target.subscribed),
        subscriptions_extra=_names(target.subscribed - source.subscribed),
    )
    for name in source.folders.keys() | target.folders.keys():
        there, here = source.folders.get(name, {}), target.folders.get(name, {})
        for digest in there.keys() | here.keys():
            _compare_copies(verdict, there.get(digest, []), here.get(digest, []))
    return verdict


def _compare_copies(verdict: Verdict, there: list[Seen], here: list[Seen]) -> None:
    """Pair copies of one content: equal ones first, the others by date."""
    verdict.lost += max(0, len(there) - len(here))
    verdict.extra += max(0, len(here) - len(there))
    left, right = Counter(there), Counter(here)
    rest = (sorted(some.elements(), key=_date_of) for some in (left - right, right - left))
    for one, other in zip(*rest, strict=False):
        verdict.flags += one.flags != other.flags
        verdict.keywords += one.keywords != other.keywords
        verdict.dates += one.date != other.date


def _date_of(seen: Seen) -> float:
    return seen.date


def _names(raw: set[bytes] | frozenset[bytes]) -> list[str]:
    return sorted(name.decode("utf-8", "replace") for name in raw)
