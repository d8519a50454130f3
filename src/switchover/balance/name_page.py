"""A page of names in the order of the platform file. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from switchover.errors import Conflict

if TYPE_CHECKING:
    from collections.abc import Iterable


def page_of_names(
    names: Iterable[str], *, containing: str | None, after: str | None, limit: int
) -> list[str]:
    """Return up to ``limit`` names that follow ``after`` and contain ``containing`` in any case.

    Raises Conflict when there is no ``after``: it was renamed or removed while somebody paged, and
    going on anywhere else could leave others out.
    """
    listed = list(names)
    if after:
        if after not in listed:
            raise Conflict(
                f"there is no {after!r} to go on after: the platform file has changed meanwhile; "
                "read the list again from its beginning"
            )
        listed = listed[listed.index(after) + 1 :]
    part = (containing or "").casefold()
    return [name for name in listed if part in name.casefold()][:limit]
