"""The names subscribed in an archive, in Dovecot's own file."""

from __future__ import annotations

from typing import TYPE_CHECKING

from switchover.move.archive import subscriptions
from switchover.move.archive.durable import dot_lock, read, replace

if TYPE_CHECKING:
    from pathlib import Path


def load(path: Path, separator: str, *, courier: Path | None = None) -> list[str]:
    """Return the names of ``path``, or those of Courier's file while there is no other.

    None where another user keeps them to themselves.
    """
    try:
        return _load(path, separator, courier)
    except PermissionError:
        return []


def _load(path: Path, separator: str, courier: Path | None) -> list[str]:
    text = read(path)
    if text is not None:
        return subscriptions.parse(text.decode("utf-8", "surrogateescape"), separator)
    other = read(courier) if courier is not None else None
    return subscriptions.parse_courier((other or b"").decode("utf-8", "surrogateescape"))


def change(
    path: Path, separator: str, name: str, *, wanted: bool, courier: Path | None = None
) -> None:
    """Add a name or take it away."""
    with dot_lock(path.with_name(path.name + ".lock")):
        names = _load(path, separator, courier)
        if (name in names) == wanted:
            return
        changed = [*names, name] if wanted else [one for one in names if one != name]
        text = subscriptions.write(changed, separator)
        replace(path, text.encode("utf-8", "surrogateescape"))
