"""Ledger rows: what is known of the mails of one folder, a batch of mails to a row. Pure.

Before mails are sent an *intended* row is written with their source UIDs, sizes, dates and flags.
It lives in a table of its own and is deleted as soon as it is known what became of all its mails.
What is on the target goes into a *stored* row, with the digests that were taken while the bodies
streamed and the target UIDs, which are a single run of some 20 bytes mostly. No large row is ever
written again: PostgreSQL would keep the old one (measured: 63 bytes a mail instead of 32).

A mail is in doubt when an intended row names it and no other does. What was found out about such mails
goes into rows for what is stored and what is skipped; what is in neither is simply not in the ledger, and
will be found in the next listing of the source.

Later changes do not touch a stored row. They are small rows of their own, later rows win:

| row       | says of its source UIDs                                             | field ``packed``   |
|-----------|---------------------------------------------------------------------|--------------------|
| intended  | may be on the target, at or above ``floor`` (its UIDNEXT before)      | mails              |
| stored    | are on the target under ``target_uids``                             | mails              |
| skipped   | are not copied, with the reason                                     | UIDs, reasons      |
| reflagged | now have these flags, written to the target too (revives a vanished) | UIDs, flags        |
| vanished  | are gone from the source; the target keeps its copy                 | UIDs               |
| removed   | are gone from the target too, or moved away there: forget them      | UIDs               |

``ledger.fold`` rewrites rows when their number costs more than it saves.
"""

from __future__ import annotations

from enum import StrEnum
from operator import lt
from typing import TYPE_CHECKING, NamedTuple

from switchover.errors import Corrupt
from switchover.move.column import Reader, Table, length_of, number, pack_table
from switchover.move.flags import NO_FLAGS, FlagSet, normalise, spelled

if TYPE_CHECKING:
    from array import array
    from collections.abc import Iterable, Mapping, Sequence

DIGEST_BYTES = 16
FULL_MAILS = 4096
"""Mails in a full segment: 100 kB, small enough to rewrite, large enough to hide the row around it."""
ROW_BYTES = 160
"""What PostgreSQL adds to a row: header, pointer, the other columns, the way to what is out of line, index."""
_GROWTH = 1.08
_GAP_BYTES = 500
_OUT_OF_LINE_BYTES = 2000
"""Rows above this are cut into chunks, which fill pages badly. Measured: rows of 50, 100, 200 and
4,096 usual mails take 33.9, 32.4, 31.1 and 26.0 bytes a mail; of the worst 44.6, 43.5, 42.9 and
35.6."""
_MOST_NAMES_AS_BITS = 64


class RowKind(StrEnum):
    """What a ledger row says; the table above. The database numbers them in this order: add at the end only."""

    INTENDED = "intended"
    STORED = "stored"
    SKIPPED = "skipped"
    REFLAGGED = "reflagged"
    VANISHED = "vanished"
    REMOVED = "removed"


class SkipReason(StrEnum):
    """Why a mail is not copied."""

    TOO_LARGE = "larger than the target takes"
    REFUSED = "refused by the target"
    UNREADABLE = "the source does not deliver it"
    EMPTY = "has no bytes at all"
    NO_ROOM = "the target has no room left for it"
    NOT_NOW = "the target could not take it at the time"
    DELETED_THERE = "was deleted on the target"
    BREAKS_TARGET = "the target breaks off when it is sent"

    @property
    def may_pass(self) -> bool:
        """True when the same mail may be taken next time, without anybody asking for it."""
        return self in {SkipReason.NO_ROOM, SkipReason.NOT_NOW}


class Skip(NamedTuple):
    """A mail that is not copied, and why; ``detail`` holds the server's words or the sizes."""

    reason: SkipReason
    detail: str = ""


def reasons_of(skips: Mapping[int, Skip], *, may_pass: bool) -> dict[int, str]:
    """Return in words why mails are not copied: of those put off, or of those refused for good."""
    return {
        uid: ": ".join(filter(None, skip))
        for uid, skip in skips.items()
        if skip.reason.may_pass is may_pass
    }


def too_large(size: int, largest: int) -> Skip:
    """Return why a mail of ``size`` bytes is not sent to a target that takes ``largest``."""
    return Skip(SkipReason.TOO_LARGE, f"{size} bytes, the target takes {largest}")


class LedgerMail(NamedTuple):
    """What the ledger keeps of one mail.

    ``size`` in bytes of the canonical form, ``epoch_seconds`` and ``zone_minutes`` its internal
    date (UTC seconds, offset east), ``flags`` as of the source when last written to the target,
    ``digest`` 16 bytes in the canonical form of the pair of endpoints, or b"" where the body was
    not read.
    """

    source_uid: int
    size: int
    epoch_seconds: int
    zone_minutes: int
    flags: FlagSet
    digest: bytes


class Row(NamedTuple):
    """A ledger row as the database keeps it; the order of a folder's rows is kept beside it."""

    kind: RowKind
    packed: bytes
    target_uids: bytes = b""
    floor: int = 0


def intend(mails: Sequence[LedgerMail], *, floor: int) -> Row:
    """Return the row to write before a batch is sent; UIDs ascend, ``floor`` is the target's UIDNEXT."""
    return Row(RowKind.INTENDED, pack_mails(mails), floor=floor)


def acknowledge(row: Row, target_uids: Sequence[int]) -> Row:
    """Return the row of a batch that is stored, each mail with its target UID, in the order sent."""
    if mails_in(row.packed) != len(target_uids):
        raise ValueError("as many target UIDs are needed as mails were sent")
    return Row(RowKind.STORED, row.packed, pack_uids(target_uids), row.floor)


def skipped(skips: Mapping[int, Skip]) -> Row:
    """Return the row for mails that are not copied, by source UID."""
    uids = sorted(skips)
    reasons = list(dict.fromkeys(skips.values()))
    codes = {reason: code for code, reason in enumerate(reasons)}
    words = number(len(reasons)) + b"".join(
        _text(skip.reason.encode()) + _text(skip.detail.encode("utf-8", "replace"))
        for skip in reasons
    )
    return Row(RowKind.SKIPPED, pack_table([uids, [codes[skips[uid]] for uid in uids]], words))


def reflagged(changes: Mapping[int, FlagSet]) -> Row:
    """Return the row for flags that were written to the target, by source UID."""
    uids = sorted(changes)
    words, codes = _pack_flags([changes[uid] for uid in uids])
    return Row(RowKind.REFLAGGED, pack_table([uids, codes], words))


def vanished(uids: Iterable[int]) -> Row:
    """Return the row for mails that the source lists no more; their copies stay."""
    return Row(RowKind.VANISHED, pack_uids(sorted(uids)))


def removed(uids: Iterable[int]) -> Row:
    """Return the row for mails whose copy was deleted or moved away on the target."""
    return Row(RowKind.REMOVED, pack_uids(sorted(uids)))


def read_skipped(row: Row) -> dict[int, Skip]:
    """Return the skipped mails of a row by source UID."""
    table = Table(row.packed, columns=2)
    reader = Reader(table.words)
    skips = [
        Skip(SkipReason(_read_text(reader)), _read_text(reader)) for _ in range(reader.number())
    ]
    return {uid: skips[code] for uid, code in zip(table.column(0), table.column(1), strict=True)}


def read_reflagged(row: Row) -> dict[int, FlagSet]:
    """Return the flags of a row by source UID."""
    table = Table(row.packed, columns=2)
    return dict(zip(table.column(0), _unpack_flags(table.words, table.column(1)), strict=True))


def stored_bytes(row: Row) -> int:
    """Return about how many bytes a row takes in the database, indexes and all."""
    length = len(row.packed) + len(row.target_uids)
    gap = _GAP_BYTES if length > _OUT_OF_LINE_BYTES else 0
    return ROW_BYTES + gap + round(_GROWTH * length)


def pack_uids(uids: Sequence[int]) -> bytes:
    """Return UIDs in the order given, packed; a run of neighbours takes 12 bytes, however long."""
    return pack_table([uids])


def unpack_uids(packed: bytes) -> array[int]:
    """Return packed UIDs in their order."""
    return Table(packed, columns=1).column(0)


def pack_mails(mails: Sequence[LedgerMail]) -> bytes:
    """Return mails in ascending order of their source UIDs, packed.

    Either all or none have digests. Raises ValueError on any other order or on a mixture.
    """
    if not mails:
        return pack_columns((), (), (), (), (), b"")
    uids, sizes, seconds, zones, flags, digests = zip(*mails, strict=True)
    if len(set(map(len, digests))) > 1:
        raise ValueError("the mails of a segment have digests of 16 bytes, all or none")
    return pack_columns(uids, sizes, seconds, zones, flags, b"".join(digests))


def pack_columns(
    uids: Sequence[int],
    sizes: Sequence[int],
    seconds: Sequence[int],
    zones: Sequence[int],
    flags: Sequence[FlagSet],
    digests: bytes,
) -> bytes:
    """Return the same from columns of one length; ``digests`` are joined."""
    if not all(map(lt, uids, uids[1:])):
        raise ValueError("the source UIDs of a segment ascend")
    if len(digests) not in {0, DIGEST_BYTES * len(uids)}:
        raise ValueError("the mails of a segment have digests of 16 bytes, all or none")
    words, codes = _pack_flags(flags)
    return pack_table([uids, sizes, seconds, zones, codes], words, digests)


def mails_in(packed: bytes) -> int:
    """Return the number of packed mails."""
    return length_of(packed)


class Segment:
    """Packed mails opened for reading; each column is unpacked when it is asked for, every time."""

    __slots__ = ("_table", "digests")

    def __init__(self, packed: bytes) -> None:
        """Open it; Corrupt when it is damaged."""
        self._table = Table(packed, columns=5)
        self.digests = self._table.end
        """All digests joined, or b"" where none are known."""
        if len(self.digests) not in {0, DIGEST_BYTES * self.count}:
            raise Corrupt("a ledger segment has another number of digests than mails")

    @property
    def count(self) -> int:
        """Number of mails."""
        return self._table.count

    @property
    def source_uids(self) -> array[int]:
        """UIDs on the source, ascending."""
        return self._table.column(0)

    @property
    def sizes(self) -> array[int]:
        """Sizes in bytes."""
        return self._table.column(1)

    @property
    def seconds(self) -> array[int]:
        """Internal dates, UTC seconds since 1970."""
        return self._table.column(2)

    @property
    def zones(self) -> array[int]:
        """Zones of the internal dates, minutes east."""
        return self._table.column(3)

    @property
    def flags(self) -> list[FlagSet]:
        """Flag sets."""
        return _unpack_flags(self._table.words, self._table.column(4))

    def mails(self) -> list[LedgerMail]:
        """Return all mails as values."""
        columns = zip(
            self.source_uids,
            self.sizes,
            self.seconds,
            self.zones,
            self.flags,
            digests_of(self.digests, self.count),
            strict=True,
        )
        return list(map(LedgerMail._make, columns))


def digests_of(joined: bytes, count: int) -> list[bytes]:
    """Return the single digests of a joined row of them; b"" for each where none are known."""
    if not joined:
        return [b""] * count
    return [joined[at : at + DIGEST_BYTES] for at in range(0, len(joined), DIGEST_BYTES)]


def _text(raw: bytes) -> bytes:
    return number(len(raw)) + raw


def _read_text(reader: Reader) -> str:
    return reader.take(reader.number()).decode("utf-8", "replace")


def _pack_flags(flags: Sequence[FlagSet]) -> tuple[bytes, list[int]]:
    """Return the different flag sets as words, and the number of each mail's set.

    A set is a number with a bit for each flag name; in a folder with very many names, where such
    numbers would grow with the square of their number, a list of names.
    """
    sets: dict[FlagSet, int] = {}
    codes = [sets.setdefault(entry, len(sets)) for entry in flags]
    names: dict[str, int] = {}
    lists = [[names.setdefault(name, len(names)) for name in entry] for entry in sets]
    words = [number(len(names)), *(_text(spelled(name)) for name in names), number(len(sets))]
    if len(names) <= _MOST_NAMES_AS_BITS:
        words += [number(sum(1 << name for name in entry)) for entry in lists]
    else:
        words += [number(len(entry)) + b"".join(map(number, entry)) for entry in lists]
    return b"".join(words), codes


def _unpack_flags(words: bytes, codes: Sequence[int]) -> list[FlagSet]:
    reader = Reader(words)
    names = [reader.take(reader.number()) for _ in range(reader.number())]
    sets = [_read_set(reader, names) for _ in range(reader.number())]
    return [sets[code] for code in codes]


def _read_set(reader: Reader, names: Sequence[bytes]) -> FlagSet:
    entry = reader.number()
    if len(names) > _MOST_NAMES_AS_BITS:
        return normalise(names[reader.number()] for _ in range(entry))
    if not entry:
        return NO_FLAGS
    return normalise(name for bit, name in enumerate(names) if entry >> bit & 1)
