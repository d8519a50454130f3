"""Folders that would share a name on the target: those whose name is not their own get a number. Pure.

A folder loses its name to the INBOX, to the user's word, to what the runs before have chosen and to whom
the name belongs, in this order. Where that decides nothing (two names of the user, letters that the target
holds to be the same), all keep it: the plan tells of them.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from switchover.move.folder_draft import Reason
from switchover.move.folder_name import INBOX

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from switchover.move.folder_draft import Draft
    from switchover.move.folder_name import Path, TargetFacts

_INBOX, _ASKED, _REMEMBERED, _OWN, _CHANGED = range(5)


def number_collisions(
    drafts: Sequence[Draft], target: TargetFacts, held: Iterable[str] = ()
) -> None:
    """Give numbers to changed names that others have, the same on each run; children go along.

    ``held`` are full names on the target that belong to folders that are not among these.
    """
    _Numbering(drafts, target, held).run()


class _Numbering:
    def __init__(self, drafts: Sequence[Draft], target: TargetFacts, held: Iterable[str]) -> None:
        self.target = target
        self.held = {target.folded(target.path_of(name)) for name in held}
        self.by_depth: defaultdict[int, list[Draft]] = defaultdict(list)
        for draft in drafts:
            self.by_depth[len(draft.path)].append(draft)
        self.taken = self.held | {target.folded(draft.path) for draft in drafts}
        self.latest: dict[str, int] = {}
        # By the path on the source: what the path on the target was and is.
        self.renamed: dict[Path, tuple[Path, Path]] = {}

    def run(self) -> None:
        """Go from the top level down, so that parents are settled before their children."""
        for _, drafts in sorted(self.by_depth.items()):
            same: defaultdict[str, list[Draft]] = defaultdict(list)
            for draft in drafts:
                self._follow(draft)
                same[self.target.folded(draft.path)].append(draft)
            for name, group in same.items():
                group.sort(key=lambda one: (_claim(one), one.folder.name))
                if name in self.held:
                    self._number(group, _REMEMBERED)
                elif len(group) > 1:
                    self._number(group[1:], _claim(group[0]))

    def _follow(self, draft: Draft) -> None:
        """Take a folder along with parents that got numbers."""
        if not self.renamed:
            return
        for depth in range(1, len(draft.source_path)):
            old, new = self.renamed.get(draft.source_path[:depth], ((), ()))
            if old and draft.path[: len(old)] == old:
                draft.path = (*new, *draft.path[len(old) :])
                self.taken.add(self.target.folded(draft.path))
                if Reason.PARENT not in draft.reasons:
                    draft.reasons.append(Reason.PARENT)

    def _number(self, others: Sequence[Draft], best: int) -> None:
        """Give others another name than who has the best claim to it, as far as theirs is weaker."""
        for draft in others:
            claim = _claim(draft)
            if claim == _CHANGED or (claim == _OWN and best == _REMEMBERED):
                old, draft.path = draft.path, self._free(draft.path)
                self.renamed[draft.source_path] = old, draft.path
                draft.reasons.append(Reason.TAKEN)

    def _free(self, path: Path) -> Path:
        """Return a path like this one that nobody has."""
        base = self.target.folded(path)
        number = self.latest.get(base, 1)
        while True:
            number += 1
            free = (*path[:-1], f"{path[-1]}_{number}")
            folded = self.target.folded(free)
            if folded not in self.taken:
                self.taken.add(folded)
                self.latest[base] = number
                return free


def _claim(draft: Draft) -> int:
    """Return how good a folder's claim to its name is, the best first."""
    if draft.folder.name.upper() == INBOX:
        return _INBOX
    if Reason.OVERRIDE in draft.reasons or Reason.SPECIAL_USE in draft.reasons:
        return _ASKED
    if Reason.REMEMBERED in draft.reasons:
        return _REMEMBERED
    return _CHANGED if Reason.CHARACTERS in draft.reasons else _OWN
