"""Folders as directories or files below a root: found by looking, never by guessing, and never through a link."""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple

from switchover.errors import InvalidInput, NotFound, Refused

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

DEEPEST = 64
MOST_FOLDERS = 100_000


class Spot(NamedTuple):
    """Where a folder lies; ``is_link`` forbids to look into it."""

    path: Path
    is_link: bool = False


def named(found: Iterable[tuple[str, Spot]]) -> dict[str, Spot]:
    """Return folders by name; raises Refused where two have one name, since one would hide the other."""
    spots: dict[str, Spot] = {}
    for given, spot in found:
        name = "INBOX" if given.upper() == "INBOX" else given
        if name in spots:
            raise Refused(
                f"{spots[name].path} and {spot.path} would both be the folder {name}: rename one"
            )
        if len(spots) >= MOST_FOLDERS:
            raise Refused(f"more than {MOST_FOLDERS} folders lie below {spot.path.anchor}")
        spots[name] = spot
    return spots


def chosen(spots: Mapping[str, Spot], name: str) -> Path:
    """Return where a folder lies; raises NotFound, and Refused for a link."""
    spot = spots.get(name)
    if spot is None:
        raise NotFound(f"there is no folder {name}")
    if spot.is_link:
        raise Refused(f"{spot.path} is a symbolic link, which is not followed")
    return spot.path


def entries(directory: Path) -> list[os.DirEntry[str]]:
    """Return what lies in a directory by name, without what is hidden."""
    with suppress(FileNotFoundError), os.scandir(directory) as found:
        return sorted((one for one in found if one.name[0] != "."), key=lambda one: one.name)
    return []


def check_depth(levels: list[str]) -> None:
    """Raise InvalidInput for more levels than are looked into."""
    if len(levels) > DEEPEST:
        raise InvalidInput(f"a folder of {len(levels)} levels is too deep, {DEEPEST} can be")
