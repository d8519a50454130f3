"""About how much memory a response takes: what a hostile server makes us keep must be bounded."""

from __future__ import annotations

from array import array
from collections.abc import Mapping

_OBJECT_BYTES = 48
_MOSTLY = frozenset({int, bytes})


def weight(value: object) -> int:
    """Return about how many bytes ``value`` takes, with all that it holds.

    A response is nested as deep as its reader allows, so this ends. Shared parts count each time.
    """
    if type(value) in _MOSTLY:  # decided first: a mailbox may have many folders
        return _OBJECT_BYTES + (len(value) if isinstance(value, bytes) else 0)
    match value:
        case None | bool():
            return 0
        case bytes() | str() | memoryview():
            return _OBJECT_BYTES + len(value)
        case tuple() | list():
            return _OBJECT_BYTES + 8 * len(value) + sum(map(weight, value))
        case array():
            return _OBJECT_BYTES + value.itemsize * len(value)
        case Mapping():
            return _OBJECT_BYTES + sum(weight(one) + weight(of) for one, of in value.items())
        case _:
            names = getattr(value, "__dataclass_fields__", ())
            return _OBJECT_BYTES + sum(weight(getattr(value, name)) for name in names)
