"""What a copy did, for the person who ordered it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from switchover.move.folder_plan import FolderPlan
    from switchover.move.work.folder import FolderResult
    from switchover.move.work.forecast import Forecast
    from switchover.move.work.redated import RedatedMail
    from switchover.move.work.skipped import SkippedMail


@dataclass(slots=True, kw_only=True)
class CopyReport:
    """What was done. ``failures`` are folders that could not be finished, each with its sentence.

    ``notes`` are sentences about what is not as on the source although every mail is: subscriptions,
    rights and annotations that the target refused. ``unchanged`` folders were not opened.
    ``refused`` are failures that another run will meet too. ``skipped`` are all mails that stay behind,
    whenever that was found. ``forecasts`` are what a dry run found out.
    ``redated`` are mails that this run copied with another date than theirs, because the target refuses that.
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
        return not (self.failures or self.plan.problems or self.skipped)

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
