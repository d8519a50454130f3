"""Files sent with a form, kept until it is applied: a preview must not ask for a private key again.

They stay in memory, for a while and up to a bound, and no page shows more of them than their facts.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from datetime import timedelta
from itertools import permutations
from typing import TYPE_CHECKING

from switchover import clock
from switchover.balance.certificate import read_authorities, read_presented, read_shown
from switchover.errors import InvalidInput, SwitchoverError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence
    from datetime import datetime

    from switchover.balance.certificate import CertificateFacts

MAX_FILE_BYTES = 1024 * 1024
MAX_BYTES_OF_ONE = 16 * 1024 * 1024
"""What may wait for the forms of one person: as much as one form may bring."""
MAX_KEPT_BYTES = 4 * MAX_BYTES_OF_ONE
"""What may wait for the forms of all."""
BYTES_BESIDE = 1024
"""What a file takes besides its content, so that many small ones are bounded too."""
MOST_PARTS = 4
"""More files than this are joined in the order they came."""
KEEP_SECONDS = 3600.0
_UNUSABLE = re.compile(r"[^A-Za-z0-9_. -]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Upload:
    """A file that somebody sent; ``owner`` is the id of the account that may use it."""

    owner: str
    name: str
    content: bytes
    at: datetime

    @property
    def size_bytes(self) -> int:
        """What it takes of the room there is."""
        return len(self.content) + BYTES_BESIDE


class Uploads:
    """Files waiting for their form, by a key that nobody can guess.

    None makes room for another: where there is no room left, the one that comes is refused.
    """

    def __init__(self) -> None:
        """Hold nothing."""
        self._by_key: dict[str, Upload] = {}  # the oldest first
        self._held: Counter[str] = Counter()

    def keep(
        self, owner: str, name: str, content: bytes, *, instead_of: Collection[str] = ()
    ) -> str:
        """Keep a file and return its key; those in ``instead_of`` are forgotten for it.

        Raises InvalidInput for one that is too large, or for which there is no room.
        """
        if len(content) > MAX_FILE_BYTES:
            raise InvalidInput(f"the file {name!r} is larger than {MAX_FILE_BYTES:,} bytes")
        self._forget()
        upload = Upload(owner=owner, name=name, content=content, at=clock.now())
        freed = sum(found.size_bytes for key in instead_of if (found := self.find(owner, key)))
        self._require_room(upload, freed)
        self.drop(owner, instead_of)
        key = clock.new_secret(size_bytes=16)
        self._by_key[key] = upload
        self._held[owner] += upload.size_bytes
        return key

    def _require_room(self, upload: Upload, freed: int) -> None:
        needed = upload.size_bytes - freed
        if self._held[upload.owner] + needed > MAX_BYTES_OF_ONE:
            whose, most = "your files", MAX_BYTES_OF_ONE
        elif self._held.total() + needed > MAX_KEPT_BYTES:
            whose, most = "files of all", MAX_KEPT_BYTES
        else:
            return
        raise InvalidInput(
            f"there is no room for the file {upload.name!r}: {whose} that wait to be applied may take "
            f"{most // 1024**2} MiB; apply them, or wait: each is forgotten "
            f"{KEEP_SECONDS / 60:.0f} minutes after it came"
        )

    def find(self, owner: str, key: str) -> Upload | None:
        """Return a file of this owner, None when it was never there or has been forgotten."""
        self._forget()
        found = self._by_key.get(key)
        return found if found is not None and found.owner == owner else None

    def drop(self, owner: str, keys: Iterable[str]) -> None:
        """Forget files that are not needed any more."""
        for key in keys:
            if self.find(owner, key):
                self._remove(key)

    def _forget(self) -> None:
        oldest = clock.now() - timedelta(seconds=KEEP_SECONDS)
        while self._by_key and self._by_key[key := next(iter(self._by_key))].at < oldest:
            self._remove(key)

    def _remove(self, key: str) -> None:
        gone = self._by_key.pop(key)
        self._held[gone.owner] -= gone.size_bytes
        self._held += Counter()  # forget who holds nothing


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
