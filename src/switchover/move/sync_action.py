"""What can be done to a target folder, as values, and the order in which it may be done. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, TypeAlias

from switchover.move.moves import MoveOnTarget

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from switchover.move.flags import FlagSet
    from switchover.move.segment import Skip

Uids: TypeAlias = tuple[int, ...]


class Side(StrEnum):
    """One end of the copy."""

    SOURCE = "source"
    TARGET = "target"


class FlagChange(StrEnum):
    """How flags are changed (RFC 9051 section 6.4.6)."""

    SET = "FLAGS.SILENT"
    ADD = "+FLAGS.SILENT"
    REMOVE = "-FLAGS.SILENT"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reconcile:
    """Find out what became of batches in doubt; only then can the folder be planned."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PairAgain:
    """UIDs of a side mean other mails now (UIDVALIDITY changed): pair by digest, then plan."""

    side: Side


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaveOut:
    """Do not send these, and write a *skipped* row."""

    skips: Mapping[int, Skip]


@dataclass(frozen=True, slots=True, kw_only=True)
class Append:
    """Copy these source UIDs in one command; ``size_bytes`` is their sum, 0 where sizes are not known."""

    source_uids: Uids
    size_bytes: int

    @property
    def is_alone(self) -> bool:
        """True for a single mail, which may be of any size and is streamed."""
        return len(self.source_uids) == 1


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreFlags:
    """Change the flags of target UIDs."""

    target_uids: Uids
    change: FlagChange
    flags: FlagSet


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordFlags:
    """Write a *reflagged* row once the ``StoreFlags`` of the folder are acknowledged."""

    changes: Mapping[int, FlagSet]


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordVanished:
    """Write a *vanished* row: the source has these no more, the target keeps its copies."""

    source_uids: Uids


@dataclass(frozen=True, slots=True, kw_only=True)
class Forget:
    """Write a *removed* row: skipped mails that the source has no more."""

    source_uids: Uids


@dataclass(frozen=True, slots=True, kw_only=True)
class Delete:
    """Delete target UIDs (by UID EXPUNGE, never a plain one), then write a *removed* row for the source UIDs.

    There are more target UIDs than source UIDs where mails go that are none of ours.
    """

    target_uids: Uids
    source_uids: Uids


Action: TypeAlias = (
    Reconcile
    | PairAgain
    | LeaveOut
    | MoveOnTarget
    | Append
    | StoreFlags
    | RecordFlags
    | RecordVanished
    | Forget
    | Delete
)

PHASES: dict[type[Action], int] = {
    Reconcile: 0,
    PairAgain: 0,
    LeaveOut: 1,
    MoveOnTarget: 2,
    Append: 3,
    StoreFlags: 4,
    RecordFlags: 5,
    # A vanished mail may have been moved to another folder: its copy goes only when every folder has its new mails.
    RecordVanished: 6,
    Forget: 6,
    Delete: 7,
}


def in_order(actions: Iterable[tuple[str, Action]]) -> list[tuple[str, Action]]:
    """Return the actions of all folders (each with its folder) in the order in which they may be done.

    Folders may be worked on beside each other within a phase; what comes earlier in one folder
    stays earlier.
    """
    return sorted(actions, key=lambda one: PHASES[type(one[1])])
