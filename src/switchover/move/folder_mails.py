"""The mails of one folder as a side shows them, in columns: some 50 bytes a mail. Pure."""

from __future__ import annotations

import struct
from array import array
from collections.abc import Sequence
from functools import partial
from hashlib import blake2b
from itertools import zip_longest
from operator import lt
from typing import TYPE_CHECKING, TypeAlias, overload

from switchover.move.proof_root import ProofMail, kept_flags
from switchover.move.segment import DIGEST_BYTES
from switchover.move.uid_columns import ascending, found_in

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from switchover.move.flags import FlagSet, PermanentFlags

    _Look: TypeAlias = Callable[[int], bytes]

_NO_DIGEST = bytes(DIGEST_BYTES)
_NO_SIZE = -1
_LARGEST = 2**63 - 1  # what a server may claim is bounded by nothing
# Length of the digest, the digest, seconds, whether a size follows, the size.
_SIZELESS = struct.Struct(f">B{DIGEST_BYTES}sqB").pack
_SIZED = struct.Struct(f">B{DIGEST_BYTES}sqBQ").pack
_LOOK = struct.Struct(">qq").pack
_NOT_DELIVERED = (b"\0source\0", b"\0target\0")


class FolderMails(Sequence[ProofMail]):
    """A sequence of mails; what was added twice counts once, as it was last seen, after ``sort``."""

    __slots__ = ("_digests", "_flags", "_seconds", "_sizes", "uids")

    def __init__(self) -> None:
        """Begin with none."""
        self.uids = array("q")
        self._seconds = array("q")
        self._sizes = array("q")
        self._flags: list[FlagSet] = []
        self._digests = bytearray()

    def add(self, mail: ProofMail) -> None:
        """Take one more mail; its digest has 16 bytes, or none where it was not worked out."""
        self.uids.append(mail.uid)
        self._seconds.append(mail.epoch_seconds)
        self._sizes.append(_NO_SIZE if mail.size is None else min(mail.size, _LARGEST))
        self._flags.append(mail.flags)
        self._digests += mail.digest or _NO_DIGEST

    def extend(
        self, uids: list[int], seconds: list[int], flags: list[FlagSet], sizes: list[int | None]
    ) -> None:
        """Take several mails of which nothing was read."""
        self.uids.extend(uids)
        self._seconds.extend(seconds)
        self._flags += flags
        self._sizes.extend([_NO_SIZE if one is None else min(one, _LARGEST) for one in sizes])
        self._digests += _NO_DIGEST * len(uids)

    def entries(
        self, permanent: PermanentFlags | None, places: Iterable[int] | None = None
    ) -> Iterator[bytes]:
        """Return what each mail contributes to the folder's root, as ``proof_root.entry`` does."""
        digests, seconds_of, sizes = self._digests, self._seconds, self._sizes
        for at in range(len(self)) if places is None else places:
            seconds, size, flags = seconds_of[at], sizes[at], self._flags[at]
            digest = digests[at * DIGEST_BYTES : (at + 1) * DIGEST_BYTES]
            if size == _NO_SIZE:
                head = _SIZELESS(DIGEST_BYTES, digest, seconds, 0)
            else:
                head = _SIZED(DIGEST_BYTES, digest, seconds, 1, size)
            yield head + kept_flags(flags, permanent)

    def sort(self) -> None:
        """Bring the mails into the order of their UIDs, each only once."""
        if all(map(lt, self.uids, self.uids[1:])):
            return
        order = sorted(range(len(self.uids)), key=self.uids.__getitem__)
        # Sorting keeps the order of equals: the last of a mail stands last.
        places = [
            at
            for at, following in zip_longest(order, order[1:])
            if following is None or self.uids[at] != self.uids[following]
        ]
        digests = bytearray()
        for at in places:
            digests += self._digests[at * DIGEST_BYTES : (at + 1) * DIGEST_BYTES]
        self.uids = array("q", map(self.uids.__getitem__, places))
        self._seconds = array("q", map(self._seconds.__getitem__, places))
        self._sizes = array("q", map(self._sizes.__getitem__, places))
        self._flags = list(map(self._flags.__getitem__, places))
        self._digests = digests

    def digest(self, at: int) -> bytes:
        """Return one digest."""
        return bytes(self._digests[at * DIGEST_BYTES : (at + 1) * DIGEST_BYTES])

    def look(self, at: int, *, with_size: bool) -> bytes:
        """Return a digest that mails of one date have in common, and of one size if so wished."""
        look = _LOOK(self._seconds[at], self._sizes[at] if with_size else _NO_SIZE)
        return b"\0\0" + blake2b(look, digest_size=DIGEST_BYTES - 2).digest()

    def set_digests(self, digests: Iterable[bytes]) -> None:
        """Put other digests in place of all."""
        every = bytearray()
        for digest in digests:
            every += digest
        self._digests = every

    def replace(self, digests: Mapping[int, bytes], *, without_size: bool) -> None:
        """Put other digests in the place of some, by UID; their sizes no longer count if so wished."""
        for at, uid in enumerate(self.uids):
            found = digests.get(uid)
            if found is not None:
                self._digests[at * DIGEST_BYTES : (at + 1) * DIGEST_BYTES] = found
                if without_size:
                    self._sizes[at] = _NO_SIZE

    def forget_sizes(self) -> None:
        """Compare no sizes."""
        self._sizes = array("q", [_NO_SIZE]) * len(self.uids)

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self.uids)

    @overload
    def __getitem__(self, at: int) -> ProofMail: ...

    @overload
    def __getitem__(self, at: slice) -> list[ProofMail]: ...

    def __getitem__(self, at: int | slice) -> ProofMail | list[ProofMail]:
        """Return one mail, or several."""
        if isinstance(at, slice):
            return [self[place] for place in range(*at.indices(len(self)))]
        if at >= len(self.uids):
            raise IndexError(at)
        size = self._sizes[at]
        return ProofMail(
            self.uids[at],
            self.digest(at),
            self._seconds[at],
            self._flags[at],
            None if size == _NO_SIZE else size,
        )


def not_delivered(uid: int, *, is_target: bool) -> bytes:
    """Return the digest of a mail that its server lists and does not hand out: like that of no other."""
    return _NOT_DELIVERED[is_target] + uid.to_bytes(8, "big")


def is_not_delivered(digest: bytes) -> bool:
    """Tell whether a digest stands for a mail that could not be read."""
    return digest.startswith(_NOT_DELIVERED)


def looks(
    source: FolderMails, target: FolderMails, kept: Iterable[int], *, with_size: bool
) -> tuple[_Look, _Look]:
    """Return what mails that the ledger does not know have in common with others, by their place.

    They may be of a copy that was cut off before it noted them. Copies ``kept`` although the source has
    their mails no more (target UIDs) are known, and so like none.
    """
    known = frozenset(kept)

    def of_target(at: int) -> bytes:
        return b"" if target.uids[at] in known else target.look(at, with_size=with_size)

    return partial(source.look, with_size=with_size), of_target


def pair_marks(
    source_uids: Sequence[int],
    target_uids: Sequence[int],
    pairs: Mapping[int, int],
    looks: tuple[_Look, _Look] = (lambda _: b"", lambda _: b""),
) -> tuple[Iterator[bytes], Iterator[bytes]]:
    """Return digests for level 1: mails that the ledger pairs get the same.

    Others get what ``looks`` gives for their place on each side, and one of their own where it gives nothing.
    """
    of_source, of_target = looks
    left = (
        _mark(pairs.get(uid), b"source", uid, of_source, at) for at, uid in enumerate(source_uids)
    )
    known = bytearray(len(target_uids))
    for at, _ in found_in(ascending(pairs.values()), target_uids):
        known[at] = 1
    right = (
        _mark(uid if is_known else None, b"target", uid, of_target, at)
        for at, (uid, is_known) in enumerate(zip(target_uids, known, strict=True))
    )
    return left, right


def _mark(target_uid: int | None, side: bytes, uid: int, look: _Look, at: int) -> bytes:
    if target_uid is None:
        return look(at) or b"\0\0" + side + uid.to_bytes(8, "big")
    return b"\0\0paired" + target_uid.to_bytes(8, "big")
