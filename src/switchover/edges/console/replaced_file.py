"""Files of a form that take the place of those in force: who else would get them. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from switchover.balance.assets import references
from switchover.edges.console.form.upload import describe

if TYPE_CHECKING:
    from collections.abc import Mapping

    from switchover.balance.work.blocks import Basis
    from switchover.edges.console.form.values import Values

TICK = "replaces"
"""The field with the names of the files that somebody means to replace."""
_ONE = {"servers": "server", "services": "service"}


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplacedFile:
    """A file in force that a sent one would replace, and for whom besides what is edited."""

    name: str
    users: tuple[str, ...]
    before: str
    after: str
    free_name: str


def replaced_files(
    basis: Basis, sent: Mapping[str, bytes], *, section: str = "", own: str | None = None
) -> tuple[ReplacedFile, ...]:
    """Return the files in force that others use and that would become those in ``sent``.

    ``section`` and ``own`` are the block that is edited: it asked for the file and needs no warning.
    """
    if basis.wish is None:
        return ()
    kept = basis.wish.files
    users: dict[str, dict[str, None]] = {}
    for reference in references(basis.wish.balance):
        where, name = str(reference.path[0]), str(reference.path[1])
        if (where, name) != (section, own):
            users.setdefault(reference.file, {})[f"{_ONE[where]} {name}"] = None
    return tuple(
        ReplacedFile(
            name=name,
            users=tuple(users[name]),
            before=_facts(kept[name], name),
            after=_facts(content, name),
            free_name=_free_name(name, {*kept, *sent}),
        )
        for name, content in sent.items()
        if name in users and kept.get(name, content) != content
    )


def not_ticked(replaced: tuple[ReplacedFile, ...], values: Values) -> bool:
    """True when one of them would be replaced without anybody having said so."""
    return not {item.name for item in replaced} <= set(values.all(TICK))


def _facts(content: bytes, name: str) -> str:
    facts, fault = describe(content, name=name, takes="any")
    return facts or fault


def _free_name(name: str, taken: set[str]) -> str:
    stem, dot, ending = name.rpartition(".")
    tries = (
        f"{stem}-{number}{dot}{ending}" if dot else f"{name}-{number}"
        for number in range(2, len(taken) + 3)
    )
    return next(free for free in tries if free not in taken)
