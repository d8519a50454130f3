"""One hash for all mails of a folder, and one for all folders of a mailbox. Pure.

A folder is a sorted multiset of (canonical digest, internal date to the second, size, flags). Its root
is the hash of a Merkle tree over these entries, built as in RFC 6962 section 2.1 so that no entry can
pass for an inner node; the root of the mailbox is such a tree over the folders' names and roots.
Equal roots mean equal mailboxes, and two people who compare roots need not hold each other's mails.
"""

from __future__ import annotations

from functools import lru_cache
from hashlib import blake2b
from typing import TYPE_CHECKING, NamedTuple, Protocol, runtime_checkable

from switchover.move.flags import NO_FLAGS, FlagSet, PermanentFlags, comparable, storable

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

_ROOT_BYTES = 32
_LEAF, _NODE = b"\0", b"\1"
_NO_SIZE, _SIZE = b"\0", b"\1"


class ProofMail(NamedTuple):
    """A mail as one side shows it; ``size`` in bytes, None where it is not compared."""

    uid: int
    digest: bytes
    epoch_seconds: int
    flags: FlagSet = NO_FLAGS
    size: int | None = None


def entry(mail: ProofMail, permanent: PermanentFlags | None = None) -> bytes:
    """Return what a mail contributes to its folder's root."""
    seconds = mail.epoch_seconds.to_bytes(8, "big", signed=True)
    size = _NO_SIZE if mail.size is None else _SIZE + mail.size.to_bytes(8, "big")
    flags = kept_flags(mail.flags, permanent)
    return len(mail.digest).to_bytes(1, "big") + mail.digest + seconds + size + flags


@lru_cache(maxsize=4096)
def kept_flags(flags: FlagSet, permanent: PermanentFlags | None) -> bytes:
    """Return what a folder that keeps these flags shows of a flag set, in comparable form."""
    # A folder has few different flag sets: worked out once, not once a mail.
    return comparable(storable(flags, permanent))


def merkle_root(entries: Iterable[bytes]) -> bytes:
    """Return the root over entries in their order (RFC 6962 section 2.1, with BLAKE2b-256)."""
    # Whole subtrees, the largest first: as many as the number of entries has bits set.
    subtrees: list[tuple[int, bytes]] = []
    for one in entries:
        size, root = 1, _hash(_LEAF + one)
        while subtrees and subtrees[-1][0] == size:
            root = _hash(_NODE + subtrees.pop()[1] + root)
            size *= 2
        subtrees.append((size, root))
    if not subtrees:
        return _hash(b"")
    root = subtrees.pop()[1]
    while subtrees:
        root = _hash(_NODE + subtrees.pop()[1] + root)
    return root


def folder_root(mails: Iterable[ProofMail], permanent: PermanentFlags | None = None) -> bytes:
    """Return the root over the multiset of a folder's mails, whatever their order."""
    return merkle_root(sorted(entries_of(mails, permanent)))


def entries_of(
    mails: Iterable[ProofMail], permanent: PermanentFlags | None = None
) -> Iterator[bytes]:
    """Return what each mail contributes, in the order of the mails."""
    if isinstance(mails, Columns):
        return mails.entries(permanent)
    return (entry(mail, permanent) for mail in mails)


def entries_at(
    mails: Sequence[ProofMail], places: Iterable[int], permanent: PermanentFlags | None
) -> Iterator[bytes]:
    """Return what the mails at these places contribute, in the order of the places."""
    if isinstance(mails, Columns):
        return mails.entries(permanent, places)
    return (entry(mails[at], permanent) for at in places)


@runtime_checkable
class Columns(Protocol):
    """Mails that know a faster way to their entries."""

    def entries(
        self, permanent: PermanentFlags | None, places: Iterable[int] | None = None
    ) -> Iterator[bytes]:
        """Return what ``entry`` returns for each mail, or for those at some places."""


def mailbox_root(folders: Mapping[str, bytes]) -> bytes:
    """Return the root over folder roots by name."""
    names = {name.encode("utf-8", "surrogateescape"): root for name, root in folders.items()}
    return merkle_root(
        len(name).to_bytes(4, "big") + name + root for name, root in sorted(names.items())
    )


def _hash(data: bytes) -> bytes:
    return blake2b(data, digest_size=_ROOT_BYTES).digest()
