"""Which folder gets which name on the target, by everything that is known before and learned on the way.

The names of the runs before hold where their folders are there still. What CREATE refuses teaches which
characters the target does not take; then the folders in question get other names.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Self

from switchover.errors import InvalidInput
from switchover.move.folder_plan import ProblemKind, plan_folders
from switchover.move.name_learning import (
    accepted_names,
    held_names,
    remembered_names,
    suspected_characters,
)
from switchover.move.work.folder_facts import source_folder, target_facts
from switchover.move.work.mailbox import open_commands, read_openings
from switchover.move.work.preparing import (
    create_and,
    create_folders,
    mend_subscriptions,
    subscribe_command,
    subscriptions,
)
from switchover.wire.imap.mailbox_name import NameEncoding, decode
from switchover.wire.imap.quirks import Quirk

if TYPE_CHECKING:
    from collections.abc import Collection, Container, Mapping, Sequence

    from switchover.move.folder_draft import SourceFolder
    from switchover.move.folder_name import TargetFacts
    from switchover.move.folder_plan import Choice, FolderMapping, FolderPlan
    from switchover.move.queries import CopyFolder
    from switchover.move.work.inventory import Inventory
    from switchover.move.work.mailbox import Opened
    from switchover.move.work.report import CopyReport
    from switchover.wire.imap.quirks import Profile
    from switchover.wire.imap.shell import Connection

_EXTRA_ROUNDS = 2
_NAMES_SHOWN = 20


def label_notes(plan: FolderPlan, there: Inventory, source: Profile) -> list[str]:
    r"""Return what a person should know of a source whose folders are labels: the same mail is in several."""
    if Quirk.LABELS_ARE_FOLDERS not in source.quirks or len(plan.mappings) < 2:
        return []
    every = {one.name for one in there.folders if "\\All" in one.special_use}
    return [
        f"{one.source} shows every mail once more that has a label, and all archived mails: each arrives as "
        f"often as it has labels, and once in {one.target}; with --folder {one.source!r} each comes once, "
        f"without labels; with --exclude {one.source!r} mails without a label stay behind"
        for one in plan.mappings
        if one.source in every
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class Naming:
    """Everything that decides names, and the plan that comes of it; ``prefix`` is the source's."""

    sources: tuple[SourceFolder, ...]
    facts: TargetFacts
    prefix: str
    choice: Choice
    plan: FolderPlan

    @classmethod
    def begin(
        cls,
        sides: tuple[Inventory, Inventory],
        facts: TargetFacts,
        choice: Choice,
        known: Mapping[bytes, CopyFolder],
    ) -> Self:
        """Return the plan before anything is written; ``known`` are the folders of the ledger."""
        there, here = sides
        sources, prefix = tuple(map(source_folder, there.folders)), there.prefix
        plan = plan_folders(sources, facts, source_prefix=prefix, choice=choice)
        before = {
            decode(raw, NameEncoding.MODIFIED_UTF7): decode(
                one.target_name, NameEncoding.MODIFIED_UTF7
            )
            for raw, one in known.items()
        }
        usable = {one.name for one in here.folders if one.is_selectable}
        names = remembered_names(plan, before, usable)
        held = held_names(plan, before, usable, [one.name for one in sources])
        if names or held:
            choice = replace(choice, remembered=names, held=held)
            plan = plan_folders(sources, facts, source_prefix=prefix, choice=choice)
        return cls(sources=sources, facts=facts, prefix=prefix, choice=choice, plan=plan)

    def learning(self, refused: Collection[str]) -> Self | None:
        """Return the naming after CREATE was refused for these source folders, None if that teaches nothing.

        All others keep their names, in the plan too.
        """
        paths = {one.source: self.facts.path_of(one.target) for one in self.plan.mappings}
        there = [self.facts.path_of(one.name) for one in self.facts.folders]
        taken = [path for name, path in paths.items() if name not in refused]
        suspects = suspected_characters((paths[name] for name in refused), (*there, *taken))
        if not suspects:
            return None
        facts = replace(self.facts, forbidden=self.facts.forbidden + suspects)
        remembered = {**self.choice.remembered, **accepted_names(self.plan, refused)}
        choice = replace(self.choice, remembered=remembered)
        plan = plan_folders(self.sources, facts, source_prefix=self.prefix, choice=choice)
        before = {one.source: one for one in self.plan.mappings if one.source not in refused}
        mappings = tuple(before.get(one.source, one) for one in plan.mappings)
        return replace(self, facts=facts, choice=choice, plan=replace(plan, mappings=mappings))

    def plan_for(self, there: Container[str]) -> FolderPlan:
        """Return the plan as it became when the target refused what it has not."""
        naming = self
        for _ in range(_EXTRA_ROUNDS):
            missing = {one.source for one in naming.plan.mappings if one.target not in there}
            learned = naming.learning(missing) if missing else None
            if learned is None:
                break
            naming = learned
        return naming.plan

    def other_than(self, earlier: Naming) -> list[FolderMapping]:
        """Return what has another name than by an earlier plan."""
        names = {one.source: one.target for one in earlier.plan.mappings}
        return [one for one in self.plan.mappings if one.target != names.get(one.source)]


def plan_names(
    sides: tuple[Inventory, Inventory],
    target: Connection,
    choice: Choice,
    known: Mapping[bytes, CopyFolder],
) -> Naming:
    """Return the names for a copy between two inventories, source first; raises as ``require_chosen``."""
    naming = Naming.begin(sides, target_facts(sides[1], target), choice, known)
    require_chosen(naming.plan, choice, [one.name for one in naming.sources])
    return naming


def require_chosen(plan: FolderPlan, choice: Choice, names: Sequence[str]) -> None:
    """Raise InvalidInput when a folder of ``--folder`` is not among these of the source.

    A pattern may match nothing, as one list serves many mailboxes, but not all that was asked for.
    """
    wrong = [
        pattern
        for one in plan.problems
        if one.kind is ProblemKind.UNMATCHED
        for pattern in one.sources
        if pattern in choice.folders and not (plan.mappings and set(pattern) & set("*?["))
    ]
    if wrong:
        listed = sorted(names)
        few = ", ".join(listed[:_NAMES_SHOWN])
        more = f" and {len(listed) - _NAMES_SHOWN:,} more" if len(listed) > _NAMES_SHOWN else ""
        raise InvalidInput(
            f"--folder: no folder is called {' or '.join(wrong)} on the source; it has: {few}{more}"
        )


async def prepare_target(
    target: Connection, naming: Naming, report: CopyReport, opening: Sequence[bytes] = ()
) -> tuple[set[str], dict[bytes, Opened]]:
    """Create what is missing, subscribe as the source is, and return the source folders that have no place.

    With them comes what the folders in ``opening``, which are opened behind that, say of themselves. The
    report gets the plan by which it was done. Each refusal is a failure of that folder alone.
    """
    naming = replace(naming, plan=report.plan)  # renames may have made folders by now
    # Most often nothing is refused: then one round trip does all of it.
    early = subscriptions(naming.plan.mappings, naming.plan.subscriptions)
    refusals, answers = await create_and(
        target, naming.plan.mappings, report,
        [*(subscribe_command(name) for name in early), *open_commands(target, opening)],
    )  # fmt: skip
    subscribed = dict(zip(early, answers, strict=False))
    renamed: set[str] = set()
    for _ in range(_EXTRA_ROUNDS):
        doubtful = {name for name, one in refusals.items() if one.may_be_name}
        learned = naming.learning(doubtful) if doubtful else None
        if learned is None:
            break
        again = learned.other_than(naming)
        naming = learned
        renamed |= {one.source for one in again}
        # What has got another name is tried again; what can not have one is a problem of the plan.
        kept = {one.source for one in naming.plan.mappings} - {one.source for one in again}
        refusals = {name: one for name, one in refusals.items() if name in kept}
        refusals |= await create_folders(target, again, report)
    report.plan = naming.plan
    report.failures |= {name: one.sentence for name, one in refusals.items()}
    placed = [one for one in naming.plan.mappings if one.source not in refusals]
    report.notes += [
        f"{one.source} is called {one.target!r} on the target: {'; '.join(one.reasons)}"
        for one in placed
        if one.source in renamed
    ]
    await mend_subscriptions(
        target, subscriptions(placed, naming.plan.subscriptions), subscribed, report
    )
    return set(refusals), read_openings(opening, answers[len(early) :])
