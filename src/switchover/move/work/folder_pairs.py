"""Folders of the source with their places on the target, by the names that both servers know."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from switchover.errors import SwitchoverError
from switchover.wire.imap.mailbox_name import NameEncoding, encode

if TYPE_CHECKING:
    from switchover.move.folder_plan import FolderMapping, FolderPlan
    from switchover.move.work.inventory import Folder, Inventory
    from switchover.wire.imap.responses import MailboxStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class FolderPair:
    """A folder with its place on the target."""

    folder: Folder
    mapping: FolderMapping
    target_raw: bytes
    target_status: MailboxStatus | None


def list_pairs(
    plan: FolderPlan, there: Inventory, here: Inventory, failures: dict[str, str]
) -> list[FolderPair]:
    """Return the folders of the plan; one that can not be named on the target goes into ``failures``."""
    by_name: dict[str, Folder] = {}
    for folder in there.folders:
        if by_name.setdefault(folder.name, folder) is not folder:
            failures[folder.name] = (
                f"the source has two folders of this name ({by_name[folder.name].raw!r} and "
                f"{folder.raw!r}); only the first is copied: rename one"
            )
    at_target = {folder.name: folder for folder in here.folders}
    pairs = []
    for mapping in plan.mappings:
        existing = at_target.get(mapping.target)
        try:
            raw = existing.raw if existing else encode(mapping.target, NameEncoding.MODIFIED_UTF7)
        except SwitchoverError as error:
            failures[mapping.source] = str(error)
            continue
        pairs.append(
            FolderPair(
                folder=by_name[mapping.source],
                mapping=mapping,
                target_raw=raw,
                target_status=existing.status if existing else None,
            )
        )
    return pairs
