"""Files sent with a form, kept until it is applied: a preview must not ask for a private key again.

They stay in memory, for a while and up to a bound, and no page shows more of them than their facts.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import permutations
from typing import TYPE_CHECKING

from switchover import clock
from switchover.balance.certificate import read_authorities, read_presented, read_shown
from switchover.errors import InvalidInput, SwitchoverError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from switchover.balance.certificate import CertificateFacts

MAX_FILE_BYTES = 1024 * 1024
MAX_FILES_OF_ONE = 32
MAX_KEPT_BYTES = 64 * 1024 * 1024
MOST_PARTS = 4
"""More files than this are joined in the order they came."""
KEEP_SECONDS = 3600.0
_UNUSABLE = re.compile(r"[^A-Za-z0-9_. -]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Upload:
    """A file that somebody sent; ``owner`` is who may use it."""

    owner: str
    name: str
    content: bytes
    at: datetime


class Uploads:
    """Files waiting for their form, by a key that nobody can guess."""

    def __init__(self) -> None:
        """Hold nothing."""
        self._by_key: dict[str, Upload] = {}

    def keep(self, owner: str, name: str, content: bytes) -> str:
        """Keep a file and return its key; raises InvalidInput for one that is too large.

        The oldest ones make room, those of the same owner first.
        """
        if len(content) > MAX_FILE_BYTES:
            raise InvalidInput(f"the file {name!r} is larger than {MAX_FILE_BYTES:,} bytes")
        self._forget()
        own = [key for key, upload in self._by_key.items() if upload.owner == owner]
        if len(own) >= MAX_FILES_OF_ONE:
            del self._by_key[own[0]]
        while self._by_key and self._kept_bytes() + len(content) > MAX_KEPT_BYTES:
            del self._by_key[next(iter(self._by_key))]
        key = clock.new_secret(size_bytes=16)
        self._by_key[key] = Upload(owner=owner, name=name, content=content, at=clock.now())
        return key

    def find(self, owner: str, key: str) -> Upload | None:
        """Return a file of this owner, None when it was never there or has been forgotten."""
        self._forget()
        found = self._by_key.get(key)
        return found if found is not None and found.owner == owner else None

    def drop(self, owner: str, keys: Iterable[str]) -> None:
        """Forget files that are not needed any more."""
        for key in keys:
            if self.find(owner, key):
                del self._by_key[key]

    def _kept_bytes(self) -> int:
        return sum(len(upload.content) for upload in self._by_key.values())

    def _forget(self) -> None:
        now = clock.now()
        old = [
            key
            for key, upload in self._by_key.items()
            if (now - upload.at).total_seconds() > KEEP_SECONDS
        ]
        for key in old:
            del self._by_key[key]


def file_name(sent: str) -> str:
    """Return a name that the platform file can give a file, made of the one a browser sent."""
    plain = sent.replace("\\", "/").rpartition("/")[2]
    kept = _UNUSABLE.sub("-", plain).lstrip(". -")[:128]
    while ".." in kept:
        kept = kept.replace("..", ".")
    return kept or "file.pem"


def joined(parts: Sequence[tuple[str, bytes]], *, takes: str) -> tuple[str, bytes]:
    """Return files that belong together as one, with the name of the first of them.

    Certificate, chain and key often come as files of their own, in any order: the first order that makes
    a usable file is taken, the one they came in when none does.
    """
    tries = permutations(parts) if 1 < len(parts) <= MOST_PARTS else iter([tuple(parts)])
    for order in tries:
        content = b"\n".join(content.strip() + b"\n" for _, content in order)
        if len(order) > 1 and not describe(content, name=order[0][0], takes=takes)[1]:
            return order[0][0], content
    if len(parts) == 1:
        return parts[0]
    return parts[0][0], b"\n".join(content.strip() + b"\n" for _, content in parts)


def describe(content: bytes, *, name: str, takes: str) -> tuple[str, str]:
    """Return what a page may tell of a file, and what is wrong with it; one of them is ""."""
    try:
        return _facts(content, name=name, takes=takes), ""
    except SwitchoverError as error:
        problems = getattr(error, "problems", ())
        return "", str(problems[0]) if problems else str(error)


def _facts(content: bytes, *, name: str, takes: str) -> str:
    if takes == "page" or (takes == "any" and b"-----BEGIN" not in content):
        return f"{len(content):,} bytes"
    if takes == "any" and b"PRIVATE KEY-----" not in content:
        takes = "presented"
    if takes == "authority":
        found = read_authorities(content, name=name)
        return f"{found[0].subject}, valid until {found[0].not_after:%Y-%m-%d}"
    read = read_presented if takes == "presented" else read_shown
    return facts_of(read(content, name=name).leaf)


def facts_of(leaf: CertificateFacts) -> str:
    """Return what a page tells of a certificate: names, last day, kind of key."""
    names = ", ".join(leaf.names[:6]) or leaf.subject
    return f"{names}; valid until {leaf.not_after:%Y-%m-%d}; {leaf.key_type} {leaf.key_bits}"
