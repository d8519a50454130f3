"""Whether two mailboxes are one that was named twice, as far as their folders can tell. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Collection


class Mark(NamedTuple):
    """What a server says of a folder that another mailbox would hardly say too."""

    name: str
    uid_validity: int
    uid_next: int
    messages: int


def look_like_one(source: Collection[Mark], target: Collection[Mark]) -> bool:
    """True when all folders have the same names and UIDVALIDITYs, and most that hold mails the same UIDs.

    Not all of them: mail may arrive between the two looks. Mailboxes without a mail never look alike, and
    a replica that keeps UIDs always does.
    """
    ours = {mark.name: mark for mark in source}
    theirs = {mark.name: mark for mark in target}
    filled = [mark for mark in ours.values() if mark.messages]
    if ours.keys() != theirs.keys() or not filled:
        return False
    if any(mark.uid_validity != theirs[mark.name].uid_validity for mark in ours.values()):
        return False
    same = sum(mark.uid_next == theirs[mark.name].uid_next for mark in filled)
    return bool(same) and same * 2 >= len(filled)
