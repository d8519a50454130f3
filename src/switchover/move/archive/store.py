"""What every kind of archive offers to the server: folders, and the mails in them.

Names of folders are raw, as they go over the wire: modified UTF-7, levels parted by ``separator``. Errors are ours
(NotFound, Refused, Conflict, Corrupt) or the OSError of the file system; the server turns them into answers.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

CHUNK_BYTES = 256 << 10
SYSTEM_FLAGS = (b"\\Answered", b"\\Flagged", b"\\Deleted", b"\\Seen", b"\\Draft")


class Mail(NamedTuple):
    """A mail as a listing shows it; UTC seconds of its date."""

    uid: int
    flags: tuple[bytes, ...]
    epoch_seconds: int


@dataclass(frozen=True, slots=True)
class Body:
    """A mail's exact size and its octets, in chunks that are taken once; ``close`` it."""

    size: int
    chunks: Iterator[bytes]
    file: BinaryIO | None = None

    def close(self) -> None:
        """Let go of the file."""
        if self.file is not None:
            self.file.close()


class Batch(Protocol):
    """Mails on their way into a folder: all of them are stored by ``commit``, or none."""

    def begin_mail(self, flags: tuple[bytes, ...], epoch_seconds: int) -> None:
        """Begin a mail."""

    def write(self, data: memoryview) -> None:
        """Add octets to the mail."""

    def end_mail(self) -> None:
        """End the mail."""

    def commit(self) -> Sequence[int]:
        """Store the mails durably and return their UIDs, which ascend."""

    def abort(self) -> None:
        """Forget the mails; harmless after ``commit``."""


class Folder(Protocol):
    """An open folder. What others do to it is seen with ``refresh``."""

    @property
    def uid_validity(self) -> int:
        """The validity of the UIDs."""

    @property
    def uid_next(self) -> int:
        """The lowest UID that no mail had yet: lower ones are never given again, whatever crashes."""

    @property
    def keywords(self) -> tuple[bytes, ...]:
        """The keywords in use."""

    @property
    def takes_keywords(self) -> bool:
        """True while new keywords can be kept."""

    def uids(self) -> Sequence[int]:
        """Return the UIDs of all mails, ascending."""

    def refresh(self) -> None:
        """Look again what is there."""

    def list_mails(self, uids: Collection[int] | None) -> Iterator[Mail]:
        """Yield mails in the order of their UIDs, all or some."""

    def list_flags(self, uids: Collection[int] | None) -> Iterator[Mail]:
        """Yield mails as ``list_mails`` does, but for their dates, which may be 0: it is faster."""

    def size_of(self, uid: int) -> int | None:
        """Return the octets of a mail as it goes over the wire, None when it is there no more."""

    def open_body(self, uid: int) -> Body | None:
        """Return a mail to read, None when it is there no more."""

    def begin(self) -> Batch:
        """Begin to store mails."""

    def set_flags(self, changes: Mapping[int, tuple[bytes, ...]]) -> None:
        """Give mails other flags; those that are gone are passed over."""

    def expunge(self, uids: Collection[int]) -> Sequence[int]:
        """Remove mails for good and return the UIDs of those that were there."""

    def close(self) -> None:
        """Let go of it."""


class Store(Protocol):
    """An archive."""

    separator: str
    kind: str

    def folders(self) -> Sequence[str]:
        """Return the names of all folders, INBOX among them."""

    def open(self, name: str, *, to_write: bool = False) -> Folder:
        """Return a folder; raises NotFound, and Refused for one that must not be looked into.

        ``to_write`` makes INBOX, and with it the archive, where there is none and one may be made.
        """

    def create(self, name: str) -> None:
        """Make a folder; raises Conflict when it is there and InvalidInput for a name that can not be."""

    def subscriptions(self) -> Sequence[str]:
        """Return the names subscribed."""

    def subscribe(self, name: str, *, wanted: bool) -> None:
        """Subscribe a name, or end that."""

    @property
    def notices(self) -> list[str]:
        """What could not be kept so far, a sentence each."""
