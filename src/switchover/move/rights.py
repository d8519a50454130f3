"""Which rights and annotations of a folder have to be set on the target. Pure.

Rights: RFC 4314, and RFC 2086 before it, whose ``c`` and ``d`` are several of today's. Our own rights and the
owner's stay as the target has them: without them nothing more could be copied.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

OWNER = "owner"
"""What Dovecot calls whoever the mailbox belongs to."""
_OLD = str.maketrans({"k": "c", "x": "c", "t": "d", "e": "d"})
_NEW = str.maketrans({"c": "kx", "d": "te"})
_NOT_COPIED = ("/private/vendor/vendor.dovecot/", "/shared/vendor/vendor.dovecot/")
_COMPUTED = ("/shared/vendor/cmu/", "/private/vendor/cmu/")


def translated(rights: str, *, is_modern: bool) -> str:
    """Return the rights in the letters of RFC 4314, or in those of RFC 2086, each once and sorted."""
    return "".join(sorted(set(rights.translate(_NEW if is_modern else _OLD))))


def rights_to_set(
    source: Mapping[str, str],
    target: Mapping[str, str],
    *,
    own: Collection[str],
    is_modern: bool,
) -> dict[str, str]:
    """Return the identifiers whose rights differ, with those to give; nobody's are taken away whole.

    ``own`` are the users of the copy itself; ``is_modern`` is whether the target knows RFC 4314.
    """
    mine = {OWNER, *(one.lower() for one in own)}
    found = {}
    for identifier, rights in source.items():
        wanted = translated(rights, is_modern=is_modern)
        there = translated(target.get(identifier, ""), is_modern=is_modern)
        if identifier.lower() not in mine and wanted != there:
            found[identifier] = wanted
    return found


def entries_to_set(
    source: Mapping[str, bytes | None], target: Mapping[str, bytes | None]
) -> dict[str, bytes]:
    """Return the annotations (RFC 5464) that differ; what servers keep there for themselves is left out."""
    known = {name.lower(): value for name, value in target.items()}
    return {
        name: value
        for name, value in source.items()
        if value is not None
        and known.get(name.lower()) != value
        and not name.lower().startswith((*_NOT_COPIED, *_COMPUTED))
    }
