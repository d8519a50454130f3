r"""Flags of mails in one spelling, so that two servers' answers can be compared and kept. Pure.

A flag set is a sorted tuple without doubles. System flags are spelled as in RFC 9051 section 2.3.2,
keywords as first seen: both compare without regard to case (section 2.3.2 for flags, RFC 5788
section 2 for keywords). ``\Recent`` is the server's alone and is left out. Bytes outside ASCII,
which some servers let through, survive as lone surrogates.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterable

FlagSet: TypeAlias = tuple[str, ...]

NO_FLAGS: FlagSet = ()
_SYSTEM = {
    name.lower().encode(): name
    for name in ("\\Answered", "\\Deleted", "\\Draft", "\\Flagged", "\\Seen")
}
_NEVER_KEPT = frozenset({b"", b"\\recent", b"\\*"})
_ANY_KEYWORD = b"\\*"


def folded(name: str) -> bytes:
    """Return what two spellings of one flag share: its bytes with ASCII letters lowered."""
    return spelled(name).lower()


def spelled(name: str) -> bytes:
    """Return the flag as it goes to a server."""
    return name.encode("utf-8", "surrogateescape")


def flag_name(raw: bytes) -> str:
    """Return the text of a flag that a server sent; any bytes come back through ``spelled``."""
    return raw.decode("utf-8", "surrogateescape")


def normalise(raw: Iterable[bytes | str]) -> FlagSet:
    """Return the flags of one mail, as a server listed them, in our one spelling."""
    names: dict[bytes, str] = {}
    for item in raw:
        name = flag_name(item) if isinstance(item, bytes) else item
        key = folded(name)
        if key not in _NEVER_KEPT:
            # Interned: comparing the flags of 100,000 mails then compares addresses, not letters.
            names.setdefault(key, sys.intern(_SYSTEM.get(key, name)))
    return tuple(names[key] for key in sorted(names))


class FlagReader(dict[tuple[bytes, ...], FlagSet]):
    """Flag sets by what the server wrote; each spelling is worked out once.

    ``list(map(reader.__getitem__, raw))`` reads a listing at the speed of a dictionary. One per
    folder listing: it keeps all that it has seen.
    """

    def __missing__(self, raw: tuple[bytes, ...]) -> FlagSet:
        """Work out a set that was not met before."""
        flags = self[raw] = normalise(raw)
        return flags


@dataclass(frozen=True, slots=True, kw_only=True)
class PermanentFlags:
    r"""What a target folder keeps of flags (RFC 9051 section 7.1, PERMANENTFLAGS).

    ``any_keyword`` stands for ``\*``, ``any_flag`` for system flags beyond those named. A folder without
    that answer keeps everything: use None for it. ``refused`` are folded names that it takes from nobody.
    """

    named: frozenset[bytes]
    any_keyword: bool
    any_flag: bool = False
    refused: frozenset[bytes] = frozenset()

    @classmethod
    def read(cls, raw: Iterable[bytes | str]) -> PermanentFlags:
        """Return what a PERMANENTFLAGS answer says."""
        keys = frozenset(folded(flag_name(x) if isinstance(x, bytes) else x) for x in raw)
        return cls(named=keys - _NEVER_KEPT, any_keyword=_ANY_KEYWORD in keys)

    def keeps(self, name: str) -> bool:
        """True when the folder can keep this flag."""
        key = folded(name)
        if key in self.refused:
            return False
        return key in self.named or (self.any_flag if name.startswith("\\") else self.any_keyword)


KEEPS_ALL = PermanentFlags(named=frozenset(), any_keyword=True, any_flag=True)


def storable(flags: FlagSet, permanent: PermanentFlags | None) -> FlagSet:
    """Return the flags that the target folder can keep; None for a folder that keeps all."""
    if permanent is None:
        return flags
    return tuple(name for name in flags if permanent.keeps(name))


def comparable(flags: FlagSet) -> bytes:
    """Return one value that is equal for equal flag sets, whatever their spelling."""
    return b" ".join(sorted(map(folded, flags)))
