"""Which folder of the target takes the mails of which folder of the source. Pure.

Everything is decided, and everything that can not work is found, before the first write: the plan
is what a dry run shows. What changes a name is told by a ``Reason``. A folder that can not be
carried over is a ``FolderProblem`` and stands in no mapping; the caller decides whether the rest
may run.

Order of decision for one folder: the user's word, the name of the runs before, the target's folder for
the same special use (RFC 6154) if that is no guess, else its own name as the target can take it, in
letters that are there already, with a number where another folder has that name.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from enum import StrEnum
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from switchover.move.folder_draft import Draft, Reason, SourceFolder
from switchover.move.folder_name import INBOX, NameFault, Path, TargetFacts, TargetFolder, path_of
from switchover.move.name_collisions import number_collisions

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

CREATABLE_USES = frozenset({"\\Archive", "\\Drafts", "\\Junk", "\\Sent", "\\Trash"})
"""Special uses that mean a real folder; the others present mails of other folders."""

_HINT = "give it another name with --map SOURCE=TARGET, or leave it out with --exclude"


class WhyLeftOut(StrEnum):
    """Why a source folder is not copied."""

    NOT_CHOSEN = "not chosen by --folder"
    EXCLUDED = "excluded"
    NO_MAILBOX = "a name that holds no mails itself"
    VIRTUAL = "presents mails of other folders"


class ProblemKind(StrEnum):
    """Why a source folder can not be carried over, or a wish not be met."""

    COLLISION = "collision"
    NAME = "name"
    OVERRIDE = "override"
    UNMATCHED = "matches nothing"


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    r"""What the user asked for.

    ``folders`` and ``excluded`` are names or globs (``*`` crosses levels), compared with the
    source's name as it stands and with its levels joined by ``/``; no ``folders`` means all.
    ``overrides`` maps source names to full target names and takes the children along; so does
    ``remembered``, with the names of the runs before, where the user has not said otherwise.
    ``held`` are target names that the runs before gave to folders that this one leaves out.
    ``virtual_uses`` are uses whose folders are left out; ``\All`` is not among them, because on
    Gmail it holds the only copy of archived mails.
    """

    folders: tuple[str, ...] = ()
    excluded: tuple[str, ...] = ()
    overrides: Mapping[str, str] = field(default_factory=dict)
    remembered: Mapping[str, str] = field(default_factory=dict)
    held: frozenset[str] = frozenset()
    virtual_uses: frozenset[str] = frozenset({"\\Flagged", "\\Important"})
    replacement: str = "_"


@dataclass(frozen=True, slots=True, kw_only=True)
class FolderMapping:
    """Where the mails of one folder go. ``create_use`` is the special use to CREATE it with, if any."""

    source: str
    target: str
    reasons: tuple[Reason, ...] = ()
    is_new: bool = False
    create_use: str | None = None
    needs_subscription: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class FolderProblem:
    """What can not be done, in a sentence, with the source folders (or the pattern) that it is about."""

    kind: ProblemKind
    sources: tuple[str, ...]
    message: str
    hint: str
    fault: NameFault | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FolderPlan:
    """The mapping in the order of creation: INBOX first, parents before their children.

    Parents that hold no mails are not in it: the target makes them by itself, as the source has
    them. ``subscriptions`` are target names to subscribe that have no mapping: they hold no mails.
    """

    mappings: tuple[FolderMapping, ...]
    left_out: Mapping[str, WhyLeftOut]
    problems: tuple[FolderProblem, ...]
    subscriptions: tuple[str, ...] = ()


def plan_folders(
    source: Sequence[SourceFolder],
    target: TargetFacts,
    *,
    source_prefix: str = "",
    choice: Choice | None = None,
) -> FolderPlan:
    """Return the mapping of a whole mailbox; ``source_prefix`` is that of the source's namespace."""
    planner = _Planner(target, choice or Choice(), source_prefix)
    planner.choose(source)
    planner.name_by_override()
    planner.name_by_use()
    planner.name_by_target()
    number_collisions(planner.drafts, target, planner.choice.held)
    drafts = planner.without_collisions([one for one in planner.drafts if planner.is_possible(one)])
    return FolderPlan(
        mappings=tuple(planner.mappings(drafts)),
        left_out=planner.left_out,
        problems=tuple(planner.problems),
        subscriptions=tuple(planner.bare_subscriptions()),
    )


class _Planner:
    """The decisions one after the other; problems are gathered, nothing is raised."""

    def __init__(self, target: TargetFacts, choice: Choice, source_prefix: str) -> None:
        self.target = target
        self.choice = choice
        self.source_prefix = source_prefix
        self.existing = {target.folded(target.path_of(one.name)): one for one in target.folders}
        self.homes = _homes(target.folders)
        self.drafts: list[Draft] = []
        self.bare: list[Draft] = []
        self.overrides: dict[Path, Path] = {}
        self.remembered: dict[Path, Path] = {}
        self.left_out: dict[str, WhyLeftOut] = {}
        self.problems: list[FolderProblem] = []

    def choose(self, source: Iterable[SourceFolder]) -> None:
        """Split the source's folders into those to copy and those left out."""
        # An exclusion that matches nothing does no harm: one list serves many mailboxes.
        unmatched = {*self.choice.folders, *self.choice.overrides}
        for folder in {one.name: one for one in source}.values():
            path = path_of(folder.name, folder.separator, self.source_prefix)
            unmatched -= {one for one in self.choice.folders if _matches(one, folder.name, path)}
            for name in {folder.name, "/".join(path)} & self.choice.overrides.keys():
                self.overrides[path] = self.target.path_of(self.choice.overrides[name])
                unmatched.discard(name)
            if before := self.choice.remembered.get(folder.name):
                self.remembered[path] = self.target.path_of(before)
            self._place(Draft(folder=folder, source_path=path, path=path))
        self.problems += [
            FolderProblem(
                kind=ProblemKind.UNMATCHED,
                sources=(pattern,),
                message=f"no folder of the source is called {pattern!r}",
                hint="--dry-run shows the names; patterns know *, ? and [...]",
            )
            for pattern in sorted(unmatched)
        ]

    def _place(self, draft: Draft) -> None:
        why = self._why_left_out(draft.folder, draft.source_path)
        if why is None:
            self.drafts.append(draft)
            return
        self.left_out[draft.folder.name] = why
        if why is WhyLeftOut.NO_MAILBOX and draft.folder.is_subscribed:
            self.bare.append(draft)

    def _why_left_out(self, folder: SourceFolder, path: Path) -> WhyLeftOut | None:
        chosen = self.choice.folders
        if chosen and not any(_matches(one, folder.name, path) for one in chosen):
            return WhyLeftOut.NOT_CHOSEN
        if any(_matches(one, folder.name, path) for one in self.choice.excluded):
            return WhyLeftOut.EXCLUDED
        if not folder.is_selectable:
            return WhyLeftOut.NO_MAILBOX
        if folder.special_use & self.choice.virtual_uses and folder.name not in chosen:
            return WhyLeftOut.VIRTUAL
        return None

    def name_by_override(self) -> None:
        """Apply the user's names and those of the runs before; of several parents the nearest counts."""
        if not self.overrides and not self.remembered:
            return
        for draft in (*self.drafts, *self.bare):
            if self._take_given(draft, self.overrides, Reason.OVERRIDE):
                continue
            own = self.remembered.keys() & {draft.source_path}
            if own or self._folded_name(draft) not in self.existing:
                self._take_given(draft, self.remembered, Reason.REMEMBERED)

    def _take_given(self, draft: Draft, names: Mapping[Path, Path], reason: Reason) -> bool:
        whole = len(draft.source_path)
        for depth in range(whole, 0, -1):
            given = names.get(draft.source_path[:depth])
            if given is not None:
                below = self._cleaned(draft.source_path[depth:])
                draft.path = (*given, *below)
                draft.reasons.append(reason if depth == whole else Reason.PARENT)
                if below != draft.source_path[depth:]:
                    draft.reasons.append(Reason.CHARACTERS)
                return True
        return False

    def name_by_use(self) -> None:
        """Lead a folder with a special use into the target's folder for it, where that is no guess.

        That is: one folder of that use on each side, the source's own name is not on the target,
        and no folder of the source has the name of the target's one.
        """
        by_use: defaultdict[str, list[Draft]] = defaultdict(list)
        for draft in self.drafts:
            for use in draft.folder.special_use & CREATABLE_USES:
                by_use[use].append(draft)
        taken = {self._folded_name(draft) for draft in self.drafts}
        for use, homes in sorted(self.homes.items()):
            drafts = by_use.get(use, [])
            if len(drafts) != 1 or len(homes) != 1 or drafts[0].is_decided:
                continue
            path = self.target.path_of(homes[0].name)
            is_free = self.target.folded(path) not in taken
            if is_free and self._folded_name(drafts[0]) not in self.existing:
                drafts[0].path = path
                drafts[0].reasons.append(Reason.SPECIAL_USE)

    def name_by_target(self) -> None:
        """Write every other name as the target can take it."""
        for draft in (one for one in (*self.drafts, *self.bare) if not one.is_decided):
            draft.path = self._cleaned(draft.source_path)
            if draft.path != draft.source_path:
                draft.reasons.append(Reason.CHARACTERS)
            self._take_existing_letters(draft)
            self._explain(draft)

    def _take_existing_letters(self, draft: Draft) -> None:
        """Spell the folder, or the nearest parent that is there, as the target does."""
        for depth in range(len(draft.path), 0, -1):
            there = self.existing.get(self.target.folded(draft.path[:depth]))
            if there is None:
                continue
            name = self.target.name_of(draft.path[:depth])
            if name not in {there.name, INBOX}:
                draft.path = (*self.target.path_of(there.name), *draft.path[depth:])
                draft.reasons.append(Reason.LETTERS)
            return

    def _explain(self, draft: Draft) -> None:
        folder = draft.folder
        if draft.path == (INBOX,):
            if folder.name != INBOX:
                draft.reasons.append(Reason.INBOX)
            return
        if self.source_prefix.upper() != self.target.prefix.upper():
            draft.reasons.append(Reason.PREFIX)
        if len(draft.path) > 1 and folder.separator != self.target.separator:
            draft.reasons.append(Reason.SEPARATOR)

    def _cleaned(self, path: Path) -> Path:
        return self.target.cleaned(path, self.choice.replacement)

    def _folded_name(self, draft: Draft) -> str:
        """Return the folder's own name on the target, folded."""
        return self.target.folded(self._cleaned(draft.source_path))

    def is_possible(self, draft: Draft) -> bool:
        """True when the target has the folder or can have it; else a problem is noted."""
        if self.target.folded(draft.path) in self.existing:
            return True
        if Reason.OVERRIDE in draft.reasons and self._cleaned(draft.path) != draft.path:
            name = self.target.name_of(draft.path)
            self._note(draft, ProblemKind.OVERRIDE, f"the target does not take the name {name!r}")
            return False
        if found := self.target.fault(draft.path):
            self._note(draft, ProblemKind.NAME, found[1], found[0])
        return found is None

    def _note(
        self, draft: Draft, kind: ProblemKind, message: str, fault: NameFault | None = None
    ) -> None:
        name = draft.folder.name
        self.problems.append(
            FolderProblem(
                kind=kind,
                sources=(name,),
                message=f"{name!r} can not be carried over: {message}",
                hint=_HINT,
                fault=fault,
            )
        )

    def without_collisions(self, drafts: Sequence[Draft]) -> list[Draft]:
        """Return the folders that have their target name for themselves; INBOX always keeps its own."""
        by_name: defaultdict[str, list[Draft]] = defaultdict(list)
        for draft in drafts:
            by_name[self.target.folded(draft.path)].append(draft)
        alone = []
        for same in by_name.values():
            inbox = [draft for draft in same if draft.folder.name.upper() == INBOX]
            alone += inbox or (same if len(same) == 1 else [])
            if len(same) > 1:
                self._note_collision(same)
        return alone

    def _note_collision(self, same: Sequence[Draft]) -> None:
        names = tuple(sorted(draft.folder.name for draft in same))
        target = self.target.name_of(same[0].path)
        self.problems.append(
            FolderProblem(
                kind=ProblemKind.COLLISION,
                sources=names,
                message=f"{', '.join(map(repr, names))} would all become {target!r} on the target",
                hint=_HINT,
            )
        )

    def mappings(self, drafts: Iterable[Draft]) -> list[FolderMapping]:
        """Return the mapping, INBOX first, parents before children."""
        ordered = sorted(drafts, key=lambda draft: (draft.path[0] != INBOX, draft.path))
        uses = self._uses_to_create(ordered)
        return [self._mapping(draft, uses.get(draft.folder.name)) for draft in ordered]

    def _uses_to_create(self, drafts: Iterable[Draft]) -> dict[str, str]:
        """Return by source name the special use to create a folder with; each use only once."""
        free = set(CREATABLE_USES - self.homes.keys()) if self.target.creates_special_use else set()
        uses: dict[str, str] = {}
        for draft in drafts:
            wanted = sorted(draft.folder.special_use & free)
            if wanted and self.target.folded(draft.path) not in self.existing:
                uses[draft.folder.name] = wanted[0]
                free.discard(wanted[0])
        return uses

    def _mapping(self, draft: Draft, create_use: str | None) -> FolderMapping:
        there = self.existing.get(self.target.folded(draft.path))
        is_there = draft.path == (INBOX,) or bool(there and there.is_selectable)
        is_subscribed = bool(there and there.is_subscribed)
        return FolderMapping(
            source=draft.folder.name,
            target=self.target.name_of(draft.path),
            reasons=tuple(dict.fromkeys(draft.reasons)),
            is_new=not is_there,
            create_use=create_use,
            needs_subscription=draft.folder.is_subscribed and not is_subscribed,
        )

    def bare_subscriptions(self) -> list[str]:
        """Return target names to subscribe that hold no mails, as on the source."""
        there = {name for name, folder in self.existing.items() if folder.is_subscribed}
        paths = {draft.path for draft in self.bare if self.target.fault(draft.path) is None}
        return sorted(self.target.name_of(p) for p in paths if self.target.folded(p) not in there)


def _homes(folders: Iterable[TargetFolder]) -> dict[str, list[TargetFolder]]:
    """Return the target's folders by the special use they have."""
    homes: defaultdict[str, list[TargetFolder]] = defaultdict(list)
    for folder in folders:
        for use in folder.special_use & CREATABLE_USES if folder.is_selectable else ():
            homes[use].append(folder)
    return homes


def _matches(pattern: str, name: str, path: Path) -> bool:
    shown = "/".join(path)
    if pattern in {name, shown}:
        return True
    if path[0] == INBOX and pattern[: len(INBOX)].upper() == INBOX:
        pattern = INBOX + pattern[len(INBOX) :]
    return fnmatchcase(name, pattern) or fnmatchcase(shown, pattern)
