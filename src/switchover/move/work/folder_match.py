"""Which folder is to be compared with which, and what differs about the folders themselves. No I/O.

A folder that was copied is compared with the one that the ledger names; any other with the one that
copying would take, or would have taken when the target refused its name.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from switchover.errors import InvalidInput
from switchover.move.difference import Difference, DifferenceKind
from switchover.move.folder_plan import CREATABLE_USES, ProblemKind, WhyLeftOut, plan_folders
from switchover.move.proof import compare_subscriptions
from switchover.move.work.folder_facts import source_folder
from switchover.move.work.planning import Naming

if TYPE_CHECKING:
    from collections.abc import Mapping

    from switchover.move.folder_name import TargetFacts
    from switchover.move.folder_plan import Choice, FolderPlan
    from switchover.move.queries import CopyFolder
    from switchover.move.work.inventory import Folder, Inventory

_VIRTUAL_USES = frozenset({"\\All", "\\Flagged", "\\Important"})
_OWN_USE = "it is empty, and the target has it for a use of its own"
_PARENT = "it is empty: on the source the name only holds other folders"
_NO_WISH = "the target lets its users give no special uses"


@dataclass(frozen=True, slots=True, kw_only=True)
class FolderMatch:
    """Two folders to compare, None for the side that has none; ``hint`` is why, where that is known."""

    name: str
    source: Folder | None
    target: Folder | None
    target_name: str = ""
    known: CopyFolder | None = None
    hint: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Matching:
    """What is to be compared, what is not and why, and what differs already."""

    matches: tuple[FolderMatch, ...]
    left_out: Mapping[str, str]
    differences: tuple[Difference, ...]


def match_folders(
    there: Inventory,
    here: Inventory,
    *,
    choice: Choice,
    known: Mapping[bytes, CopyFolder],
    facts: TargetFacts,
) -> Matching:
    """Return the matching of two inventories; InvalidInput for a choice that no folder meets."""
    work = _Work(there, here, choice, known, facts)
    for problem in work.plan.problems:
        if problem.kind is ProblemKind.UNMATCHED:
            raise InvalidInput(f"{problem.message} ({problem.hint})")
    matches = work.matches()
    compared = [one for one in matches if one.source is not None]
    return Matching(
        matches=(*matches, *work.extras()),
        left_out={
            name: str(why)
            for name, why in work.plan.left_out.items()
            if why is not WhyLeftOut.NO_MAILBOX
        }
        | work.virtual,
        differences=(
            *work.subscriptions(compared),
            *(one for match in compared for one in _uses(match, facts)),
        ),
    )


@dataclass(slots=True)
class _Work:
    """``partners`` are the target's folders by the names of the source's, chosen or not."""

    there: Inventory
    here: Inventory
    choice: Choice
    known: Mapping[bytes, CopyFolder]
    facts: TargetFacts
    plan: FolderPlan = field(init=False)
    whole: FolderPlan = field(init=False)
    partners: dict[str, Folder] = field(default_factory=dict)
    virtual: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        sources = [source_folder(folder) for folder in self.there.folders]
        # Nothing counts as subscribed: then the plan names all that should be.
        bare = tuple(replace(one, is_subscribed=False) for one in self.facts.folders)
        facts, prefix = replace(self.facts, folders=bare), self.there.prefix
        self.plan = plan_folders(sources, facts, source_prefix=prefix, choice=self.choice)
        everything = replace(self.choice, folders=(), excluded=(), virtual_uses=frozenset())
        naming = Naming.begin((self.there, self.here), facts, everything, self.known)
        self.whole = naming.plan
        self._find_partners(naming)

    def _find_partners(self, naming: Naming) -> None:
        usable = [folder for folder in self.here.folders if folder.is_selectable]
        by_raw = {_key(folder.raw): folder for folder in usable}
        by_name = {folder.name: folder for folder in usable}
        for one in naming.plan_for(by_name).mappings:
            if one.target in by_name:
                self.partners[one.source] = by_name[one.target]
        for folder in self.there.folders:
            known = self.known.get(folder.raw)
            if known is not None and _key(known.target_name) in by_raw:
                self.partners[folder.name] = by_raw[_key(known.target_name)]

    def matches(self) -> list[FolderMatch]:
        """Return the chosen folders with their partners."""
        problems = {name: one.message for one in self.whole.problems for name in one.sources}
        planned = {one.source: one.target for one in self.whole.mappings}
        found = []
        for folder in self.there.folders:
            if folder.name in self.plan.left_out:
                continue
            target = self.partners.get(folder.name)
            found.append(
                FolderMatch(
                    name=folder.name,
                    source=folder,
                    target=target,
                    target_name=target.name if target else planned.get(folder.name, ""),
                    known=self.known.get(folder.raw),
                    hint="" if target else problems.get(folder.name, ""),
                )
            )
        return found

    def extras(self) -> list[FolderMatch]:
        """Return the folders that only the target has; with a choice of folders that is no question."""
        if self.choice.folders:
            return []
        expected = {_key(partner.raw) for partner in self.partners.values()}
        found = []
        for folder in self.here.folders:
            if not folder.is_selectable or _key(folder.raw) in expected:
                continue
            if folder.special_use & _VIRTUAL_USES:
                self.virtual[folder.name] = str(WhyLeftOut.VIRTUAL)
                continue
            found.append(
                FolderMatch(
                    name=folder.name, source=None, target=folder, target_name=folder.name,
                    hint=self._why_extra(folder) if _messages(folder) == 0 else "",
                )
            )  # fmt: skip
        return found

    def _why_extra(self, folder: Folder) -> str:
        """Return why an empty folder of the target alone is none of the copy's making, or ""."""
        if folder.special_use:
            return _OWN_USE
        below = folder.name + (folder.separator or "/")
        is_parent = any(one.name.startswith(below) for one in self.partners.values())
        is_name = any(
            one.name == folder.name and not one.is_selectable for one in self.there.folders
        )
        return _PARENT if is_parent or is_name else ""

    def subscriptions(self, compared: list[FolderMatch]) -> list[Difference]:
        """Return what differs in subscriptions of what is compared, and of bare names without a choice."""
        own_name = {_key(partner.raw): name for name, partner in self.partners.items()}
        chosen = {one.name for one in compared}
        wanted = {
            one.name for one in compared if one.source is not None and one.source.is_subscribed
        }
        found = {
            own_name.get(_key(folder.raw), folder.name)
            for folder in self.here.folders
            if folder.is_subscribed
        }
        if self.choice.folders or self.choice.excluded:
            return compare_subscriptions(wanted, found & chosen)
        # Names without mails are in no mapping: both sides have them as the target writes them.
        wanted |= set(self.plan.subscriptions)
        return compare_subscriptions(wanted, found - self._not_compared())

    def _not_compared(self) -> set[str]:
        left_out = self.plan.left_out.items()
        return {name for name, why in left_out if why is not WhyLeftOut.NO_MAILBOX}


def _uses(match: FolderMatch, facts: TargetFacts) -> list[Difference]:
    if match.source is None or match.target is None:
        return []
    wanted = match.source.special_use & CREATABLE_USES
    found = match.target.special_use & CREATABLE_USES
    if wanted <= found:
        return []
    return [
        Difference(
            kind=DifferenceKind.SPECIAL_USE,
            folder=match.name,
            source=" ".join(sorted(wanted)),
            target=" ".join(sorted(found)),
            explanation="" if facts.creates_special_use else _NO_WISH,
        )
    ]


def _messages(folder: Folder) -> int | None:
    return None if folder.status is None else folder.status.messages


def _key(raw: bytes) -> bytes:
    return b"INBOX" if raw.upper() == b"INBOX" else raw
