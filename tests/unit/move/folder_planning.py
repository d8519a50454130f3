"""Folders of a source and a target, and what is planned for them."""

from __future__ import annotations

from collections.abc import Mapping

from switchover.move.folder_draft import Reason, SourceFolder
from switchover.move.folder_name import TargetFacts, TargetFolder
from switchover.move.folder_plan import (
    Choice,
    FolderPlan,
    plan_folders,
)

SENT, TRASH = frozenset({"\\Sent"}), frozenset({"\\Trash"})


def source(*names: str, separator: str | None = "/", **kwargs: object) -> list[SourceFolder]:
    return [SourceFolder(name=name, separator=separator, **kwargs) for name in names]  # type: ignore[arg-type] # tests


def there(*names: str) -> list[TargetFolder]:
    return [TargetFolder(name=name) for name in names]


def plan(
    folders: list[SourceFolder],
    facts: TargetFacts | None = None,
    /,
    *,
    prefix: str = "",
    **choice: object,
) -> FolderPlan:
    facts = facts or TargetFacts(separator="/")
    return plan_folders(folders, facts, source_prefix=prefix, choice=Choice(**choice))  # type: ignore[arg-type] # tests


def names(result: FolderPlan) -> Mapping[str, str]:
    return {one.source: one.target for one in result.mappings}


def reasons(result: FolderPlan, name: str) -> tuple[Reason, ...]:
    return next(one.reasons for one in result.mappings if one.source == name)
