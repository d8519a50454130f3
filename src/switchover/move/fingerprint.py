"""A fingerprint of a folder's mails that is made while they are listed. Pure.

Kept with a folder after a complete run, it tells that nothing changed without loading the ledger:
where the source has no modification sequences (RFC 7162), nothing else tells that flags changed.
"""

from __future__ import annotations

from hashlib import blake2b
from typing import TYPE_CHECKING

from switchover.move.flags import normalise, spelled

if TYPE_CHECKING:
    from collections.abc import Iterable

    from switchover.move.flags import FlagSet

_BYTES = 16


class _Words(dict[tuple[bytes | str, ...], bytes]):
    """The line's end for a flag set as a server wrote it, or as we spell it; worked out once each."""

    def __missing__(self, raw: tuple[bytes | str, ...]) -> bytes:
        # Flags hold neither blanks nor line ends (RFC 9051 section 9, flag).
        self[raw] = words = spelled(" ".join(normalise(raw))) + b"\n"
        return words


class Fingerprint:
    """Takes mails in the order of their UIDs, some at a time; how many at a time makes no difference."""

    def __init__(self, uid_validity: int) -> None:
        """Begin with a folder that has no mails."""
        self._state = blake2b(b"%d\n" % uid_validity, digest_size=_BYTES)
        self._words = _Words()
        self._last = 0
        self._is_in_order = True

    def add(self, mails: Iterable[tuple[int, tuple[bytes, ...] | FlagSet]]) -> None:
        """Take the next mails, each as UID and flags."""
        lines = []
        last, words = self._last, self._words
        for uid, flags in mails:
            if uid <= last:
                self._is_in_order = False
            last = uid
            lines.append(b"%d %b" % (uid, words[flags]))
        self._last = last
        self._state.update(b"".join(lines))

    def digest(self) -> bytes:
        """Return 16 bytes, or none when the mails came in no order: then nothing can be told."""
        return self._state.digest() if self._is_in_order else b""
