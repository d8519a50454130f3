"""What the audit log keeps outside the database: seals of its entries, and where it ended.

Who can write to the database alone can make neither: both need ``secret.key``. The head is one line of fixed
length that is overwritten in place, so that no crash leaves half of it.
"""

from __future__ import annotations

import json
import logging
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from switchover.errors import Corrupt, SwitchoverError

if TYPE_CHECKING:
    from pathlib import Path

    from switchover.store.seal import Sealer

_ENTRY, _HEAD = "audit entry", "audit head"
_LINE_BYTES = 512

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """Where the log ended: the last entry's number and hash; number 0 before the first."""

    number: int
    digest: str


class Notary:
    """Seals and notes with the keys of one data directory; opens nothing before it is needed."""

    def __init__(self, key_file: Path, head_file: Path) -> None:
        """Name the files; the one of the head is made with the first note."""
        self._key_file = key_file
        self._head_file = head_file
        self._opened: Sealer | None = None
        self._noted = 0

    def seal(self, digest: str) -> str:
        """Return what shows that we wrote the entry with this hash."""
        return self._sealer.sign(digest.encode(), _ENTRY)

    def is_ours(self, digest: str, seal: str) -> bool | None:
        """Return whether we sealed that hash; None when the seal names a key that we do not have."""
        return self._sealer.is_signed(digest.encode(), _ENTRY, seal)

    def find_head(self) -> Note | None:
        """Return what was noted last, None when there is no such file.

        Raises:
            Corrupt: the file was changed, or is no head of ours.
        """
        try:
            line = self._head_file.read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise Corrupt(f"{self._head_file} can not be read: {error.strerror}") from error
        try:
            told = json.loads(line)
            note = Note(number=int(told["number"]), digest=str(told["hash"]))
            signature = str(told["signature"])
        except (ValueError, TypeError, KeyError):
            raise Corrupt(f"{self._head_file} is no head of an audit log") from None
        if not self._sealer.is_signed(_words(note), _HEAD, signature):
            raise Corrupt(f"{self._head_file} was changed, or signed with another secret.key")
        return note

    def note_head(self, note: Note, *, is_new_beginning: bool = False) -> None:
        """Keep where the log ends now, unless we noted a later end: commits may be heard of in any order.

        A failure is logged; what was written to the database stays.
        """
        if note.number < self._noted and not is_new_beginning:
            return
        self._noted = note.number
        signature = self._sealer.sign(_words(note), _HEAD)
        line = json.dumps({"number": note.number, "hash": note.digest, "signature": signature})
        try:
            descriptor = os.open(
                self._head_file, os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW, mode=0o600
            )
            try:
                os.pwrite(descriptor, line.encode().ljust(_LINE_BYTES - 1) + b"\n", 0)
            finally:
                os.close(descriptor)
        except (OSError, SwitchoverError) as error:
            logger.error("audit-head=%d state=not-written reason=%s", note.number, error)  # noqa: TRY400 - the sentence says it all

    @property
    def _sealer(self) -> Sealer:
        if self._opened is None:
            from switchover.store.seal import Sealer  # noqa: PLC0415 - start-up time

            self._opened = Sealer.open(self._key_file)
        return self._opened


def _words(note: Note) -> bytes:
    return f"{note.number} {note.digest}".encode()
