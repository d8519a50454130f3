"""Folders renamed on the source: the target's folder is renamed too, and its mails stay where they are.

The ledger is told first. If we die before the target has renamed, the new folder is made and filled like any
other, and the old one stays: nothing is lost, and nothing is there twice in one folder.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from switchover.errors import SwitchoverError
from switchover.move import queries
from switchover.move.ledger import replay
from switchover.move.renames import find_renames, is_same_folder
from switchover.move.standing import State
from switchover.move.work.inventory import state_of
from switchover.move.work.mailbox import list_mails, open_folder
from switchover.wire.imap import commands
from switchover.wire.imap.quirks import Quirk

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from switchover.move.queries import CopyFolder
    from switchover.move.work.folder_pairs import FolderPair
    from switchover.move.work.inventory import Inventory
    from switchover.move.work.lanes import Ends
    from switchover.move.work.report import CopyReport
    from switchover.store.pool import Database


@dataclass(slots=True, kw_only=True)
class Renaming:
    """Finds and follows the renames of one mailbox."""

    database: Database
    ends: Ends
    there: Inventory
    here: Inventory
    report: CopyReport

    async def follow(
        self, pairs: Sequence[FolderPair], known: Mapping[bytes, CopyFolder]
    ) -> tuple[list[FolderPair], dict[bytes, CopyFolder]]:
        """Return the pairs and what is known of them, with the renamed folders under their new names."""
        fresh = {one.folder.raw: one for one in pairs if self._is_fresh(one, known)}
        listed = {one.raw for one in self.there.folders}
        gone = {raw: one for raw, one in known.items() if raw not in listed}
        before = {raw: _state(one) for raw, one in gone.items()}
        now = {raw: state_of(one.folder.status) for raw, one in fresh.items()}
        latest = dict(known)
        done: dict[bytes, FolderPair] = {}
        for old, new in find_renames(before, {raw: one for raw, one in now.items() if one}):
            try:
                if not await self._is_same(gone[old], fresh[new]):
                    continue
                latest[new] = await self._note(gone[old], fresh[new])
                del latest[old]
                if await self._rename(gone[old].target_name, fresh[new]):
                    done[new] = _renamed(fresh[new])
            except SwitchoverError as error:
                self.report.notes.append(f"{fresh[new].folder.name} is copied anew: {error}")
        self._correct_plan(done)
        return [done.get(one.folder.raw, one) for one in pairs], latest

    def _is_fresh(self, pair: FolderPair, known: Mapping[bytes, CopyFolder]) -> bool:
        return pair.mapping.is_new and pair.folder.raw not in known

    async def _is_same(self, old: CopyFolder, pair: FolderPair) -> bool:
        if old.target_name not in {one.raw for one in self.here.folders}:
            return False
        source = self.ends.source
        async with self.database.transaction() as connection:
            _, rows = await queries.load_rows(connection, old.id)
        there = await open_folder(source, pair.folder.raw, to_write=False)
        if there.uid_validity != old.source_uid_validity or not there.messages:
            return False
        mails = await list_mails(source, there)
        return is_same_folder(
            [one.mail for one in replay(rows).known()],
            {
                uid: (size, seconds)
                for uid, size, seconds in zip(mails.uids, mails.sizes, mails.seconds, strict=True)
            },
            sizes_count=Quirk.SIZES_ESTIMATED not in source.conversation.profile.quirks,
        )

    async def _note(self, old: CopyFolder, pair: FolderPair) -> CopyFolder:
        async with self.database.transaction() as connection:
            await queries.rename_folder(connection, old.id, pair.folder.raw, pair.target_raw)
        return replace(old, source_name=pair.folder.raw, target_name=pair.target_raw)

    async def _rename(self, old: bytes, pair: FolderPair) -> bool:
        """Return whether the target has the folder under its new name now."""
        target = self.ends.target
        requests = await target.run_all(
            [commands.rename(old, pair.target_raw), commands.unsubscribe(old)]
        )
        if not requests[0].is_ok and not self._went_along(old, pair):
            answer = requests[0].answer
            words = target.words(answer) if answer else ""
            self.report.notes.append(f"{pair.mapping.target} is copied anew: {words}")
            return False
        shown = next(one.name for one in self.here.folders if one.raw == old)
        self.report.renamed[shown] = pair.mapping.target
        return True

    def _went_along(self, old: bytes, pair: FolderPair) -> bool:
        """Return whether a parent was renamed a moment ago, which takes its children along."""
        shown = next(one.name for one in self.here.folders if one.raw == old)
        separator = self.here.separator or "/"
        return any(
            shown.startswith(was + separator) and pair.mapping.target == became + shown[len(was) :]
            for was, became in self.report.renamed.items()
        )

    def _correct_plan(self, done: Mapping[bytes, FolderPair]) -> None:
        """Take what is there now off the list of folders to create."""
        by_source = {one.mapping.source: one.mapping for one in done.values()}
        plan = self.report.plan
        self.report.plan = replace(
            plan, mappings=tuple(by_source.get(one.source, one) for one in plan.mappings)
        )


def _renamed(pair: FolderPair) -> FolderPair:
    return replace(pair, mapping=replace(pair.mapping, is_new=False))


def _state(known: CopyFolder) -> State:
    return State(
        uid_validity=known.source_uid_validity,
        uid_next=known.source_uid_next,
        messages=known.source_messages,
        mod_seq=known.source_mod_seq,
    )
