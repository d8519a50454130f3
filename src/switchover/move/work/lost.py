"""Copies that are gone from the target, told by numbers alone: a plain copy does not look for them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from switchover.model.wording import counted
from switchover.move.work.ledger_store import LedgerStore
from switchover.move.work.report import FolderResult

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from switchover.move.queries import CopyFolder
    from switchover.move.work.folder_pairs import FolderPair
    from switchover.move.work.report import CopyReport
    from switchover.store.pool import Database


async def note_lost(
    database: Database,
    short: Sequence[FolderPair],
    known: Mapping[bytes, CopyFolder],
    report: CopyReport,
) -> None:
    """Note how many mails the target must have lost, at least, that were copied and the source still has."""
    store = LedgerStore(database=database, pair_id=0)
    results = {one.name: one for one in report.folders}
    for pair in short:
        name = pair.folder.name
        if name in report.failures or pair.target_status is None:
            continue
        ledger = (await store.load(known[pair.folder.raw])).ledger
        done = results.get(name) or FolderResult(name=name)
        before = pair.target_status.messages or 0
        gone = lost_mails(len(ledger.source_uids), before, done)
        if gone:
            verb = "is" if gone == 1 else "are"
            report.notes.append(
                f"{counted(gone, 'mail')} of {name} copied before {verb} gone from the target; --delete brings "
                f"{'it' if gone == 1 else 'them'} back"
            )


def lost_mails(known: int, before: int, done: FolderResult) -> int:
    """Return how many of ``known`` copies can not be in a folder that had so many mails ``before`` the run."""
    return max(0, known - before - done.copied - done.moved)
