"""What an inventory tells the planning of folders, for both sides."""

from __future__ import annotations

from typing import TYPE_CHECKING

from switchover.move.folder_draft import SourceFolder
from switchover.move.folder_name import TargetFacts, TargetFolder
from switchover.wire.imap import commands
from switchover.wire.imap.quirks import Quirk
from switchover.wire.imap.responses import MailboxStatus

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


async def ask_append_limit(target: Connection, raw: bytes) -> int:
    """Return how many bytes a mail in this folder may have, 0 for no limit of its own (RFC 7889).

    Before the folder is open: STATUS is not for the one that is.
    """
    if "APPENDLIMIT" not in target.conversation.capabilities:  # with a number it is the server's
        return 0
    asked = commands.status(raw, (commands.StatusItem.APPEND_LIMIT,))
    request = await target.wait(await target.send(asked))
    told = [one for one in request.responses if isinstance(one, MailboxStatus)]
    return max((one.append_limit or 0 for one in told), default=0)
