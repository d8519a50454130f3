"""Source and target must be two mailboxes; names alone do not tell."""

from __future__ import annotations

from typing import TYPE_CHECKING

from switchover.errors import Conflict
from switchover.move.likeness import Mark, look_like_one

if TYPE_CHECKING:
    from collections.abc import Mapping

    from switchover.move.queries import CopyFolder
    from switchover.move.work.copying import CopyOrder
    from switchover.move.work.inventory import Inventory


def require_two(
    order: CopyOrder, known: Mapping[bytes, CopyFolder], there: Inventory, here: Inventory
) -> None:
    """Raise Conflict when both sides look like one mailbox and nothing was copied between them before."""
    was_copied = any(folder.target_uid_validity for folder in known.values())
    if order.is_two_mailboxes or was_copied or not look_like_one(_marks(there), _marks(here)):
        return
    raise Conflict(
        f"{order.source.target.host} and {order.target.target.host} seem to be one server by two names: all "
        "folders of both mailboxes are the same, and nothing was written; if they are two (a replica that "
        "keeps UIDs), say --not-same-mailbox"
    )


def _marks(inventory: Inventory) -> list[Mark]:
    return [
        Mark(
            one.name,
            one.status.uid_validity or 0,
            one.status.uid_next or 0,
            one.status.messages or 0,
        )
        for one in inventory.folders
        if one.status is not None
    ]
