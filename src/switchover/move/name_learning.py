"""What refused names teach of a target, and which names the runs before have chosen. Pure."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from switchover.move.folder_draft import Reason

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from switchover.move.folder_name import Path
    from switchover.move.folder_plan import FolderPlan

_LAST_OF_BMP = "\uffff"


def suspected_characters(refused: Iterable[Path], taken: Iterable[Path]) -> str:
    """Return the characters that the target seems not to take, in order; none where nothing tells.

    Of each refused name the rarest kind is suspected first: characters beyond the BMP, then the dot,
    then all but letters, digits, blanks, hyphens and underscores. What names that the target has hold is
    beyond suspicion.
    """
    proven = {char for path in taken for level in path for char in level}
    found: set[str] = set()
    for path in refused:
        doubtful = {char for level in path for char in level} - proven
        kinds = (
            {char for char in doubtful if char > _LAST_OF_BMP},
            doubtful & {"."},
            {char for char in doubtful if not (char.isalnum() or char in " -_")},
        )
        found |= next(filter(None, kinds), set())
    return "".join(sorted(found))


def remembered_names(
    plan: FolderPlan, before: Mapping[str, str], there: Collection[str]
) -> dict[str, str]:
    """Return the names of the runs before for folders that would be created anew under others.

    ``before`` are target names by source names, ``there`` the names that the target has. Where two
    folders had one name, none of them keeps it by this.
    """
    owners = Counter(before.values())
    names = {}
    for one in plan.mappings:
        name = before.get(one.source, one.target)
        if one.is_new and name != one.target and name in there and owners[name] == 1:
            names[one.source] = name
    return names


def held_names(
    plan: FolderPlan,
    before: Mapping[str, str],
    there: Collection[str],
    sources: Iterable[str],
) -> frozenset[str]:
    """Return the names that the runs before gave to folders of the source that are in no mapping now.

    Only those that the plan would give to another folder, which has never had it.
    """
    mapped = {one.source: one.target for one in plan.mappings}
    wanted = set(mapped.values()) & set(there) - {before.get(name) for name in mapped}
    return (
        frozenset(before[name] for name in sources if name not in mapped and name in before)
        & wanted
    )


def accepted_names(plan: FolderPlan, refused: Collection[str]) -> dict[str, str]:
    """Return what folders of a plan that were not refused are called by the plan's own choice."""
    chosen = {Reason.CHARACTERS, Reason.TAKEN, Reason.REMEMBERED}
    return {
        one.source: one.target
        for one in plan.mappings
        if one.source not in refused and not chosen.isdisjoint(one.reasons)
    }
