"""What an inventory tells the planning of folders, for both sides."""

from __future__ import annotations

from typing import TYPE_CHECKING

from switchover.move.folder_draft import SourceFolder
from switchover.move.folder_name import TargetFacts, TargetFolder
from switchover.wire.imap.quirks import Quirk

if TYPE_CHECKING:
    from switchover.move.work.inventory import Folder, Inventory
    from switchover.wire.imap.shell import Connection


def source_folder(folder: Folder) -> SourceFolder:
    """Return a folder of the source as the plan takes it."""
    return SourceFolder(
        name=folder.name,
        separator=folder.separator,
        is_selectable=folder.is_selectable,
        is_subscribed=folder.is_subscribed,
        special_use=folder.special_use,
    )


def target_facts(inventory: Inventory, target: Connection) -> TargetFacts:
    """Return what the target has, and what its profile says of names."""
    profile = target.conversation.profile
    return TargetFacts(
        separator=inventory.separator,
        prefix=inventory.prefix,
        folders=tuple(
            TargetFolder(
                name=one.name,
                is_selectable=one.is_selectable,
                is_subscribed=one.is_subscribed,
                special_use=one.special_use,
            )
            for one in inventory.folders
        ),
        is_case_sensitive=Quirk.NAMES_WITHOUT_CASE not in profile.quirks,
        forbidden=profile.forbidden_in_names,
        forbidden_first=profile.forbidden_first,
        composes_unicode=profile.composes_unicode,
        longest_name=profile.longest_name or 0,
        longest_level=profile.longest_level or 0,
        deepest=profile.deepest or 0,
        is_blank_tidy=Quirk.NAMES_WITHOUT_OUTER_BLANKS in profile.quirks,
        reserved=frozenset(name.lower() for name in profile.reserved_names),
        creates_special_use="CREATE-SPECIAL-USE" in target.conversation.capabilities,
    )
