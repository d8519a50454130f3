"""What a copy did, for the person who ordered it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from switchover.move.work.isolation import Suspects
from switchover.wire.imap.failure import Retry

if TYPE_CHECKING:
    from switchover.move.adoption import Adoption
    from switchover.move.folder_plan import FolderPlan
    from switchover.move.segment import Skip
    from switchover.move.selection import NotWanted
    from switchover.move.standing import State
    from switchover.move.work.forecast import Forecast
    from switchover.move.work.outbox import FolderRefused
    from switchover.move.work.redated import RedatedMail
    from switchover.move.work.skipped import SkippedMail


@dataclass(slots=True, kw_only=True)
class FolderResult:
    """What was done with one folder; ``skips`` are named by source UID."""

    name: str
    copied: int = 0
    copied_bytes: int = 0
    found: int = 0
    paired: int = 0
    """Mails known again after a side gave new UIDs."""
    reflagged: int = 0
    deleted: int = 0
    marked: int = 0
    """Mails that are only marked as deleted, because the server can not remove single ones."""
    vanished: int = 0
    moved: int = 0
    """Mails that the target had in another folder and did not need again."""
    adopted: int = 0
    """Mails that another tool had put there before our first run."""
    adopted_redated: int = 0
    """Those of them with another date than on the source."""
    known: int = 0
    listed: int = 0
    seconds: float = 0.0
    unread: int = 0
    """Mails that the source listed and then did not show: gone, or looked for again at the next run."""
    breaks: dict[int, int] = field(default_factory=dict)
    """How often a connection broke in the middle of a mail, by UID."""
    suspects: Suspects = field(default_factory=Suspects)
    was_refused: bool = False
    """The target took none of many mails before; at the second time the folder is left."""
    copy_breaks: dict[int, int] = field(default_factory=dict)
    """The same for mails of the target, which are read where that is the only proof."""
    adoption: Adoption | None = None
    """What was found out before a connection broke, for the next try."""
    target_state: State | None = None
    """What the target folder must show if nobody but us was at work there."""
    skips: dict[int, Skip] = field(default_factory=dict)
    unlisted: str = ""
    """What to tell of mails that a side lists in no way that can be read; nothing is deleted there then."""
    redated: dict[int, int] = field(default_factory=dict)
    """Dates that the target refuses, by source UID: their mails were copied with another."""
    undated: dict[int, int] = field(default_factory=dict)
    """Dates (UTC seconds) given to mails of which the source names none that can be read, by source UID."""
    not_wanted: dict[int, NotWanted] = field(default_factory=dict)

    def note_known(self, mails: int) -> None:
        """Take how many mails the ledger has: what this run brought, in a try before too, was not there before."""
        ours = self.copied + self.found + self.adopted + self.moved
        self.known = max(0, mails - ours)

    def note_refused(self, error: FolderRefused) -> None:
        """Make it final when it comes for the second time."""
        if self.was_refused:
            error.retry = Retry.NEVER
        self.was_refused = True

    @property
    def progress(self) -> int:
        """A number that grows with every mail whose fate is settled, or nearly."""
        nearly = self.suspects.narrowed + len(self.suspects.isolated)
        tried = self.adoption.count if self.adoption else self.adopted
        return self.copied + self.found + len(self.skips) + tried + nearly


@dataclass(slots=True, kw_only=True)
class CopyReport:
    """What was done. ``failures`` are folders that could not be finished, each with its sentence.

    ``notes`` are sentences about what is not as on the source although every mail is: subscriptions,
    rights and annotations that the target refused. ``unchanged`` folders were not opened.
    ``refused`` are failures that another run will meet too. ``skipped`` are all mails that stay behind,
    whenever that was found. ``forecasts`` are what a dry run found out.
    ``redated`` are mails that this run copied with another date than theirs: the target refuses it, or the source
    names none.
    ``connections`` were opened on both sides together, ``retries`` are tries after a connection was lost
    or a server said "not now", ``waited_seconds`` what lanes spent between them.
    """

    plan: FolderPlan
    folders: list[FolderResult] = field(default_factory=list)
    unchanged: int = 0
    created: list[str] = field(default_factory=list)
    renamed: dict[str, str] = field(default_factory=dict)
    failures: dict[str, str] = field(default_factory=dict)
    refused: set[str] = field(default_factory=set)
    skipped: list[SkippedMail] = field(default_factory=list)
    redated: list[RedatedMail] = field(default_factory=list)
    forecasts: list[Forecast] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    rights_set: int = 0
    annotations_set: int = 0
    seconds: float = 0.0
    connections: int = 0
    lanes: int = 0
    retries: int = 0
    waited_seconds: float = 0.0

    @property
    def is_complete(self) -> bool:
        """True when nothing is left to do."""
        return not (self.failures or self.plan.problems or self.behind)

    @property
    def behind(self) -> list[SkippedMail]:
        """Those of the skipped mails that did not come over, and that nobody deleted there since."""
        return [one for one in self.skipped if one.is_behind]

    @property
    def copied(self) -> int:
        """Mails copied."""
        return sum(one.copied for one in self.folders)

    @property
    def copied_bytes(self) -> int:
        """Their bytes."""
        return sum(one.copied_bytes for one in self.folders)

    @property
    def mails_per_second(self) -> float:
        """Mails copied in a second of the whole run."""
        return self.copied / self.seconds if self.seconds else 0.0
