"""A folder of the source on its way to a name on the target, and what may change the name. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from switchover.move.folder_name import Path


class Reason(StrEnum):
    """Why a target name is what it is; no reason means that the name is the same."""

    OVERRIDE = "as you asked"
    PARENT = "its parent got this name"
    INBOX = "every mailbox has one INBOX, in capitals"
    SEPARATOR = "the servers separate levels by different characters"
    PREFIX = "the servers keep personal folders under different prefixes"
    SPECIAL_USE = "the target already has a folder for this use"
    LETTERS = "the target has this name in other letters"
    CHARACTERS = "the target does not take some characters of the name"
    REMEMBERED = "as in the runs before"
    TAKEN = "another folder has this name"


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceFolder:
    """A name that the source lists, or only has among its subscriptions.

    ``separator`` is None for a flat server (NIL); ``is_selectable`` False for a name that holds no
    mails.
    """

    name: str
    separator: str | None
    is_selectable: bool = True
    is_subscribed: bool = False
    special_use: frozenset[str] = frozenset()


@dataclass(slots=True, kw_only=True, eq=False)
class Draft:
    """A folder on its way through the decisions; ``path`` becomes the one on the target."""

    folder: SourceFolder
    source_path: Path
    path: Path
    reasons: list[Reason] = field(default_factory=list)

    @property
    def is_decided(self) -> bool:
        """True when no name of its own is to be found for it any more."""
        return not _DECIDED.isdisjoint(self.reasons)


_DECIDED = frozenset({Reason.OVERRIDE, Reason.REMEMBERED, Reason.PARENT, Reason.SPECIAL_USE})
