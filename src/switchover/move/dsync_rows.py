"""What the ledger has to say after Dovecot fetched a folder by itself, UIDs and all. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from switchover.move.segment import (
    FULL_MAILS,
    LedgerMail,
    Row,
    acknowledge,
    intend,
    reflagged,
    removed,
    vanished,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from switchover.move.ledger import FolderLedger


@dataclass(frozen=True, slots=True, kw_only=True)
class PulledFolder:
    """Rows to write and what they come to: ``missing`` are source UIDs that have no copy yet."""

    rows: tuple[Row, ...]
    fresh: int
    fresh_bytes: int
    reflagged: int
    gone: int
    missing: tuple[int, ...]


def pulled_folder(
    source: Sequence[LedgerMail],
    target: Mapping[int, tuple[int, int]],
    ledger: FolderLedger,
) -> PulledFolder:
    """Return what is new in the ledger when mails of one UID are one mail.

    ``source`` is in the order of UIDs, ``target`` has size and UTC seconds by UID. A mail of one UID with
    another size and another date is another mail; one of the two may differ, because servers count line
    ends in their own way, and some can not keep every date.
    """
    known = dict(ledger.by_source_uid())
    paired = [mail for mail in source if _is_same(mail, target.get(mail.source_uid))]
    fresh = [mail for mail in paired if known.get(mail.source_uid) != mail.source_uid]
    moved = [mail.source_uid for mail in fresh if mail.source_uid in known]
    there = {mail.source_uid for mail in source}
    gone = [uid for uid in known if uid not in there]
    before = dict(zip(ledger.source_uids, ledger.flags, strict=True))
    changed = {
        mail.source_uid: mail.flags
        for mail in paired
        if known.get(mail.source_uid) == mail.source_uid and before[mail.source_uid] != mail.flags
    }
    rows = [removed(moved)] if moved else []
    rows += _stored(fresh)
    rows += [reflagged(changed)] if changed else []
    rows += _vanished(gone, known, target)
    pairs = {mail.source_uid for mail in paired}
    return PulledFolder(
        rows=tuple(rows),
        fresh=len(fresh),
        fresh_bytes=sum(mail.size for mail in fresh),
        reflagged=len(changed),
        gone=len(gone),
        missing=tuple(mail.source_uid for mail in source if mail.source_uid not in pairs),
    )


def _is_same(mail: LedgerMail, shown: tuple[int, int] | None) -> bool:
    return shown is not None and (shown[0] == mail.size or shown[1] == mail.epoch_seconds)


def _stored(mails: Sequence[LedgerMail]) -> Iterator[Row]:
    for at in range(0, len(mails), FULL_MAILS):
        part = mails[at : at + FULL_MAILS]
        yield acknowledge(intend(part, floor=part[0].source_uid), [one.source_uid for one in part])


def _vanished(
    gone: Sequence[int], known: Mapping[int, int], target: Mapping[int, object]
) -> Iterator[Row]:
    kept = [uid for uid in gone if known[uid] in target]
    dead = [uid for uid in gone if known[uid] not in target]
    if kept:
        yield vanished(kept)
    if dead:
        yield removed(dead)
